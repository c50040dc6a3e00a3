import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Caller } from '../core/caller.ts'

/** Who asks, and whether they still wait for the answer. */
export function callerOf({
  request,
  reply,
}: {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}): Caller {
  const { raw } = reply
  return {
    requestId: request.id,
    by: request.principal?.expiresAt === null ? 'admin token' : 'dashboard',
    whenGone(act) {
      if (raw.destroyed) act()
      else
        raw.once('close', () => {
          if (!raw.writableFinished) act()
        })
    },
  }
}
