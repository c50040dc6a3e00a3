import type { Kysely } from 'kysely'
import type { SettingRepo } from '../metadata-store.ts'
import type { Schema } from '../schema.ts'

export function settingRepo(db: Kysely<Schema>): SettingRepo {
  return {
    async get(key) {
      const found = await db
        .selectFrom('settings')
        .select('value')
        .where('key', '=', key)
        .executeTakeFirst()
      return found?.value ?? null
    },
    async setIfAbsent(key, value) {
      await db
        .insertInto('settings')
        .values({ key, value })
        .onConflict((conflict) => conflict.column('key').doNothing())
        .execute()
      const { value: standing } = await db
        .selectFrom('settings')
        .select('value')
        .where('key', '=', key)
        .executeTakeFirstOrThrow()
      return standing
    },
    async set(key, value) {
      await db
        .insertInto('settings')
        .values({ key, value })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute()
    },
  }
}
