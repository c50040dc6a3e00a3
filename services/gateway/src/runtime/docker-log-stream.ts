import type { LogLine } from './worker-runtime.ts'

const HEADER_BYTES = 8
const STDERR = 2
const LINE_BYTES_MAX = 16 * 1024

/** Takes Docker's stream apart: chunks of either output, each behind a header, into whole lines with their time. */
export async function* logLines(stream: AsyncIterable<Buffer>): AsyncGenerator<LogLine> {
  const outputs = { stdout: new Output('stdout'), stderr: new Output('stderr') }
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk])
    let at = 0
    while (rest.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + rest.readUInt32BE(at + 4)
      if (end > rest.length) break
      const output = rest[at] === STDERR ? outputs.stderr : outputs.stdout
      yield* output.lines(rest.subarray(at + HEADER_BYTES, end))
      at = end
    }
    rest = rest.subarray(at)
  }
  yield* outputs.stdout.end()
  yield* outputs.stderr.end()
}

class Output {
  readonly #stream: LogLine['stream']
  #rest: Buffer = Buffer.alloc(0)

  constructor(stream: LogLine['stream']) {
    this.#stream = stream
  }

  *lines(bytes: Buffer): Generator<LogLine> {
    const all = Buffer.concat([this.#rest, bytes])
    let at = 0
    for (let end = all.indexOf('\n'); end >= 0; end = all.indexOf('\n', at)) {
      yield this.#line(all.subarray(at, end))
      at = end + 1
    }
    this.#rest = all.subarray(at)
  }

  *end(): Generator<LogLine> {
    if (this.#rest.length > 0) yield this.#line(this.#rest)
    this.#rest = Buffer.alloc(0)
  }

  /** Docker puts the time and a space before what was written. */
  #line(bytes: Buffer): LogLine {
    const text = bytes.subarray(0, LINE_BYTES_MAX).toString().trimEnd()
    const space = text.indexOf(' ')
    const time = space < 0 ? text : text.slice(0, space)
    const line = space < 0 ? '' : text.slice(space + 1)
    return { at: new Date(time), stream: this.#stream, line }
  }
}
