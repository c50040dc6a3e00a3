/**
 * A database's folder, where gateway and worker meet: `main.sqlite` and `run/` with the sockets.
 * Free of imports, so that a worker can have it without paying for the schemas.
 */

/** Names of the sockets in a worker's run folder. Each thread that runs SQL owns one: the writer, and the readers. */
export const SOCKETS = { control: 'c.sock', sql: 's.sock' } as const

/** The socket of a lane: 0 is the writer, which alone writes; the others read. */
export const laneSocket = (lane: number): string => (lane === 0 ? SOCKETS.sql : `r${lane}.sock`)

/** Lies in the data folder's root. A contained worker that can see it sees too much, and refuses to start. */
export const VOLUME_MARKER = '.dbforge-volume-root'
