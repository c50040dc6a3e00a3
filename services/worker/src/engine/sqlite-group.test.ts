import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { QueryResult } from '@db-forge/contract'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { commandOf, EngineUnderTest, RecordedJob } from '../testing/engine.ts'
import { Interrupted } from './engine.ts'
import { interruptOnce } from './sqlite-interrupt.ts'

const SCHEMA = [
  'create table t (id integer primary key, v text unique, n integer check (n < 100))',
  'create table log (id integer primary key autoincrement, what text)',
  'create table child (id integer primary key, t references t deferrable initially deferred)',
  'create table strict_child (id integer primary key, t references t)',
  'create virtual table words using fts5(a)',
  'create table failing (id integer primary key on conflict fail)',
  `create trigger t_log after insert on t when new.n = 7 begin insert into log (what) values ('seven'); end`,
  `create trigger t_rollback before insert on t when new.n = 8
    begin insert into log (what) values ('gone'); select raise(rollback, 'all of it'); end`,
  `create trigger t_fail before insert on t when new.n = 9
    begin insert into log (what) values ('kept'); select raise(fail, 'no nine'); end`,
  `create trigger t_abort before insert on t when new.n = 10
    begin insert into log (what) values ('undone'); select raise(abort, 'no ten'); end`,
  "insert into t values (1, 'one', 1)",
]

const PATIENT = { joinMs: 10_000, runMs: 10_000 }

let db: EngineUnderTest
beforeEach(() => {
  db = new EngineUnderTest(64, PATIENT)
  db.batch(SCHEMA)
})
afterEach(() => db.close())

type Listener = (index: number, what: string, job: RecordedJob) => void

/** All of them in one go, as they would have waited together. */
function together(
  statements: readonly (string | readonly [string, readonly unknown[]])[],
  onTold: Listener = () => {},
  target = db,
): RecordedJob[] {
  const jobs = statements.map((statement, index) => {
    const [sql, params] = typeof statement === 'string' ? [statement, undefined] : statement
    return new RecordedJob(commandOf(sql, params), (job, what) => onTold(index, what, job))
  })
  target.engine.queries(jobs)
  return jobs
}

const outcome = (job: RecordedJob) => job.told.at(-1)
const result = (job: RecordedJob): QueryResult => JSON.parse(job.text())
const ids = () => db.query('select id from t order by id').rows.map((row) => row['id' as never])

/** Commits, as a witness counts them: what it sees of the file has changed. */
function commitCounter(target: EngineUnderTest): { count(): number; close(): void } {
  const witness = target.witness()
  let version = witness.pragma('data_version', { simple: true })
  let commits = 0
  return {
    count() {
      const now = witness.pragma('data_version', { simple: true })
      if (now !== version) commits += 1
      version = now
      return commits
    },
    close: () => witness.close(),
  }
}

const counting = (rows: number) =>
  `with recursive c(x) as (select 1 union all select x + 1 from c limit ${rows}) select x from c`
const two = "insert into t values (2, 'two', 1)"
const three = "insert into t values (3, 'three', 1)"

