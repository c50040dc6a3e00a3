import type { Kysely, Selectable } from 'kysely'
import type { Slot, SlotRepo } from '../metadata-store.ts'
import type { Schema, SlotsTable } from '../schema.ts'

export function slotRepo(db: Kysely<Schema>, now: () => Date): SlotRepo {
  return {
    async insert(id, engine) {
      const slot = { id, engine, state: 'making', created_at: now().toISOString() }
      await db.insertInto('slots').values(slot).execute()
      return slotOf(slot)
    },
    async all() {
      return (await db.selectFrom('slots').selectAll().orderBy('created_at').execute()).map(slotOf)
    },
    async move(id, from, to) {
      const moved = await db
        .updateTable('slots')
        .set({ state: to })
        .where('id', '=', id)
        .where('state', '=', from)
        .returning('id')
        .executeTakeFirst()
      return moved !== undefined
    },
    async delete(id) {
      await db.deleteFrom('slots').where('id', '=', id).execute()
    },
  }
}

const slotOf = (row: Selectable<SlotsTable>): Slot => ({
  id: row.id,
  engine: row.engine as Slot['engine'],
  state: row.state as Slot['state'],
})
