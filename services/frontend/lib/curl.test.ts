import { execFileSync } from 'node:child_process'
import { api } from '@db-forge/contract'
import { expect, it } from 'vitest'
import { curlOf } from './curl'

it('writes a call that a shell can run', () => {
  expect(
    curlOf('http://localhost:8080', api.queries.query, {
      params: { name: 'shop' },
      body: { sql: 'select 1' },
    }),
  ).toBe(
    [
      'curl -X POST http://localhost:8080/api/db/shop/query \\',
      '  -H "Authorization: Bearer $DBFORGE_TOKEN" \\',
      "  -H 'Content-Type: application/json' \\",
      `  -d '{"sql":"select 1"}'`,
    ].join('\n'),
  )
})

it('leaves out what a GET does not need, and quotes a query', () => {
  expect(
    curlOf('http://h', api.databases.logs, {
      params: { name: 'shop' },
      query: { tail: 10, follow: true },
    }),
  ).toBe(
    `curl 'http://h/admin/databases/shop/logs?tail=10&follow=true' \\\n  -H "Authorization: Bearer $DBFORGE_TOKEN"`,
  )
})

it('hands over any SQL as it is', () => {
  const body = { sql: `select 'it''s', "a b", '$HOME', \`x\`\n, '\\'` }
  const command = curlOf('http://h', api.queries.query, { params: { name: 'shop' }, body })
  const args = execFileSync(
    'sh',
    ['-c', `curl() { for a; do printf '%s\\0' "$a"; done; }; ${command}`],
    {
      encoding: 'utf8',
    },
  ).split('\0')
  expect(JSON.parse(args[args.indexOf('-d') + 1] ?? '')).toEqual(body)
})
