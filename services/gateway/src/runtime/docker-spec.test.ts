import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type WorkerPlacement, workerContainer, workerContainerName } from './docker-spec.ts'
import type { WorkerSpec } from './worker-runtime.ts'

const spec: WorkerSpec = {
  databaseId: 'db_7k2m9x4q1w8e',
  engine: 'sqlite',
  limits: { memoryMb: 64, cpus: 1, maxSizeMb: 1024, pidsMax: null },
  generation: 1,
  hash: '0123456789abcdef',
}
const placement: WorkerPlacement = {
  instance: 'i-1',
  image: 'db-forge/worker-sqlite:0.1.0',
  hostDir: '/srv/db-data/databases/db_7k2m9x4q1w8e',
  uid: 10_001,
  gid: 10_001,
}

/** The allowed form, written down a second time and by other means. */
const AllowedContainer = z.strictObject({
  name: z.string().regex(/^dbforge-w-db_[a-z0-9]{12}$/),
  Image: z.string().regex(/^[\w./:@-]+$/),
  User: z.string().regex(/^[1-9]\d*:[1-9]\d*$/),
  Env: z.array(
    z
      .string()
      .regex(
        /^DBFORGE_(?:DATABASE_ID|DATABASE_DIR|ENGINE|SPEC_HASH|MAX_SIZE_MB|MEMORY_MB|CONTAINED)=[\w/-]+$/,
      ),
  ),
  Labels: z.strictObject({
    'dev.dbforge.instance': z.string().regex(/^[\w-]+$/),
    'dev.dbforge.database-id': z.string().regex(/^db_[a-z0-9]{12}$/),
    'dev.dbforge.spec-hash': z.string().regex(/^[\w-]{1,64}$/),
    'dev.dbforge.engine': z.enum(['sqlite', 'postgres']),
    'dev.dbforge.generation': z.string().regex(/^\d{1,16}$/),
    'dev.dbforge.form': z.string().regex(/^[0-9a-f]{16}$/),
  }),
  Tty: z.literal(false),
  OpenStdin: z.literal(false),
  StopSignal: z.literal('SIGTERM'),
  StopTimeout: z.literal(10),
  HostConfig: z.strictObject({
    Privileged: z.literal(false),
    NetworkMode: z.literal('none'),
    IpcMode: z.literal('none'),
    ReadonlyRootfs: z.literal(true),
    CapDrop: z.tuple([z.literal('ALL')]),
    SecurityOpt: z.tuple([z.literal('no-new-privileges')]),
    RestartPolicy: z.strictObject({ Name: z.literal('no'), MaximumRetryCount: z.literal(0) }),
    AutoRemove: z.literal(false),
    Init: z.literal(false),
    OomScoreAdj: z.literal(500),
    PidsLimit: z.int().positive(),
    LogConfig: z.strictObject({
      Type: z.literal('json-file'),
      Config: z.strictObject({ 'max-size': z.literal('1m'), 'max-file': z.literal('2') }),
    }),
    Memory: z.int().positive(),
    MemorySwap: z.int().positive(),
    NanoCpus: z.int().positive(),
    Ulimits: z.array(
      z.strictObject({
        Name: z.enum(['nofile', 'core']),
        Soft: z.int().nonnegative(),
        Hard: z.int().nonnegative(),
      }),
    ),
    Tmpfs: z.strictObject({
      '/tmp': z.string().regex(/^rw,noexec,nosuid,nodev,size=\d+m,mode=1777$/),
    }),
    Mounts: z.tuple([
      z.strictObject({
        Type: z.literal('bind'),
        Source: z.string().regex(/^(?:\/[^/]+)+\/db_[a-z0-9]{12}$/u),
        Target: z.literal('/data'),
        ReadOnly: z.literal(false),
        BindOptions: z.strictObject({ NonRecursive: z.literal(true) }),
      }),
    ]),
  }),
})

