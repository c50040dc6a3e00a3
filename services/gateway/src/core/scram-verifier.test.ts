import { expect, test } from 'vitest'
import { newPassword, scramVerifier } from './scram-verifier.ts'

test('a verifier is what PostgreSQL itself makes of the same password and salt', async () => {
  // Of a PostgreSQL 15 server: set password_encryption = 'scram-sha-256'; create role r password 'pencil'.
  const verifier = await scramVerifier('pencil', Buffer.from('jCd/CeCcnBBhIpLlFBtTdg==', 'base64'))
  expect(verifier).toBe(
    'SCRAM-SHA-256$4096:jCd/CeCcnBBhIpLlFBtTdg==$tXwQJQCnWK6EqDiFc6RiGKfCIw3OUj9VETVbXnqlXDQ=:Mcd0oeQT2iX222hePdK/R8M0Yj3nV+clwL4/zjFBPgo=',
  )
})

test('passwords differ, and need no escape in a URL', () => {
  const passwords = Array.from({ length: 100 }, newPassword)
  expect(new Set(passwords).size).toBe(100)
  for (const password of passwords) expect(encodeURIComponent(password)).toBe(password)
})
