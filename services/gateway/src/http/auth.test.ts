import { readFile, stat } from 'node:fs/promises'
import { allRoutes } from '@db-forge/contract'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ADMIN_TOKEN, openTestGateway, type TestGateway } from '../testing/test-gateway.ts'

let g: TestGateway
beforeAll(async () => {
  g = await openTestGateway()
})
afterAll(() => g.destroy())

const inject = (
  method: string,
  url: string,
  headers: Record<string, string> = {},
  payload?: object,
) =>
  g.gateway.app.inject({ method: method as 'GET', url, headers, ...(payload ? { payload } : {}) })
const example = (path: string) => path.replace(/\{(\w+)\}/g, 'x')

describe('who may call', () => {
  test.each(allRoutes.filter(({ scope }) => scope !== null))(
    '$method $path needs a token',
    async ({ method, path }) => {
      const none = await inject(method, example(path))
      expect([none.statusCode, none.json().code]).toEqual([401, 'auth.required'])
      expect(none.headers['www-authenticate']).toBe('Bearer')
      const wrong = await inject(method, example(path), { authorization: 'Bearer wrong' })
      expect([wrong.statusCode, wrong.json().code]).toEqual([401, 'auth.invalid'])
    },
  )

  test('metrics need it too, health and documentation do not', async () => {
    expect((await inject('GET', '/metrics')).statusCode).toBe(401)
    for (const path of ['/health', '/health/live', '/health/ready', '/openapi.json', '/docs/'])
      expect((await inject('GET', path)).statusCode).toBe(200)
  })

  test('the token may come in either header', async () => {
    expect((await inject('GET', '/admin/databases', { 'x-api-key': ADMIN_TOKEN })).statusCode).toBe(
      200,
    )
    expect(
      (await inject('GET', '/admin/databases', { authorization: `bearer ${ADMIN_TOKEN}` }))
        .statusCode,
    ).toBe(200)
  })
})

describe('sessions of the dashboard', () => {
  const signIn = (headers: Record<string, string> = {}) =>
    inject(
      'POST',
      '/admin/session',
      { 'content-type': 'application/json', ...headers },
      { token: ADMIN_TOKEN },
    )

  test('signing in sets a cookie that no script and no other site can use', async () => {
    const answer = await signIn()
    expect(answer.statusCode).toBe(201)
    expect(answer.cookies[0]).toMatchObject({
      name: 'dbforge_session',
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
    })
    const cookie = `dbforge_session=${answer.cookies[0]?.value}`
    expect((await inject('GET', '/admin/session', { cookie })).json()).toMatchObject({
      role: 'admin',
    })
    expect((await inject('DELETE', '/admin/session', { cookie })).statusCode).toBe(204)
    expect((await inject('GET', '/admin/session', { cookie })).statusCode).toBe(401)
  })

  test('a wrong token opens none', async () => {
    const answer = await inject(
      'POST',
      '/admin/session',
      { 'content-type': 'application/json' },
      { token: 'nope' },
    )
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'auth.invalid'])
    expect(answer.cookies).toEqual([])
  })

  test('another origin can do nothing with a cookie, nor sign in', async () => {
    const cookie = `dbforge_session=${(await signIn()).cookies[0]?.value}`
    for (const headers of [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { origin: 'null' },
    ]) {
      const spawned = await inject('POST', '/admin/databases/spawn/evil', {
        cookie,
        ...headers,
      } as Record<string, string>)
      expect([spawned.statusCode, spawned.json().code]).toEqual([403, 'auth.origin'])
      expect((await signIn(headers as Record<string, string>)).statusCode).toBe(403)
    }
    expect(
      (
        await inject('GET', '/admin/databases', {
          cookie,
          origin: 'http://localhost:80',
          host: 'localhost:80',
        })
      ).statusCode,
    ).toBe(200)
  })
})

