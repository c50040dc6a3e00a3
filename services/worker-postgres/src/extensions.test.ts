import { describe, expect, type TestContext, test } from 'vitest'
import { failure } from './testing/failure.ts'
import { sharedWorker } from './testing/shared-worker.ts'
import { unavailable } from './testing/worker-process.ts'

describe.skipIf(unavailable())('extensions', () => {
  const db = sharedWorker()

  async function needs(name: string, { skip }: TestContext): Promise<void> {
    const there = await db.value('select count(*) from pg_available_extensions where name = $1', [
      name,
    ])
    skip(there === 0, `this PostgreSQL comes without ${name}`)
  }

  const use = (name: string) => `create extension "${name}"`

  test.for([
    ['pg_trgm', "similarity('word', 'word')", 1],
    ['hstore', "('a=>1, b=>NULL'::hstore)::text", '"a"=>"1", "b"=>NULL'],
    ['pgcrypto', "encode(digest('abc', 'sha256'), 'hex')", expect.stringMatching(/^ba7816bf/)],
    ['uuid-ossp', "uuid_generate_v3(uuid_ns_dns(), 'a')", expect.stringMatching(/^[\da-f-]{36}$/)],
    ['citext', "'A'::citext = 'a'::citext", true],
    ['unaccent', "unaccent('Hôtel')", 'Hotel'],
    ['btree_gin', "'x'", 'x'],
    ['fuzzystrmatch', "levenshtein('a', 'b')", 1],
  ] as const)('%s can be had, used by the reader too, and thrown away', async (row, context) => {
    const [name, expression, value] = row
    await needs(name, context)
    await db.link.query(use(name))
    expect(await db.value(`select ${expression}`)).toEqual(value)
    expect(await db.value(`select ${expression}`, [], { readOnly: true })).toEqual(value)
    await db.link.query(`drop extension "${name}" cascade`)
  })

  test('their types are columns like any other', async (context) => {
    await needs('hstore', context)
    await needs('citext', context)
    for (const name of ['hstore', 'citext']) await db.link.query(use(name))
    await db.link.query('create table typed (h hstore, c citext unique)')
    const { columns, rows } = await db.link.query(
      'insert into typed values ($1, $2) returning *',
      ['"a"=>"1"', 'Äb'],
      { rowFormat: 'array' },
    )
    expect(columns.map(({ declared, type }) => [declared, type])).toEqual([
      ['hstore', 'text'],
      ['citext', 'text'],
    ])
    expect(rows).toEqual([['"a"=>"1"', 'Äb']])
    expect((await failure(db.link.query("insert into typed (c) values ('ÄB')"))).code).toBe(
      'sql.constraint',
    )
  })

  test('what is not trusted is refused, all of it', async () => {
    const { rows } = await db.link.query(
      `select distinct name from pg_available_extension_versions v where superuser and not trusted
       and not exists (select from pg_extension e where e.extname = v.name)`,
    )
    for (const { name } of rows as { name: string }[]) {
      const { code } = await failure(db.link.query(use(name)))
      // Some lack another extension before their own rights are looked at.
      expect([name, code]).toEqual([name, expect.stringMatching(/^sql\.(denied|error)$/)])
    }
    const there = `select string_agg(extname, ', ') from pg_extension where extname in (${rows
      .map((row) => `'${(row as { name: string }).name}'`)
      .join()})`
    expect(await db.value(there)).toBe(null)
  })

  test('a reader has none', async (context) => {
    await needs('pg_trgm', context)
    const readOnly = { readOnly: true }
    const { code } = await failure(db.link.query(use('pg_trgm'), [], readOnly))
    expect(code).toBe('sql.denied')
  })
})
