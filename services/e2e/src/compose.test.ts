import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ApiError, type Client } from '@db-forge/client'
import { type QueryResult, REALTIME_PATH, type RealtimeSnapshot } from '@db-forge/contract'
import pg from 'pg'
import { io, type Socket } from 'socket.io-client'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { findChromium, launchChromium, NO_CHROMIUM } from './browser-chromium.ts'
import { signIn } from './browser-steps.ts'
import { watch } from './browser-watch.ts'
import { command } from './command.ts'
import { ComposeStack, type Inspected } from './compose-stack.ts'
import { chinookAbsence, chinookFile, dockerComposeAbsence, suite } from './needs.ts'
import { splitScript } from './sql-script.ts'

const FIRST_BUILD_MS = 30 * 60_000
const RESTART_MS = 5 * 60_000
const name = 'shop'
const music = 'chinook'

const chromium = await findChromium()

suite('docker compose up', await dockerComposeAbsence(), () => {
  let stack: ComposeStack
  let client: Client

  beforeAll(async () => {
    stack = await ComposeStack.create()
    await stack.up()
    client = await stack.client()
  }, FIRST_BUILD_MS)
  afterAll(() => stack?.remove(), RESTART_MS)

  const query = (database: string, sql: string): Promise<QueryResult> =>
    client.queries.query({ params: { name: database }, body: { sql, rowFormat: 'array' } })

  const scalar = async (database: string, sql: string): Promise<unknown> =>
    (await query(database, sql)).rows[0]?.[0 as never]

  async function workerOf(database: string): Promise<Inspected> {
    const { id } = await client.databases.get({ params: { name: database } })
    const found = (await stack.workers()).filter(({ Name }) => Name.includes(id))
    expect(found).toHaveLength(1)
    return found[0] as Inspected
  }

  test('starts three hardened services, of which only Traefik can be reached, from this machine', async () => {
    const services = await stack.services()
    const byName = new Map(
      services.map((one) => [one.Config.Labels['com.docker.compose.service'], one]),
    )
    expect([...byName.keys()].sort()).toEqual(['frontend', 'gateway', 'traefik'])
    for (const { State, HostConfig, Mounts } of services) {
      expect(State.Health).toMatchObject({ Status: 'healthy' })
      expect(HostConfig).toMatchObject({
        ReadonlyRootfs: true,
        Privileged: false,
        CapDrop: ['ALL'],
      })
      expect(HostConfig.SecurityOpt).toEqual(['no-new-privileges:true'])
      expect(HostConfig.Memory).toBeGreaterThan(0)
      expect(HostConfig.PidsLimit).toBeGreaterThan(0)
      const socket = Mounts.find(({ Destination }) => Destination === '/var/run/docker.sock')
      if (socket) expect(HostConfig.PublishAllPorts).toBe(false)
    }
    expect(byName.get('frontend')?.Mounts).toEqual([])
    const published = services.flatMap(({ NetworkSettings }) =>
      Object.values(NetworkSettings.Ports).flatMap((ports) => ports ?? []),
    )
    const ports = [stack.port, stack.pgPort].map((port) => ({
      HostIp: '127.0.0.1',
      HostPort: String(port),
    }))
    expect(new Set(published)).toEqual(new Set(ports))
  })

  test('makes the admin token, readable by its owner alone, and shows it in the greeting alone', async () => {
    expect((await stat(stack.tokenPath)).mode & 0o777).toBe(0o600)
    const token = await stack.token()
    const shown = (await stack.logs()).split('\n').filter((line) => line.includes(token))
    expect(shown.filter((line) => line.startsWith('{'))).toEqual([])
    expect(shown.filter((line) => line.includes('admin token'))).toHaveLength(1)
    expect(JSON.stringify(await stack.services())).not.toContain(token)
  })

  test('lets nobody in without it', async () => {
    expect((await stack.fetch('db.localhost', '/admin/databases')).status).toBe(401)
    const headers = { authorization: `Bearer ${await stack.token()}` }
    expect((await stack.fetch('db.localhost', '/admin/databases', { headers })).status).toBe(200)
  })

  test.each(['other.localhost', 'localhost', '127.0.0.1'])(
    'serves nothing to the host %s',
    async (host) => {
      const paths = [
        '/',
        '/ping',
        '/dashboard/',
        '/api/rawdata',
        '/api/version',
        '/metrics',
        '/health',
        '/admin/databases',
      ]
      for (const path of paths) {
        const answer = await stack.fetch(host, path)
        expect([path, answer.status, await answer.text()]).toEqual([
          path,
          404,
          '404 page not found\n',
        ])
      }
    },
  )

  test.each(['/dashboard/', '/api/rawdata', '/ping'])(
    "keeps Traefik's own %s to itself",
    async (path) => {
      const answer = await stack.fetch('db.localhost', path)
      expect(answer.status).toBe(404)
      expect(await answer.json()).toMatchObject({ code: 'route.not_found' })
    },
  )

  describe('PostgreSQL clients, through Traefik', () => {
    let password: string
    beforeAll(async () => {
      const spawned = await client.databases.spawn({
        params: { name: 'orders' },
        body: { engine: 'postgres' },
      })
      password = spawned.credentials?.password ?? ''
      expect(spawned.connection).toEqual({
        host: '127.0.0.1',
        port: stack.pgPort,
        database: 'orders',
        url: `postgres://owner@127.0.0.1:${stack.pgPort}/orders`,
      })
    }, RESTART_MS)

    afterAll(() => client.databases.delete({ params: { name: 'orders' } }))

    const connect = async (options: pg.ClientConfig) => {
      const connected = new pg.Client({
        host: '127.0.0.1',
        port: stack.pgPort,
        user: 'owner',
        database: 'orders',
        password,
        ...options,
      })
      await connected.connect()
      onTestFinished(() => connected.end())
      return connected
    }

    test.each([false, { rejectUnauthorized: false }])('sign in with ssl %o', async (ssl) => {
      const session = await connect({ ssl })
      const sql = 'select current_user, current_database()'
      expect((await session.query(sql)).rows).toEqual([
        { current_user: 'owner', current_database: 'orders' },
      ])
    })

    test('are led to a database by the name that they looked the server up by', async () => {
      const ssl = { rejectUnauthorized: false, servername: 'orders.db.localhost' }
      const session = await connect({ ssl, database: 'postgres' })
      expect((await session.query('select current_database()')).rows).toEqual([
        { current_database: 'orders' },
      ])
    })

    test('meet a server in a container without a network', async () => {
      const { HostConfig, NetworkSettings } = await workerOf('orders')
      expect(HostConfig).toMatchObject({
        NetworkMode: 'none',
        ReadonlyRootfs: true,
        CapDrop: ['ALL'],
      })
      expect(Object.keys(NetworkSettings.Networks)).toEqual(['none'])
    })
  })

  describe('frontend.db.localhost', () => {
    const host = 'frontend.db.localhost'

    test('has the pages', async () => {
      const page = await stack.fetch(host, '/sign-in')
      expect(page.headers.get('content-type')).toMatch(/^text\/html/)
      expect(page.headers.get('content-security-policy')).toContain(`ws://${host}:${stack.port}`)
      expect(await page.text()).toContain('Admin token')
    })

    test.each(['/admin/databases', '/api/db/none/schema', '/metrics'])(
      'has the gateway at %s',
      async (path) => {
        const answer = await stack.fetch(host, path)
        expect(answer.status).toBe(401)
        expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
      },
    )

    test.each(['/health', '/docs/', '/openapi.json'])(
      'has the gateway at %s, for anyone',
      async (path) => {
        expect((await stack.fetch(host, path)).status).toBe(200)
      },
    )

    test('signs in with a cookie, over which live changes come', async () => {
      const session = await stack.fetch(host, '/admin/session', {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: `http://${host}:${stack.port}` },
        body: JSON.stringify({ token: await stack.token() }),
      })
      expect(session.status).toBe(201)
      const [cookie = ''] = session.headers.getSetCookie()
      expect(cookie).toMatch(/; HttpOnly; SameSite=Strict$/)
      const live = connect(stack, host, { cookie: cookie.split(';', 1)[0] ?? '' })
      const snapshot = await new Promise<RealtimeSnapshot>((resolve, reject) => {
        live.once('snapshot', resolve)
        live.once('connect_error', reject)
      })
      live.close()
      expect(snapshot.databases).toEqual([])
    })

    test('refuses a live connection without one', async () => {
      const live = connect(stack, host, {})
      const refusal = await new Promise<Error>((resolve) => live.once('connect_error', resolve))
      live.close()
      expect(refusal.message).toBe('auth.required')
    })
  })

  test('one call spawns a database, the next one queries it', async () => {
    const database = await client.databases.spawn({ params: { name } })
    expect(database).toMatchObject({ state: 'running', runtime: 'docker', engine: 'sqlite' })
    expect(await scalar(name, 'select 40 + 2')).toBe(42)
    await client.queries.batch({
      params: { name },
      body: {
        statements: [
          { sql: 'create table note (id integer primary key, body text)' },
          { sql: 'insert into note (body) values (?)', params: ['kept'] },
        ],
      },
    })
  })

  test('its worker has no network, no privileges, limits, and one mount that holds one database', async () => {
    const { id, limits } = await client.databases.get({ params: { name } })
    const { HostConfig, Config, NetworkSettings, Mounts } = await workerOf(name)
    expect(HostConfig).toMatchObject({
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      Privileged: false,
      CapAdd: null,
      CapDrop: ['ALL'],
      Memory: limits.memoryMb * 2 ** 20,
      MemorySwap: limits.memoryMb * 2 ** 20,
      NanoCpus: limits.cpus * 1e9,
    })
    expect(HostConfig.SecurityOpt).toContain('no-new-privileges')
    expect(HostConfig.PidsLimit).toBeGreaterThan(0)
    expect(Config.User).toMatch(/^[1-9]\d*:[1-9]\d*$/)
    expect(Object.keys(NetworkSettings.Networks)).toEqual(['none'])
    expect(Mounts).toHaveLength(1)
    expect(Mounts[0]).toMatchObject({ Type: 'bind', RW: true })
    const volume = await command('docker', [
      'volume',
      'inspect',
      '--format',
      '{{.Mountpoint}}',
      `${stack.project}_db-data`,
    ])
    expect(Mounts[0]?.Source).toBe(join(volume.trim(), 'databases', id))
  })

  test('values come back through all of it as they went in', async () => {
    const { columns, rows } = await client.queries.query({
      params: { name },
      body: {
        sql: "select ? as n, ? as b, 1 as twice, 2 as twice, 'a' || char(0) || 'b' as text, ? as emoji",
        params: [9007199254740993n, { $blob: 'AP8Q' }, '🎸\u2028'],
        rowFormat: 'array',
      },
    })
    expect(rows).toEqual([['9007199254740993', 'AP8Q', 1, 2, 'a\u0000b', '🎸\u2028']])
    expect(columns.map((column) => column.name)).toEqual([
      'n',
      'b',
      'twice',
      'twice',
      'text',
      'emoji',
    ])
  })

  test('names that need escaping in an address get through Traefik', async () => {
    const table = 'a/b c%2F"ü?#'
    await client.tables.create({
      params: { name },
      body: { name: table, columns: [{ name: 'k/1', primaryKey: true }] },
    })
    await client.rows.insert({ params: { name, table }, body: { 'k/1': 'x/y' } })
    const found = await client.rows.list({ params: { name, table } })
    expect(found.rows).toEqual([{ 'k/1': 'x/y' }])
  })

  suite('in Chromium', chromium ? null : NO_CHROMIUM, () => {
    test('the dashboard signs in, is live and breaks nothing', async () => {
      const browser = await launchChromium(chromium as string)
      onTestFinished(() => browser.close())
      const address = `http://frontend.db.localhost:${stack.port}`
      const page = await browser.newPage({ baseURL: address })
      const { problems } = await watch(page, address)
      await signIn(page, await stack.token())
      await page.locator(`tr[data-database="${name}"][data-state=running]`).waitFor()
      await client.databases.spawn({ params: { name: 'seen' } })
      await page.locator('tr[data-database=seen][data-state=running]').waitFor()
      await client.databases.delete({ params: { name: 'seen' } })
      await page.locator('tr[data-database=seen]').waitFor({ state: 'detached' })
      expect(problems).toEqual([])
    })
  })

  suite('real data', chinookAbsence, () => {
    test('is loaded in one call', async () => {
      await client.databases.spawn({ params: { name: music } })
      const statements = splitScript(await readFile(chinookFile, 'utf8')).map((sql) => ({ sql }))
      expect(statements).toHaveLength(57)
      const { results } = await client.queries.batch({
        params: { name: music },
        body: { statements },
      })
      expect(results).toHaveLength(57)
    })

    test('is there', () => expectMusic())

    test('is listed, filtered and cut as the same SQL does it', async () => {
      const listed = await client.rows.list({
        params: { name: music, table: 'Track' },
        query: {
          select: 'TrackId,Name,Milliseconds',
          order: 'Milliseconds.desc,TrackId',
          limit: 25,
          offset: 5,
        },
        filters: { GenreId: 'in.(1,3)', Composer: 'not.is.null', UnitPrice: 'lt.1' },
      })
      const { rows } = await client.queries.query({
        params: { name: music },
        body: {
          sql: `select TrackId, Name, Milliseconds from Track
                where GenreId in (1, 3) and Composer is not null and UnitPrice < 1
                order by Milliseconds desc, TrackId limit 25 offset 5`,
        },
      })
      expect(listed.rows).toHaveLength(25)
      expect(listed.rows).toEqual(rows)
    })
  })

  async function expectMusic(): Promise<void> {
    const { tables } = await client.tables.schema({ params: { name: music } })
    expect(tables.filter(({ kind }) => kind === 'table')).toHaveLength(11)
    expect(tables.find((table) => table.name === 'Track')?.rowCount).toBe(3503)
    expect(await scalar(music, 'select count(*) from Track')).toBe(3503)
  }

  /** What was put into it is all there. */
  async function expectEverything(): Promise<void> {
    expect(await scalar(name, 'select body from note')).toBe('kept')
    if (!chinookAbsence) await expectMusic()
  }

  test(
    'a restart of all services loses nothing, and does not touch the workers',
    async () => {
      const [before, token] = [await workerOf(name), await stack.token()]
      await stack.compose('restart')
      await stack.serves()
      expect(await stack.token()).toBe(token)
      await expectEverything()
      const after = await workerOf(name)
      expect([after.Id, after.State.StartedAt]).toEqual([before.Id, before.State.StartedAt])
    },
    RESTART_MS,
  )

  /*
   * Workers are no part of the compose project: the gateway started them, and `docker compose down` leaves them running,
   * each with its data and reachable by nobody. The next gateway on the same volume finds the installation's name in its
   * store, lists the containers that bear it as their label, and takes each back as it is.
   */
  test(
    'after down and up the workers that went on are taken back',
    async () => {
      const before = await workerOf(name)
      await stack.compose('down')
      const orphan = (await stack.workers()).find(({ Id }) => Id === before.Id)
      expect(orphan?.State.Status).toBe('running')
      await stack.up()
      await expectEverything()
      const after = await workerOf(name)
      expect([after.Id, after.State.StartedAt]).toEqual([before.Id, before.State.StartedAt])
    },
    RESTART_MS,
  )

  test(
    'after down and up workers that are gone are made again, with their data',
    async () => {
      const before = await workerOf(name)
      await stack.compose('down')
      await command('docker', ['rm', '--force', before.Id])
      await stack.up()
      await expect
        .poll(() => scalar(name, 'select body from note').catch(codeOf), { timeout: 30_000 })
        .toBe('kept')
      await expectEverything()
      expect((await workerOf(name)).Id).not.toBe(before.Id)
    },
    RESTART_MS,
  )

  test.each(['stop', 'kill'])('a worker that docker %s ends is back by itself', async (how) => {
    await command('docker', [how, (await workerOf(name)).Id])
    const seen = new Set<unknown>()
    const once = async () => {
      const said = await scalar(name, 'select body from note').catch(codeOf)
      seen.add(said)
      return said
    }
    await expect.poll(once, { timeout: 30_000, interval: 20 }).toBe('kept')
    const understood = [
      'kept',
      'worker.unreachable',
      'worker.restarted',
      'database.failed',
      'database.busy',
    ]
    expect(understood).toEqual(expect.arrayContaining([...seen]))
  })

  test('a database that is stopped says so, and is started with its data', async () => {
    await client.databases.stop({ params: { name } })
    expect((await workerOf(name)).State.Status).toBe('exited')
    expect(await scalar(name, 'select 1').catch(codeOf)).toBe('database.stopped')
    await client.databases.start({ params: { name } })
    expect(await scalar(name, 'select body from note')).toBe('kept')
  })

  test('a later start does not show the token, nor does a description of a container', async () => {
    const token = await stack.token()
    const logs = await stack.logs()
    expect(logs).toContain('DB-Forge is ready at')
    expect(logs).not.toContain(token)
    const containers = [...(await stack.services()), ...(await stack.workers())]
    expect(containers.length).toBeGreaterThan(3)
    expect(JSON.stringify(containers)).not.toContain(token)
  })

  test('a deleted database leaves neither a container nor a folder', async () => {
    const { id } = await client.databases.get({ params: { name } })
    await client.databases.delete({ params: { name }, query: { force: 'true' } })
    expect((await stack.workers()).filter(({ Name }) => Name.includes(id))).toEqual([])
    const folders = await stack.compose('exec', '-T', 'gateway', 'ls', '/db-data/databases')
    expect(folders).not.toContain(id)
    expect(await client.databases.get({ params: { name } }).catch(codeOf)).toBe(
      'database.not_found',
    )
  })
})

function codeOf(error: unknown): string {
  if (error instanceof ApiError) return error.problem.code
  throw error
}

function connect(stack: ComposeStack, host: string, headers: Record<string, string>): Socket {
  return io(stack.url, {
    path: REALTIME_PATH,
    transports: ['websocket'],
    reconnection: false,
    extraHeaders: { ...headers, host: `${host}:${stack.port}` },
  })
}