const INTERRUPT = new URL('../../dist/engine/sqlite-interrupt.js', import.meta.url).href
/** Interrupts whichever request it is given, again and again. */
const INTERRUPTER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { file, shared, connection } = workerData
  void import(file).then(({ interruptOnce }) => {
    parentPort.postMessage('ready')
    Atomics.wait(shared, 0, 0)
    setInterval(() => interruptOnce(connection, Atomics.load(shared, 0)), 2)
  })`

describe('queries that wait together', () => {
  test('share one commit, and none is answered before it', () => {
    const commits = commitCounter(db)
    const atTelling: number[] = []
    const jobs = together(
      [2, 3, 4].map((id) => `insert into t values (${id}, '${id}', 1)`),
      (_, what) => {
        const count = commits.count()
        if (what === 'succeed') atTelling.push(count)
        else expect(count).toBe(0)
      },
    )
    expect(jobs.map(({ told }) => told)).toEqual(Array(3).fill(['begin', 'end', 'succeed']))
    expect(atTelling).toEqual([1, 1, 1])
    commits.close()
  })

  test('each gets its own count and id', () => {
    const jobs = together([
      "insert into t values (20, 'a', 1)",
      "insert into t (v) values ('b'), ('c')",
      'update t set n = 2 where id > 20',
      "insert into log (what) values ('x') returning id, what",
      'delete from t where id = 20',
      "insert into words values ('hello')",
    ])
    expect(
      jobs.map((job) => [result(job).rowsAffected, result(job).lastInsertId, result(job).rows]),
    ).toEqual([
      [1, 20, []],
      [2, 22, []],
      [2, undefined, []],
      [1, 1, [{ id: 1, what: 'x' }]],
      [1, undefined, []],
      [1, 1, []],
    ])
  })

  test('one that fails is undone alone', () => {
    const commits = commitCounter(db)
    const jobs = together([
      "insert into t values (2, 'two', 1)",
      "insert into t values (3, 'three', 1), (4, 'one', 1)",
      'insert into nope values (1)',
      ['insert into t values (?, ?, 1)', [5]],
      "insert into t values (6, 'six', 10)",
      'insert into strict_child values (1, 99)',
      "insert into t values (7, 'seven', 1)",
    ])
    expect(jobs.map(outcome)).toEqual([
      'succeed',
      'fail',
      'fail',
      'fail',
      'fail',
      'fail',
      'succeed',
    ])
    expect(jobs.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
      undefined,
      'sql.constraint',
      'sql.error',
      'sql.params',
      'sql.constraint',
      'sql.constraint',
      undefined,
    ])
    expect(ids()).toEqual([1, 2, 7])
    expect(db.value('select count(*) from log')).toBe(0)
    expect(commits.count()).toBe(1)
    commits.close()
  })

  test.each([
    ['insert or rollback', "insert or rollback into t values (3, 'one', 1)"],
    ['raise(rollback)', "insert into t values (3, 'three', 8)"],
    ['a violation that the commit would find', 'insert into child values (1, 99)'],
  ])('%s takes none of the others with it', (_, sql) => {
    const jobs = together([
      "insert into t values (2, 'two', 1)",
      'insert into log (what) values (1)',
      sql,
      "insert into t values (4, 'four', 1)",
    ])
    expect(jobs.map(outcome)).toEqual(['succeed', 'succeed', 'fail', 'succeed'])
    expect(jobs[2]?.error).toMatchObject({ code: 'sql.constraint' })
    expect(result(jobs[1] as RecordedJob).lastInsertId).toBe(1)
    expect(ids()).toEqual([1, 2, 4])
    expect(db.value('select count(*) from log')).toBe(1)
  })

  test('what FAIL keeps is kept', () => {
    together([
      "insert into t values (2, 'two', 1)",
      "insert or fail into t values (3, 'three', 1), (4, 'one', 1)",
      "insert into t values (5, 'five', 9)",
      'insert into failing values (1), (2), (1)',
    ])
    expect(ids()).toEqual([1, 2, 3])
    expect(db.value('select what from log')).toBe('kept')
    expect(db.value('select count(*) from failing')).toBe(2)
  })

  test.each(['vacuum', 'create table u (a)', 'pragma user_version = 5', 'select * from t'])(
    '%s runs in its turn, alone',
    (sql) => {
      const order: number[] = []
      const jobs = together(
        [
          "insert into t values (2, 'two', 1)",
          sql,
          "insert into t values (3, 'three', 1)",
          "insert into t values (4, 'four', 1)",
        ],
        (index, what) => {
          if (what === 'succeed') order.push(index)
        },
      )
      expect(order).toEqual([0, 1, 2, 3])
      expect(jobs.map(outcome)).toEqual(Array(4).fill('succeed'))
      expect(ids()).toEqual([1, 2, 3, 4])
      if (sql.startsWith('select')) expect(result(jobs[1] as RecordedJob).rows.length).toBe(2)
    },
  )

  test('are answered in their order', () => {
    const order: number[] = []
    together(
      [
        "insert into t values (2, '2', 1)",
        'insert into t values (1, 1, 1)',
        'insert into child values (1, 99)',
        "insert into t values (3, '3', 8)",
        'select 1',
        "insert into t values (4, '4', 1)",
      ],
      (index, what) => {
        if (['succeed', 'fail'].includes(what)) order.push(index)
      },
    )
    expect(order).toEqual([0, 1, 2, 3, 4, 5])
  })

  test('one that shall not begin any more is passed over', () => {
    const command = (id: number) => commandOf(`insert into t values (${id}, '${id}', 1)`)
    const jobs = [2, 3, 4].map((id) => new RecordedJob(command(id), () => {}, id !== 3))
    db.engine.queries(jobs)
    expect(jobs.map(({ told }) => told)).toEqual([
      ['begin', 'end', 'succeed'],
      ['begin'],
      ['begin', 'end', 'succeed'],
    ])
    expect(ids()).toEqual([1, 2, 4])
  })

  test('one that was only guessed to write is sent back', () => {
    const jobs = ['select 1', "insert into t values (2, 'two', 1)", 'values (1)'].map(
      (sql) => new RecordedJob(commandOf(sql, [], { guess: true })),
    )
    db.engine.queries(jobs)
    expect(jobs.map(outcome)).toEqual(['misplaced', 'succeed', 'misplaced'])
  })

  test('one that is interrupted before it has done anything fails alone', () => {
    const jobs = together([two, 'insert into log (what) values (1)', three], (index, what, job) => {
      if (index === 1 && what === 'begin') interruptOnce(db.engine.connection, job.request)
    })
    expect(jobs.map(outcome)).toEqual(['succeed', 'fail', 'succeed'])
    expect(jobs[1]?.error).toBeInstanceOf(Interrupted)
    expect(jobs.flatMap(({ told }) => told).filter((what) => what === 'begin').length).toBe(3)
  })

  test('one that is interrupted as it writes fails alone, and the others are run again', async () => {
    const shared = new Int32Array(new SharedArrayBuffer(4))
    const workerData = { file: INTERRUPT, shared, connection: db.engine.connection }
    const thread = new Worker(INTERRUPTER, { workerData, eval: true })
    await once(thread, 'message')
    const endless = `insert into log (what) select x from (${counting(1e12)})`
    const jobs = together([two, endless, three], (index, what, job) => {
      if (index !== 1 || what !== 'begin') return
      Atomics.store(shared, 0, job.request)
      Atomics.notify(shared, 0)
    })
    await thread.terminate()
    expect(jobs.map(outcome)).toEqual(['succeed', 'fail', 'succeed'])
    expect(jobs[1]?.error).toBeInstanceOf(Interrupted)
    expect(jobs[0]?.told).toEqual(['begin', 'end', 'begin', 'end', 'succeed'])
    expect(ids()).toEqual([1, 2, 3])
    expect(db.value('select count(*) from log')).toBe(0)
  })

  test('a full file fails those for which there is no room', () => {
    const small = new EngineUnderTest(1, PATIENT)
    small.query('create table blobs (id integer primary key, v)')
    const jobs = together(
      [100, 1_200_000, 200].map((bytes) => `insert into blobs (v) values (zeroblob(${bytes}))`),
      () => {},
      small,
    )
    expect(jobs.map(outcome)).toEqual(['succeed', 'fail', 'succeed'])
    expect(jobs[1]?.error).toMatchObject({ code: 'quota.exceeded' })
    expect(small.value('select count(*) from blobs')).toBe(2)
    small.close()
  })

  test('a commit that fails is followed by each alone', () => {
    const small = new EngineUnderTest(1, PATIENT)
    small.batch(['create virtual table words using fts5(a)', 'create table t (v)'])
    // Full-text tables write what they have gathered when the transaction is committed: here there is room for both
    // texts, but for the words of one of them only.
    const text = (n: number) => Array.from({ length: 2000 }, (_, at) => `word${n}x${at}`).join(' ')
    const free = 256 - Number(small.value('pragma page_count'))
    small.query('insert into t values (zeroblob(?))', [(free - 16) * 4092])
    const jobs = together(
      [
        ['insert into words values (?)', [text(1)]],
        ['insert into words values (?)', [text(2)]],
        'delete from t where false',
      ],
      () => {},
      small,
    )
    expect(jobs.map(({ told }) => told.filter((what) => what === 'begin').length)).toEqual([
      2, 2, 2,
    ])
    expect(jobs.map(outcome)).toEqual(['succeed', 'fail', 'succeed'])
    expect(small.value('select count(*) from words')).toBe(1)
    small.close()
  })

  test('a slow one does not keep the answers of the others', () => {
    const hasty = new EngineUnderTest(64, { joinMs: 10_000, runMs: 20 })
    hasty.batch(SCHEMA)
    const slow = `insert into log (what) select x from (${counting(600_000)})`
    const seen: string[] = []
    const jobs = together([two, slow, three], (index, what) => seen.push(`${index} ${what}`), hasty)
    expect(seen.indexOf('0 succeed')).toBeLessThan(seen.lastIndexOf('1 begin'))
    expect(jobs.map(outcome)).toEqual(['succeed', 'succeed', 'succeed'])
    expect(result(jobs[1] as RecordedJob).rowsAffected).toBe(600_000)
    hasty.close()
  })
})

describe('a group', () => {
  const id = fc.integer({ min: 1, max: 6 })
  const n = fc.constantFrom(1, 2, 7, 8, 9, 10, 100)
  const conflict = fc.constantFrom(
    '',
    'or fail',
    'or rollback',
    'or abort',
    'or ignore',
    'or replace',
  )
  const rows = fc
    .array(fc.tuple(id, id, n), { minLength: 1, maxLength: 3 })
    .map((list) => list.map(([key, v, number]) => `(${key}, 'v${v}', ${number})`).join())
  const statement = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(conflict, rows).map(([or, v]) => `insert ${or} into t values ${v}`),
    },
    { weight: 2, arbitrary: rows.map((v) => `insert into t values ${v} returning id, n`) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(conflict, id, n)
        .map(
          ([or, key, v]) => `update ${or} t set n = ${v}, v = 'v' || (id % 3) where id >= ${key}`,
        ),
    },
    { weight: 2, arbitrary: id.map((key) => `delete from t where id = ${key}`) },
    {
      weight: 2,
      arbitrary: fc.tuple(id, id).map(([key, t]) => `insert into child values (${key}, ${t})`),
    },
    {
      weight: 1,
      arbitrary: id.map((key) => `insert or replace into strict_child values (${key}, ${key})`),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(id, id).map(([a, b]) => `insert into failing values (${a}), (${b})`),
    },
    {
      weight: 1,
      arbitrary: id.map((key) => `insert into words (rowid, a) values (${key}, 'hello')`),
    },
    { weight: 1, arbitrary: id.map((key) => `delete from words where rowid = ${key}`) },
    {
      weight: 1,
      arbitrary: fc.constant(
        'insert into log (what) select abs(case id when 3 then -9223372036854775807 - 1 else id end) from t',
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        'select count(*) from t',
        'pragma defer_foreign_keys = on',
        'pragma user_version = 4',
        'selec',
        'create table if not exists u (a)',
        'reindex',
      ),
    },
  )

  test('tells and leaves what each of its queries alone would', () => {
    const other = new EngineUnderTest()
    other.batch(SCHEMA)
    const tables = ['t', 'log', 'child', 'strict_child', 'failing', 'words']
    const dump = (target: EngineUnderTest) =>
      tables.map((table) => target.query(`select rowid, * from ${table} order by 1`).rows)
    const told = ({ answer, error }: RecordedJob) => {
      if (answer === undefined) {
        const { code, message, details } = error as {
          code: string
          message: string
          details: object
        }
        return { code, message, details }
      }
      const { durationMs: _, ...rest } = JSON.parse(answer)
      return rest
    }
    fc.assert(
      fc.property(fc.array(statement, { minLength: 2, maxLength: 12 }), (statements) => {
        for (const target of [db, other])
          target.batch([
            'pragma defer_foreign_keys = on',
            ...tables.map((table) => `delete from ${table}`),
            'delete from sqlite_sequence',
            "insert into t values (1, 'v1', 1)",
          ])
        const grouped = together(statements)
        const alone = statements.map((sql) => other.job(other.engine, commandOf(sql)))
        expect(grouped.map(told)).toEqual(alone.map(told))
        expect(dump(db)).toEqual(dump(other))
      }),
      { numRuns: 400 },
    )
    expect(db.value('pragma integrity_check')).toBe('ok')
    other.close()
  })
})
