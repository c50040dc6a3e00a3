import type { Kysely, Selectable } from 'kysely'
import type { Lease, LeaseRepo } from '../metadata-store.ts'
import type { LeasesTable, Schema } from '../schema.ts'

export function leaseRepo(db: Kysely<Schema>): LeaseRepo {
  const unchanged = ({ name, fence, beat }: Lease) =>
    db
      .updateTable('leases')
      .where('name', '=', name)
      .where('fence', '=', fence)
      .where('beat', '=', beat)
  return {
    async find(name) {
      const row = await db
        .selectFrom('leases')
        .selectAll()
        .where('name', '=', name)
        .executeTakeFirst()
      return row ? leaseOf(row) : null
    },
    async take(name, owner, before) {
      const taken = before
        ? unchanged(before).set({ owner, fence: before.fence + 1, beat: 0 })
        : db
            .insertInto('leases')
            .values({ name, owner, fence: 1, beat: 0 })
            .onConflict((conflict) => conflict.column('name').doNothing())
      const row = await taken.returningAll().executeTakeFirst()
      return row ? leaseOf(row) : null
    },
    async renew(lease) {
      const row = await unchanged(lease)
        .set({ beat: lease.beat + 1 })
        .where('owner', '=', lease.owner)
        .returningAll()
        .executeTakeFirst()
      return row ? leaseOf(row) : null
    },
    async release(lease) {
      await unchanged(lease)
        .set({ owner: null, beat: lease.beat + 1 })
        .execute()
    },
  }
}

const leaseOf = (row: Selectable<LeasesTable>): Lease => ({
  name: row.name,
  owner: row.owner,
  fence: Number(row.fence),
  beat: Number(row.beat),
})
