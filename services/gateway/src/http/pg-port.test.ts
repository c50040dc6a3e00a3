import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { Credentials, Database } from '@db-forge/contract'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { PgPort } from '../pg-port/pg-port.ts'
import type { OpenPort } from '../pg-port/session-port.ts'
import { cancelPacket, startupPacket } from '../pg-port/startup.ts'
import { engineSuite } from '../testing/engine-suites.ts'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const GSS_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 48])
const START = startupPacket(
  3 << 16,
  new Map([
    ['user', 'owner'],
    ['database', 'shop'],
  ]),
)

engineSuite('postgres', 'the port for clients', () => {
  let g: TestGateway
  let port: OpenPort
  const passwords = new Map<string, string>()

  beforeAll(async () => {
    g = await openTestGateway({ DBFORGE_PG_PORT: '0', DBFORGE_PG_IDLE_TIMEOUT_MS: '2000' })
    port = (await g.gateway.listenForSessions()) as OpenPort
    await spawn('shop')
  })
  afterAll(() => g?.destroy())

  async function spawn(name: string, options: object = {}): Promise<void> {
    const { body, status } = await g.call<Database & { credentials: Credentials }>(
      'POST',
      `/admin/databases/spawn/${name}`,
      { engine: 'postgres', ...options },
    )
    expect(status).toBe(201)
    passwords.set(name, body.credentials.password)
  }

  function client(database: string, options: pg.ClientConfig = {}): pg.Client {
    const made = new pg.Client({
      host: port.host,
      port: port.port,
      user: 'owner',
      password: passwords.get(database) ?? 'none',
      database,
      ...options,
    })
    made.on('error', () => {})
    onTestFinished(() => made.end().catch(() => {}))
    return made
  }

  async function signedIn(database: string, options: pg.ClientConfig = {}): Promise<pg.Client> {
    const made = client(database, options)
    await made.connect()
    return made
  }

  /** The SQLSTATE and text that signing in fails with. */
  async function refusal(database: string, options: pg.ClientConfig = {}) {
    const error = await client(database, options)
      .connect()
      .then(
        () => null,
        (failure: pg.DatabaseError) => failure,
      )
    return { code: error?.code, message: error?.message }
  }

  function raw(): Socket {
    const socket = connect(port.port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    return socket
  }

  /** The first bytes of an answer. */
  async function answer(socket: Socket, sent: Buffer): Promise<Buffer> {
    socket.write(sent)
    const [bytes] = await once(socket, 'data', { signal: AbortSignal.timeout(5000) })
    return bytes
  }

  const keyOf = (of: pg.Client) => of as unknown as { processID: number; secretKey: number }

  function cancelRequest(of: pg.Client): Buffer {
    const { processID, secretKey } = keyOf(of)
    const secret = Buffer.alloc(4)
    secret.writeInt32BE(secretKey)
    return cancelPacket(processID, secret)
  }

  test('refuses as PostgreSQL does', async () => {
    await g.call('POST', '/admin/databases/spawn/lite')
    await spawn('halted')
    await g.call('POST', '/admin/databases/halted/stop')
    expect(await refusal('nowhere')).toEqual({
      code: '3D000',
      message: 'database "nowhere" does not exist',
    })
    expect(await refusal('lite')).toMatchObject({ code: '0A000' })
    expect(await refusal('halted')).toMatchObject({ code: '57P03' })
    for (const user of ['dbforge', 'owner_session', 'postgres'])
      expect(await refusal('shop', { user })).toEqual({
        code: '28P01',
        message: `password authentication failed for user "${user}"`,
      })
    expect(await refusal('shop', { password: 'wrong' })).toEqual({
      code: '28P01',
      message: 'password authentication failed for user "owner"',
    })
    expect(await refusal('shop', { replication: 'database' } as object)).toMatchObject({
      code: '0A000',
    })
  })

  test('finds a database without regard to case, under the name that it has', async () => {
    const session = client('SHOP', { password: passwords.get('shop') ?? '' })
    await session.connect()
    const { rows } = await session.query('select current_database() as name')
    expect(rows).toEqual([{ name: 'shop' }])
  })

  test('wakes a database whose worker has died', async () => {
    process.kill(await g.workerPid('shop'), 'SIGKILL')
    // Its server ends with it, and may take somebody until then.
    await sleep(200)
    const session = await signedIn('shop')
    expect((await session.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('bounds the sessions of a database, and takes others once some have ended', async () => {
    await spawn('small', { memoryMb: 128 })
    const sessions = await Promise.all(Array.from({ length: 16 }, () => signedIn('small')))
    expect(await refusal('small')).toMatchObject({ code: '53300' })
    expect((await signedIn('shop')).query('select 1')).resolves.toBeDefined()
    await sessions[0]?.end()
    await expect.poll(() => refusal('small')).toEqual({ code: undefined, message: undefined })
  })

  test('carries a request to cancel to the right server, and one with a wrong secret nowhere', async () => {
    const session = await signedIn('shop')
    const sleeping = session.query('select pg_sleep(30)')
    const wrong = cancelRequest(session)
    wrong.writeUInt8(wrong.readUInt8(wrong.length - 1) ^ 1, wrong.length - 1)
    await sleep(200)
    const guess = raw()
    guess.end(wrong)
    await once(guess.resume(), 'close')
    await sleep(200)
    const request = raw()
    request.end(cancelRequest(session))
    await once(request.resume(), 'close')
    await expect(sleeping).rejects.toMatchObject({ code: '57014' })
    expect((await session.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  test('carries it there also when it reaches another gateway', async () => {
    const other = new PgPort({
      host: '127.0.0.1',
      port: 0,
      tls: null,
      resolve: () => Promise.reject(new Error('nobody asks')),
      gatewayNumber: 5,
      peers: new Map([[0, { host: '127.0.0.1', port: port.port }]]),
      sessionsMax: 10,
      startupTimeoutMs: 5000,
      idleTimeoutMs: 0,
      telemetry: { opened() {}, closed() {}, refused() {} },
    })
    const otherPort = await other.listen()
    onTestFinished(() => other.close())
    const session = await signedIn('shop')
    const sleeping = session.query('select pg_sleep(30)')
    await sleep(200)
    const request = connect(otherPort, '127.0.0.1')
    request.end(cancelRequest(session))
    await once(request.resume(), 'close')
    await expect(sleeping).rejects.toMatchObject({ code: '57014' })
  })

  test('ends what is not signed in in time', async () => {
    const impatient = new PgPort({
      host: '127.0.0.1',
      port: 0,
      tls: null,
      resolve: () => new Promise(() => {}),
      gatewayNumber: 0,
      peers: new Map(),
      sessionsMax: 10,
      startupTimeoutMs: 300,
      idleTimeoutMs: 0,
      telemetry: { opened() {}, closed() {}, refused() {} },
    })
    const impatientPort = await impatient.listen()
    onTestFinished(() => impatient.close())
    for (const bytes of [Buffer.alloc(0), START.subarray(0, 6), START]) {
      const socket = connect(impatientPort, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(bytes)
      await once(socket.resume(), 'close', { signal: AbortSignal.timeout(5000) })
    }
  })

  test('ends what has said nothing for long, with a reason, and nothing that is at work', async () => {
    const idle = await signedIn('shop')
    const busy = await signedIn('shop')
    const ended = new Promise<pg.DatabaseError>((resolve) =>
      idle.once('error', (error) => resolve(error as pg.DatabaseError)),
    )
    const chatter = setInterval(() => void busy.query('select 1').catch(() => {}), 300)
    onTestFinished(() => clearInterval(chatter))
    expect(await ended).toMatchObject({ code: '57P05' })
    expect((await busy.query('select 2 as two')).rows).toEqual([{ two: 2 }])
  })

  test('holds no more of an answer than a client takes', async () => {
    const session = await signedIn('shop')
    const { stream } = (session as unknown as { connection: { stream: Socket } }).connection
    const held = () => process.memoryUsage().arrayBuffers
    let rows = 0
    const query = new pg.Query('select repeat($1, 1000) from generate_series(1, 200000)', ['x'])
    query.on('row', () => {
      rows += 1
    })
    const over = new Promise((resolve, reject) => {
      query.on('end', resolve)
      query.on('error', reject)
    })
    const before = held()
    session.query(query)
    await once(stream, 'data')
    stream.pause()
    await sleep(1500)
    expect(held() - before).toBeLessThan(32 * 2 ** 20)
    stream.resume()
    await over
    expect(rows).toBe(200_000)
  })

  test('declines what it has not: Kerberos; and takes the client without it', async () => {
    const socket = raw()
    expect((await answer(socket, GSS_REQUEST)).toString()).toBe('N')
    expect((await answer(socket, START)).toString('latin1', 0, 1)).toBe('R')
  })

  test('takes no byte in plain for what was to come encrypted', async () => {
    const socket = raw()
    const said = await answer(socket, Buffer.concat([SSL_REQUEST, START]))
    expect(said.toString()).toContain('08P01')
  })

  test('encrypts from the first byte where the client names the protocol', async () => {
    const open = (ALPNProtocols: string[]) =>
      connectTls({ host: '127.0.0.1', port: port.port, rejectUnauthorized: false, ALPNProtocols })
    const direct = open(['postgresql'])
    onTestFinished(() => void direct.destroy())
    await once(direct, 'secureConnect')
    expect((await answer(direct, START)).toString('latin1', 0, 1)).toBe('R')
    const nameless = open([])
    nameless.on('error', () => {})
    const [said] = await once(nameless, 'data', { signal: AbortSignal.timeout(5000) })
    expect(said.toString()).toContain('08P01')
  })

  test.each([
    ['a sleep', 'select pg_sleep(30)'],
    [
      'a loop that traps its cancellation',
      'do $$ begin loop begin perform pg_sleep(30); exception when query_canceled then null; end; end loop; end $$',
    ],
    ['one that has lifted its own limit', 'set statement_timeout = 0; select pg_sleep(30)'],
  ])('a limit for sessions ends %s', async (_, sql) => {
    await g.call('PATCH', '/admin/databases/shop', { sessionQueryTimeoutMs: 500 })
    onTestFinished(async () => {
      await g.call('PATCH', '/admin/databases/shop', { sessionQueryTimeoutMs: 0 })
    })
    const session = await signedIn('shop')
    const startedAt = performance.now()
    await expect(session.query(sql)).rejects.toMatchObject({
      code: expect.stringMatching(/57014|57P01/),
    })
    // The limit and 1.5 s, and what a busy machine may add.
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })

  test('passwords and statements are in no log', async () => {
    const session = await signedIn('shop')
    await session.query("select 'a-word-in-a-statement'")
    for (const secret of [...passwords.values(), 'a-word-in-a-statement', 'SCRAM-SHA-256'])
      expect(g.log()).not.toContain(secret)
    const { body } = await g.call<string>('GET', '/admin/databases/shop/logs?tail=10000')
    for (const secret of [...passwords.values(), 'a-word-in-a-statement', 'SCRAM-SHA-256'])
      expect(body).not.toContain(secret)
  })

  test('tells its clients when the gateway stops', async () => {
    const another = await openTestGateway({ DBFORGE_PG_PORT: '0' })
    const open = (await another.gateway.listenForSessions()) as OpenPort
    const { body } = await another.call<{ credentials: Credentials }>(
      'POST',
      '/admin/databases/spawn/shop',
      { engine: 'postgres' },
    )
    const session = new pg.Client({
      host: open.host,
      port: open.port,
      user: 'owner',
      database: 'shop',
      password: body.credentials.password,
    })
    await session.connect()
    const ended = new Promise<pg.DatabaseError>((resolve) =>
      session.on('error', (error) => resolve(error as pg.DatabaseError)),
    )
    await another.destroy()
    expect(await ended).toMatchObject({ code: '57P01' })
  })

  test('a client wakes a database that sleeps, and keeps it awake while it is at work', async () => {
    await spawn('dozy', { sleepAfterMs: 1000 })
    const state = async () => (await g.call<Database>('GET', '/admin/databases/dozy')).body.state
    const first = await signedIn('dozy')
    await first.query('create table t as select 1 as x')
    // Longer than it takes to fall asleep, and nothing is sent meanwhile.
    await first.query('select pg_sleep(2.5)')
    expect(await state()).toBe('running')
    await expect.poll(state, { timeout: 10_000 }).toBe('asleep')
    const second = await signedIn('dozy')
    expect((await second.query('select x from t')).rows).toEqual([{ x: 1 }])
    expect(await state()).toBe('running')
  })
})
