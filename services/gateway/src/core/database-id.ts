import { randomBytes } from 'node:crypto'
import type { DatabaseId } from '@db-forge/contract'

const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'

/** A new opaque id: 12 characters of 5 random bits. */
export function newDatabaseId(): DatabaseId {
  const characters = Array.from(randomBytes(12), (byte) => ALPHABET[byte & 31])
  return `db_${characters.join('')}`
}
