import { describe, expect, test } from 'vitest'
import { containerIds, hostPath, placeWorkers } from './docker-placement.ts'
import { FakeDocker } from './testing/fake-docker.ts'

const id = 'a1'.repeat(32)

describe('the path on the host', () => {
  const mounts = [
    { source: '/var/lib/docker/volumes/data/_data', destination: '/app/db-data' },
    { source: '/srv/fast', destination: '/app/db-data/databases' },
    { source: '/home/me', destination: '/' },
    { source: '', destination: '/app/tmpfs' },
  ]

  test.each([
    ['/app/db-data', '/var/lib/docker/volumes/data/_data'],
    ['/app/db-data/meta', '/var/lib/docker/volumes/data/_data/meta'],
    ['/app/db-data/databases/db_1', '/srv/fast/db_1'],
    ['/app/db-data-other', '/home/me/app/db-data-other'],
    ['/app/tmpfs/x', '/home/me/app/tmpfs/x'],
  ])('of %s is told by the innermost mount', (path, expected) => {
    expect(hostPath(path, mounts)).toBe(expected)
  })

  test('of what is on no mount is not known', () => {
    expect(hostPath('/data', [{ source: '/srv', destination: '/data2' }])).toBeNull()
    expect(hostPath('/data', [])).toBeNull()
  })
})

describe("the gateway's own container", () => {
  test('is read from the files that Docker mounts into each', () => {
    const mountInfo = [
      '1 0 0:1 / / rw - overlay overlay rw',
      `2 1 8:1 /docker/containers/${id}/hostname /etc/hostname rw - ext4 /dev/sda rw`,
      `3 1 8:1 /docker/containers/${id}/hosts /etc/hosts rw - ext4 /dev/sda rw`,
    ].join('\n')
    expect(containerIds({ mountInfo, cgroups: '0::/', hostname: 'gateway' })).toEqual([id])
  })

  test('is read from cgroups, and else guessed from the host name', () => {
    const cgroups = `4:memory:/docker/${id}\n3:cpu:/system.slice/docker-${'b2'.repeat(32)}.scope`
    const hostname = 'c3c3c3c3c3c3'
    expect(containerIds({ mountInfo: '', cgroups, hostname })).toEqual([
      id,
      'b2'.repeat(32),
      hostname,
    ])
  })

  test('is not there on a host that runs Docker', () => {
    const mountInfo = `5 1 0:4 net:[1] /run/docker/netns/default rw - nsfs nsfs rw
6 1 0:5 / /var/lib/docker/overlay2/${id}/merged rw - overlay overlay rw`
    expect(containerIds({ mountInfo, cgroups: '4:memory:/', hostname: 'laptop' })).toEqual([])
  })
})

test('on a host, paths are what they are, and workers are never root', async () => {
  const placement = await placeWorkers(new FakeDocker(), '/srv/db-data')
  expect(placement.dataRoot).toBe('/srv/db-data')
  expect(placement.uid).toBeGreaterThan(0)
  expect(placement.chown).toBe(process.getuid?.() === 0)
})
