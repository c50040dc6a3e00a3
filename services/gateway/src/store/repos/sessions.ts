import type { Kysely } from 'kysely'
import type { SessionRepo } from '../metadata-store.ts'
import type { Schema } from '../schema.ts'

export function sessionRepo(db: Kysely<Schema>): SessionRepo {
  return {
    async insert(hash, expiresAt) {
      await db
        .insertInto('sessions')
        .values({ hash, expires_at: expiresAt.toISOString() })
        .execute()
    },
    async find(hash, now) {
      const found = await db
        .selectFrom('sessions')
        .select('expires_at')
        .where('hash', '=', hash)
        .executeTakeFirst()
      const expiresAt = found ? new Date(found.expires_at) : null
      return expiresAt && expiresAt > now ? expiresAt : null
    },
    async delete(hash) {
      await db.deleteFrom('sessions').where('hash', '=', hash).execute()
    },
    async deleteExpired(now) {
      await db.deleteFrom('sessions').where('expires_at', '<=', now.toISOString()).execute()
    },
  }
}
