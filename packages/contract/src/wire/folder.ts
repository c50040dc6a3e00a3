/**
 * A database's folder, where gateway and worker meet: `main.sqlite` and `run/` with the sockets.
 * Free of imports, so that a worker can have it without paying for the schemas.
 */

/** Names of the sockets in a worker's run folder. SQL runs on its own thread, which owns its own socket. */
export const SOCKETS = { control: 'c.sock', sql: 's.sock' } as const

/** Lies in the data folder's root. A contained worker that can see it sees too much, and refuses to start. */
export const VOLUME_MARKER = '.dbforge-volume-root'
