import type { Socket } from 'node:net'

/** How long the rest of what one side has sent may take to reach the other once the first is gone. */
const LINGER_MS = 10_000

/** Passes bytes both ways, each side as fast as the other takes them, until one of them ends. */
export function splice(client: Socket, server: Socket): void {
  pass(client, server)
  pass(server, client)
}

function pass(from: Socket, to: Socket): void {
  from.on('data', (chunk) => {
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => finish(to))
  from.on('close', () => finish(to))
  from.resume()
}

/** What has been taken from the other side still goes out; nothing more is read. */
function finish(side: Socket): void {
  if (side.destroyed || side.writableEnded) return
  side.end(() => side.destroy())
  setTimeout(() => side.destroy(), LINGER_MS).unref()
}
