import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FrameType } from '@db-forge/contract/wire/frame'
import { clientSessionsMax } from '@db-forge/contract/wire/postgres'
import { codeOf } from '@db-forge/worker-kit/testing/link'
import type pg from 'pg'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { folderAt } from './folder.ts'
import { configure, connectClient, setPassword, sqlStateOf, verifierOf } from './testing/client.ts'
import { sharedWorker } from './testing/shared-worker.ts'
import { temporaryFolder, unavailable, WorkerProcess } from './testing/worker-process.ts'

describe.skipIf(unavailable())('clients of the server itself', () => {
  const db = sharedWorker()
  const clients: pg.Client[] = []

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()))
  })

  async function client(user: string, options: { database?: string; password?: string } = {}) {
    const connected = await connectClient(db.worker.dir, user, options)
    clients.push(connected)
    return connected
  }

  test('nobody signs in before there is a password', async () => {
    for (const role of ['owner', 'reader']) expect(await sqlStateOf(client(role))).toBe('28P01')
  })

  describe('with passwords', () => {
    beforeAll(async () => {
      await setPassword(db.control, 'owner')
      await setPassword(db.control, 'reader')
    })

    test('the right password lets in, another does not, and the worker’s own roles have none', async () => {
      const { rows } = await (await client('owner')).query(
        'select current_user::text as who, session_user::text as signed',
      )
      expect(rows).toEqual([{ who: 'owner', signed: 'owner' }])
      expect(await sqlStateOf(client('owner', { password: 'wrong' }))).toBe('28P01')
      for (const role of ['owner_session', 'reader_session', 'dbforge'])
        expect(await sqlStateOf(client(role))).toMatch(/^28/)
    })

    test('what one makes belongs to the other: requests and clients act as the same roles', async () => {
      const owner = await client('owner')
      await owner.query('create table by_client (i int); insert into by_client values (1)')
      await db.link.query('alter table by_client add column j int')
      await db.link.query('create table by_request (i int)')
      await owner.query('alter table by_request add column j int')
      expect(await db.value('select i from by_client', [], { readOnly: true })).toBe(1)
      const reader = await client('reader')
      expect((await reader.query('select i from by_client')).rows).toEqual([{ i: 1 }])
      expect((await reader.query('select i from by_request')).rows).toEqual([])
      const owners =
        "select count(*) from pg_tables where schemaname = 'public' and tableowner <> 'owner'"
      expect(await db.value(owners)).toBe(0)
    })

    test('a reader changes nothing, whatever it sets', async () => {
      const reader = await client('reader')
      await reader.query('set default_transaction_read_only = off')
      await (await client('owner')).query('create table if not exists kept (i int)')
      for (const sql of [
        'insert into kept values (1)',
        'create table mine (i int)',
        'create temporary table mine (i int)',
        'select lo_create(0)',
        "select lo_from_bytea(0, 'x')",
        'set role owner',
        'set session authorization owner',
        'alter table kept add column j int',
      ])
        expect([sql, await sqlStateOf(reader.query(sql))]).toEqual([sql, '42501'])
    })

    test('sessions of its own may be cancelled by the owner, those of requests and the platform may not', async () => {
      const owner = await client('owner')
      const other = await client('owner')
      const pid = (await other.query('select pg_backend_pid() as pid')).rows[0].pid
      let ended: string | null = null
      void sqlStateOf(other.query('select pg_sleep(30)')).then((state) => {
        ended = state
      })
      // A cancel that comes before the statement has begun does nothing.
      const cancel = async () => {
        await owner.query('select pg_cancel_backend($1)', [pid])
        return ended
      }
      await expect.poll(cancel, { timeout: 10_000 }).toBe('57014')
      const foreign =
        "select pg_terminate_backend(pid) from pg_stat_activity where usename in ('owner_session', 'dbforge')"
      expect(await sqlStateOf(owner.query(foreign))).toBe('42501')
    })

    test('roles that an owner has given away are taken back at the next start', async () => {
      const owner = await client('owner')
      // Refused from PostgreSQL 16 on.
      await owner.query('grant owner to reader').catch(() => undefined)
      const folder = db.worker.dir
      await db.worker.end()
      db.worker = await WorkerProcess.start(folder)
      db.link = await db.worker.sql()
      db.control = await db.worker.control()
      expect(await sqlStateOf((await client('reader')).query('set role owner'))).toBe('42501')
    })

    test('a new password shuts the old one out, and ends sessions if asked to, but none of requests', async () => {
      const kept = await client('owner')
      const reader = await client('reader')
      const running = db.link.query('select pg_sleep(0.5), 7 as seven')
      await setPassword(db.control, 'owner', 'second')
      expect((await kept.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      expect(await sqlStateOf(client('owner'))).toBe('28P01')
      await client('owner', { password: 'second' })
      await setPassword(db.control, 'owner', 'correct horse', true)
      await expect.poll(() => sqlStateOf(kept.query('select 1'))).not.toBe('ok')
      expect((await reader.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      expect((await running).rows).toMatchObject([{ seven: 7 }])
    })

    test('what is no verifier is refused, and changes nothing', async () => {
      const good = verifierOf('x')
      const ask = (changes: object) =>
        codeOf(
          db.control.request(FrameType.setPassword, {
            role: 'owner',
            verifier: good,
            endSessions: false,
            ...changes,
          }),
        )
      for (const changes of [
        { verifier: 'x' },
        { verifier: "x' superuser --" },
        { verifier: good.replace('4096', '0') },
        { verifier: good.slice(0, -1) },
        { verifier: `${good}\n` },
        { verifier: good.replace(/=/g, 'A') },
        { verifier: good.toLowerCase() },
        { verifier: null },
        { role: 'dbforge' },
        { role: 'owner_session' },
        { endSessions: 1 },
      ])
        expect(await ask(changes)).toBe('request.invalid')
      await client('owner')
    })

    test('there is room for as many clients as may come, beside all requests', async () => {
      const max = clientSessionsMax(128)
      const busy = Array.from({ length: max }, () =>
        db.value('select 1 + length(pg_sleep(0.3)::text)'),
      )
      await Promise.all(Array.from({ length: max }, () => client('owner')))
      expect(await Promise.all(busy)).toEqual(busy.map(() => 1))
    })
  })
})

describe.skipIf(unavailable())('the limit of clients’ statements', () => {
  const db = sharedWorker()
  const LIMIT_MS = 300
  const trap = (inner: string) =>
    `do $$ declare i bigint := 0; begin loop begin ${inner} exception when query_canceled then null; end; end loop; end $$`

  beforeAll(async () => {
    await setPassword(db.control, 'owner')
    await configure(db.control, 'main', LIMIT_MS)
  })

  test.each([
    ['a sleep', 'select pg_sleep(30)', '57014'],
    [
      'one that has switched its own limit off',
      'set statement_timeout = 0; select pg_sleep(30)',
      '57014',
    ],
    ['a loop that traps its cancellation', trap('perform pg_sleep(10);'), '57P01'],
    ['a busy loop that traps its cancellation', trap('loop i := i + 1; end loop;'), '57P01'],
  ])('%s is ended', async (_, sql, code) => {
    const client = await connectClient(db.worker.dir, 'owner')
    try {
      const startedAt = performance.now()
      expect(await sqlStateOf(client.query(sql))).toBe(code)
      // A bound, not a figure: without the watch it would be 30 s, or for ever.
      expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS + 10_000)
    } finally {
      await client.end().catch(() => undefined)
    }
  })

  test('it can be lifted, does not meet many short statements, and is not that of requests', async () => {
    const client = await connectClient(db.worker.dir, 'owner')
    for (let i = 0; i < 15; i += 1) await client.query('select pg_sleep(0.05)')
    expect(await db.value('select 1 + length(pg_sleep(1)::text)')).toBe(1)
    await configure(db.control, 'main', 0)
    expect((await client.query('select 1 as one from pg_sleep(1)')).rows).toEqual([{ one: 1 }])
    await client.end()
  })
})

describe.skipIf(unavailable())('the name of the database', () => {
  const db = sharedWorker()
  const CURRENT = 'select current_database()::text as name'

  test('is what it was configured to be, for clients, requests and catalogs, at once', async () => {
    await setPassword(db.control, 'owner')
    await db.link.query('create table t (i int)')
    const before = await connectClient(db.worker.dir, 'owner')
    for (const name of ['shop', 'Shop-2_x', 'template0', 'postgres', 'x'.repeat(63)]) {
      await configure(db.control, name)
      expect(await db.value(CURRENT)).toBe(name)
      expect(
        await db.value(
          "select table_catalog from information_schema.tables where table_name = 't'",
        ),
      ).toBe(name)
      const client = await connectClient(db.worker.dir, 'owner', { database: name })
      expect((await client.query(CURRENT)).rows).toEqual([{ name }])
      await client.end()
      expect((await before.query(CURRENT)).rows).toEqual([{ name }])
    }
    await before.end()
    expect(await sqlStateOf(connectClient(db.worker.dir, 'owner'))).toBe('3D000')
  })

  test('names that are none are refused', async () => {
    for (const name of ['', "a'b", 'a b', '-a', 'x'.repeat(64), 7, null])
      expect(await codeOf(configure(db.control, name as string))).toBe('request.invalid')
    expect(await codeOf(configure(db.control, 'shop', -1))).toBe('request.invalid')
  })

  test('requests go on while it changes, whoever changes it at the same time', async () => {
    let going = true
    const asking = Array.from({ length: 8 }, async () => {
      // Each round needs connections that are new.
      while (going) {
        await db.link.query("set client_encoding = 'LATIN1'").catch(() => undefined)
        expect(await db.value('select 1')).toBe(1)
      }
    })
    for (let round = 0; round < 10; round += 1)
      await Promise.all(['a', 'b', 'c'].map((name) => configure(db.control, `${name}${round}`)))
    going = false
    await Promise.all(asking)
    expect(await db.value(CURRENT)).toBe('c9')
  })
})

describe.skipIf(unavailable())('the name of the database, kept', () => {
  async function within(use: (dir: string) => Promise<void>): Promise<void> {
    const folder = temporaryFolder()
    try {
      await use(folder.dir)
    } finally {
      folder.remove()
    }
  }

  /** Starts a worker, has it do something, and kills it with its server. */
  async function life(dir: string, use: (worker: WorkerProcess) => Promise<void>): Promise<void> {
    const worker = await WorkerProcess.start(dir)
    try {
      await use(worker)
    } finally {
      await worker.end('SIGKILL')
    }
  }

  async function nameAt(worker: WorkerProcess): Promise<unknown> {
    const link = await worker.sql()
    const { rows } = await link.query('select current_database() as name')
    link.close()
    return (rows[0] as { name: unknown }).name
  }

  const fileOf = (dir: string) => join(folderAt(dir).data, 'dbforge.database')

  test('over a restart, and over a crash at any moment of a renaming', () =>
    within(async (dir) => {
      await life(dir, async (worker) => {
        await configure(await worker.control(), 'shop')
      })
      expect(JSON.parse(readFileSync(fileOf(dir), 'utf8'))).toEqual(['shop'])
      // Either the database had its new name already, or not yet.
      for (const names of [
        ['old', 'shop'],
        ['shop', 'new'],
      ]) {
        writeFileSync(fileOf(dir), JSON.stringify(names))
        await life(dir, async (worker) => {
          expect(await nameAt(worker)).toBe('shop')
          const control = await worker.control()
          await configure(control, 'market')
          await configure(control, 'shop')
          expect(await nameAt(worker)).toBe('shop')
        })
        expect(JSON.parse(readFileSync(fileOf(dir), 'utf8'))).toEqual(['shop'])
      }
    }))

  test('a worker that is killed in the midst of renamings finds it again', () =>
    within(async (dir) => {
      const names = Array.from({ length: 200 }, (_, at) => `name${at}`)
      for (let round = 0; round < 5; round += 1)
        await life(dir, async (worker) => {
          const control = await worker.control()
          const asked = names.map((name) => configure(control, name).catch(() => undefined))
          await asked[round * 3]
          await worker.end('SIGKILL')
          await Promise.all(asked)
        })
      await life(dir, async (worker) => {
        expect(await nameAt(worker)).toMatch(/^name\d+$/)
      })
    }))
})
