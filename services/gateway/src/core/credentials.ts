import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { MetadataStore } from '../store/metadata-store.ts'

const SESSION_MS = 7 * 24 * 3600 * 1000
const TOKEN_HASH = 'admin_token_sha256'

/** Where the admin token lies for people to read; the store has only its hash. */
export interface TokenFile {
  read(): Promise<string | null>
  /** Writes the token unless there is one; the one that is there then. */
  create(token: string): Promise<string>
  remove(): Promise<void>
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
    if (kept !== null) {
      this.#useToken(sha256(kept))
      await this.#store.settings.set(TOKEN_HASH, this.#tokenHash.toString('hex'))
      return null
    }
    return known === null ? await this.#makeToken(file) : this.#take(known)
  }

  /** Several gateways may do this at once, with one folder for secrets or one each: one token holds for all. */
  async #makeToken(file: TokenFile): Promise<string | null> {
    const made = `dbf_${randomBytes(32).toString('base64url')}`
    const written = await file.create(made)
    const hash = sha256(written).toString('hex')
    const holds = await this.#store.settings.setIfAbsent(TOKEN_HASH, hash)
    this.#take(holds)
    if (written !== made) return null
    if (holds === hash) return made
    await file.remove()
    return null
  }

  #take(hash: string): null {
    this.#useToken(Buffer.from(hash, 'hex'))
    return null
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
