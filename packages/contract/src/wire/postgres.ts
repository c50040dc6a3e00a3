/** What gateway and worker agree upon of PostgreSQL's own protocol. Free of imports, as `folder.ts` is. */

/** The server's socket in a worker's run folder. The number is but a part of its name: it listens to no network. */
export const POSTGRES_SOCKET = '.s.PGSQL.5432'

/** How many clients may be connected beside what the worker itself opens. Each is a process of some megabytes. */
export const clientSessionsMax = (memoryMb: number): number =>
  Math.min(Math.max(Math.floor(memoryMb / 8), 16), 160)
