import { ApiError, urlOf } from '@db-forge/client'
import { api, Problem, QUERY_TIMEOUT_MS_MAX } from '@db-forge/contract'

/**
 * Every row of a statement as CSV, streamed. It runs again, read-only, so nothing is changed twice.
 * @throws ApiError, or TypeError if the answer breaks off
 */
export async function exportCsv(
  name: string,
  sql: string,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Blob> {
  const response = await fetch(urlOf(api.queries.query, { params: { name } }), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/csv' },
    body: JSON.stringify({ sql, readOnly: true, timeoutMs: QUERY_TIMEOUT_MS_MAX }),
    signal,
  })
  if (!response.ok) throw new ApiError(Problem.parse(await response.json()))
  const parts: Uint8Array<ArrayBuffer>[] = []
  const reader = response.body?.getReader()
  let bytes = 0
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    parts.push(part.value)
    bytes += part.value.length
    onBytes(bytes)
  }
  return new Blob(parts, { type: 'text/csv;charset=utf-8' })
}
