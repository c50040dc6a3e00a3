import type { ConnectionRole } from '@db-forge/contract'

/** The bootstrap superuser, for the worker's own work. It never runs what a tenant wrote. */
export const PLATFORM = 'dbforge'
/** Runs what the tenant asks for, and owns what it makes. */
export const OWNER: ConnectionRole = 'owner'
/** Runs what may only read. */
export const READER: ConnectionRole = 'reader'
/** Of a database that has not been told its name yet. */
export const DATABASE_AT_FIRST = 'main'

/**
 * As whom the worker signs in to act as a role: how one signs in depends on the name alone, and clients that come as the
 * role itself need its password.
 */
export const sessionRole = (role: ConnectionRole) => `${role}_session` as const

const ROLES: readonly ConnectionRole[] = [OWNER, READER]

export const isRole = (name: unknown): name is ConnectionRole => ROLES.some((role) => role === name)

const POWERLESS = 'nosuperuser nocreatedb nocreaterole noreplication nobypassrls'

/** Run in `template1` of a fresh cluster. */
export const CLUSTER_SETUP = [
  ...ROLES.map((role) => `create role ${role} login ${POWERLESS}`),
  // Whoever gives the role up is left with nothing.
  ...ROLES.map((role) => `create role ${sessionRole(role)} login noinherit ${POWERLESS}`),
  ...ROLES.map((role) => `grant ${role} to ${sessionRole(role)}`),
  `create database ${DATABASE_AT_FIRST} template template0 strategy file_copy`,
  `revoke all on database ${DATABASE_AT_FIRST} from public`,
  'drop database postgres',
]

/** What the roles need, and a tenant can throw away (DROP OWNED): given again where it may be missing. Run in the database. */
export const grants = (database: string): string[] => [
  `grant connect, create, temporary on database "${database}" to ${OWNER}`,
  `grant connect on database "${database}" to ${READER}, ${ROLES.map(sessionRole).join(', ')}`,
  `alter default privileges for role ${OWNER} grant usage on schemas to ${READER}`,
  `alter default privileges for role ${OWNER} grant select on tables to ${READER}`,
  `alter default privileges for role ${OWNER} grant select on sequences to ${READER}`,
]

/**
 * What a role may have beyond that: itself given to others, which PostgreSQL 15 lets it do, and what it has laid down for
 * the worker's sessions.
 */
export const withdrawals = (database: string): string[] =>
  ROLES.flatMap((role) => {
    const session = sessionRole(role)
    const others = ROLES.filter((other) => other !== role)
    const otherSessions = others.map(sessionRole)
    return [
      `revoke ${role} from ${[...others, ...otherSessions].join(', ')}`,
      `revoke ${session} from ${[...ROLES, ...otherSessions].join(', ')}`,
      `alter role ${session} reset all`,
      `alter role ${session} in database "${database}" reset all`,
    ]
  })

/** Run in the database itself. */
export const DATABASE_SETUP = [
  `alter schema public owner to ${OWNER}`,
  ...grants(DATABASE_AT_FIRST),
  // A third of what each new database would have to copy, and nobody makes databases from it.
  'alter database template1 is_template false',
  'drop database template1',
]

/** Who may connect: the worker's own user as the worker's roles, clients as theirs by password, and nobody else. */
export function accessRules(osUser: string | null): {
  readonly hba: string
  readonly ident: string
} {
  const method = osUser === null ? 'trust' : 'peer map=worker'
  const own = [PLATFORM, ...ROLES.map(sessionRole)]
  const rules = [
    ...own.map((role) => `local all ${role} ${method}`),
    ...ROLES.map((role) => `local all ${role} scram-sha-256`),
  ]
  return {
    hba: rules.map((rule) => `${rule}\n`).join(''),
    ident: osUser === null ? '' : own.map((role) => `worker "${osUser}" ${role}\n`).join(''),
  }
}
