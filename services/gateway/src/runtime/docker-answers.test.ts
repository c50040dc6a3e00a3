import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { containerOf, dockerTime, eventOf, jsonLines, usageOf } from './docker-answers.ts'
import { logLines } from './docker-log-stream.ts'

describe('usage', () => {
  const cpu_stats = { cpu_usage: { total_usage: 1_500_000_000 } }

  test('leaves out the pages of files: cgroup 1', () => {
    const stats = { total_active_file: 10, total_inactive_file: 20, active_file: 1, rss: 5 }
    const memory_stats = { usage: 100, limit: 1000, stats }
    const expected = { cpuSeconds: 1.5, memoryBytes: 70, memoryLimitBytes: 1000 }
    expect(usageOf({ cpu_stats, memory_stats })).toEqual(expected)
  })

  test('leaves out the pages of files: cgroup 2', () => {
    const memory_stats = { usage: 100, limit: 1000, stats: { active_file: 1, inactive_file: 2 } }
    expect(usageOf({ cpu_stats, memory_stats })?.memoryBytes).toBe(97)
  })

  test('is none for a container that ended meanwhile', () => {
    expect(usageOf({ cpu_stats, memory_stats: {} })).toBeNull()
  })
})

describe('a container', () => {
  const answer = {
    Id: 'c1',
    Image: 'sha256:1',
    Config: { Labels: null },
    State: {
      Status: 'exited',
      Running: false,
      OOMKilled: true,
      ExitCode: 137,
      StartedAt: '2026-01-01T12:00:00.123456789Z',
    },
    HostConfig: { NanoCpus: 5e8, PidsLimit: null },
    Mounts: [{ Type: 'tmpfs', Destination: '/tmp' }],
  }

  test('that ended has an exit code', () => {
    expect(containerOf(answer)).toEqual({
      id: 'c1',
      imageId: 'sha256:1',
      labels: {},
      running: false,
      startedAt: new Date('2026-01-01T12:00:00.123Z'),
      exitCode: 137,
      oomKilled: true,
      bounds: { NanoCpus: 5e8, PidsLimit: 0 },
      mounts: [{ source: '', destination: '/tmp' }],
    })
  })

  test('that never ran has none', () => {
    const State = { ...answer.State, Status: 'created', ExitCode: 0 }
    expect(containerOf({ ...answer, State }).exitCode).toBeNull()
  })

  test('in an answer of another form is refused', () => {
    expect(() => containerOf({ message: 'hello' })).toThrow()
  })
})

describe('events', () => {
  test('carry their time as Docker wants it back', () => {
    const Actor = { Attributes: { 'dev.dbforge.database-id': 'db_1' } }
    const event = eventOf({ Action: 'die', Actor, timeNano: 1_700_000_000_000_000_000 })
    expect(event).toEqual({ action: 'die', labels: Actor.Attributes, time: '1700000000.000000000' })
    expect(dockerTime(1_700_000_000_000_000_001n)).toBe('1700000000.000000001')
  })

  test('are lines, however they are cut into chunks', async () => {
    const text = Buffer.from('{"a":"é"}\r\n{"b":2}\n\n{"c":3}')
    const chunks = [...text].map((byte) => Buffer.from([byte]))
    const lines = await all(jsonLines(Readable.from(chunks)))
    expect(lines).toEqual([{ a: 'é' }, { b: 2 }, { c: 3 }])
  })
})

describe('log lines', () => {
  const chunk = (stream: number, text: string) => {
    const header = Buffer.alloc(8)
    header[0] = stream
    header.writeUInt32BE(Buffer.byteLength(text), 4)
    return Buffer.concat([header, Buffer.from(text)])
  }
  const time = '2026-01-01T12:00:00.000000001Z'
  const at = new Date('2026-01-01T12:00:00.000Z')
  const bytes = Buffer.concat([
    chunk(1, `${time} one\n${time} tw`),
    chunk(2, `${time} trouble\n`),
    chunk(1, `o é\n${time} \n`),
    chunk(2, `${time} cut`),
  ])
  const expected = [
    { at, stream: 'stdout', line: 'one' },
    { at, stream: 'stderr', line: 'trouble' },
    { at, stream: 'stdout', line: 'two é' },
    { at, stream: 'stdout', line: '' },
    { at, stream: 'stderr', line: 'cut' },
  ]

  test.each([1, 3, 7, 64, 1000])('are whole, in chunks of %i bytes', async (size) => {
    const chunks: Buffer[] = []
    for (let from = 0; from < bytes.length; from += size)
      chunks.push(bytes.subarray(from, from + size))
    expect(await all(logLines(Readable.from(chunks)))).toEqual(expected)
  })
})

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}
