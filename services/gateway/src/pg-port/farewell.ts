import type { Socket } from 'node:net'

/** For a client to read why it is sent away, and to hang up. */
const LINGER_MS = 1000

/**
 * Ends a connection after its last words. What the client still sends is read and forgotten: closing over unread bytes would
 * have the system throw the last words away. A client that does not read them is not waited for.
 */
export function bidFarewell(socket: Socket, lastWords: Buffer | null): void {
  if (socket.destroyed) return
  const impatience = setTimeout(() => socket.destroy(), LINGER_MS).unref()
  socket.once('close', () => clearTimeout(impatience))
  if (lastWords) socket.end(lastWords)
  else socket.end()
  socket.resume()
}
