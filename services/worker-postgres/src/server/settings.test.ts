import { clientSessionsMax } from '@db-forge/contract/wire/postgres'
import { describe, expect, test } from 'vitest'
import { accessRules } from './roles.ts'
import { commandLine, sessionsMax, settings } from './settings.ts'

const at = (memoryMb: number, major = 17) =>
  settings({ memoryMb, socketDir: '/run/x', major, contained: false })

describe('settings', () => {
  test('grow with the memory', () => {
    expect([64, 128, 512, 8192].map((memoryMb) => at(memoryMb)['shared_buffers'])).toEqual([
      '8MB',
      '16MB',
      '64MB',
      '1024MB',
    ])
    expect([64, 128, 512, 8192].map(sessionsMax)).toEqual([4, 8, 32, 32])
  })

  test('commits are durable and no network is listened to, whatever the size', () => {
    for (const memoryMb of [64, 65_536])
      expect(at(memoryMb)).toMatchObject({
        fsync: 'on',
        synchronous_commit: 'on',
        full_page_writes: 'on',
        listen_addresses: '',
      })
  })

  test('there is room for clients beside requests, and a container needs no /dev/shm', () => {
    for (const memoryMb of [64, 256, 65_536])
      expect(Number(at(memoryMb)['max_connections'])).toBeGreaterThan(
        sessionsMax(memoryMb) + clientSessionsMax(memoryMb) + 3,
      )
    expect(at(256)).not.toHaveProperty('dynamic_shared_memory_type')
    const contained = settings({
      memoryMb: 256,
      socketDir: '/run/x',
      major: 17,
      contained: true,
    })
    expect(contained).toHaveProperty('dynamic_shared_memory_type', 'sysv')
  })

  test('versions are given only what they know', () => {
    expect(at(128, 15)).not.toHaveProperty('allow_alter_system')
    expect(at(128, 17)).not.toHaveProperty('io_method')
    expect(commandLine({ a: '1', b: '' })).toEqual(['-c', 'a=1', '-c', 'b='])
  })
})

test('nobody but the worker’s own user may be one of its roles', () => {
  const { hba, ident } = accessRules('someone')
  expect(hba.split('\n').filter((line) => /trust/.test(line))).toEqual([])
  expect(hba.split('\n').filter((line) => /scram/.test(line))).toEqual([
    'local all owner scram-sha-256',
    'local all reader scram-sha-256',
  ])
  expect(ident.trim().split('\n')).toEqual(
    ['dbforge', 'owner_session', 'reader_session'].map((role) => `worker "someone" ${role}`),
  )
})
