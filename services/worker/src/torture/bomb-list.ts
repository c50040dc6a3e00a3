/** How a bomb ends: with one of these codes, with rows that are bounded (`ok`), or with the worker (`killed`). */
type Ending = string | readonly string[]

export interface Bomb {
  readonly name: string
  readonly sql: string
  readonly params?: readonly unknown[]
  /** Statements that run before, and that must work. */
  readonly before?: readonly string[]
  readonly ends: Ending
}

const ENDLESS = 'with recursive n(i) as (select 1 union all select i + 1 from n)'
const repeat = (text: string, times: number, by = '') => Array(times).fill(text).join(by)
const numbered = (times: number, of: (at: number) => string, by = ', ') =>
  Array.from({ length: times }, (_, at) => of(at)).join(by)

const timeout = 'query.timeout'
const error = 'sql.error'
const quota = 'quota.exceeded'
/** Whichever limit is met first depends on the disk's speed. */
const timeoutOrQuota = [timeout, quota]

/** `w` has 2,000 rows `(a integer primary key, b text)`. */
export const WORDS = [
  'create table w (a integer primary key, b text)',
  `insert into w ${ENDLESS} select i, hex(randomblob(20)) from n limit 2000`,
]

const endless: Bomb[] = [
  { name: 'endless count', sql: `${ENDLESS} select count(*) from n`, ends: timeout },
  { name: 'endless rows', sql: `${ENDLESS} select i from n`, ends: 'ok' },
  {
    name: 'endless rows, all of them filtered',
    sql: `${ENDLESS} select i from n where i < 0`,
    ends: timeout,
  },
  {
    name: 'endless distinct queue',
    sql: 'with recursive n(i) as (select 1 union select i + 1 from n) select count(*) from n',
    ends: timeoutOrQuota,
  },
  {
    name: 'endless queue that grows',
    sql: 'with recursive n(i) as (select 1 union all select i + 1 from n, (values (1), (2))) select max(i) from n',
    ends: timeoutOrQuota,
  },
  {
    name: 'endless insert',
    sql: `insert into w (b) ${ENDLESS} select hex(randomblob(5000)) from n`,
    ends: timeoutOrQuota,
  },
  {
    name: 'endless mandelbrot',
    sql: 'with recursive z(x, y, i) as (select 0.1, 0.1, 0 union all select x*x - y*y + 0.3, 2*x*y + 0.5, i + 1 from z) select sum(x) from z',
    ends: timeout,
  },
]

const values: Bomb[] = [
  { name: 'zeroblob of 1 GB', sql: 'select zeroblob(1000000000)', ends: error },
  { name: 'randomblob of 1 GB', sql: 'select length(randomblob(1000000000))', ends: error },
  { name: 'hex of the largest blob', sql: 'select hex(zeroblob(8000000))', ends: error },
  {
    name: 'group_concat without end',
    sql: `${ENDLESS} select length(group_concat(hex(zeroblob(100000)))) from n`,
    ends: [error, timeout],
  },
  {
    name: 'replace that multiplies',
    sql: "select length(replace(hex(zeroblob(50000)), '0', hex(zeroblob(50000))))",
    ends: error,
  },
  {
    name: 'replace ten times over',
    sql: `select length(${repeat('replace(', 10)}'a'${repeat(`, 'a', 'aaaaaaaaaaaaaaaa')`, 10)})`,
    ends: error,
  },
  { name: 'printf precision', sql: "select length(printf('%.*c', 2000000000, 'x'))", ends: error },
  { name: 'printf width', sql: "select length(printf('%1000000000d', 1))", ends: error },
  {
    name: 'text that doubles',
    sql: "with recursive d(s) as (select 'x' union all select s || s from d) select max(length(s)) from d",
    ends: [error, timeout],
  },
  {
    name: 'rows of 1 MB each',
    sql: `${ENDLESS} select hex(randomblob(500000)) from n limit 1000`,
    ends: 'ok',
  },
  {
    name: 'a row too large to send',
    sql: `select ${numbered(12, () => 'hex(zeroblob(3900000))')}`,
    ends: ['killed', 'result.too_large'],
  },
  {
    name: 'a parameter of 20 MB',
    sql: 'select length(?)',
    params: ['x'.repeat(20_000_000)],
    ends: 'request.too_large',
  },
  {
    name: '30,000 parameters',
    sql: `select ${numbered(100, (at) => `?${at + 1}`)} union all select ${numbered(100, () => '?32766')}`,
    params: Array(32_766).fill('x'.repeat(8)),
    ends: 'ok',
  },
]

