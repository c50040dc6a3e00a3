import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { folderAt } from './folder.ts'
import { failure } from './testing/failure.ts'
import { sharedWorker } from './testing/shared-worker.ts'
import { unavailable } from './testing/worker-process.ts'
import { Backend } from './wire/backend.ts'

/** Each with the SQLSTATE that it is to be refused with. */
const REFUSED: readonly (readonly [what: string, sql: string, sqlCode: RegExp])[] = [
  [
    'a program by a function',
    "do $$ begin execute 'copy (select 1) to program ''id'''; end $$",
    /42501/,
  ],
  [
    'a file of the server written',
    "do $$ begin execute 'copy (select 1) to ''/tmp/x'''; end $$",
    /42501/,
  ],
  [
    'a file of the server read',
    "do $$ begin execute 'copy pg_class from ''/etc/passwd'''; end $$",
    /42501/,
  ],
  ['pg_read_file', "select pg_read_file('/etc/passwd')", /42501/],
  ['pg_read_binary_file', "select pg_read_binary_file('postgresql.conf')", /42501/],
  ['pg_ls_dir', "select pg_ls_dir('/')", /42501/],
  ['pg_stat_file', "select pg_stat_file('/etc/passwd')", /42501/],
  ['lo_import', "select lo_import('/etc/passwd')", /42501/],
  ['lo_export', "select lo_export(lo_from_bytea(0, 'x'), '/tmp/x')", /42501/],
  ['dblink', 'create extension dblink', /42501|0A000|58P01/],
  ['postgres_fdw', 'create extension postgres_fdw', /42501|0A000|58P01/],
  ['file_fdw', 'create extension file_fdw', /42501|0A000|58P01/],
  ['adminpack', 'create extension pageinspect', /42501|0A000|58P01/],
  ['an untrusted language', 'create extension plpython3u', /42501|0A000|58P01/],
  ['a language by hand', 'create language evil handler plpgsql_call_handler', /42501|42704/],
  [
    'a function in C',
    "create function evil() returns int as '/lib/x86_64-linux-gnu/libc.so.6', 'system' language c",
    /42501/,
  ],
  [
    'an internal function',
    "create function evil(text) returns text as 'pg_read_file' language internal",
    /42501/,
  ],
  ['LOAD', "load '/tmp/evil'", /42501/],
  ['ALTER SYSTEM', "alter system set archive_command = 'id'", /42501|0A000/],
  ['the platform’s role', 'set role dbforge', /42501/],
  ['the platform’s session', 'set session authorization dbforge', /42501/],
  ['superuser', 'alter role owner superuser', /42501/],
  ['CREATE ROLE', 'create role evil superuser', /42501/],
  ['the reader’s role', 'alter role reader superuser', /42501/],
  ['the platform’s password', "alter role dbforge password 'x'", /42501/],
  ['membership', 'grant dbforge to owner', /42501|0LP01/],
  ['a predefined role', 'grant pg_execute_server_program to owner', /42501|0LP01/],
  ['CREATE DATABASE', 'create database evil', /42501/],
  ['settings of the database', 'alter database main set statement_timeout = 0', /42501/],
  ['the database itself', 'drop database main', /42501|55006/],
  ['a tablespace', "create tablespace evil location '/tmp'", /42501/],
  [
    'an event trigger',
    'create event trigger evil on ddl_command_start execute function pg_catalog.suppress_redundant_updates_trigger()',
    /42501|42P17/,
  ],
  [
    'a subscription',
    "create subscription evil connection 'host=/tmp' publication p",
    /42501|55000/,
  ],
  ['replication slots', "select pg_create_physical_replication_slot('evil')", /42501/],
  ['session_replication_role', "set session_replication_role = 'replica'", /42501/],
  ['log_statement', "set log_statement = 'all'", /42501/],
  ['temp_file_limit', 'set temp_file_limit = -1', /42501/],
  ['CHECKPOINT', 'checkpoint', /42501/],
  ['passwords', 'select * from pg_authid', /42501/],
  ['access rules', 'select * from pg_hba_file_rules', /42501/],
  [
    'ending the platform’s connection',
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'dbforge'",
    /42501/,
  ],
  [
    'cancelling the platform',
    "select pg_cancel_backend(pid) from pg_stat_activity where usename = 'dbforge'",
    /42501/,
  ],
  ['reloading', 'select pg_reload_conf()', /42501/],
  ['catalogs', "update pg_class set relowner = 10 where relname = 'x'", /42501/],
  [
    'functions of the platform’s schema',
    'create function pg_catalog.evil() returns int language sql as $$ select 1 $$',
    /42501/,
  ],
]

