import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  preHandlerAsyncHookHandler,
} from 'fastify'
import { AppError } from '../core/app-error.ts'
import type { Claim, Idempotency } from '../core/idempotency.ts'

const KEY_HEADER = 'idempotency-key'
export const KEY_FORM = /^[\x21-\x7e]{1,255}$/
/** What belongs to an answer beside its body. */
const KEPT_HEADERS = ['content-type', 'content-range', 'location', 'preference-applied']

/** Routes of this scope that are marked as idempotent take a key. Register before the routes. */
export function registerIdempotency(scope: FastifyInstance, idempotency: Idempotency): void {
  scope.decorateRequest('claim', null)
  scope.addHook('onRoute', (route) => {
    if (route.config?.idempotent !== true) return
    const claim: preHandlerAsyncHookHandler = (request, reply) =>
      claimOrReplay(idempotency, request, reply)
    route.preHandler = [...[route.preHandler ?? []].flat(), claim]
    route.onSend = async (request, reply, payload) => {
      await request.claim?.finish(answerOf(reply, payload))
      return payload
    }
  })
}

/** For a request without a key nothing changes. */
async function claimOrReplay(
  idempotency: Idempotency,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const key = request.headers[KEY_HEADER]
  if (key === undefined) return undefined
  if (typeof key !== 'string' || !KEY_FORM.test(key)) throw invalidKey()
  const { method, url, body } = request
  const claimed = await idempotency.claim({
    key,
    caller: request.principal?.role ?? '',
    content: [method, url, body],
  })
  if ('body' in claimed)
    return reply
      .code(claimed.status)
      .headers({ ...claimed.headers, 'idempotent-replayed': 'true' })
      .send(claimed.body)
  request.claim = claimed
  return undefined
}

function answerOf(reply: FastifyReply, payload: unknown): Parameters<Claim['finish']>[0] {
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = reply.getHeader(name)
    return value === undefined ? [] : [[name, String(value)] as const]
  })
  return {
    status: reply.statusCode,
    headers: Object.fromEntries(headers),
    body: textOf(payload ?? ''),
  }
}

const textOf = (payload: unknown): string | null => {
  if (Buffer.isBuffer(payload)) return payload.toString()
  return typeof payload === 'string' ? payload : null
}

function invalidKey(): AppError {
  const detail = '1 to 255 visible ASCII characters'
  return new AppError('request.invalid', `Idempotency-Key: ${detail}`, {
    extra: { errors: [{ parameter: 'Idempotency-Key', detail }] },
  })
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for a request with an idempotency key. */
    claim: Claim | null
  }
}
