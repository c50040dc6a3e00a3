import { X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generate } from 'selfsigned'

const DAY_MS = 86_400_000
const VALID_DAYS = 825
const RENEW_DAYS = 30
const NAMES = ['localhost', 'db.localhost', '*.db.localhost']
const ADDRESSES = ['127.0.0.1', '::1']

export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** What `DBFORGE_PG_TLS_CERT` and `_KEY` name, in PEM. */
export async function readCertificate(files: Certificate): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(files.cert, 'utf8'), readFile(files.key, 'utf8')])
  return { cert, key }
}

/** Encrypts, and proves nothing: made here, kept in the secrets folder, and made anew before it is over. */
export async function ownCertificate(secretsDir: string, host: string): Promise<Certificate> {
  const files = { cert: join(secretsDir, 'pg-server.crt'), key: join(secretsDir, 'pg-server.key') }
  const kept = await readCertificate(files).catch(() => null)
  if (kept && isGood(kept)) return kept
  const made = await make(host)
  await mkdir(secretsDir, { recursive: true })
  for (const part of ['key', 'cert'] as const) {
    await writeFile(`${files[part]}.new`, made[part], { mode: 0o600 })
    await rename(`${files[part]}.new`, files[part])
  }
  return made
}

function isGood({ cert, key }: Certificate): boolean {
  try {
    const parsed = new X509Certificate(cert)
    const leftMs = Date.parse(parsed.validTo) - Date.now()
    return leftMs > RENEW_DAYS * DAY_MS && key.includes('PRIVATE KEY')
  } catch {
    return false
  }
}

async function make(host: string): Promise<Certificate> {
  const isAddress = /^[\d.]+$|:/.test(host)
  const names = isAddress ? NAMES : [...new Set([...NAMES, host])]
  const addresses = isAddress ? [...new Set([...ADDRESSES, host])] : ADDRESSES
  const made = await generate([{ name: 'commonName', value: 'DB-Forge' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...names.map((value) => ({ type: 2 as const, value })),
          ...addresses.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  })
  return { cert: made.cert, key: made.private }
}
