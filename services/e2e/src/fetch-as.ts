import { request } from 'node:http'
import { Readable } from 'node:stream'

/**
 * `fetch` for one host that no name server knows, as `curl -H 'Host: …'` does it. What fetch itself is given as Host
 * does not reach the server.
 */
export function fetchAs(host: string): typeof fetch {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const headers = { ...Object.fromEntries(new Headers(init.headers)), host }
    const body = init.body == null ? undefined : String(init.body)
    return new Promise<Response>((resolve, reject) => {
      const sent = request(
        url,
        { method: init.method ?? 'GET', headers, agent: false },
        (answer) => {
          const { statusCode: status = 0, headersDistinct } = answer
          const pairs = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
            values.map((value): [string, string] => [name, value]),
          )
          const isEmpty = status === 204 || status === 304
          if (isEmpty) answer.resume()
          const content = isEmpty ? null : (Readable.toWeb(answer) as ReadableStream)
          resolve(new Response(content, { status, headers: pairs }))
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  }
}
