import { readFile } from 'node:fs/promises'
import type { QueryResult } from '@db-forge/contract'
import pg from 'pg'
import { DataTypes, Sequelize } from 'sequelize'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  chinookForPostgres,
  chinookForPostgresAbsence,
  postgresServerAbsence,
  suite,
} from './needs.ts'
import { findPostgresTools } from './postgres-tools.ts'
import { type Product, startProduct } from './product.ts'

const START_MS = 180_000
const tools = await findPostgresTools()
const encryptions = ['require', 'disable'] as const

suite('PostgreSQL clients', postgresServerAbsence, () => {
  let product: Product
  beforeAll(async () => {
    product = await startProduct()
  }, START_MS)
  afterAll(() => product?.stop())

  /** A database of its own, by its connection string. */
  async function spawn(name: string): Promise<string> {
    const { credentials } = await product.client.databases.spawn({
      params: { name },
      body: { engine: 'postgres' },
    })
    if (!credentials?.url) throw new Error('there is no connection string')
    return credentials.url
  }

  const query = (name: string, sql: string): Promise<QueryResult> =>
    product.client.queries.query({ params: { name }, body: { sql, rowFormat: 'array' } })

  describe.each(encryptions)('with sslmode=%s', (sslmode) => {
    const name = `clients-${sslmode}`
    let url: string
    let ssl: false | { rejectUnauthorized: boolean }
    beforeAll(async () => {
      url = await spawn(name)
      ssl = sslmode === 'require' && { rejectUnauthorized: false }
    }, START_MS)

    suite('PostgreSQL’s own tools', tools.absence, () => {
      const env = { PGSSLMODE: sslmode }

      test('psql says how it is connected, and as whom', async () => {
        const { out } = await tools.run(
          'psql',
          [url, '-XAtc', 'select current_user, current_database(), 1 + 1 as two'],
          { env },
        )
        expect(out.trim()).toBe(`owner|${name}|2`)
      })

      suite('with real data', chinookForPostgresAbsence, () => {
        test('psql loads a script, and REST, rows and psql count the same', async () => {
          const script = (await readFile(chinookForPostgres, 'utf8')).replace(
            /^(?:DROP DATABASE|CREATE DATABASE|\\c) .*$/gim,
            '',
          )
          const loaded = await tools.run('psql', [url, '-Xq', '-v', 'ON_ERROR_STOP=1'], {
            env,
            input: script,
          })
          expect(loaded).toMatchObject({ code: 0, problems: '' })
          const counts =
            'select count(*) from track union all select count(*) from invoice_line order by 1'
          const { rows } = await query(name, counts)
          const byPsql = await tools.run('psql', [url, '-XAtc', counts], { env })
          expect(byPsql.out.trim().split('\n').map(Number)).toEqual(rows.flat())
          const genres = await product.client.rows.list({ params: { name, table: 'genre' } })
          const counted = await tools.run('psql', [url, '-XAtc', 'select count(*) from genre'], {
            env,
          })
          expect(genres.rows).toHaveLength(Number(counted.out))
        }, 120_000)

        test('pg_dump writes a dump, from which psql makes the same database again', async () => {
          const dump = await tools.run('pg_dump', [url, '--no-owner', '--no-acl'], { env })
          expect(dump).toMatchObject({ code: 0, problems: '' })
          const copy = await spawn(`${name}-copy`)
          const restored = await tools.run('psql', [copy, '-Xq', '-v', 'ON_ERROR_STOP=1'], {
            env,
            input: dump.out.replace(/^CREATE SCHEMA public;$/m, ''),
          })
          expect(restored).toMatchObject({ code: 0 })
          const sums = 'select sum(hashtext(t::text)) from track t'
          expect((await query(`${name}-copy`, sums)).rows).toEqual((await query(name, sums)).rows)
        }, 120_000)
      })

      test('pgbench makes its tables and runs its transactions, none of which fails', async () => {
        const made = await tools.run('pgbench', ['-i', '-s', '2', '-q', url], { env })
        expect(made.code).toBe(0)
        const ran = await tools.run('pgbench', ['-c', '8', '-T', '3', url], { env })
        expect(ran.out).toMatch(/number of failed transactions: 0 /)
        const { rows } = await query(
          name,
          'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)',
        )
        expect(rows).toEqual([[true]])
      }, 120_000)

      test('Ctrl-C in psql ends the statement', async () => {
        const running = tools.start('psql', [url, '-X'], {
          env,
          input: 'select pg_sleep(60);\n',
        })
        const sleeping = "select count(*) from pg_stat_activity where query like 'select pg_sleep%'"
        await expect
          .poll(async () => (await query(name, sleeping)).rows, { timeout: 15_000 })
          .toEqual([[1]])
        running.interrupt()
        const { problems } = await running.finished
        expect(problems).toContain('canceling statement due to user request')
        expect((await query(name, sleeping)).rows).toEqual([[0]])
      })

      test('a wrong password is refused as PostgreSQL refuses it', async () => {
        const wrong = url.replace(/:[^:@]+@/, ':wrong@')
        const { code, problems } = await tools.run('psql', [wrong, '-Xc', 'select 1'], { env })
        expect(code).toBe(2)
        expect(problems).toContain('password authentication failed for user "owner"')
      })
    })

    test('node-postgres: prepared statements, transactions, notifications, many at once', async () => {
      const pool = new pg.Pool({ connectionString: url, ssl, max: 8 })
      try {
        await pool.query(
          'create table notes (id bigint generated by default as identity, body text)',
        )
        await Promise.all(
          Array.from({ length: 200 }, (_, nth) =>
            pool.query({
              name: 'put',
              text: 'insert into notes (body) values ($1)',
              values: [`n${nth}`],
            }),
          ),
        )
        const client = await pool.connect()
        const heard = new Promise((resolve) => client.once('notification', resolve))
        await client.query('listen news')
        await pool.query("notify news, 'hello'")
        expect(await heard).toMatchObject({ channel: 'news', payload: 'hello' })
        await client.query('begin')
        await client.query('delete from notes')
        await client.query('rollback')
        client.release()
        expect((await pool.query('select count(*)::int as n from notes')).rows).toEqual([
          { n: 200 },
        ])
      } finally {
        await pool.end()
      }
    })

    test('an ORM makes its tables, relates them, and reads back what it wrote', async () => {
      const orm = new Sequelize(url, {
        logging: false,
        dialectOptions: ssl ? { ssl } : {},
      })
      try {
        const Author = orm.define('Author', { name: DataTypes.STRING, born: DataTypes.DATEONLY })
        const Book = orm.define('Book', {
          title: { type: DataTypes.STRING, unique: true },
          tags: DataTypes.ARRAY(DataTypes.STRING),
          facts: DataTypes.JSONB,
        })
        Author.hasMany(Book)
        Book.belongsTo(Author)
        await orm.sync({ force: true })
        // Compares what is there with what is wished for, by the names in the catalogs.
        await orm.sync({ alter: true })
        await orm.transaction(async (transaction) => {
          await Author.create(
            {
              name: 'Ada',
              born: '1815-12-10',
              Books: [{ title: 'Notes', tags: ['a', 'b'], facts: { pages: 66 } }],
            },
            { include: [Book], transaction },
          )
        })
        const found = await Author.findOne({ where: { name: 'Ada' }, include: [Book] })
        expect(found?.toJSON()).toMatchObject({
          born: '1815-12-10',
          Books: [{ title: 'Notes', tags: ['a', 'b'], facts: { pages: 66 } }],
        })
        expect((await query(name, 'select count(*) from "Books"')).rows).toEqual([[1]])
      } finally {
        await orm.close()
      }
    })
  })

  test('a new password replaces the one before, and can end what is connected', async () => {
    const url = await spawn('rotated')
    const old = new pg.Client({ connectionString: url })
    const ended = new Promise<Error>((resolve) => old.on('error', resolve))
    await old.connect()
    const renewed = await product.client.databases.credentials({
      params: { name: 'rotated' },
      body: { role: 'owner', endSessions: true },
    })
    expect(await ended).toMatchObject({ code: '57P01' })
    await expect(new pg.Client({ connectionString: url }).connect()).rejects.toMatchObject({
      code: '28P01',
    })
    const client = new pg.Client({ connectionString: renewed.url ?? '' })
    await client.connect()
    expect((await client.query('select session_user')).rows).toEqual([{ session_user: 'owner' }])
    await client.end()
  })

  test('the reader reads what the owner makes, and changes nothing', async () => {
    const url = await spawn('library')
    const owner = new pg.Client({ connectionString: url })
    await owner.connect()
    await owner.query('create table books (title text)')
    await owner.query("insert into books values ('Notes')")
    const { url: readersUrl } = await product.client.databases.credentials({
      params: { name: 'library' },
      body: { role: 'reader' },
    })
    const reader = new pg.Client({ connectionString: readersUrl ?? '' })
    await reader.connect()
    expect((await reader.query('select * from books')).rows).toEqual([{ title: 'Notes' }])
    for (const sql of [
      'delete from books',
      'create table mine ()',
      "commit; insert into books values ('x')",
    ])
      await expect(reader.query(sql)).rejects.toMatchObject({
        code: expect.stringMatching(/42501|25006/),
      })
    await Promise.all([owner.end(), reader.end()])
  })
})
