import type { Credentials, Database, PatchedDatabase } from '@db-forge/contract'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { OpenPort } from '../pg-port/session-port.ts'
import { engineSuite, engineSuites } from '../testing/engine-suites.ts'
import { openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

let g: TestGateway
let port: OpenPort
beforeAll(async () => {
  g = await openTestGateway({ DBFORGE_PG_PORT: '0' })
  port = (await g.gateway.listenForSessions()) as OpenPort
})
afterAll(() => g.destroy())

const spawn = async (name: string, body: object) => {
  const answer = await g.call<Database & { credentials?: Credentials }>(
    'POST',
    `/admin/databases/spawn/${name}`,
    body,
  )
  expect(answer.status).toBe(201)
  return answer.body
}
const patch = async (name: string, body: object) => {
  const answer = await g.call<PatchedDatabase>('PATCH', `/admin/databases/${name}`, body)
  expect(answer.status).toBe(200)
  return answer.body
}
const sql = async (name: string, text: string) => {
  const { status, body } = await g.call<{ code?: string }>('POST', `/api/db/${name}/query`, {
    sql: text,
  })
  return status === 200 ? 'ok' : body.code
}

engineSuites('limits of a database', (engine) => {
  const name = `limits-${engine}`

  test('all but the memory change while it runs, and the answer says which did how', async () => {
    await spawn(name, { engine })
    const pid = await g.workerPid(name)
    const live = {
      cpus: 0.5,
      maxSizeMb: 77,
      queryTimeoutMs: 1000,
      sessionQueryTimeoutMs: 2000,
      sleepAfterMs: 0,
      connectionsMax: 3,
      pidsMax: 200,
    }
    const changed = await patch(name, live)
    expect(changed).toMatchObject({ state: 'running', limits: live })
    expect(changed.applied.restart).toEqual([])
    expect([...changed.applied.live].sort()).toEqual(Object.keys(live).sort())
    expect(await g.workerPid(name)).toBe(pid)
    expect((await patch(name, { maxSizeMb: 77 })).applied).toEqual({ live: [], restart: [] })
    const both = await patch(name, { memoryMb: 300, connectionsMax: null })
    expect(both.applied).toEqual({ live: ['connectionsMax'], restart: ['memoryMb'] })
    expect(await g.workerPid(name)).not.toBe(pid)
    await g.call('POST', `/admin/databases/${name}/stop`)
    const stopped = await patch(name, { memoryMb: 200 })
    expect(stopped.applied).toEqual({ live: ['memoryMb'], restart: [] })
  })

  test('a database that is full writes again at once when it may be larger', async () => {
    const full = `full-${engine}`
    await spawn(full, { engine, maxSizeMb: 2 })
    const value = engine === 'sqlite' ? 'randomblob(500000)' : 'repeat(md5(random()::text), 30000)'
    await sql(full, 'create table t (v text)')
    if (engine === 'postgres') await sql(full, 'alter table t alter v set storage external')
    const fill = async () => {
      for (let nth = 0; nth < 300; nth += 1) {
        const code = await sql(full, `insert into t values (${value})`)
        if (code !== 'ok') return code
      }
      return 'ok'
    }
    expect(await fill()).toBe('quota.exceeded')
    await patch(full, { maxSizeMb: 1000 })
    await expect.poll(() => sql(full, 'insert into t values (1)'), { timeout: 10_000 }).toBe('ok')
    await patch(full, { maxSizeMb: 1 })
    expect(await sql(full, 'insert into t values (1)')).toBe('quota.exceeded')
    expect(await sql(full, 'select count(*) from t')).toBe('ok')
    expect(await sql(full, 'drop table t')).toBe('ok')
  })
})

engineSuite('postgres', 'the number of sessions', () => {
  test('is held to what it is set to, from the next one on, and never above what the memory allows', async () => {
    const { credentials } = await spawn('few', { engine: 'postgres', connectionsMax: 2 })
    const connect = async () => {
      const { host, port: number } = port
      const client = new pg.Client({
        host,
        port: number,
        user: 'owner',
        password: credentials?.password ?? '',
        database: 'few',
      })
      client.on('error', () => {})
      onTestFinished(() => client.end().catch(() => {}))
      return client.connect().then(
        () => 'ok',
        (error: { code?: string }) => error.code,
      )
    }
    expect([await connect(), await connect(), await connect()]).toEqual(['ok', 'ok', '53300'])
    await patch('few', { connectionsMax: 1000 })
    const outcomes = []
    for (let nth = 0; nth < 40; nth += 1) outcomes.push(await connect())
    expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(30)
  })
})
