import { type Kysely, type Selectable, sql } from 'kysely'
import type { JobPatchRow, JobRepo, JobRow } from '../metadata-store.ts'
import type { JobsTable, Schema } from '../schema.ts'

export function jobRepo(db: Kysely<Schema>, now: () => Date): JobRepo {
  return {
    async insert(job) {
      const inserted = await db
        .insertInto('jobs')
        .values({
          id: job.id,
          kind: job.kind,
          subject: job.subject,
          subject_name: job.subjectName,
          state: 'queued',
          phase: null,
          done: null,
          total: null,
          unit: null,
          input: JSON.stringify(job.input),
          result: null,
          error: null,
          cancel_requested: 0,
          owner: null,
          created_at: now().toISOString(),
          started_at: null,
          finished_at: null,
          revision: 1,
        })
        .returningAll()
        .executeTakeFirstOrThrow()
      return jobOf(inserted)
    },
    async find(id) {
      const found = await db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst()
      return found ? jobOf(found) : null
    },
    async list(query) {
      // PostgreSQL has no empty list of values.
      if (query.states?.length === 0) return []
      let select = db.selectFrom('jobs').selectAll()
      const { subject } = query
      if (subject !== undefined)
        select = select.where((row) =>
          row.or([
            row('subject', '=', subject),
            row(sql<string>`lower(subject_name)`, '=', subject.toLowerCase()),
          ]),
        )
      if (query.states) select = select.where('state', 'in', [...query.states])
      const { before } = query
      if (before)
        select = select.where((row) =>
          row.or([
            row('created_at', '<', before.createdAt),
            row.and([row('created_at', '=', before.createdAt), row('id', '<', before.id)]),
          ]),
        )
      const rows = await select
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(query.limit)
        .execute()
      return rows.map(jobOf)
    },
    async update(id, revision, patch) {
      const updated = await db
        .updateTable('jobs')
        .set({ ...columnsOf(patch), revision: revision + 1 })
        .where('id', '=', id)
        .where('revision', '=', revision)
        .returningAll()
        .executeTakeFirst()
      return updated ? jobOf(updated) : null
    },
    async deleteFinishedBefore(at) {
      await db.deleteFrom('jobs').where('finished_at', '<', at.toISOString()).execute()
    },
  }
}

function columnsOf(patch: JobPatchRow): Partial<JobsTable> {
  const { result, error, cancelRequested, startedAt, finishedAt, state, owner, ...progress } = patch
  return {
    ...progress,
    ...(state === undefined ? {} : { state }),
    ...(owner === undefined ? {} : { owner }),
    ...(result === undefined ? {} : { result: JSON.stringify(result) }),
    ...(error === undefined ? {} : { error: JSON.stringify(error) }),
    ...(cancelRequested === undefined ? {} : { cancel_requested: cancelRequested ? 1 : 0 }),
    ...(startedAt === undefined ? {} : { started_at: startedAt }),
    ...(finishedAt === undefined ? {} : { finished_at: finishedAt }),
  }
}

const parsed = (text: string | null) => (text === null ? null : JSON.parse(text))

function jobOf(row: Selectable<JobsTable>): JobRow {
  return {
    id: row.id,
    kind: row.kind,
    subject: row.subject,
    subjectName: row.subject_name,
    state: row.state as JobRow['state'],
    phase: row.phase,
    done: row.done,
    total: row.total,
    unit: row.unit,
    input: JSON.parse(row.input),
    result: parsed(row.result),
    error: parsed(row.error),
    cancelRequested: Number(row.cancel_requested) !== 0,
    owner: row.owner,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    revision: Number(row.revision),
  }
}
