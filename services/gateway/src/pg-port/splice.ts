import type { Socket } from 'node:net'
import { endsMessage, readiness } from './message-end.ts'
import type { ServerConnection } from './server-connection.ts'

/** How long the rest of what one side has sent may take to reach the other once the first is gone. */
const LINGER_MS = 10_000

/** Passes bytes both ways, each side as fast as the other takes them, until one of them ends. */
export function splice(client: Socket, server: ServerConnection): void {
  const { socket } = server
  client.on('data', (chunk) => {
    server.readiness = null
    if (!socket.write(chunk)) client.pause()
  })
  socket.on('drain', () => client.resume())
  server.take = (bytes) => {
    server.isAtMessageEnd = endsMessage(bytes, server.isAtMessageEnd)
    server.readiness = readiness(bytes)
    return client.write(bytes)
  }
  client.on('drain', () => socket.resume())
  for (const [from, to] of [
    [client, socket],
    [socket, client],
  ] as const) {
    from.on('end', () => finish(to))
    from.on('close', () => finish(to))
    from.resume()
  }
}

/** What has been taken from the other side still goes out; nothing more is read. */
function finish(side: Socket): void {
  if (side.destroyed || side.writableEnded) return
  side.end(() => side.destroy())
  setTimeout(() => side.destroy(), LINGER_MS).unref()
}
