/** The bootstrap superuser, for the worker's own work. It never runs what a tenant wrote. */
export const PLATFORM = 'dbforge'
/** Runs what the tenant asks for, and owns what it makes. */
export const TENANT = 'tenant'
/** Runs what may only read. */
export const READER = 'reader'
export const DATABASE = 'main'

export type TenantRole = typeof TENANT | typeof READER

/** Run in `template1` of a fresh cluster. */
export const CLUSTER_SETUP = [
  `create role ${TENANT} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls`,
  `create role ${READER} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls`,
  `create database ${DATABASE} template template0 strategy file_copy`,
  `revoke all on database ${DATABASE} from public`,
  'drop database postgres',
]

/** What the roles need, and a tenant can throw away (DROP OWNED): given again where it may be missing. Run in the database. */
export const GRANTS = [
  `grant connect, create, temporary on database ${DATABASE} to ${TENANT}`,
  `grant connect on database ${DATABASE} to ${READER}`,
  `alter default privileges for role ${TENANT} grant usage on schemas to ${READER}`,
  `alter default privileges for role ${TENANT} grant select on tables to ${READER}`,
  `alter default privileges for role ${TENANT} grant select on sequences to ${READER}`,
]

/** Run in the database itself. */
export const DATABASE_SETUP = [
  `alter schema public owner to ${TENANT}`,
  ...GRANTS,
  // A third of what each new database would have to copy, and nobody makes databases from it.
  'alter database template1 is_template false',
  'drop database template1',
]

/** Who may connect: the worker's own user as the worker's roles, others by password. */
export function accessRules(osUser: string | null): {
  readonly hba: string
  readonly ident: string
} {
  const method = osUser === null ? 'trust' : 'peer map=worker'
  const roles = [PLATFORM, TENANT, READER]
  return {
    hba: `${roles.map((role) => `local all ${role} ${method}`).join('\n')}\nlocal ${DATABASE} all scram-sha-256\n`,
    ident:
      osUser === null ? '' : `${roles.map((role) => `worker "${osUser}" ${role}`).join('\n')}\n`,
  }
}
