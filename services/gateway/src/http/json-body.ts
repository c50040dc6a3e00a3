import type { FastifyInstance } from 'fastify'
import { isSafeNumber, parse as parseLossless } from 'lossless-json'
import { parse as parseSecurely } from 'secure-json-parse'
import { AppError } from '../core/app-error.ts'

/** Digits enough to be an integer that a double may round. */
const LONG_INTEGER = /\d{16}/

/** JSON bodies, with integers beyond ±(2^53−1) as bigint instead of rounded. An empty body is none. */
export function registerJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, parseBody(text as string))
    } catch (cause) {
      done(new AppError('request.malformed', (cause as Error).message, { cause }))
    }
  })
}

/** @throws SyntaxError, also for members that would change an object's prototype. */
export function parseBody(text: string): unknown {
  if (text.trim() === '') return undefined
  const value: unknown = parseSecurely(text)
  return LONG_INTEGER.test(text) ? parseLossless(text, null, { parseNumber }) : value
}

const parseNumber = (text: string): number | bigint =>
  /^-?\d+$/.test(text) && !isSafeNumber(text) ? BigInt(text) : Number(text)