describe('the container of a worker', () => {
  test('is this one', () => {
    expect(workerContainer(spec, placement)).toMatchSnapshot()
    const { HostConfig } = workerContainer({ ...spec, engine: 'postgres' }, placement)
    expect(HostConfig.PidsLimit).toBe(256)
  })

  test('is the same for the same input, and has another hash for any other', () => {
    const form = (s: WorkerSpec, p: WorkerPlacement) =>
      workerContainer(s, p).Labels['dev.dbforge.form']
    const one = form(spec, placement)
    expect(form({ ...spec }, { ...placement })).toBe(one)
    const others = [
      form({ ...spec, hash: 'other' }, placement),
      form({ ...spec, limits: { ...spec.limits, memoryMb: 65 } }, placement),
      form({ ...spec, generation: 2 }, placement),
      form(spec, { ...placement, uid: 1000 }),
      form(spec, { ...placement, image: 'other' }),
      form(spec, { ...placement, hostDir: `/mnt/${spec.databaseId}` }),
    ]
    expect(new Set([one, ...others]).size).toBe(7)
    for (const changes of [{ cpus: 2 }, { pidsMax: 100 }, { maxSizeMb: 2048 }])
      expect(form({ ...spec, limits: { ...spec.limits, ...changes } }, placement)).toBe(one)
  })

  test.each([
    ['an id with a path in it', { databaseId: '../../../etc' }, {}],
    ['an id with a line break behind it', { databaseId: 'db_7k2m9x4q1w8e\n' }, {}],
    ['a hash that is none', { hash: 'a=b\nc' }, {}],
    ['an unknown engine', { engine: 'mysql' }, {}],
    ['no memory', { limits: { ...spec.limits, memoryMb: 0 } }, {}],
    ['memory without end', { limits: { ...spec.limits, memoryMb: Number.POSITIVE_INFINITY } }, {}],
    ['no processor', { limits: { ...spec.limits, cpus: 0 } }, {}],
    ['root', {}, { uid: 0 }],
    ['the group of root', {}, { gid: 0 }],
    ['the folder of all databases', {}, { hostDir: '/srv/db-data/databases' }],
    ['the folder of another database', {}, { hostDir: '/srv/databases/db_000000000000' }],
    ['a way out', {}, { hostDir: `/srv/../etc/${spec.databaseId}` }],
    ['a relative path', {}, { hostDir: `databases/${spec.databaseId}` }],
    ['a path with a NUL', {}, { hostDir: `/srv/\0/${spec.databaseId}` }],
    ['an image that is an option', {}, { image: '--privileged' }],
  ])('is refused for %s', (_, badSpec, badPlacement) => {
    const hostile = { ...spec, ...badSpec } as WorkerSpec
    expect(() => workerContainer(hostile, { ...placement, ...badPlacement })).toThrow()
  })

  test('has the allowed form, or is none, whatever the input', () => {
    const made = { count: 0 }
    fc.assert(
      fc.property(hostile(), ({ spec, placement }) => {
        const body = attempt(() =>
          workerContainer(spec as WorkerSpec, placement as WorkerPlacement),
        )
        if (!body) return
        made.count++
        AllowedContainer.parse(body)
        expect(body.HostConfig.MemorySwap).toBe(body.HostConfig.Memory)
        expect(
          body.HostConfig.Mounts[0]?.Source.endsWith(`/${body.Labels['dev.dbforge.database-id']}`),
        ).toBe(true)
        expect(body.name).toBe(workerContainerName(body.Labels['dev.dbforge.database-id']))
      }),
      { numRuns: 2000 },
    )
    expect(made.count).toBeGreaterThan(20)
  })
})

function attempt<T>(make: () => T): T | null {
  try {
    return make()
  } catch {
    return null
  }
}

/** Mostly what is right, often what is nearly right, sometimes anything. */
function hostile() {
  const id = fc.oneof(
    { weight: 8, arbitrary: fc.constant(spec.databaseId) },
    fc.stringMatching(/^db_[a-z0-9]{12}$/),
    text(),
  )
  const number = (right: number) =>
    fc.oneof(
      { weight: 8, arbitrary: fc.constant(right) },
      fc.integer({ min: 1, max: 4096 }),
      fc.double(),
      fc.constantFrom(0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53),
      fc.anything(),
    )
  const named = (right: string) =>
    fc.oneof({ weight: 8, arbitrary: fc.constant(right) }, text(), fc.anything())
  const path = fc.oneof(
    { weight: 8, arbitrary: fc.constant(placement.hostDir) },
    text().map((part) => `/${part}/${spec.databaseId}`),
    text().map((part) => `${part}${spec.databaseId}`),
    text(),
  )
  return fc.record({
    spec: fc.record({
      databaseId: id,
      engine: fc.oneof(named('sqlite'), fc.constant('postgres')),
      hash: named(spec.hash),
      generation: number(1),
      limits: fc.record({
        memoryMb: number(64),
        cpus: number(1),
        maxSizeMb: number(100),
        pidsMax: fc.oneof(fc.constant(null), number(64)),
      }),
      extra: fc.anything(),
    }),
    placement: fc.record({
      instance: named('i-1'),
      image: named(placement.image),
      hostDir: path,
      uid: number(1000),
      gid: number(1000),
      Privileged: fc.anything(),
    }),
  })
}

function text() {
  return fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '..',
      '.',
      '/',
      '',
      'a:b',
      'a,readonly=false',
      '\n',
      '\0',
      '__proto__',
      '/etc',
      ',',
    ),
  )
}
