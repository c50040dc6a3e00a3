import { describe, expect, it } from 'vitest'
import { splitStatements, statementAt } from './sql-statements'

const texts = (sql: string) => splitStatements(sql, 'sqlite').map(({ text }) => text)

describe('splitting into statements', () => {
  it('ends them at semicolons, the last also without', () => {
    expect(texts('select 1;\nselect 2 ; select 3')).toEqual(['select 1;', 'select 2 ;', 'select 3'])
  })

  it('is not deceived by strings, names and comments', () => {
    expect(texts(`select ';', "a;b", \`c;d\`, [e;f]; -- x;y\nselect /* ; */ 'it''s;'`)).toEqual([
      `select ';', "a;b", \`c;d\`, [e;f];`,
      `select /* ; */ 'it''s;'`,
    ])
  })

  it('keeps the comments before a statement with it', () => {
    expect(texts('select 1; -- first\n-- second\nselect 2;')).toEqual([
      'select 1;',
      '-- second\nselect 2;',
    ])
  })

  it('finds nothing in what says nothing', () => {
    expect(texts('')).toEqual([])
    expect(texts(' ;; \n-- only this\n;/* and this */')).toEqual([])
  })

  it('keeps a trigger whole, with CASE in its body', () => {
    const trigger = `create temp trigger t after insert on a begin
      update a set b = case when c then 1 else 2 end;
      insert into log values ('end;');
    end;`
    expect(texts(`select 0; ${trigger} select 1`)).toEqual(['select 0;', trigger, 'select 1'])
  })

  it('does not take a transaction for a trigger', () => {
    expect(texts('begin; create table trigger_log (a); end;')).toEqual([
      'begin;',
      'create table trigger_log (a);',
      'end;',
    ])
  })

  it('gives up no statement for a bracket that was left open', () => {
    expect(texts('select (1; select 2;')).toEqual(['select (1;', 'select 2;'])
    expect(texts('select 1); select 2')).toEqual(['select 1);', 'select 2'])
  })

  it('says where they are', () => {
    const sql = '  select 1;\n\n  select 2\n'
    expect(splitStatements(sql, 'sqlite').map(({ from, to }) => [from, to])).toEqual([
      [2, 11],
      [15, 23],
    ])
  })
})

describe('the statement at a place', () => {
  const sql = 'select 1;\n\nselect 2;\n\n'
  const at = (place: number) => statementAt(splitStatements(sql, 'sqlite'), place)?.text

  it('is the one around it', () => {
    expect(at(0)).toBe('select 1;')
    expect(at(9)).toBe('select 1;')
    expect(at(11)).toBe('select 2;')
  })
  it('is the one before it, in between and at the end', () => {
    expect(at(10)).toBe('select 1;')
    expect(at(sql.length)).toBe('select 2;')
  })
  it('is the first, before all', () =>
    expect(statementAt(splitStatements('\n\nselect 1', 'sqlite'), 0)?.text).toBe('select 1'))
  it('is none in an empty text', () => expect(statementAt([], 0)).toBeNull())
})

describe('PostgreSQL', () => {
  const split = (sql: string) => splitStatements(sql, 'postgres').map(({ text }) => text)

  it.each([
    [
      'bodies between dollars',
      'create function f() returns trigger as $body$ begin return new; end $body$',
    ],
    ['nested dollars', 'do $a$ begin execute $b$ select 1; $b$; end $a$'],
    ['triggers, which have no body', 'create trigger t before insert on x execute function f()'],
    ['strings with escapes', String.raw`select E'it\'s; one', U&'d\0061t\+000061;'`],
    ['comments in comments', 'select 1 /* a /* b; */ c; */'],
    ['names in quotes', 'select 1 as "a;""b"'],
    [
      'bodies that are no text',
      'create or replace function f(n int) returns int begin atomic select case when n > 0 then 1 end; select n; end',
    ],
    ['procedures', 'create procedure p() begin atomic insert into a values (1); end'],
    ['array subscripts', "select (array['a;', 'b'])[1]"],
  ])('keeps %s whole', (_what, sql) => {
    expect(split(`${sql};\nselect 2;`)).toEqual([`${sql};`, 'select 2;'])
  })

  it('does not take a transaction for a body', () => {
    expect(split('begin; create table atomic (a int); end;')).toHaveLength(3)
  })
})
