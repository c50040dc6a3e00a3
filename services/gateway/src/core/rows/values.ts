import { type InputValue, isTagged, type RowInput, TaggedValue } from '@db-forge/contract'
import { stringify } from 'lossless-json'
import { AppError } from '../app-error.ts'

type Document = Exclude<RowInput[string], InputValue>

/** Whether a member of a row is a list or an object that is stored as JSON text. */
export const isDocument = (value: RowInput[string]): value is Document =>
  typeof value === 'object' && value !== null && (Array.isArray(value) || !isTagged(value))

/** Integers of any size keep their digits. */
export function jsonText(document: unknown): string {
  try {
    return stringify(document) ?? 'null'
  } catch (cause) {
    throw new AppError('request.invalid', 'A list or object nests too deep', { cause })
  }
}

/** `{"$blob":"…"}` in a URL, and nothing else. */
export function taggedBlob(text: string): InputValue | null {
  if (!text.startsWith('{"$blob"')) return null
  try {
    return TaggedValue.parse(JSON.parse(text))
  } catch {
    return null
  }
}

/** A pattern for SQL's LIKE, in which `*` may stand for `%` unless a backslash is before it. */
export const likePattern = (pattern: string): string =>
  pattern.replace(/\\.|\*/gs, (sign) => (sign === '*' ? '%' : sign))

function refuseNul(text: string, what: string): string {
  if (text.includes('\0'))
    throw new AppError('request.invalid', `${what} cannot hold a NUL character`)
  return text
}

export const quotedText = (text: string): string =>
  `'${refuseNul(text, 'A default').replaceAll("'", "''")}'`

export const quotedName = (name: string): string =>
  `"${refuseNul(name, 'A name').replaceAll('"', '""')}"`

export const blobHex = (value: { readonly $blob: string }): string =>
  Buffer.from(value.$blob, 'base64').toString('hex')
