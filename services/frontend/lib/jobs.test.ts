import type { Job } from '@db-forge/contract'
import { describe, expect, it } from 'vitest'
import { outcomeOf, shareOf, stepOf, unfinished, withJob } from './jobs'

const job = (id: string, changes: Partial<Job> = {}): Job => ({
  id,
  kind: 'restart',
  database: { id: 'db_222222222222', name: 'shop' },
  state: 'running',
  phase: null,
  progress: null,
  result: null,
  error: null,
  cancelRequested: false,
  createdAt: '2026-01-01T00:00:00.000Z',
  startedAt: null,
  finishedAt: null,
  revision: 1,
  ...changes,
})

describe('the list of jobs', () => {
  const list = [job('c', { createdAt: '2026-01-03' }), job('a', { createdAt: '2026-01-01' })]
  const ids = (jobs: readonly Job[]) => jobs.map(({ id }) => id)

  it('takes a new job in where its time is', () => {
    expect(ids(withJob(list, job('b', { createdAt: '2026-01-02' })))).toEqual(['c', 'b', 'a'])
    expect(ids(withJob(list, job('d', { createdAt: '2026-01-04' })))).toEqual(['d', 'c', 'a'])
    expect(ids(withJob(list, job('0', { createdAt: '2025-01-01' })))).toEqual(['c', 'a', '0'])
  })
  it('keeps the newer of two sights of one job', () => {
    const newer = withJob(list, job('a', { revision: 3, phase: 'starting' }))
    expect(newer.at(-1)?.phase).toBe('starting')
    expect(withJob(newer, job('a', { revision: 2 }))).toBe(newer)
  })
  it('knows which are not over', () => {
    const over = job('x', { state: 'failed' })
    expect(ids(unfinished([over, job('y', { state: 'queued' }), job('z')]))).toEqual(['y', 'z'])
  })
})

it('says what a job has come to', () => {
  expect(outcomeOf(job('a', { state: 'succeeded' }))).toBe('shop has been restarted')
  expect(outcomeOf(job('a', { kind: 'purge', state: 'failed' }))).toBe('Destroy of shop failed')
  expect(outcomeOf(job('a', { state: 'cancelled' }))).toBe('Restart of shop was cancelled')
})

it('says what a job is at', () => {
  const progress = { done: 3, total: 12, unit: 'databases' }
  expect(stepOf({ phase: 'stopping', progress: null })).toBe('stopping')
  expect(stepOf({ phase: 'copying', progress })).toBe('copying, 3 of 12 databases')
  expect(stepOf({ phase: null, progress: { done: 1536, total: null, unit: 'bytes' } })).toBe(
    '1.5 KiB',
  )
  expect(shareOf({ progress })).toBe(0.25)
  expect(shareOf({ progress: { done: 1, total: null, unit: null } })).toBeNull()
})
