import { AppError } from '../core/app-error.ts'

interface Range {
  readonly type: string
  readonly quality: number
}

/**
 * The one of `offered` that an `Accept` header likes best, the first of equals (RFC 9110 12.5.1).
 * @throws AppError when it takes none of them.
 */
export function negotiate(accept: string | undefined, offered: readonly string[]): string {
  const [first = ''] = offered
  if (accept === undefined || accept === '*/*' || accept === first) return first
  const ranges = accept.split(',').map(parseRange)
  let best = { type: '', quality: 0 }
  for (const type of offered) {
    const quality = qualityOf(type, ranges)
    if (quality > best.quality) best = { type, quality }
  }
  if (best.quality === 0)
    throw new AppError('request.invalid', `Accept: there is ${offered.join(', ')}`, {
      extra: { errors: [{ parameter: 'Accept', detail: `there is ${offered.join(', ')}` }] },
    })
  return best.type
}

function parseRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const q = parameters.find((parameter) => parameter.startsWith('q='))
  const quality = q === undefined ? 1 : Number(q.slice(2))
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 0 }
}

/** What names the type most exactly counts. */
function qualityOf(type: string, ranges: readonly Range[]): number {
  const group = `${type.split('/')[0]}/*`
  for (const wanted of [type, group, '*/*']) {
    const range = ranges.find((candidate) => candidate.type === wanted)
    if (range) return range.quality
  }
  return 0
}
