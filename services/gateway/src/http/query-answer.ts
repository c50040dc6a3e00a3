import { Readable } from 'node:stream'
import { AppError } from '../core/app-error.ts'
import type { QueryStream } from '../core/query-path.ts'
import { problemOf } from './problem.ts'

/** Of rows that wait for the client, beside what lies in its socket. */
const BUFFER_BYTES = 64 * 1024

const line = (value: object) => `${JSON.stringify(value)}\n`

/** Lines that say what they are. A failure is the last of them, since the status has been sent. */
export function ndjsonBody(stream: QueryStream, requestId: string): Readable {
  return Readable.from(ndjsonLines(stream, requestId), {
    objectMode: false,
    highWaterMark: BUFFER_BYTES,
  })
}

/** The worker's own text. A failure breaks the answer off, so that nobody takes a part for the whole. */
export function csvBody(stream: QueryStream): Readable {
  return Readable.from(csvParts(stream), { objectMode: false, highWaterMark: BUFFER_BYTES })
}

async function* ndjsonLines(
  stream: QueryStream,
  requestId: string,
): AsyncGenerator<string | Uint8Array> {
  yield `{"meta":{"queryId":${JSON.stringify(stream.queryId)},"columns":${stream.columns}}}\n`
  try {
    for await (const part of stream.parts) {
      if ('bytes' in part) yield part.bytes
      else yield line({ notice: { kind: part.notice.kind, detail: part.notice.detail } })
    }
    yield line({ end: stream.end() })
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    yield line({ error: problemOf(error, requestId) })
  }
}

async function* csvParts(stream: QueryStream): AsyncGenerator<Uint8Array> {
  for await (const part of stream.parts) if ('bytes' in part) yield part.bytes
}
