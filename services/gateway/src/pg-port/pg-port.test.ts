import { execFile, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ownCertificate } from './certificate.ts'
import { PgPort, type PgPortOptions } from './pg-port.ts'
import { PgRefusal } from './refusal.ts'
import { PASSWORDS, PostgresServer, unavailable } from './testing/postgres-server.ts'
import {
  cancelRequest,
  GSS_REQUEST,
  RawClient,
  SSL_REQUEST,
  startup,
} from './testing/raw-client.ts'

const run = promisify(execFile)
const reason = unavailable()
if (reason) process.stderr.write(`The PostgreSQL port is not tested: ${reason}\n`)
const hasPsql = spawnSync('psql', ['--version']).error === undefined
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])

/** Resolves once it holds, and is not patient for ever: the test's own time is the limit. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10))
}

const failure = (promise: Promise<unknown>): Promise<{ code?: string; message: string }> =>
  promise.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: Error) => error,
  )

/** What ends a session from outside. */
const failureOf = (session: pg.Client) =>
  new Promise<Error>((resolve) => session.on('error', resolve))

describe.skipIf(reason)('the PostgreSQL port', () => {
  let server: PostgresServer
  let folder: string
  let tls: { cert: string; key: string }
  const closers: (() => unknown)[] = []

  beforeAll(async () => {
    server = await PostgresServer.start()
    folder = mkdtempSync(join(tmpdir(), 'dbf-'))
    tls = await ownCertificate(folder, '127.0.0.1')
  })
  afterAll(async () => {
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close()
  })

  const counts = { opened: 0, closed: 0, refused: [] as string[] }

  async function open(options: Partial<PgPortOptions> = {}) {
    Object.assign(counts, { opened: 0, closed: 0, refused: [] })
    const pgPort = new PgPort({
      host: '127.0.0.1',
      port: 0,
      tls,
      resolve: async (name) => {
        if (name.toLowerCase() === 'shop') return target()
        throw new PgRefusal('3D000', `database "${name}" does not exist`)
      },
      gatewayNumber: 7,
      peers: new Map(),
      sessionsMax: 100,
      startupTimeoutMs: 10_000,
      idleTimeoutMs: 0,
      telemetry: {
        opened: () => {
          counts.opened += 1
        },
        closed: () => {
          counts.closed += 1
        },
        refused: (sqlState) => void counts.refused.push(sqlState),
      },
      ...options,
    })
    const port = await pgPort.listen()
    closers.push(() => pgPort.close())
    return { pgPort, port }
  }

  let used = 0
  const target = (socketPath = server.socketPath) => ({
    databaseId: 'db_shop',
    socketPath,
    database: 'shop',
    sessionsMax: 50,
    used: () => {
      used += 1
    },
  })

  const client = (port: number, options: pg.ClientConfig = {}) => {
    const made = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'owner',
      password: PASSWORDS.owner,
      database: 'shop',
      ...options,
    })
    made.on('error', () => {})
    closers.push(() => made.end().catch(() => {}))
    return made
  }
  const encrypted = { ssl: { rejectUnauthorized: false } }

  async function connected(port: number, options: pg.ClientConfig = {}) {
    const made = client(port, options)
    await made.connect()
    return made
  }

  const conninfoOf = (port: number, sslmode: string) =>
    `host=localhost port=${port} user=owner dbname=shop sslmode=${sslmode}`

  /** psql's output, given this input. The port is in this very process, which must not wait for it. */
  function piped(args: readonly string[], input: string): Promise<Buffer> {
    const env = { PATH: process.env['PATH'], PGPASSWORD: PASSWORDS.owner }
    const child = spawn('psql', args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stdin.on('error', () => {}).end(input)
    return new Promise((resolve, reject) =>
      child.once('close', (code) =>
        code === 0 ? resolve(Buffer.concat(chunks)) : reject(new Error(`psql ended with ${code}`)),
      ),
    )
  }

  const psql = (port: number, conninfo: string, ...args: string[]) =>
    run(
      'psql',
      ['-X', '-A', '-t', `host=localhost port=${port} user=owner dbname=shop ${conninfo}`, ...args],
      { env: { PATH: process.env['PATH'], PGPASSWORD: PASSWORDS.owner } },
    )

  /** What a fake server says after a startup message, for what a real one does not do. */
  async function fakeServer(talk: (socket: Socket) => void): Promise<string> {
    const path = join(folder, `${Math.random().toString(36).slice(2)}.sock`)
    const fake: Server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => talk(socket))
    })
    await new Promise<void>((resolve) => fake.listen(path, resolve))
    closers.push(() => void fake.close())
    return path
  }

  describe('lets a client in', () => {
    test.each([{}, encrypted])('by password, %j', async (options) => {
      const { port } = await open()
      const session = await connected(port, options)
      const { rows } = await session.query('select current_user, current_database() as db')
      expect(rows).toEqual([{ current_user: 'owner', db: 'shop' }])
    })

    test.skipIf(!hasPsql).each(['disable', 'prefer', 'require'])(
      'psql, sslmode=%s',
      async (sslmode) => {
        const { port } = await open()
        const { stdout } = await psql(port, `sslmode=${sslmode}`, '-c', String.raw`\conninfo`)
        expect(stdout.includes('SSL connection')).toBe(sslmode !== 'disable')
      },
    )

    test.skipIf(!hasPsql)('that checks who this is, by the certificate that was made', async () => {
      const { port } = await open()
      const root = join(folder, 'pg-server.crt')
      const { stdout } = await psql(
        port,
        `sslmode=verify-full sslrootcert=${root}`,
        '-c',
        'select 1',
      )
      expect(stdout).toBe('1\n')
    })

    test('without encryption where none is offered', async () => {
      const { port } = await open({ tls: null })
      expect((await new RawClient(port).send(SSL_REQUEST).has(1)).toString()).toBe('N')
    })

    test('whatever the case of the database, and as the name of the host says', async () => {
      const { port } = await open()
      await connected(port, { database: 'SHOP' })
      const ssl = { rejectUnauthorized: false, servername: 'shop.db.localhost' }
      await connected(port, { database: 'owner', ssl })
    })

    test('that is refused GSS encryption first, and TLS is had after it', async () => {
      const { port } = await open()
      const raw = new RawClient(port).send(GSS_REQUEST)
      expect((await raw.has(1)).toString()).toBe('N')
      expect((await raw.send(SSL_REQUEST).has(2)).toString()).toBe('NS')
      raw.socket.destroy()
    })

    test('that encrypts from its first byte, if it names the protocol', async () => {
      const { port } = await open()
      const greet = (ALPNProtocols?: string[]) =>
        new Promise<string>((resolve) => {
          const options = { host: '127.0.0.1', port, rejectUnauthorized: false }
          const socket = connectTls({ ...options, ...(ALPNProtocols ? { ALPNProtocols } : {}) })
          socket.on('secureConnect', () =>
            socket.write(startup({ user: 'owner', database: 'shop' })),
          )
          socket.once('data', (chunk) => {
            socket.destroy()
            resolve(chunk.toString('latin1'))
          })
          socket.on('error', () => {})
        })
      expect(await greet(['postgresql'])).toMatch(/^R.*SCRAM-SHA-256/s)
      expect(await greet()).toMatch(/^E.*08P01/s)
    })

    test('and passes the minor version of the protocol and other parameters on as they are', async () => {
      let seen: Buffer = Buffer.alloc(0)
      const path = await fakeServer((socket) => socket.destroy())
      const fake = createServer((socket) =>
        socket.once('data', (bytes) => {
          seen = bytes
        }),
      )
      const other = `${path}2`
      await new Promise<void>((resolve) => fake.listen(other, resolve))
      closers.push(() => void fake.close())
      const { port } = await open({ resolve: async () => target(other) })
      const odd = Buffer.from([0xe4, 0x41]).toString('latin1')
      const parameters = { user: 'owner', database: 'x', application_name: odd, '_pq_.a': 'b' }
      const packet = startup(parameters, (3 << 16) | 2)
      const latin = Buffer.from(packet.toString('utf8'), 'latin1')
      latin.writeUInt32BE(latin.length, 0)
      const raw = new RawClient(port).send(latin)
      await until(() => seen.length > 0)
      raw.socket.destroy()
      expect(seen.readUInt32BE(4)).toBe((3 << 16) | 2)
      expect(seen.toString('latin1')).toContain(`application_name\0${odd}\0_pq_.a\0b\0`)
      expect(seen.toString('latin1')).toContain('database\0shop\0')
    })
  })

  test('tells whether a client is at work, and that one has said something', async () => {
    const { port, pgPort } = await open()
    const before = used
    const session = await connected(port)
    await session.query('select 1')
    expect(pgPort.isBusy('db_shop')).toBe(false)
    await until(() => used > before)
    const running = session.query('select pg_sleep(0.5)')
    await until(() => pgPort.isBusy('db_shop'))
    await running
    expect(pgPort.isBusy('db_shop')).toBe(false)
    await session.query('begin')
    expect(pgPort.isBusy('db_shop')).toBe(true)
    await session.query('rollback')
    expect(pgPort.isBusy('db_shop')).toBe(false)
    await session.end()
    expect(pgPort.isBusy('db_nothing')).toBe(false)
  })

  describe('refuses', () => {
    test('a wrong password and an unknown user alike', async () => {
      const { port } = await open()
      const wrong = await failure(client(port, { password: 'wrong' }).connect())
      expect(wrong).toMatchObject({ code: '28P01' })
      for (const user of ['dbforge', 'nobody']) {
        const unknown = await failure(client(port, { user }).connect())
        expect(unknown).toMatchObject({ code: '28P01' })
        expect(unknown.message).toBe(wrong.message.replace('owner', user))
      }
    })

    test('an unknown database and replication', async () => {
      const { port } = await open()
      const unknown = await failure(client(port, { database: 'nowhere' }).connect())
      expect(unknown).toMatchObject({
        code: '3D000',
        message: 'database "nowhere" does not exist',
      })
      const replication = startup({ user: 'owner', database: 'shop', replication: 'true' })
      expect(await new RawClient(port).send(replication).sqlState()).toBe('0A000')
    })

    test('more sessions than the database or the port has room for, and has room again', async () => {
      for (const [sessionsMax, perDatabase] of [
        [1, 50],
        [50, 1],
      ]) {
        const resolve = async () => ({ ...target(), sessionsMax: perDatabase ?? 0 })
        const { port } = await open({ sessionsMax: sessionsMax ?? 0, resolve })
        const first = await connected(port)
        expect(counts.opened - counts.closed).toBe(1)
        const second = await failure(client(port).connect())
        expect(second).toMatchObject({ code: '53300' })
        await first.end()
        await until(() => counts.opened - counts.closed === 0)
        await connected(port)
      }
    })

    test('plain bytes that come with the request to encrypt', async () => {
      const { port } = await open()
      const injected = startup({ user: 'owner', database: 'shop' })
      expect(await new RawClient(port).send(SSL_REQUEST, injected).sqlState()).toBe('08P01')
    })

    test('packets that are none, politely', async () => {
      const { port } = await open()
      const huge = Buffer.from([0, 0, 0x27, 0x11, 0, 3, 0, 0])
      expect(await new RawClient(port).send(huge).sqlState()).toBe('08P01')
      expect(await new RawClient(port).send(startup({ user: 'owner' }, 2 << 16)).sqlState()).toBe(
        '0A000',
      )
    })

    test('a server that asks for no password, or for it in plain text', async () => {
      for (const kind of [0, 3]) {
        const path = await fakeServer((socket) =>
          socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, kind])),
        )
        const { port } = await open({ resolve: async () => target(path) })
        const raw = new RawClient(port).send(startup({ user: 'owner', database: 'shop' }))
        expect(await raw.sqlState()).toBe('28000')
      }
    })

    test('nobody without a word: a server that vanishes or is not there', async () => {
      const path = await fakeServer((socket) => socket.destroy())
      const hello = startup({ user: 'owner', database: 'shop' })
      const gone = await open({ resolve: async () => target(path) })
      expect(await new RawClient(gone.port).send(hello).sqlState()).toBe('57P01')
      const absent = await open({ resolve: async () => target('/nowhere.sock') })
      expect(await new RawClient(absent.port).send(hello).sqlState()).toBe('57P03')
    })
  })

  describe('in time ends', () => {
    test('half-open connections, and a database that does not come up', async () => {
      const { port } = await open({ startupTimeoutMs: 200, resolve: () => new Promise(() => {}) })
      expect(await new RawClient(port).sqlState()).toBeNull()
      const tlsOnly = new RawClient(port).send(SSL_REQUEST)
      await tlsOnly.ended
      const waking = new RawClient(port).send(startup({ user: 'owner', database: 'shop' }))
      expect(await waking.sqlState()).toBe('57P03')
    })

    test('sign-ins that are not gone on with', async () => {
      const { port } = await open({ startupTimeoutMs: 300 })
      await new RawClient(port).send(startup({ user: 'owner', database: 'shop' })).ended
      await until(() => counts.opened - counts.closed === 0)
    })

    test('idle sessions, with 57P05, and not those in which something moves', async () => {
      const { port } = await open({ idleTimeoutMs: 1200 })
      const [idle, busy] = [await connected(port), await connected(port)]
      const ended = failureOf(idle)
      let alive = true
      const working = (async () => {
        while (alive) {
          await busy.query('select 1')
          await new Promise((resolve) => setTimeout(resolve, 50))
        }
      })()
      expect(await ended).toMatchObject({ code: '57P05' })
      alive = false
      await working
    })

    test.each([{}, encrypted])(
      'all sessions when the gateway stops, with 57P01, %j',
      async (options) => {
        const { port, pgPort } = await open()
        const ended = failureOf(await connected(port, options))
        await pgPort.close()
        expect(await ended).toMatchObject({ code: '57P01' })
      },
    )

    test('a session without a word where a row would be damaged by one', async () => {
      const sign = signedIn()
      const path = await fakeServer((socket) => sign(socket, Buffer.from([0x44, 0, 0, 1, 0, 0, 1])))
      const { port, pgPort } = await open({ resolve: async () => target(path) })
      const raw = new RawClient(port).send(startup({ user: 'owner', database: 'shop' }))
      await until(() => raw.received.includes(READY) && raw.received.at(-1) === 1)
      await pgPort.close()
      expect(await raw.sqlState()).toBeNull()
    })
  })

  describe('cancels', () => {
    const sleep = (session: pg.Client) => failure(session.query('select pg_sleep(30)'))
    const isAsleep = async () =>
      (await server.sql("select 1 from pg_stat_activity where query = 'select pg_sleep(30)'"))
        .length > 0
    const keyOf = (session: pg.Client) =>
      session as unknown as { processID: number; secretKey: number }

    test('by a key of its own, which a wrong secret is not', async () => {
      const { port } = await open()
      const session = await connected(port)
      const { processID, secretKey } = keyOf(session)
      expect(processID >>> 20).toBe(7)
      const sleeping = sleep(session)
      await until(isAsleep)
      await new RawClient(port).send(cancelRequest(processID, secretKey ^ 1)).ended
      await new RawClient(port).send(cancelRequest(processID + 1, secretKey)).ended
      expect(await isAsleep()).toBe(true)
      await new RawClient(port).send(cancelRequest(processID, secretKey)).ended
      expect(await sleeping).toMatchObject({ code: '57014' })
    })

    test.skipIf(!hasPsql).each(['disable', 'require'])('Ctrl-C, sslmode=%s', async (sslmode) => {
      const { port } = await open()
      const child = spawn('psql', ['-X', conninfoOf(port, sslmode), '-c', 'select pg_sleep(30)'], {
        env: { PATH: process.env['PATH'], PGPASSWORD: PASSWORDS.owner },
      })
      let said = ''
      child.stderr.on('data', (chunk) => {
        said += chunk
      })
      const exited = new Promise((resolve) => child.once('exit', resolve))
      await until(isAsleep)
      child.kill('SIGINT')
      await exited
      expect(said).toContain('canceling statement due to user request')
    })

    test('through another gateway, and goes round in no circle', async () => {
      const home = await open()
      let strayed = 0
      const stray = createServer((socket) => {
        strayed += 1
        socket.destroy()
      })
      await new Promise<void>((resolve) => stray.listen(0, '127.0.0.1', resolve))
      closers.push(() => void stray.close())
      const strayPort = (stray.address() as { port: number }).port
      const peers = new Map([[7, { host: '127.0.0.1', port: home.port }]])
      const other = await open({ gatewayNumber: 8, peers })
      const session = await connected(home.port)
      const sleeping = sleep(session)
      await until(isAsleep)
      const { processID, secretKey } = keyOf(session)
      await new RawClient(other.port).send(cancelRequest(processID, secretKey)).ended
      expect(await sleeping).toMatchObject({ code: '57014' })
      // A gateway that is named by a number which is not its own, and knows another for it.
      const wrongPeers = new Map([[9, { host: '127.0.0.1', port: strayPort }]])
      const misnamed = await open({ gatewayNumber: 10, peers: wrongPeers })
      const misled = await open({
        gatewayNumber: 11,
        peers: new Map([[9, { host: '127.0.0.1', port: misnamed.port }]]),
      })
      await new RawClient(misled.port).send(cancelRequest(9 * 2 ** 20 + 1, 1)).ended
      expect(strayed).toBe(0)
    })
  })

  describe('passes on', () => {
    test.skipIf(!hasPsql).each(['disable', 'require'])(
      '100,000 rows of COPY in and out, byte for byte, sslmode=%s',
      async (sslmode) => {
        const { port } = await open()
        const lines = Array.from({ length: 100_000 }, (_, at) => `${at}\t${'ä'.repeat(at % 50)}\n`)
        const text = lines.join('')
        await server.sql('drop table if exists copied; create table copied (a int, b text)')
        await server.sql('alter table copied owner to owner')
        const copied = (sql: string, input: string) =>
          piped(['-X', conninfoOf(port, sslmode), '-c', sql], input)
        await copied('copy copied from stdin', text)
        const out = await copied('copy (select * from copied order by a) to stdout', '')
        expect(out.equals(Buffer.from(text))).toBe(true)
      },
      60_000,
    )

    test.each([{}, encrypted])('no faster than a slow reader takes it, %j', async (options) => {
      const { port } = await open()
      const session = await connected(port, options)
      const { stream } = (session as unknown as { connection: { stream: Socket } }).connection
      stream.pause()
      // Not to be cut short by the client's own end.
      session.query("select repeat('x', 1000) from generate_series(1, 200000)").catch(() => {})
      const isHeld = async () =>
        (
          await server.sql(
            "select 1 from pg_stat_activity where wait_event = 'ClientWrite' and query like 'select repeat%'",
          )
        ).length > 0
      await until(isHeld)
      expect(process.memoryUsage().arrayBuffers).toBeLessThan(64 * 2 ** 20)
      stream.destroy()
    })

    test('notifications from one session to another', async () => {
      const { port } = await open()
      const [listener, speaker] = [await connected(port), await connected(port, encrypted)]
      const heard = new Promise((resolve) => listener.on('notification', resolve))
      await listener.query('listen news')
      await speaker.query("select pg_notify('news', 'hello')")
      expect(await heard).toMatchObject({ channel: 'news', payload: 'hello' })
    })

    test('requests that are sent ahead of their answers', async () => {
      const { port } = await open()
      const session = await connected(port)
      const asked = Array.from({ length: 500 }, (_, at) =>
        session.query({ text: 'select $1::int as n', values: [at], name: 'n' }),
      )
      const answers = await Promise.all(asked)
      expect(answers.map(({ rows }) => rows[0]?.n)).toEqual(asked.map((_, at) => at))
    })

    test('the end of each side to the other', async () => {
      const { port } = await open()
      const session = await connected(port)
      const { rows } = await session.query<{ pid: number }>('select pg_backend_pid() as pid')
      const ended = failureOf(session)
      await server.sql(`select pg_terminate_backend(${rows[0]?.pid})`)
      expect(await ended).toMatchObject({ code: '57P01' })
      await until(() => counts.opened - counts.closed === 0)
      const gone = await connected(port)
      const mark = 'select 41 + 1'
      await gone.query(mark)
      ;(gone as unknown as { connection: { stream: Socket } }).connection.stream.destroy()
      const isThere = async () =>
        (await server.sql(`select 1 from pg_stat_activity where query = '${mark}'`)).length > 0
      await until(async () => !(await isThere()))
    })
  })

  test('what is random neither breaks it nor keeps it waiting', async () => {
    const { port } = await open({ startupTimeoutMs: 150 })
    const like = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 60 }).map((body) => {
        const packet = Buffer.concat([Buffer.alloc(8), body])
        packet.writeUInt32BE(packet.length, 0)
        packet.writeUInt32BE(3 << 16, 4)
        return packet
      }),
      fc.constantFrom(SSL_REQUEST, GSS_REQUEST),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(like, { minLength: 1, maxLength: 3 }), async (packets) => {
        await new RawClient(port).send(...packets).ended
      }),
      { numRuns: 60 },
    )
    await connected((await open()).port)
  }, 60_000)

  test('half-open connections keep nobody out', async () => {
    const { port } = await open({ startupTimeoutMs: 60_000 })
    const silent = Array.from({ length: 250 }, () => new RawClient(port))
    closers.push(() => {
      for (const { socket } of silent) socket.destroy()
    })
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await connected(port)
  })
})

/** A server's side of signing in, without its secrets, and what it says once it is ready. */
function signedIn(): (socket: Socket, then: Buffer) => void {
  const authentication = (kind: number) => Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, kind])
  return (socket, then) => {
    socket.write(Buffer.concat([authentication(12), authentication(0), READY, then]))
  }
}