const json: Bomb[] = [
  { name: 'deep JSON', sql: "select json(replace(hex(zeroblob(500000)), '0', '['))", ends: error },
  {
    name: 'JSON array without end',
    sql: `${ENDLESS} select length(json_group_array(hex(zeroblob(100000)))) from n`,
    ends: ['killed', error, timeout],
  },
  {
    name: 'JSON walked by itself',
    sql: `${ENDLESS}, j(t) as (select json_group_array(i) from (select i from n limit 20000)) select count(*) from j, json_each(j.t) a, json_each(j.t) b`,
    ends: timeout,
  },
  {
    name: 'JSON that is set again and again',
    sql: `with recursive j(t, i) as (select '[]', 0 union all select json_set(t, '$[#]', i), i + 1 from j) select max(length(t)) from j`,
    ends: timeout,
  },
]

const joins: Bomb[] = [
  {
    name: 'wide cross join',
    sql: `select count(*) from ${numbered(8, (at) => `w w${at}`)}`,
    ends: timeout,
  },
  {
    name: 'join of 65 tables',
    sql: `select 1 from ${numbered(65, (at) => `w w${at}`)}`,
    ends: error,
  },
  {
    name: 'sort that spills',
    sql: `${ENDLESS} select * from (select randomblob(2000) r from n limit 5000000) order by r`,
    // SQLite merges what it has sorted in one step, which nothing can interrupt.
    ends: ['killed', ...timeoutOrQuota],
  },
  {
    name: 'distinct that spills',
    sql: `${ENDLESS} select count(*) from (select distinct hex(randomblob(500)) from n)`,
    ends: timeoutOrQuota,
  },
  {
    name: 'window over everything',
    sql: 'select sum(x) from (select count(*) over (order by a.b rows between unbounded preceding and unbounded following exclude current row) x from w a, w b)',
    ends: timeoutOrQuota,
  },
  {
    name: 'group by what is random',
    sql: `${ENDLESS} select count(*) from (select hex(randomblob(200)) g, count(*) from n group by g)`,
    ends: timeoutOrQuota,
  },
  {
    name: 'nested views',
    before: [
      'create view v0 as select a from w',
      ...Array.from(
        { length: 8 },
        (_, at) => `create view v${at + 1} as select x.a from v${at} x, v${at} y`,
      ),
    ],
    sql: 'select count(*) from v8',
    ends: [timeout, error],
  },
  {
    name: 'correlated subqueries',
    sql: `select count(*) from w x where ${numbered(6, () => 'exists (select 1 from w y, w z where y.b || z.b = x.b)', ' or ')}`,
    ends: timeout,
  },
]

