import type { Socket } from 'node:net'
import type { Key } from './cancel-keys.ts'
import { bidFarewell } from './farewell.ts'
import { endsMessage } from './message-end.ts'
import { SignIn } from './sign-in.ts'
import { connectTo, takeOver } from './wire.ts'

/** For what a client said last, such as that it goes, to reach the server. */
const LAST_WORDS_MS = 1000

export interface RelayEvents {
  /** The key for the client. */
  mint(serverKey: Key): Key
  authenticated(): void
  ready(): void
  /** One side is gone, or not to be had: `close` it is what follows. */
  ended(how: RelayEnd): void
}

export type RelayEnd =
  | { readonly kind: 'closed' }
  | { readonly kind: 'refused'; readonly sqlState: string }
  /** The server went, or never came, and has not told the client why. */
  | { readonly kind: 'vanished'; readonly wasThere: boolean }
  | { readonly kind: 'broken'; readonly error: unknown }

/** Client and server, who talk to each other: followed until the server is ready, and passed on unread from then on. */
export class Relay {
  /** Whether something may be said to the client in the server's name. */
  atBoundary = true
  /** Set by every byte, in either direction. */
  moved = false
  #client: Socket
  readonly #server: Socket
  readonly #events: RelayEvents
  #signIn: SignIn | null
  #connected = false
  #ended = false

  constructor(client: Socket, socketPath: string, startup: Buffer, events: RelayEvents) {
    this.#events = events
    this.#signIn = new SignIn((key) => events.mint(key))
    this.#server = connectTo(socketPath, (bytes) => this.#fromServer(bytes))
    this.#server.on('connect', () => (this.#connected = true)).on('error', () => {})
    this.#server.on('drain', () => this.#client.resume()).on('close', () => this.#serverClosed())
    this.#server.write(startup)
    this.#client = client
    this.#client = takeOver(client, (bytes) => this.#fromClient(bytes))
    this.#client.on('error', () => {}).on('drain', () => this.#server.resume())
    const closed = () => this.#end({ kind: 'closed' })
    this.#client.on('end', closed).on('close', closed)
  }

  /** Where the client can be spoken to. */
  get client(): Socket {
    return this.#client
  }

  /** Ends both sides. */
  close(lastWords: Buffer | null): void {
    this.#ended = true
    this.#server.resume()
    this.#server.destroySoon()
    setTimeout(() => this.#server.destroy(), LAST_WORDS_MS).unref()
    bidFarewell(this.#client, lastWords)
  }

  #fromClient(bytes: Buffer): void {
    if (this.#ended) return
    this.moved = true
    // A large chunk is called too much even when it has left at once.
    if (!this.#server.write(bytes) && this.#server.writableLength > 0) this.#client.pause()
  }

  #fromServer(bytes: Buffer): void {
    if (this.#ended) return
    if (this.#signIn) {
      this.#follow(this.#signIn, bytes)
      return
    }
    this.moved = true
    this.atBoundary = endsMessage(bytes, this.atBoundary)
    if (!this.#client.write(bytes) && this.#client.writableLength > 0) this.#server.pause()
  }

  #follow(signIn: SignIn, bytes: Buffer): void {
    const { authenticated } = signIn
    let forClient: Buffer
    try {
      forClient = signIn.push(bytes)
    } catch (error) {
      this.#end({ kind: 'broken', error })
      return
    }
    this.#client.write(forClient)
    if (signIn.authenticated && !authenticated) this.#events.authenticated()
    if (!signIn.ready) return
    this.#signIn = null
    this.atBoundary = endsMessage(forClient, true)
    this.#events.ready()
  }

  #serverClosed(): void {
    const signIn = this.#signIn
    if (signIn?.refusedWith) this.#end({ kind: 'refused', sqlState: signIn.refusedWith })
    else if (signIn) this.#end({ kind: 'vanished', wasThere: this.#connected })
    else this.#end({ kind: 'closed' })
  }

  #end(how: RelayEnd): void {
    if (this.#ended) return
    this.#ended = true
    this.#events.ended(how)
  }
}
