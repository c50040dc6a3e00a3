import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { MetadataStore } from '../store/metadata-store.ts'

const SESSION_MS = 7 * 24 * 3600 * 1000
const TOKEN_HASH = 'admin_token_sha256'

/** Where the admin token lies for people to read; the store has only its hash. */
export interface TokenFile {
  read(): Promise<string | null>
  write(token: string): Promise<void>
}

export interface NewSession {
  readonly secret: string
  readonly expiresAt: Date
}

/** The admin token and the dashboard's sessions. Secrets have 256 random bits, so one round of SHA-256 keeps them. */
export class Credentials {
  readonly #store: MetadataStore
  readonly #now: () => Date
  readonly #listeners = new Set<(key: string) => void>()
  #tokenHash: Buffer = Buffer.alloc(32)
  /** The admin token as it was once sent: comparing it again needs no hash. */
  #accepted: Buffer = Buffer.alloc(0)

  constructor(store: MetadataStore, now: () => Date = () => new Date()) {
    this.#store = store
    this.#now = now
  }

  /**
   * Takes the token from the settings, else from the file, else the one of an earlier start, else makes one.
   * Returns it when it is new, so that it can be shown once.
   */
  async prepare(configured: string | undefined, file: TokenFile): Promise<string | null> {
    if (configured !== undefined) {
      this.#useToken(sha256(configured))
      return null
    }
    const [kept, known] = await Promise.all([file.read(), this.#store.settings.get(TOKEN_HASH)])
    if (kept === null && known !== null) {
      this.#useToken(Buffer.from(known, 'hex'))
      return null
    }
    const token = kept ?? `dbf_${randomBytes(32).toString('base64url')}`
    if (kept === null) await file.write(token)
    this.#useToken(sha256(token))
    await this.#store.settings.set(TOKEN_HASH, this.#tokenHash.toString('hex'))
    return kept === null ? token : null
  }

  isAdminToken(token: string): boolean {
    const bytes = Buffer.from(token)
    if (bytes.length === this.#accepted.length && timingSafeEqual(bytes, this.#accepted))
      return bytes.length > 0
    const isRight = timingSafeEqual(sha256(token), this.#tokenHash)
    if (isRight) this.#accepted = bytes
    return isRight
  }

  async openSession(): Promise<NewSession> {
    const now = this.#now()
    const session = {
      secret: randomBytes(32).toString('base64url'),
      expiresAt: new Date(now.getTime() + SESSION_MS),
    }
    await this.#store.sessions.deleteExpired(now)
    await this.#store.sessions.insert(sessionKey(session.secret), session.expiresAt)
    return session
  }

  /** When the session ends; null if there is none. */
  findSession(secret: string): Promise<Date | null> {
    return this.#store.sessions.find(sessionKey(secret), this.#now())
  }

  async closeSession(secret: string): Promise<void> {
    await this.#store.sessions.delete(sessionKey(secret))
    this.#revoked(sessionKey(secret))
  }

  /** What a token or a session is known by where its secret must not be. */
  keyOf(secret: string): string {
    return sessionKey(secret)
  }

  /** Calls back with the key of what is good no more. Returns what ends the subscription. */
  onRevoked(listener: (key: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #useToken(hash: Buffer): void {
    const before = this.#tokenHash
    this.#tokenHash = hash
    this.#accepted = Buffer.alloc(0)
    if (!before.equals(hash)) this.#revoked(before.toString('hex'))
  }

  #revoked(key: string): void {
    for (const listener of this.#listeners) listener(key)
  }
}

const sha256 = (text: string) => createHash('sha256').update(text).digest()

const sessionKey = (secret: string) => sha256(secret).toString('hex')
