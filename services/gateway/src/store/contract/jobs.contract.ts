import { expect, test } from 'vitest'
import type { JobRow } from '../metadata-store.ts'
import type { StoreUnderTest } from './metadata-store.contract.ts'

const SUBJECT = 'db_222222222222'

export function jobsContract(current: () => StoreUnderTest): void {
  const jobs = () => current().store.jobs
  const queue = (id: string, changes: Partial<JobRow> = {}) =>
    jobs().insert({
      id,
      kind: 'restart',
      subject: SUBJECT,
      subjectName: 'shop',
      input: { graceMs: 5 },
      ...changes,
    })
  const ids = async (query: object) =>
    (await jobs().list({ limit: 10, ...query })).map(({ id }) => id)

  test('a job waits in the queue as it was asked for', async () => {
    const job = await queue('job_a')
    expect(job).toEqual({
      id: 'job_a',
      kind: 'restart',
      subject: SUBJECT,
      subjectName: 'shop',
      state: 'queued',
      phase: null,
      done: null,
      total: null,
      unit: null,
      input: { graceMs: 5 },
      result: null,
      error: null,
      cancelRequested: false,
      owner: null,
      createdAt: '2030-01-01T00:00:00.000Z',
      startedAt: null,
      finishedAt: null,
      revision: 1,
    })
    expect(await jobs().find('job_a')).toEqual(job)
    expect(await jobs().find('job_b')).toBeNull()
  })

  test('progress, outcome and failure are read as they were written', async () => {
    const { id } = await queue('job_a', { input: null })
    const patch = {
      state: 'failed',
      phase: 'copying',
      done: 5_000_000_001.5,
      total: 1_234_567_890_123,
      unit: 'bytes',
      result: { rows: ['ä', 1, null] },
      error: { code: 'server.internal', detail: 'why' },
      cancelRequested: true,
      owner: 'gateway',
      startedAt: '2030-01-01T00:00:01.000Z',
      finishedAt: '2030-01-01T00:00:02.000Z',
    } as const
    const updated = await jobs().update(id, 1, patch)
    expect(updated).toMatchObject({ ...patch, input: null, revision: 2 })
    expect(await jobs().find(id)).toEqual(updated)
    const cleared = { result: null, error: null, owner: null, phase: null, done: null }
    expect(await jobs().update(id, 2, cleared)).toEqual({ ...updated, ...cleared, revision: 3 })
  })

  test('of many that would take a job from the queue one does', async () => {
    await queue('job_a')
    const taken = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        jobs().update('job_a', 1, { state: 'running', owner: `gateway ${at}` }),
      ),
    )
    const won = taken.filter((job) => job !== null)
    expect(won).toHaveLength(1)
    expect(await jobs().find('job_a')).toEqual(won[0])
    expect(await jobs().update('job_b', 1, { state: 'running' })).toBeNull()
  })

  test('jobs are listed the newest first, by their subject and state, from one on', async () => {
    await queue('job_b')
    await queue('job_a')
    await queue('job_B')
    current().setTime('2030-01-02T00:00:00.000Z')
    await queue('job_0', { subject: 'db_333333333333' })
    await jobs().update('job_a', 1, { state: 'running' })
    expect(await ids({})).toEqual(['job_0', 'job_b', 'job_a', 'job_B'])
    expect(await ids({ limit: 2 })).toEqual(['job_0', 'job_b'])
    expect(await ids({ subject: SUBJECT })).toEqual(['job_b', 'job_a', 'job_B'])
    expect(await ids({ states: ['queued', 'failed'] })).toEqual(['job_0', 'job_b', 'job_B'])
    expect(await ids({ subject: SUBJECT, states: ['running'] })).toEqual(['job_a'])
    expect(await ids({ states: [] })).toEqual([])
    const createdAt = '2030-01-01T00:00:00.000Z'
    expect(await ids({ before: { createdAt, id: 'job_b' } })).toEqual(['job_a', 'job_B'])
    expect(await ids({ before: { createdAt: '2030-01-02T00:00:00.000Z', id: 'job_0' } })).toEqual([
      'job_b',
      'job_a',
      'job_B',
    ])
  })

  test('only jobs that were finished before are deleted', async () => {
    for (const [id, finishedAt] of [
      ['job_old', '2030-01-01T00:00:00.000Z'],
      ['job_new', '2030-01-02T00:00:00.000Z'],
      ['job_running', null],
    ] as const) {
      await queue(id)
      await jobs().update(id, 1, { finishedAt })
    }
    await jobs().deleteFinishedBefore(new Date('2030-01-02T00:00:00Z'))
    expect(await ids({})).toEqual(['job_running', 'job_new'])
  })
}
