import { Socket } from 'node:net'
import type pg from 'pg'

const CONNECT_MS = 5_000
const STATEMENT_MS = 10_000
/** Of a connection in use. Longer than the server lets a statement take, so only a server that is gone is silent for so long. */
const SILENCE_MS = 15_000
const KEEPALIVE_AFTER_MS = 10_000

/** How each connection to the store's server is made, whatever it is for. */
export function connectionOptions(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: 'db-forge',
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    // A gateway that stands still in a transaction must not keep the others from its rows.
    idle_in_transaction_session_timeout: STATEMENT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_AFTER_MS,
    stream: impatientSocket,
  }
}

/** Without this a question to a server that has vanished would wait for as long as TCP tries, which is a quarter of an hour. */
function impatientSocket(): Socket {
  const socket = new Socket()
  socket.setTimeout(SILENCE_MS, () =>
    socket.destroy(new Error(`the store's server has been silent for ${SILENCE_MS} ms`)),
  )
  return socket
}