const texts: Bomb[] = [
  {
    name: 'LIKE with many %',
    sql: `select hex(zeroblob(4000000)) like '${repeat('%0', 120)}1'`,
    ends: [timeout, 'killed', 'ok'],
  },
  {
    name: 'LIKE with a long pattern',
    sql: `select 'a' like '${repeat('%a', 40_000)}'`,
    ends: error,
  },
  {
    name: 'GLOB with many *',
    sql: `select hex(zeroblob(100000)) glob '${repeat('*0', 100)}1'`,
    ends: [timeout, 'killed', 'ok'],
  },
  {
    name: 'instr that nothing can interrupt',
    sql: "select instr(zeroblob(8000000), cast(zeroblob(4000000) || 'x' as blob)), instr(zeroblob(8000000), zeroblob(3999999) || x'01')",
    ends: ['killed', timeout],
  },
  {
    name: 'compound of 10,000 selects',
    sql: repeat('select 1', 10_000, ' union all '),
    ends: error,
  },
  {
    name: 'a list of 100,000 members',
    sql: `select 1 in (${numbered(100_000, String)})`,
    ends: 'ok',
  },
  { name: 'an expression 100,000 deep', sql: `select ${repeat('1', 100_000, '+')}`, ends: error },
  {
    name: '100,000 parentheses',
    sql: `select ${'('.repeat(100_000)}1${')'.repeat(100_000)}`,
    ends: error,
  },
  { name: '5,000 columns of a result', sql: `select ${numbered(5000, String)}`, ends: error },
  {
    name: '5,000 columns of a table',
    sql: `create table wide (${numbered(5000, (at) => `c${at}`)})`,
    ends: error,
  },
  {
    name: 'a statement of 5 MB',
    sql: `select '${'x'.repeat(5_000_000)}'`,
    ends: 'request.too_large',
  },
  {
    name: '200 nested selects',
    sql: `${'select * from ('.repeat(200)}select 1${')'.repeat(200)}`,
    ends: ['ok', error],
  },
]

const writes: Bomb[] = [
  {
    name: 'UPDATE that swells',
    sql: 'update w set b = hex(randomblob(500000))',
    ends: timeoutOrQuota,
  },
  {
    name: 'log that grows',
    sql: `insert into w (b) ${ENDLESS} select randomblob(1000000) from n limit 1000`,
    ends: timeoutOrQuota,
  },
  {
    name: 'triggers that call each other',
    before: [
      'create table t1 (x)',
      'create table t2 (x)',
      'create trigger t1_t2 after insert on t1 begin insert into t2 select new.x + 1 from (values (1), (2)); end',
      'create trigger t2_t1 after insert on t2 begin insert into t1 select new.x + 1 from (values (1), (2)); end',
    ],
    sql: 'insert into t1 values (1)',
    ends: ['ok', error],
  },
  {
    name: 'a trigger for each row of many',
    before: [
      'create table s1 (x)',
      'create table s2 (x)',
      'create trigger s1_s2 after insert on s1 begin insert into s2 select a.a from w a, w b; end',
    ],
    sql: 'insert into s1 select a from w',
    ends: timeoutOrQuota,
  },
  {
    name: 'returning without end',
    before: ['create table r (x)'],
    sql: `insert into r ${ENDLESS} select i from n limit 100000000 returning x, hex(randomblob(1000))`,
    ends: timeoutOrQuota,
  },
  {
    name: 'an index over what swells',
    sql: 'create index w_b on w (hex(zeroblob(length(b) * 10000)))',
    ends: [error, ...timeoutOrQuota],
  },
  {
    name: 'full-text index of much',
    before: ['create virtual table f using fts5(t)'],
    sql: `insert into f ${ENDLESS} select hex(randomblob(3000)) || ' ' || hex(randomblob(3000)) from n`,
    ends: timeoutOrQuota,
  },
  {
    name: 'full-text query of 20,000 terms',
    before: ['create virtual table f2 using fts5(t)', "insert into f2 values ('a b c')"],
    sql: `select count(*) from f2('${repeat('a*', 20_000, ' OR ')}')`,
    ends: ['ok', 'killed', timeout, error],
  },
  {
    name: 'r-tree without end',
    before: ['create virtual table g using rtree(id, x0, x1)'],
    sql: `insert into g ${ENDLESS} select i, random() % 1000, 2000 from n`,
    ends: timeoutOrQuota,
  },
]

/** Statements that ask for more than a worker has, each in its own way. */
export const bombs: readonly Bomb[] = [
  ...endless,
  ...values,
  ...json,
  ...joins,
  ...texts,
  ...writes,
]
