import type { Kysely } from 'kysely'
import type { IdempotencyRepo } from '../metadata-store.ts'
import type { Schema } from '../schema.ts'

export function idempotencyRepo(db: Kysely<Schema>): IdempotencyRepo {
  return {
    async begin({ keyHash, fingerprint, owner, expiresAt }) {
      const begun = await db
        .insertInto('idempotency_keys')
        .values({
          key_hash: keyHash,
          fingerprint,
          owner,
          status: null,
          answer: null,
          expires_at: expiresAt.toISOString(),
        })
        .onConflict((conflict) => conflict.column('key_hash').doNothing())
        .returning('key_hash')
        .executeTakeFirst()
      return begun !== undefined
    },
    async find(keyHash) {
      const row = await db
        .selectFrom('idempotency_keys')
        .selectAll()
        .where('key_hash', '=', keyHash)
        .executeTakeFirst()
      if (!row) return null
      const { fingerprint, owner, status, answer } = row
      return {
        fingerprint,
        owner,
        answer:
          status === null || answer === null ? null : { status: Number(status), sealed: answer },
      }
    },
    async takeOver(keyHash, from, to) {
      const taken = await db
        .updateTable('idempotency_keys')
        .set({ owner: to })
        .where('key_hash', '=', keyHash)
        .where('owner', '=', from)
        .where('status', 'is', null)
        .returning('key_hash')
        .executeTakeFirst()
      return taken !== undefined
    },
    async finish(keyHash, { status, sealed }) {
      await db
        .updateTable('idempotency_keys')
        .set({ status, answer: sealed })
        .where('key_hash', '=', keyHash)
        .execute()
    },
    async forget(keyHash) {
      await db.deleteFrom('idempotency_keys').where('key_hash', '=', keyHash).execute()
    },
    async deleteExpired(now) {
      await db.deleteFrom('idempotency_keys').where('expires_at', '<=', now.toISOString()).execute()
    },
  }
}
