/**
 * Requests as they come off the wire. The gateway has validated them against the contract, so this only makes
 * sure that no bytes whatever can do harm: it is on the path of every query.
 */
import type { BatchRequest, QueryRequest } from '@db-forge/contract'
import type { DescribeRequest } from '@db-forge/contract/wire'
import { WorkerFailure } from './worker-failure.ts'

type Json = Record<string, unknown>

const invalid = (detail: string) => new WorkerFailure('request.invalid', detail)

/** @throws WorkerFailure unless the payload is a JSON object. */
export function parseJson(payload: Uint8Array): Json {
  let value: unknown
  try {
    value = JSON.parse(takeText(payload as Buffer))
  } catch {
    throw invalid('the payload is not JSON')
  }
  if (!isObject(value)) throw invalid('the payload is not a JSON object')
  return value
}

/** The text of a payload, whose own memory is given back at once where that is possible (Node 22 and later). */
function takeText(payload: Buffer): string {
  const text = payload.toString()
  const memory = payload.buffer as ArrayBuffer & { transfer?(bytes: number): ArrayBuffer }
  if (payload.length === memory.byteLength) memory.transfer?.(0)
  return text
}

export function parseQuery(payload: Uint8Array): QueryRequest {
  const request = parseJson(payload)
  checkStatement(request)
  checkOptions(request)
  return request as QueryRequest
}

export function parseBatch(payload: Uint8Array): BatchRequest {
  const request = parseJson(payload)
  const { statements } = request
  if (!Array.isArray(statements)) throw invalid('`statements` must be a list')
  for (const statement of statements) {
    if (!isObject(statement)) throw invalid('a statement must be an object')
    checkStatement(statement)
  }
  checkOptions(request)
  return request as BatchRequest
}

export function parseDescribe(payload: Uint8Array): DescribeRequest {
  const { table, counts, timeoutMs } = parseJson(payload)
  if (table !== undefined && typeof table !== 'string') throw invalid('`table` must be text')
  if (!isCount(timeoutMs)) throw invalid('`timeoutMs` must be a whole number')
  return { counts: counts === true, timeoutMs, ...(table === undefined ? {} : { table }) }
}

function checkStatement({ sql, params }: Json): void {
  if (typeof sql !== 'string') throw invalid('`sql` must be text')
  if (params !== undefined && (typeof params !== 'object' || params === null))
    throw invalid('`params` must be a list or an object')
}

function checkOptions({ maxRows, timeoutMs, readOnly, rowFormat }: Json): void {
  if (!isCount(maxRows)) throw invalid('`maxRows` must be a whole number')
  if (!isCount(timeoutMs)) throw invalid('`timeoutMs` must be a whole number')
  if (typeof readOnly !== 'boolean') throw invalid('`readOnly` must be true or false')
  if (rowFormat !== 'object' && rowFormat !== 'array')
    throw invalid('`rowFormat` must be object or array')
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0x7fffffff

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
