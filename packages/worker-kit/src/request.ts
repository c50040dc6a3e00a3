/**
 * Requests as they come off the wire. The gateway has validated them against the contract, so this only makes
 * sure that no bytes whatever can do harm: it is on the path of every query.
 */
import type {
  BatchCommand,
  BeginCommand,
  CancelCommand,
  DescribeRequest,
  EndCommand,
  QueryCommand,
  StreamCommand,
} from '@db-forge/contract/wire'
import { DEADLINE_BYTES, FrameType } from '@db-forge/contract/wire/frame'
import { WorkerFailure } from './worker-failure.ts'

type Json = Record<string, unknown>

/** What a timed frame asks for. */
export type Request =
  | { readonly kind: 'query'; readonly command: QueryCommand }
  | { readonly kind: 'batch'; readonly command: BatchCommand }
  | { readonly kind: 'describe'; readonly command: DescribeRequest }
  | { readonly kind: 'stream'; readonly command: StreamCommand }
  | { readonly kind: 'begin'; readonly command: BeginCommand }
  | { readonly kind: 'commit' | 'rollback'; readonly command: EndCommand }

const KINDS: Readonly<Record<number, Request['kind']>> = {
  [FrameType.query]: 'query',
  [FrameType.batch]: 'batch',
  [FrameType.describe]: 'describe',
  [FrameType.stream]: 'stream',
  [FrameType.begin]: 'begin',
  [FrameType.commit]: 'commit',
  [FrameType.rollback]: 'rollback',
}

const BATCH_MODES: readonly unknown[] = ['write', 'read', 'none']

export const isTimed = (type: number): boolean => type in KINDS

const invalid = (detail: string) => new WorkerFailure('request.invalid', detail)

/** When a timed frame is no longer worth doing. */
export function deadlineOf(payload: Uint8Array): number {
  if (payload.length < DEADLINE_BYTES) throw invalid('a timed frame begins with its deadline')
  const deadline = (payload as Buffer).readDoubleBE(0)
  if (!Number.isFinite(deadline)) throw invalid('the deadline must be a number')
  return deadline
}

/** @throws WorkerFailure unless it can do no harm. */
export function parseRequest(type: number, payload: Uint8Array): Request {
  const kind = KINDS[type]
  const json = parseJson(payload, DEADLINE_BYTES)
  if (kind) CHECKS[kind](json)
  return { kind, command: json } as unknown as Request
}

export function parseCancel(payload: Uint8Array): CancelCommand {
  const { lane, session, id } = parseJson(payload)
  if (!isCount(lane) || !isCount(session)) throw invalid('`lane` and `session` must be numbers')
  if (typeof id !== 'number') throw invalid('`id` must be a number')
  return { lane, session, id }
}

export function parseCredit(payload: Uint8Array): number {
  if (payload.length !== 4) throw invalid('credit is a number of four bytes')
  return (payload as Buffer).readUInt32BE(0)
}

/** @throws WorkerFailure unless the payload is a JSON object, after `from` bytes of something else. */
export function parseJson(payload: Uint8Array, from = 0): Json {
  let value: unknown
  try {
    value = JSON.parse(takeText(payload as Buffer, from))
  } catch {
    throw invalid('the payload is not JSON')
  }
  if (!isObject(value)) throw invalid('the payload is not a JSON object')
  return value
}

/** The text of a payload, whose own memory is given back at once where that is possible (Node 22 and later). */
function takeText(payload: Buffer, from: number): string {
  const text = payload.toString('utf8', from)
  const memory = payload.buffer as ArrayBuffer & { transfer?(bytes: number): ArrayBuffer }
  if (payload.length === memory.byteLength) memory.transfer?.(0)
  return text
}

const CHECKS: Readonly<Record<Request['kind'], (request: Json) => void>> = {
  query: (request) => {
    checkStatement(request)
    checkOptions(request)
    checkCount(request, 'maxRows')
    if (request['transaction'] !== undefined) checkCount(request, 'transaction')
  },
  batch: (request) => {
    const { statements, transaction } = request
    if (!Array.isArray(statements)) throw invalid('`statements` must be a list')
    for (const statement of statements) {
      if (!isObject(statement)) throw invalid('a statement must be an object')
      checkStatement(statement)
    }
    if (!BATCH_MODES.includes(transaction))
      throw invalid('`transaction` must be write, read or none')
    checkOptions(request)
    checkCount(request, 'maxRows')
  },
  describe: ({ table, counts }) => {
    if (table !== undefined && typeof table !== 'string') throw invalid('`table` must be text')
    if (typeof counts !== 'boolean') throw invalid('`counts` must be true or false')
  },
  stream: (request) => {
    checkStatement(request)
    checkOptions(request)
    if (request['maxRows'] !== null) checkCount(request, 'maxRows')
    checkCount(request, 'credit')
    if (request['format'] !== 'ndjson' && request['format'] !== 'csv')
      throw invalid('`format` must be ndjson or csv')
  },
  begin: (request) => {
    if (request['mode'] !== 'write' && request['mode'] !== 'read')
      throw invalid('`mode` must be write or read')
    checkCount(request, 'idleMs')
  },
  commit: (request) => checkCount(request, 'transaction'),
  rollback: (request) => checkCount(request, 'transaction'),
}

function checkStatement({ sql, params }: Json): void {
  if (typeof sql !== 'string') throw invalid('`sql` must be text')
  if (params !== undefined && (typeof params !== 'object' || params === null))
    throw invalid('`params` must be a list or an object')
}

function checkOptions({ readOnly, rowFormat }: Json): void {
  if (typeof readOnly !== 'boolean') throw invalid('`readOnly` must be true or false')
  if (rowFormat !== 'object' && rowFormat !== 'array')
    throw invalid('`rowFormat` must be object or array')
}

function checkCount(request: Json, name: string): void {
  if (!isCount(request[name])) throw invalid(`\`${name}\` must be a whole number`)
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0x7fffffff

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
