import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'

const ITERATIONS = 4096
const SALT_BYTES = 16
const KEY_BYTES = 32

/** 192 bits in characters that need no escape in a connection string. */
export const newPassword = (): string => randomBytes(24).toString('base64url')

/**
 * What PostgreSQL keeps of a password (RFC 5803, with SCRAM-SHA-256 of RFC 7677): proves that a client knows it, and
 * gives neither it nor a way to sign in with.
 * @param password ASCII, so that no normalisation (SASLprep) is needed
 */
export async function scramVerifier(
  password: string,
  salt: Uint8Array = randomBytes(SALT_BYTES),
): Promise<string> {
  const salted = await promisify(pbkdf2)(password, salt, ITERATIONS, KEY_BYTES, 'sha256')
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64')
  const serverKey = hmac(salted, 'Server Key').toString('base64')
  const saltText = Buffer.from(salt).toString('base64')
  return `SCRAM-SHA-256$${ITERATIONS}:${saltText}$${storedKey}:${serverKey}`
}

const hmac = (key: Uint8Array, text: string) => createHmac('sha256', key).update(text).digest()