describe.skipIf(unavailable())('a hostile tenant', () => {
  const db = sharedWorker()

  test.each(REFUSED)('%s is refused', async (_, sql, sqlCode) => {
    expect((await failure(db.link.query(sql))).sqlCode).toMatch(sqlCode)
  })

  test.each(REFUSED)('%s is refused to a reader', async (_, sql) => {
    await failure(db.link.query(sql, [], { readOnly: true }))
  })

  test('the tenant is nobody special, and has no way to be', async () => {
    const sql = `select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls or exists (
      select from pg_auth_members where member = pg_roles.oid) from pg_roles where rolname = current_user`
    expect(await db.value(sql)).toBe(false)
    expect(await db.value(sql, [], { readOnly: true })).toBe(false)
    expect(await db.value("select current_user || ' ' || session_user")).toBe('owner owner_session')
  })

  test('there is no network, and what is to be durable is', async () => {
    const show = (name: string) => db.value(`show ${name}`)
    expect(await show('listen_addresses')).toBe('')
    for (const name of ['fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums'])
      expect(await show(name)).toBe('on')
    expect(await show('client_connection_check_interval')).toBe('1s')
  })

  test.each([
    ['a temporary table before a real one', 'create temporary table victim (i int)'],
    ['a temporary view', 'create temporary view victim as select 99 as i'],
    ['a search path', "set search_path = 'elsewhere'"],
    ['a search path by a function', "select set_config('search_path', 'elsewhere', false)"],
    ['a role', 'set role none'],
    ['a role given up', 'reset role'],
    ['who signed in', 'set session authorization default'],
    ['a role by a function', "select set_config('role', 'none', false)"],
    ['read only by default', 'set default_transaction_read_only = on'],
    ['a lock timeout', 'set lock_timeout = 1'],
    ['an advisory lock', 'select pg_advisory_lock(42)'],
    ['listening', 'listen gossip'],
    ['a prepared statement', 'prepare stolen as select 1'],
    ['a cursor', 'declare stolen cursor with hold for select 1'],
    ['a setting of the tenant’s own', "set my.secret = 'secret'"],
    [
      'a setting of the tenant’s own by a function',
      "select set_config('my.secret', 'secret', false)",
    ],
    ['a plan that is kept', "set plan_cache_mode = 'force_generic_plan'"],
  ])('%s does not leak to the next caller', async (_, sql) => {
    await db.link.batch([
      { sql: 'create table if not exists victim (i int)' },
      { sql: 'truncate victim' },
      { sql: 'insert into victim values (1)' },
    ])
    const { results } = await db.link.batch(
      [{ sql }, { sql: 'select pg_catalog.pg_backend_pid() pid' }],
      {
        transaction: 'none',
      },
    )
    const pid = (results[1]?.rows[0] as { pid: number } | undefined)?.pid
    const left = await onSameConnection(
      pid,
      `select (select array_agg(i)::text from victim)
      || (select count(*) from pg_locks where locktype = 'advisory')
      || (select count(*) from pg_listening_channels()) || (select count(*) from pg_prepared_statements)
      || (select count(*) from pg_cursors where name <> '') || current_setting('lock_timeout')
      || current_setting('default_transaction_read_only') || current_user
      || coalesce(current_setting('my.secret', true), '') || current_setting('plan_cache_mode')`,
    )
    expect(left).toBe('{1}00000offownerauto')
  })

  /** What a later caller sees who is lent the connection of this process. */
  async function onSameConnection(pid: number | undefined, sql: string): Promise<unknown> {
    for (let tries = 0; tries < 20; tries += 1) {
      // At once, so that all connections are lent.
      const ask = () =>
        db.link.query(`select pg_backend_pid() as pid, (${sql}) as seen, pg_sleep(0.03)`)
      const answers = await Promise.all(Array.from({ length: 8 }, ask))
      const rows = answers.map((answer) => answer.rows[0] as { pid: number; seen: unknown })
      const row = rows.find((candidate) => candidate.pid === pid)
      if (row) return row.seen
    }
    throw new Error('the connection was not lent again')
  }

  test.each(['set role none', 'reset role', 'set session authorization default'])(
    'after %s there is nothing left to act with',
    async (giveUp) => {
      await db.link.query('create table if not exists victim (i int)')
      for (const readOnly of [false, true]) {
        const role = readOnly ? 'reader' : 'owner'
        const run = (sql: string) =>
          db.link.batch([{ sql: giveUp }, { sql }], { transaction: 'none', readOnly })
        const { results } = await run('select current_user::text as who')
        const who = (results[1]?.rows[0] as { who: string } | undefined)?.who
        // RESET ROLE goes back to the role that the session began with.
        expect(who).toMatch(new RegExp(`^${role}(_session)?$`))
        expect((await failure(run('set role dbforge'))).code).toBe('sql.denied')
        expect((await failure(run(`set role ${readOnly ? 'owner' : 'reader'}`))).code).toBe(
          'sql.denied',
        )
        if (who === role) continue
        for (const sql of ['select * from victim', 'create table mine (i int)'])
          expect((await failure(run(sql))).code).toBe('sql.denied')
      }
      const transaction = await db.link.begin('write')
      await db.link.query(giveUp, [], { transaction })
      await db.link.commit(transaction)
      expect(await db.value('select current_user')).toBe('owner')
    },
  )

  test('a role that cannot be had, laid down for the tenant’s own, changes nothing', async () => {
    await db.link.query('alter role owner set role = dbforge').catch(() => undefined)
    await db.link
      .query('alter role owner set session_replication_role = replica')
      .catch(() => undefined)
    const who = 'select current_user || session_user || pg_sleep(0.1)'
    const seen = await Promise.all(Array.from({ length: 8 }, () => db.value(who)))
    expect(seen).toEqual(seen.map(() => 'ownerowner_session'))
    await db.link.query('alter role owner reset all')
  })

  test('what fails or is cut short is cleaned up behind too', async () => {
    await failure(db.link.query("select set_config('search_path', 'elsewhere', false), 1 / 0"))
    await failure(
      db.link.batch([{ sql: 'create temporary table victim (i int)' }, { sql: 'select 1 / 0' }], {
        transaction: 'none',
      }),
    )
    expect(await db.value('select count(*) > 0 from victim')).toBe(true)
  })

  test('a reader reads what the tenant makes, and changes nothing by any way', async () => {
    await db.link.batch([
      { sql: 'create schema if not exists inner_' },
      { sql: 'create table if not exists inner_.secret (i int)' },
      { sql: 'insert into inner_.secret values (5)' },
      {
        sql: 'create or replace function write_it() returns int language sql security definer as $$ insert into inner_.secret values (6) returning i $$',
      },
      {
        sql: "create or replace procedure escape() language plpgsql as $$ begin perform set_config('default_transaction_read_only', 'off', false); commit; insert into inner_.secret values (7); end $$",
      },
    ])
    const readOnly = { readOnly: true }
    expect(await db.value('select array_agg(i)::text from inner_.secret', [], readOnly)).toBe('{5}')
    const attempts = [
      'insert into inner_.secret values (6)',
      'create table mine (i int)',
      'create temporary table mine (i int)',
      'select write_it()',
      'call escape()',
      "do $$ begin perform set_config('default_transaction_read_only', 'off', false); commit; insert into inner_.secret values (8); end $$",
    ]
    for (const sql of attempts)
      expect((await failure(db.link.query(sql, [], readOnly))).code).toBe('sql.denied')
    await failure(db.link.query('set role owner', [], readOnly))
    await db.link.query('set default_transaction_read_only = off', [], readOnly)
    await failure(db.link.query('select write_it()', [], readOnly))
    expect(await db.value('select array_agg(i)::text from inner_.secret')).toBe('{5}')
  })

  test('the platform runs nothing of the tenant’s while it describes or names types', async () => {
    await db.link.batch([
      { sql: 'create table if not exists witness (who text)' },
      {
        sql: "create or replace function tell() returns boolean language plpgsql as $$ begin if current_user <> 'owner' then raise exception 'run by %', current_user; end if; return true; end $$",
      },
      {
        sql: "create or replace function format_type(oid, int) returns text language sql as $$ select 'stolen' $$",
      },
      { sql: 'create table if not exists trap (i int check (tell()), j int)' },
      { sql: 'create index if not exists trap_index on trap (i) where j > 0' },
      { sql: 'alter table trap enable row level security' },
      { sql: 'alter table trap force row level security' },
      { sql: 'drop policy if exists p on trap' },
      { sql: 'create policy p on trap using (tell())' },
      { sql: 'insert into trap values (1, 1)' },
    ])
    const { tables } = await db.link.describe({ table: 'trap' })
    expect(tables[0]).toMatchObject({
      rowCount: 1,
      columns: [{ type: 'integer' }, { type: 'integer' }],
    })
    expect((await db.link.query('select 1::numeric(7,3) as n')).columns[0]?.declared).toBe(
      'numeric(7,3)',
    )
    await db.link.query('drop function public.format_type(oid, int)')
  })

  test('one who throws its own rights away has them again', async () => {
    await db.link.query('create table kept (i int)')
    await db.link.query('alter table kept owner to owner')
    await db.link.query('revoke all on database main from owner').catch(() => undefined)
    await db.link.query('drop owned by owner')
    // More at once than there are connections left over from before.
    const values = await Promise.all(
      Array.from({ length: 8 }, () => db.value('select 1 + length(pg_sleep(0.1)::text)')),
    )
    expect(values).toEqual(values.map(() => 1))
    await db.link.query('create schema if not exists public')
    expect(await db.value('select 1', [], { readOnly: true })).toBe(1)
  })

  test('the server’s socket knows nobody but the worker', async () => {
    if (process.getuid?.() !== 0) return
    for (const user of ['dbforge', 'owner_session', 'owner', 'reader', 'postgres', 'nobody'])
      await expect(
        Backend.open({
          path: folderAt(db.worker.dir).serverSocket,
          user,
          database: 'main',
          settings: {},
          messageBytesMax: 1e6,
        }),
      ).rejects.toThrow()
  })

  test('bytes that are no protocol end their connection alone', async () => {
    const socket = connect(folderAt(db.worker.dir).sqlSocket)
    socket.write(Buffer.alloc(64, 0xff))
    await new Promise((resolve) => socket.once('close', resolve))
    expect(await db.value('select 1')).toBe(1)
  })
})
