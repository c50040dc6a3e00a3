import {
  type BatchResult,
  type ExtensionInfo,
  type QueryRequest,
  type QueryResult,
  type RowChanges,
  type RowInput,
  SchemaInfo,
  type TableAlter,
  type TableCreate,
  type TableInfo,
} from '@db-forge/contract'
import { AppError } from './app-error.ts'
import type { Caller } from './caller.ts'
import type { QueryPath } from './query-path.ts'
import { requireColumn, type Statement } from './rows/conditions.ts'
import type { Dialect, Target } from './rows/dialect.ts'
import { dialects } from './rows/dialects.ts'
import { type Filter, parseFilters } from './rows/filter.ts'
import {
  countStatement,
  deleteStatement,
  insertStatements,
  keyFilters,
  type ListOptions,
  listStatement,
  updateStatement,
} from './rows/statements.ts'
import {
  alterTableStatements,
  createTableStatements,
  dropStatement,
} from './rows/table-statements.ts'

/** Limits of the statements that the rows and tables endpoints make. */
const OWN_QUERY = { readOnly: true, rowFormat: 'object', maxRows: 100_000 } as const
const OWN_BATCH = { ...OWN_QUERY, readOnly: false, transaction: 'write' } as const

type Filters = Readonly<Record<string, unknown>>

/** Tables and rows of a database, in terms of SQL for its worker, for one caller. Every method throws AppError. */
export class TableData {
  readonly #path: QueryPath
  readonly #caller: Caller

  constructor(path: QueryPath, caller: Caller) {
    this.#path = path
    this.#caller = caller
  }

  /** SchemaInfo as JSON text. */
  schema(database: string, counts: boolean): Promise<Uint8Array> {
    return this.#path.describe(database, { counts }, this.#caller)
  }

