/**
 * How many clients a PostgreSQL database of so much memory takes at once: the gateway lets no more in, and the server has
 * room for them beside what its worker opens for requests. Free of imports, like the folder's names.
 */
export const postgresSessionsMax = (memoryMb: number): number =>
  Math.min(Math.max(Math.floor(memoryMb / 16), 4), 32)