describe('secrets', () => {
  const CANARY = 'canary-7f3a9c'

  test('no token, parameter, row or key reaches the log, the metrics or an error', async () => {
    await g.call('POST', '/admin/databases/spawn/canary')
    const query = (body: object) => g.call<object>('POST', '/api/db/canary/query', body)
    await query({ sql: 'create table t (k text primary key, v text)' })
    await query({ sql: 'insert into t values (?, ?)', params: [CANARY, CANARY] })
    const answers = [
      await query({ sql: 'insert into t values (?, ?)', params: [CANARY, CANARY] }),
      await query({ sql: 'select ?', params: [CANARY, CANARY] }),
      await g.call('GET', `/api/db/canary/tables/t/rows?v=${CANARY}&nope=1`),
      await g.call('GET', `/api/db/canary/tables/t/rows/${CANARY}`),
    ]
    await inject('GET', `/admin/databases?token=${CANARY}`, {
      authorization: `Bearer ${CANARY}`,
      cookie: `dbforge_session=${CANARY}`,
    })
    expect(answers.map(({ status }) => status)).toEqual([409, 400, 400, 200])
    expect(JSON.stringify(answers.slice(0, 3).map(({ body }) => body))).not.toContain(CANARY)
    const metrics = await g.call<string>('GET', '/metrics')
    const worker = await g.call<string>('GET', '/admin/databases/canary/logs?tail=1000')
    for (const text of [g.log(), metrics.body, worker.body]) {
      expect(text).not.toContain(CANARY)
      expect(text).not.toContain(ADMIN_TOKEN)
    }
    expect(g.log()).toContain('/api/db/:name/tables/:table/rows/:key')
  })

  test('a token that is made is kept as a hash, and in a file for its owner alone', async () => {
    const made = await openTestGateway({ DBFORGE_ADMIN_TOKEN: '' })
    try {
      const token = made.gateway.newToken ?? ''
      expect(token).toMatch(/^dbf_[\w-]{43}$/)
      expect((await readFile(made.gateway.tokenPath, 'utf8')).trim()).toBe(token)
      expect((await stat(made.gateway.tokenPath)).mode & 0o777).toBe(0o600)
      const store = await readFile(made.config.storeUrl.slice('sqlite:'.length), 'latin1')
      const wal = await readFile(
        `${made.config.storeUrl.slice('sqlite:'.length)}-wal`,
        'latin1',
      ).catch(() => '')
      expect(store + wal).not.toContain(token)
      const again = await made.reopen()
      expect(again.gateway.newToken).toBeNull()
      expect(
        (
          await again.call('GET', '/admin/databases', undefined, {
            authorization: `Bearer ${token}`,
          })
        ).status,
      ).toBe(200)
      await again.gateway.close()
    } finally {
      await made.gateway.close().catch(() => {})
    }
  })
})

describe('what the server says of itself', () => {
  test('every route of the contract is in OpenAPI, with its codes', async () => {
    const document = (await inject('GET', '/openapi.json')).json()
    expect(document.openapi).toBe('3.1.0')
    for (const route of allRoutes) {
      const operation = document.paths[route.path]?.[route.method.toLowerCase()]
      expect(operation, `${route.method} ${route.path}`).toMatchObject({
        operationId: route.id,
        summary: route.summary,
      })
    }
    const text = JSON.stringify(document)
    expect(document.components.schemas).toHaveProperty('Problem')
    expect(text).toContain('`database.conflict`')
    expect(text).not.toContain('"nullable":true')
  })

  test('metrics count requests by route and queries by outcome', async () => {
    const { body } = await g.call<string>('GET', '/metrics')
    expect(body).toMatch(
      /http_server_request_duration_seconds_count\{method="POST",route="\/api\/db\/:name\/query",status="409"\} 1/,
    )
    expect(body).toMatch(
      /db_client_operation_duration_seconds_count\{engine="sqlite",outcome="sql.constraint"\} 1/,
    )
    expect(body).toMatch(/dbforge_databases\{state="running"\} 1/)
    expect(body).toMatch(/dbforge_spawn_duration_seconds_count\{engine="sqlite",outcome="ok"\} 1/)
    expect(body).toContain('nodejs_eventloop_lag_p99_seconds')
  })

  test('health names its components', async () => {
    const { body } = await g.call('GET', '/health')
    expect(body).toMatchObject({
      status: 'healthy',
      checks: { store: { status: 'ok' }, runtime: { status: 'ok' }, disk: {} },
    })
  })
})
