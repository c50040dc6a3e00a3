import { Welcome, WorkerHealth } from '@db-forge/contract/wire'
import { FrameType, PROTOCOL_VERSION } from '@db-forge/contract/wire/frame'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ContractWorker, type Dialect, ENDLESS, type Subject } from './contract-subject.ts'
import { codeOf, Link } from './link.ts'
import { queryContract } from './worker-queries.contract.ts'
import { streamContract } from './worker-streams.contract.ts'
import { transactionContract } from './worker-transactions.contract.ts'

export interface WorkerContractOptions {
  readonly engine: string
  readonly dialect: Dialect
  /** Why it cannot be tested here; null if it can. */
  readonly absence: string | null
  readonly databaseId: string
  folder(): { readonly dir: string; remove(): void }
  start(dir: string): Promise<ContractWorker>
  /** Of the worker in this folder. */
  sockets(dir: string): { readonly controlSocket: string; readonly sqlSocket: string }
}

/** What every worker promises, whatever its engine. */
export function workerContract(options: WorkerContractOptions): void {
  const { engine, dialect, absence } = options
  describe.skipIf(absence)(`worker: ${engine}`, () => {
    const folder = options.folder()
    const subject = {
      dialect,
      value: async (sql: string) => {
        const { rows } = await subject.reader.query(sql, [], { rowFormat: 'array' })
        return (rows[0] as unknown[] | undefined)?.[0]
      },
    } as Subject
    beforeAll(async () => {
      subject.worker = await options.start(folder.dir)
      subject.writer = await subject.worker.sql()
      subject.reader = await subject.worker.reader()
      subject.control = await subject.worker.control()
    })
    afterAll(async () => {
      await subject.worker?.end('SIGKILL')
      folder.remove()
    })
    describe('the connection', () => connectionContract(options, () => folder.dir, subject))
    queryContract(subject)
    describe('transactions', () => transactionContract(subject))
    describe('streams', () => streamContract(subject))
    describe('what runs', () => endingContract(subject))
  })
}