  async table(database: string, table: string, counts = true): Promise<TableInfo> {
    const answer = parse(await this.#path.describe(database, { table, counts }, this.#caller))
    const info = SchemaInfo.safeParse(answer).data?.tables[0]
    if (!info) throw new AppError('table.not_found', `“${table}”`)
    return info
  }

  async create(database: string, table: TableCreate): Promise<TableInfo> {
    if (!table.ifNotExists && (await this.#exists(database, table.name)))
      throw new AppError('table.exists', `“${table.name}”`)
    await this.#define(database, createTableStatements(this.#dialect(database), table))
    return this.table(database, table.name)
  }

  async alter(database: string, name: string, change: TableAlter): Promise<TableInfo> {
    const target = await this.#target(database, name)
    if ('column' in change && typeof change.column === 'string')
      requireColumn(target, change.column)
    if (change.action === 'renameTable' && (await this.#exists(database, change.to)))
      throw new AppError('table.exists', `“${change.to}”`)
    const { table, dialect } = target
    await this.#define(database, alterTableStatements(dialect, table.name, change))
    return this.table(database, change.action === 'renameTable' ? change.to : name)
  }

  async drop(database: string, name: string): Promise<void> {
    const { table, dialect } = await this.#target(database, name)
    await this.#define(database, [dropStatement(dialect, table)])
  }

  /** @throws AppError `engine.unsupported` */
  async extensions(database: string): Promise<{ items: ExtensionInfo[] }> {
    const sql = this.#dialect(database).extensionsSql
    if (sql === null)
      throw new AppError(
        'engine.unsupported',
        `${this.#path.engineOf(database)} has no extensions to choose from`,
      )
    const { rows } = parse(await this.#query(database, { sql })) as { rows: ExtensionInfo[] }
    return { items: rows }
  }

  /** QueryResult as JSON text, and how many rows there are in all if that was asked for. */
  async list(
    database: string,
    name: string,
    filters: Filters,
    options: ListOptions & { readonly rowFormat: 'object' | 'array'; readonly count: boolean },
  ): Promise<{ answer: Uint8Array; total: number | undefined }> {
    const target = await this.#target(database, name)
    const parsed = parseFilters(filters)
    const total = options.count ? await this.#count(database, target, parsed) : undefined
    const answer = await this.#query(database, {
      ...listStatement(target, parsed, options),
      maxRows: options.limit,
      rowFormat: options.rowFormat,
    })
    return { answer, total }
  }

  async insert(
    database: string,
    name: string,
    rows: RowInput | RowInput[],
    returning: boolean,
  ): Promise<RowChanges> {
    const target = await this.#target(database, name)
    const list = Array.isArray(rows) ? rows : [rows]
    return this.#change(database, insertStatements(target, list, returning), returning)
  }

  /** Changes what the filters match; without any filter the request is refused. */
  async update(
    database: string,
    name: string,
    filters: Filters,
    changes: RowInput,
    returning: boolean,
  ) {
    const target = await this.#target(database, name)
    const where = requireFilters(parseFilters(filters))
    return this.#change(database, [updateStatement(target, where, changes, returning)], returning)
  }

  async delete(
    database: string,
    name: string,
    filters: Filters,
    returning: boolean,
  ): Promise<RowChanges> {
    const target = await this.#target(database, name)
    const where = requireFilters(parseFilters(filters))
    return this.#change(database, [deleteStatement(target, where, returning)], returning)
  }

  async get(database: string, name: string, key: string): Promise<QueryResult> {
    const target = await this.#target(database, name)
    const statement = listStatement(target, keyFilters(target.table, key), { limit: 1, offset: 0 })
    const answer = await this.#query(database, statement)
    const result = parse(answer) as QueryResult
    if (result.rows.length === 0) throw noSuchRow(name, key)
    return result
  }

  async updateOne(
    database: string,
    name: string,
    key: string,
    changes: RowInput,
    returning: boolean,
  ) {
    const target = await this.#target(database, name)
    const statement = updateStatement(target, keyFilters(target.table, key), changes, returning)
    const result = await this.#change(database, [statement], returning)
    if (result.rowsAffected === 0) throw noSuchRow(name, key)
    return result
  }

  async deleteOne(database: string, name: string, key: string): Promise<void> {
    const target = await this.#target(database, name)
    const statement = deleteStatement(target, keyFilters(target.table, key), false)
    const result = await this.#change(database, [statement], false)
    if (result.rowsAffected === 0) throw noSuchRow(name, key)
  }

  #dialect(database: string): Dialect {
    return dialects[this.#path.engineOf(database)]
  }

  async #target(database: string, name: string): Promise<Target> {
    return { table: await this.table(database, name, false), dialect: this.#dialect(database) }
  }

  async #exists(database: string, name: string): Promise<boolean> {
    try {
      await this.table(database, name, false)
      return true
    } catch (error) {
      if (error instanceof AppError && error.code === 'table.not_found') return false
      throw error
    }
  }

  async #count(database: string, target: Target, filters: readonly Filter[]): Promise<number> {
    const request = { ...countStatement(target, filters), rowFormat: 'array' as const }
    const result = parse(await this.#query(database, request)) as { rows: [[number]] }
    return result.rows[0][0]
  }

  #query(
    database: string,
    request: Pick<QueryRequest, 'sql'> & Partial<QueryRequest>,
  ): Promise<Uint8Array> {
    return this.#path.query(database, { ...OWN_QUERY, ...request }, this.#caller)
  }

  async #batch(database: string, statements: readonly Statement[]): Promise<BatchResult> {
    const request = { ...OWN_BATCH, statements: [...statements] }
    return parse(await this.#path.batch(database, request, this.#caller)) as BatchResult
  }

  async #define(database: string, statements: readonly string[]): Promise<void> {
    await this.#batch(
      database,
      statements.map((sql) => ({ sql, params: [] })),
    )
  }

  async #change(
    database: string,
    statements: readonly Statement[],
    returning: boolean,
  ): Promise<RowChanges> {
    const { results } = await this.#batch(database, statements)
    const lastInsertId = results.at(-1)?.lastInsertId
    return {
      rowsAffected: results.reduce((sum, result) => sum + result.rowsAffected, 0),
      ...(lastInsertId === undefined ? {} : { lastInsertId }),
      ...(returning
        ? { rows: results.flatMap((result) => result.rows as RowChanges['rows'] & object) }
        : {}),
    }
  }
}

const parse = (json: Uint8Array): unknown => JSON.parse(Buffer.from(json).toString('utf8'))

const noSuchRow = (table: string, key: string) =>
  new AppError('row.not_found', `“${table}” has no row ${key}`)

function requireFilters(filters: Filter[]): Filter[] {
  if (filters.length === 0)
    throw new AppError(
      'filter.required',
      'To change every row, filter by something that all rows meet',
    )
  return filters
}
