/** How clients reach a database that speak the protocol of its engine. */
import { z } from 'zod'

/** Whom a client that speaks the engine's own protocol signs in as: who may do anything in the database, or only read. */
export const ConnectionRole = z.enum(['owner', 'reader'])
export type ConnectionRole = z.output<typeof ConnectionRole>

export const Connection = z
  .object({
    host: z.string(),
    port: z.int(),
    database: z.string(),
    url: z.string().describe('Connection string of the owner, without the password'),
  })
  .meta({ id: 'Connection' })
export type Connection = z.output<typeof Connection>

/** Given once: what is kept of the password does not give it back. */
export const Credentials = z
  .object({
    role: ConnectionRole,
    user: z.string(),
    password: z.string(),
    url: z
      .string()
      .nullable()
      .describe('Connection string with the password; null where no port listens'),
  })
  .meta({ id: 'Credentials' })
export type Credentials = z.output<typeof Credentials>