function connectionContract(
  { databaseId, sockets, engine }: WorkerContractOptions,
  dir: () => string,
  subject: Subject,
): void {
  const hello = (fields: object = {}) => ({ protocol: PROTOCOL_VERSION, databaseId, ...fields })
  const paths = () => [sockets(dir()).controlSocket, sockets(dir()).sqlSocket]

  test('is welcomed on both sockets, which say the same of the worker', async () => {
    const { controlSocket, sqlSocket } = sockets(dir())
    const [control, sql] = await Promise.all(
      [controlSocket, sqlSocket].map(async (path) =>
        Welcome.parse(await new Link(path).request(FrameType.hello, hello())),
      ),
    )
    expect(control).toMatchObject({ lane: null, engine, databaseId })
    expect(control?.lanes).toContain(0)
    expect(sql).toMatchObject({ lane: 0, engine, workerId: control?.workerId, pid: control?.pid })
  })

  test.each([
    ['another protocol', hello({ protocol: 99 }), 'version'],
    ['another database', hello({ databaseId: 'db_zzzzzzzzzzzz' }), 'another database'],
    ['nothing', {}, 'version'],
  ])('with a hello of %s is refused and hung up', async (_, payload, detail) => {
    for (const path of paths()) {
      const link = new Link(path)
      await expect(link.request(FrameType.hello, payload)).rejects.toThrow(detail)
      await expect.poll(() => link.socket.destroyed).toBe(true)
    }
  })

  test('begins with a hello', async () => {
    const link = new Link(sockets(dir()).sqlSocket)
    const query = { sql: 'select 1', maxRows: 1, readOnly: false, rowFormat: 'object' }
    await expect(link.request(FrameType.query, query)).rejects.toThrow('hello')
    await expect.poll(() => link.socket.destroyed).toBe(true)
  })

  test.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['null', 'null'],
    ['nothing', ''],
    ['no statement', '{"sql":5}'],
    ['bad parameters', '{"sql":"select 1","params":1}'],
    ['no limits', '{"sql":"select 1"}'],
    ['an absurd limit', '{"sql":"select 1","maxRows":1e300,"readOnly":false,"rowFormat":"object"}'],
    ['bytes', Buffer.alloc(100, 0xff)],
  ])('outlives a request with %s as payload, which is refused', async (_, payload) => {
    const { writer } = subject
    for (const type of [FrameType.query, FrameType.batch, FrameType.describe]) {
      const frame = await writer.sendTimed(type, writer.deadline(1000), payload)
      expect(frame.type).toBe(FrameType.error)
      expect(JSON.parse(Buffer.from(frame.payload).toString()).code).toBe('request.invalid')
    }
    expect((await writer.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('answers many requests at once, each with its own answer', async () => {
    const sql = `select cast(${subject.dialect.mark(1)} as bigint) as at`
    const asked = Array.from({ length: 500 }, (_, at) => subject.reader.query(sql, [at]))
    expect((await Promise.all(asked)).map(({ rows }) => rows)).toEqual(
      asked.map((_, at) => [{ at }]),
    )
  })
}

/** Deadlines, cancelling and what health says meanwhile. */
function endingContract(subject: Subject): void {
  const busy = async () =>
    WorkerHealth.parse(await subject.control.health()).lanes.some(({ busyMs }) => busyMs !== null)
  const runs = () => expect.poll(busy, { timeout: 5000 }).toBe(true)
  const LONG_WRITE =
    'insert into ended (id) with recursive c(x) as (select cast(1 as bigint) union all select x + 1 from c) select x from c'

  beforeAll(async () => {
    await subject.writer.query('create table ended (id bigint)')
  })

  /** As the gateway does: both ways, until it is answered. */
  async function cancelled(on: Link, asked: Promise<unknown> & { readonly id: number }) {
    let answered = false
    const code = codeOf(asked).finally(() => {
      answered = true
    })
    while (!answered) {
      on.cancel(asked.id)
      void subject.control.cancelRunning(on, asked.id)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return code
  }

  test.each([
    ['a query', () => subject.reader.query(ENDLESS, [], { timeoutMs: 200 })],
    ['a batch', () => subject.writer.batch([{ sql: ENDLESS }], { timeoutMs: 200 })],
    ['a write', () => subject.writer.query(LONG_WRITE, [], { timeoutMs: 200 })],
  ])('ends at its deadline: %s', async (_, ask) => {
    expect(await codeOf(ask())).toBe('query.timeout')
    expect(await subject.value('select 1')).toBe(1)
    expect(await subject.value('select count(*) from ended')).toBe(0)
  })

  test('is not begun after its deadline, nor later', async () => {
    const { writer } = subject
    const insert = 'insert into ended (id) values (1)'
    expect(await codeOf(writer.query(insert, [], { timeoutMs: -1 }))).toBe('query.timeout')
    expect(await codeOf(writer.batch([{ sql: insert }], { timeoutMs: -1 }))).toBe('query.timeout')
    expect(await subject.value('select count(*) from ended')).toBe(0)
  })

  test('ends as it is cancelled, and nothing of it is left', async () => {
    const { reader, writer } = subject
    const reading = reader.query(ENDLESS)
    await runs()
    expect(await cancelled(reader, reading)).toBe('query.cancelled')
    const writing = writer.query(LONG_WRITE)
    await runs()
    expect(await cancelled(writer, writing)).toBe('query.cancelled')
    expect(await subject.value('select count(*) from ended')).toBe(0)
  })

  test('is not ended by the cancel of another, or of what has ended', async () => {
    const { reader, control } = subject
    const ended = reader.query('select 1 as one')
    await ended
    const long = reader.query(ENDLESS, [], { timeoutMs: 700 })
    await runs()
    reader.cancel(ended.id)
    await control.cancelRunning(reader, ended.id)
    await control.cancelRunning(reader, long.id + 1_000_000)
    expect(await codeOf(long)).toBe('query.timeout')
  })

  test('is seen in the health, which is answered meanwhile', async () => {
    const { reader, control } = subject
    const long = reader.query(ENDLESS, [], { timeoutMs: 1000 })
    await runs()
    const health = WorkerHealth.parse(await control.health())
    expect(health).toMatchObject({ status: 'ok', overQuota: false })
    for (const figure of ['uptimeSeconds', 'cpuSeconds', 'memoryBytes', 'diskBytes'] as const)
      expect(health[figure]).toBeGreaterThan(0)
    expect(await codeOf(long)).toBe('query.timeout')
    await expect.poll(busy, { timeout: 5000 }).toBe(false)
  })
}
