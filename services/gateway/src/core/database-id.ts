import { randomBytes } from 'node:crypto'
import type { DatabaseId } from '@db-forge/contract'

const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'

/** A new opaque id: 12 characters of 5 random bits. */
export function newDatabaseId(): DatabaseId {
  return `db_${randomCharacters(12)}`
}

export const randomCharacters = (count: number): string =>
  Array.from(randomBytes(count), (byte) => ALPHABET[byte & 31]).join('')
