import { urlOf } from '@db-forge/client'
import type { Route } from '@db-forge/contract'

interface CurlCall {
  readonly params?: Readonly<Record<string, unknown>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly filters?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** A call of the API as a command for a shell, with the token taken from `$DBFORGE_TOKEN`. */
export function curlOf(origin: string, route: Route, call: CurlCall): string {
  const parts = [
    `curl${route.method === 'GET' ? '' : ` -X ${route.method}`} ${quoted(origin + urlOf(route, call))}`,
  ]
  parts.push('-H "Authorization: Bearer $DBFORGE_TOKEN"')
  if (call.body !== undefined)
    parts.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(call.body))}`)
  return parts.join(' \\\n  ')
}

/** In single quotes if a shell would read it otherwise. */
const quoted = (text: string) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
