import { createServer, type Server } from 'node:net'
import { Connection, type Service } from './connection.ts'
import { shareWithGroup } from './folder.ts'

export interface Listener {
  readonly connections: ReadonlySet<Connection>
  /** Accepts nobody any more, sends what is written, closes all connections. */
  close(): Promise<void>
}

const CONNECTIONS_MAX = 64
const ENDING_MS_MAX = 1000
/** Answers written in one turn before requests wait for the peer to read. */
const HIGH_WATER_BYTES = 256 * 1024

/** Serves a Unix socket. Resolves once it accepts connections. */
export async function listen(path: string, service: Service): Promise<Listener> {
  const connections = new Set<Connection>()
  const server = createServer({ highWaterMark: HIGH_WATER_BYTES }, (socket) => {
    const connection = new Connection(socket, service)
    connections.add(connection)
    socket.once('close', () => connections.delete(connection))
  })
  server.maxConnections = CONNECTIONS_MAX
  await listening(server, path)
  shareWithGroup(path)
  return {
    connections,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await Promise.all([...connections].map((connection) => connection.end(ENDING_MS_MAX)))
      await closed
    },
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
