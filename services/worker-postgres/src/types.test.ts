import { describe, expect, test } from 'vitest'
import { failure } from './testing/failure.ts'
import { sharedWorker } from './testing/shared-worker.ts'
import { unavailable } from './testing/worker-process.ts'

const DIGITS = `${'1234567890'.repeat(6)}.${'0987654321'.repeat(4)}`

describe.skipIf(unavailable())('types', () => {
  const db = sharedWorker()

  test.each([
    ['int8', "'9007199254740993'::int8", '9007199254740993', 'integer'],
    ['negative int8', "'-9223372036854775808'::int8", '-9223372036854775808', 'integer'],
    ['largest exact int8', "'9007199254740991'::int8", 9007199254740991, 'integer'],
    [
      'numeric',
      '1234567890123456789.100000000000000001',
      '1234567890123456789.100000000000000001',
      'numeric',
    ],
    ['numeric NaN', "'NaN'::numeric", 'NaN', 'numeric'],
    ['float8', '0.1::float8 + 0.2::float8', 0.30000000000000004, 'real'],
    ['float8 infinity', "'-Infinity'::float8", { $real: '-Infinity' }, 'real'],
    ['float8 NaN', "'NaN'::float8", { $real: 'NaN' }, 'real'],
    ['large float8', "'1e300'::float8", 1e300, 'real'],
    ['float4', '0.1::float4', 0.1, 'real'],
    ['boolean', 'true', true, 'boolean'],
    ['bytea', String.raw`'\x00ff10'::bytea`, 'AP8Q', 'blob'],
    ['empty bytea', "''::bytea", '', 'blob'],
    [
      'timestamptz',
      "'2026-01-02 03:04:05.678901+00'::timestamptz",
      '2026-01-02 03:04:05.678901+00',
      'text',
    ],
    ['timestamp infinity', "'infinity'::timestamp", 'infinity', 'text'],
    ['date BC', "'0044-03-15 BC'::date", '0044-03-15 BC', 'text'],
    [
      'interval',
      "'1 year 2 days 03:04:05.000006'::interval",
      '1 year 2 days 03:04:05.000006',
      'text',
    ],
    ['json', `'{"a":1.10, "a":2}'::json`, '{"a":1.10, "a":2}', 'json'],
    [
      'jsonb digits',
      `'{"n":1234567890.12345678901234567890}'::jsonb`,
      '{"n": 1234567890.12345678901234567890}',
      'json',
    ],
    ['array', "array['a', null, 'b\"c']", String.raw`{a,NULL,"b\"c"}`, 'text'],
    ['range', "'[1,5)'::int4range", '[1,5)', 'text'],
    ['composite', "row(1, 'a b', null)", '(1,"a b",)', 'text'],
    [
      'uuid',
      "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
      'text',
    ],
    ['control characters', String.raw`E'\x01\x1f\t\u2028'`, '\u0001\u001f\t\u2028', 'text'],
  ])('%s comes without loss', async (_, expression, expected, type) => {
    const { rows, columns } = await db.link.query(`select ${expression}`, [], {
      rowFormat: 'array',
    })
    expect(rows[0]).toEqual([expected])
    expect(columns[0]?.type).toBe(type)
  })

  test.each([
    ['int8', '9223372036854775807', '9223372036854775807'],
    ['int8', '-9223372036854775808', '-9223372036854775808'],
    ['numeric', DIGITS, DIGITS],
    ['numeric', `-${DIGITS}`, `-${DIGITS}`],
    ['numeric', 'NaN', 'NaN'],
    ['numeric', '-Infinity', '-Infinity'],
    ['timestamptz', '2026-01-02 03:04:05.678901+05:30', '2026-01-01 21:34:05.678901+00'],
    ['timestamptz', '-infinity', '-infinity'],
    ['timestamp', '0044-03-15 12:00:00.000001 BC', '0044-03-15 12:00:00.000001 BC'],
    ['date', 'infinity', 'infinity'],
    ['date', '5874897-12-31', '5874897-12-31'],
    ['time', '24:00:00', '24:00:00'],
    ['timetz', '03:04:05.000001+14:59', '03:04:05.000001+14:59'],
    ['interval', '-178000000 years', '-178000000 years'],
    ['jsonb', `{"n": ${DIGITS}}`, `{"n": ${DIGITS}}`],
    ['jsonb', '9223372036854775808', '9223372036854775808'],
    ['text[]', '{"a,b","c\\"d",NULL,"NULL",""}', '{"a,b","c\\"d",NULL,"NULL",""}'],
    ['int[][]', '{{1,NULL},{NULL,4}}', '{{1,NULL},{NULL,4}}'],
    ['int[]', '[-1:1]={1,2,3}', '[-1:1]={1,2,3}'],
    ['bytea[]', String.raw`{"\\x00ff",NULL}`, String.raw`{"\\x00ff",NULL}`],
    ['numrange', '(-1.5,]', '(-1.5,)'],
    ['tstzrange', 'empty', 'empty'],
    ['int4multirange', '{[1,3),[5,7)}', '{[1,3),[5,7)}'],
    ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ['inet', '2001:db8::1/64', '2001:db8::1/64'],
    ['cidr', '10.0.0.0/8', '10.0.0.0/8'],
    ['macaddr', '08:00:2b:01:02:03', '08:00:2b:01:02:03'],
    ['money', '-12345678901234.56', '-$12,345,678,901,234.56'],
    ['bit(5)', '10101', '10101'],
    ['varbit', '', ''],
    ['xml', '<a b="ä">1</a>', '<a b="ä">1</a>'],
    ['tsvector', "'a':1A 'it''s':2", "'a':1A 'it''s':2"],
    ['tsquery', "'a' & !'b'", "'a' & !'b'"],
    ['point', '(1e-300,2)', '(1e-300,2)'],
    ['box', '(3,4),(1,2)', '(3,4),(1,2)'],
    ['pg_lsn', '16/B374D848', '16/B374D848'],
    ['"char"', '\u0001', '\u0001'],
    ['char(4)', 'ab', 'ab  '],
  ])('%s: %j goes in as a parameter and comes out of a table', async (type, given, expected) => {
    const { results } = await db.link.batch(
      [
        { sql: 'drop table if exists one' },
        { sql: `create table one (v ${type})` },
        { sql: 'insert into one values ($1)', params: [given] },
        { sql: 'select v from one' },
      ],
      { rowFormat: 'array' },
    )
    expect(results[3]?.rows).toEqual([[expected]])
    // What came out goes in again as the same value.
    const same = await db.link.query(`select v::text = $1::${type}::text as same from one`, [
      expected,
    ])
    expect(same.rows).toEqual([{ same: true }])
  })

  test('types of the tenant’s own: enums, domains, composites and arrays of them', async () => {
    for (const sql of [
      "create type colour as enum ('red', 'it''s blue')",
      'create domain positive as int check (value > 0)',
      'create type spot as (at point, colour colour, note text)',
      'create table own (c colour, p positive, s spot, a spot[], d positive[])',
    ])
      await db.link.query(sql)
    const spot = String.raw`("(1,2)","it's blue","a ""quoted"", \\ text")`
    const many = `{"${spot.replaceAll(/["\\]/g, '\\$&')}",NULL}`
    const { rows, columns } = await db.link.query(
      'insert into own values ($1, $2, $3, $4, $5) returning *',
      ["it's blue", 7, spot, many, '{1,NULL}'],
      { rowFormat: 'array' },
    )
    expect(rows).toEqual([["it's blue", 7, spot, many, '{1,NULL}']])
    expect(columns.map(({ declared }) => declared)).toEqual([
      'colour',
      // The server describes a domain as what it is made of.
      'integer',
      'spot',
      'spot[]',
      'positive[]',
    ])
    const outside = await failure(db.link.query('insert into own (p) values ($1)', [0]))
    expect(outside).toMatchObject({ code: 'sql.constraint', sqlCode: '23514' })
    expect((await failure(db.link.query("select 'green'::colour"))).sqlCode).toBe('22P02')
  })

  test('columns that all bear one name, and rows without a column', async () => {
    const twice = await db.link.query('select 1 as a, 2 as a, 3 as a_2, 4 as "?column?", 5')
    expect(twice.rows).toEqual([{ a: 1, a_3: 2, a_2: 3, '?column?': 4, '?column?_2': 5 }])
    for (const rowFormat of ['object', 'array']) {
      const empty = rowFormat === 'object' ? {} : []
      const none = await db.link.query('select from generate_series(1, 2)', [], { rowFormat })
      expect(none).toMatchObject({ columns: [], rows: [empty, empty] })
    }
  })

  test('whatever is NULL is null', async () => {
    const types = ['int8', 'numeric', 'float8', 'bool', 'bytea', 'jsonb', 'text', 'int[]', 'date']
    const list = types.map((type) => `null::${type}`).join(', ')
    const { rows } = await db.link.query(`select ${list}`, [], { rowFormat: 'array' })
    expect(rows).toEqual([types.map(() => null)])
  })

  test('JSON null is not NULL, and empty is neither', async () => {
    const { rows } = await db.link.query("select 'null'::jsonb, ''::text, '{}'::int[]", [], {
      rowFormat: 'array',
    })
    expect(rows).toEqual([['null', '', '{}']])
  })
})
