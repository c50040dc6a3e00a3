import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'

export interface Certificate {
  /** PEM. */
  readonly cert: string
  readonly key: string
}

const DAY_MS = 86_400_000
const VALID_DAYS = 825
const RENEWED_BEFORE_DAYS = 30
/** Names that this machine has for itself. */
const NAMES = ['localhost', 'db.localhost', '*.db.localhost', '127.0.0.1', '::1']
/** Addresses to listen on, and not to be called by. */
const ANY = new Set(['0.0.0.0', '::', ''])

/**
 * The certificate in files of the operator's.
 * @throws Error that names what is wrong with them.
 */
export async function givenCertificate(files: Certificate): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(files.cert, 'utf8'), readFile(files.key, 'utf8')])
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    throw new Error(`${files.key} is not the key of ${files.cert}`)
  return { cert, key }
}

/**
 * A certificate that says who this is to whoever has seen it before: made once, kept in `dir`, and made anew before it
 * expires, or where it is not to be read or lacks a host's name.
 */
export async function ownCertificate(dir: string, hosts: readonly string[]): Promise<Certificate> {
  const names = [...new Set([...NAMES, ...hosts.filter((host) => !ANY.has(host))])]
  const files = { cert: join(dir, 'pg-server.crt'), key: join(dir, 'pg-server.key') }
  const kept = await givenCertificate(files).catch(() => null)
  if (kept && isGood(kept, names)) return kept
  const made = await make(names)
  await mkdir(dir, { recursive: true })
  await replace(files.key, made.key)
  await replace(files.cert, made.cert)
  return made
}

function isGood({ cert }: Certificate, names: readonly string[]): boolean {
  const certificate = new X509Certificate(cert)
  const leftMs = Date.parse(certificate.validTo) - Date.now()
  return (
    leftMs > RENEWED_BEFORE_DAYS * DAY_MS &&
    names.every((name) =>
      isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name.replace('*', 'any')),
    )
  )
}

async function make(names: readonly string[]): Promise<Certificate> {
  // Its parsers take a while to load, and are needed once in the life of an installation.
  const { generate } = await import('selfsigned')
  const now = Date.now()
  const made = await generate([{ name: 'commonName', value: 'DB-Forge' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // Clocks differ.
    notBeforeDate: new Date(now - DAY_MS),
    notAfterDate: new Date(now + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) =>
          isIP(name) ? { type: 7, ip: name } : { type: 2, value: name },
        ),
      },
    ],
  })
  return { cert: made.cert, key: made.private }
}

/** A reader finds the old or the new one, and never half of it. */
async function replace(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`
  await writeFile(fresh, text, { mode: 0o600 })
  await chmod(fresh, 0o600)
  await rename(fresh, path)
}
