import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../clock.ts'
import type { DockerEvent } from './docker-api.ts'
import { followEvents } from './docker-events.ts'
import { FakeDocker } from './testing/fake-docker.ts'
import type { WorkerEvent } from './worker-runtime.ts'

const ids = ['db_aaaaaaaaaaaa', 'db_bbbbbbbbbbbb'] as const
const late = 9_000_000_000

function event(action: string, databaseId: string, second: number): DockerEvent {
  const labels = { 'dev.dbforge.database-id': databaseId }
  return { action, labels, time: `${late + second}.000000000` }
}

test('a stream that breaks is opened again where it broke off, and nothing is told twice', async () => {
  const docker = new FakeDocker()
  docker.eventStreams.push(
    [event('start', ids[0], 1), event('exec_start', ids[0], 2)],
    [],
    [event('exec_start', ids[0], 2), event('die', ids[0], 3), event('destroy', ids[0], 4)],
    [event('start', 'no id', 5), event('start', ids[1], 6)],
  )
  const end = new AbortController()
  onTestFinished(() => end.abort())
  const seen: WorkerEvent[] = []
  let gaps = 0
  const listener = (told: WorkerEvent) => {
    if (told.type === 'gap') gaps += 1
    else seen.push(told)
  }
  void followEvents(docker, 'label', listener, end.signal, systemClock)
  await expect.poll(() => seen.length, { timeout: 5000 }).toBe(4)
  expect(seen).toEqual([
    { type: 'started', databaseId: ids[0] },
    { type: 'exited', databaseId: ids[0] },
    { type: 'removed', databaseId: ids[0] },
    { type: 'started', databaseId: ids[1] },
  ])
  // Each time it broke something may have been missed.
  expect(gaps).toBeGreaterThanOrEqual(3)
  const second = `${late + 2}.000000000`
  expect(docker.eventsSince.slice(1, 4)).toEqual([second, second, `${late + 4}.000000000`])
})

test('nothing is asked any more once the signal aborts', async () => {
  const docker = new FakeDocker()
  const end = new AbortController()
  const following = followEvents(docker, 'label', () => {}, end.signal, systemClock)
  end.abort()
  await following
  const asked = docker.eventsSince.length
  await new Promise((resolve) => setTimeout(resolve, 250))
  expect(docker.eventsSince.length).toBe(asked)
})
