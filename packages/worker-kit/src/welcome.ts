import type { Welcome } from '@db-forge/contract/wire'
import { PROTOCOL_VERSION } from '@db-forge/contract/wire/frame'

/** What a worker says of itself on each of its sockets, beside its engine. */
export interface Identity {
  readonly databaseId: string
  /** Another one after each start. */
  readonly workerId: string
  readonly specHash: string
}

type Socket = Pick<Welcome, 'lane' | 'lanes' | 'session' | 'clockMs'>

export function welcomeText(
  identity: Identity,
  engine: { readonly name: string; readonly version: string },
  socket: Socket,
): string {
  const welcome: Welcome = {
    protocol: PROTOCOL_VERSION,
    ...identity,
    engine: engine.name,
    engineVersion: engine.version,
    pid: process.pid,
    ...socket,
  }
  return JSON.stringify(welcome)
}
