import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseId } from '@db-forge/contract'
import {
  encodeFrame,
  type Frame,
  FrameDecoder,
  FrameType,
  laneSocket,
  PROTOCOL_VERSION,
  SOCKETS,
  type Welcome,
} from '@db-forge/contract/wire'

/** What this end of a conversation can do, as badly as it likes. */
export interface Peer {
  readonly lane: number | null
  readonly socket: Socket
  send(type: number, id: number, payload?: object | string | Uint8Array): void
}

export type Behaviour = (frame: Frame, peer: Peer) => void

export const FAKE_ID: DatabaseId = 'db_000000000000'

/** Speaks the protocol on real sockets and answers as a test wants it to: a worker that its tenant has taken over. */
export class FakeWorker {
  readonly runDir: string
  readonly #behave: Behaviour
  readonly #welcome: (welcome: Welcome) => object | null
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  readonly #lanes: number[] = []
  #sessions = 0

  private constructor(
    runDir: string,
    behave: Behaviour,
    welcome: (welcome: Welcome) => object | null = (honest) => honest,
  ) {
    this.runDir = runDir
    this.#behave = behave
    this.#welcome = welcome
  }

  static async start(
    behave: Behaviour,
    options: { lanes?: number[]; welcome?: (welcome: Welcome) => object | null } = {},
  ): Promise<FakeWorker> {
    const runDir = await mkdtemp(join(tmpdir(), 'dbf-fake-'))
    const worker = new FakeWorker(runDir, behave, options.welcome)
    for (const lane of options.lanes ?? [0, 1]) await worker.openLane(lane)
    await worker.#listen(SOCKETS.control, null)
    return worker
  }

  async openLane(lane: number): Promise<void> {
    this.#lanes.push(lane)
    await this.#listen(laneSocket(lane), lane)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(
      this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    )
    await rm(this.runDir, { recursive: true, force: true })
  }

  #listen(name: string, lane: number | null): Promise<void> {
    const server = createServer((socket) => this.#accept(socket, lane))
    this.#servers.push(server)
    return new Promise((resolve) => server.listen(join(this.runDir, name), resolve))
  }

  #accept(socket: Socket, lane: number | null): void {
    const peer: Peer = {
      lane,
      socket,
      send: (type, id, payload = '') => {
        const bytes =
          typeof payload === 'string' || payload instanceof Uint8Array
            ? payload
            : JSON.stringify(payload)
        socket.write(encodeFrame(type as FrameType, id, bytes))
      },
    }
    const decoder = new FrameDecoder()
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (chunk: Buffer) =>
      decoder.push(chunk, (frame) => {
        if (frame.type !== FrameType.hello) this.#behave(frame, peer)
        else {
          const welcome = this.#welcome(this.#honest(lane))
          if (welcome) peer.send(FrameType.welcome, frame.id, welcome)
        }
      }),
    )
  }

  #honest(lane: number | null): Welcome {
    this.#sessions += 1
    return {
      protocol: PROTOCOL_VERSION,
      databaseId: FAKE_ID,
      workerId: 'fake',
      engine: 'sqlite',
      engineVersion: '0',
      pid: process.pid,
      specHash: 'x',
      lane,
      ...(lane === null ? { lanes: this.#lanes } : {}),
      session: this.#sessions,
      clockMs: performance.now(),
    }
  }
}
