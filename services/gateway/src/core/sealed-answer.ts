import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const CIPHER = 'aes-256-gcm'
const SALT_BYTES = 32
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * A text that only who knows `secret` can read. `context` is no secret, but must be the same for opening.
 * Each has a random salt and so a key of its own, which is why the nonce may come from the same derivation.
 */
export function seal(secret: string, context: string, text: string): string {
  const salt = randomBytes(SALT_BYTES)
  const { key, nonce } = derive(secret, salt)
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(context))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([salt, cipher.getAuthTag(), sealed]).toString('base64')
}

/** @throws Error for another secret, another context, or a text that was changed */
export function unseal(secret: string, context: string, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64')
  const { key, nonce } = derive(secret, bytes.subarray(0, SALT_BYTES))
  const tag = bytes.subarray(SALT_BYTES, SALT_BYTES + TAG_BYTES)
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(context))
    .setAuthTag(tag)
  const text = decipher.update(bytes.subarray(SALT_BYTES + TAG_BYTES))
  return Buffer.concat([text, decipher.final()]).toString()
}

function derive(secret: string, salt: Uint8Array): { key: Buffer; nonce: Buffer } {
  const made = Buffer.from(
    hkdfSync('sha256', secret, salt, 'db-forge kept answer', KEY_BYTES + NONCE_BYTES),
  )
  return { key: made.subarray(0, KEY_BYTES), nonce: made.subarray(KEY_BYTES) }
}
