/** Every address of the dashboard. Those of the API come from the contract. */
export const paths = {
  home: '/',
  signIn: (next?: string) => (next ? `/sign-in?${new URLSearchParams({ next })}` : '/sign-in'),
  databases: '/databases',
  deleted: '/databases/deleted',
  activity: '/activity',
  database: (name: string) => `/db/${encodeURIComponent(name)}`,
  sql: (name: string) => `/db/${encodeURIComponent(name)}/sql`,
  tables: (name: string) => `/db/${encodeURIComponent(name)}/tables`,
  table: (name: string, table: string) =>
    `/db/${encodeURIComponent(name)}/tables/${encodeURIComponent(table)}`,
  /** Served by the gateway, not by us. */
  apiDocs: '/docs',
} as const

/** Where to go after signing in: `next` if it is a page of ours, else the databases. */
export function pageAfterSignIn(next: string | null): string {
  // A second slash or a backslash would make the browser read a host name.
  if (!next?.startsWith('/') || /^\/[/\\]/.test(next) || /[\t\r\n]/.test(next))
    return paths.databases
  return next.startsWith('/sign-in') || next === paths.home ? paths.databases : next
}

/** A segment of the path as Next hands it over: still encoded. */
export function readSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
