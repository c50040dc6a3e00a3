import { createHash } from 'node:crypto'
import type { EngineName } from '@db-forge/contract'
import { z } from 'zod'
import { workerEnv } from './worker-env.ts'
import type { WorkerSpec } from './worker-runtime.ts'

/** The database's folder as its worker sees it. */
const DATA_DIR = '/data'
const MIB = 1024 * 1024
export const STOP_GRACE_SECONDS = 10

export const LABEL = {
  /** Which installation a worker belongs to; several may share one Docker. */
  instance: 'dev.dbforge.instance',
  databaseId: 'dev.dbforge.database-id',
  specHash: 'dev.dbforge.spec-hash',
  engine: 'dev.dbforge.engine',
  generation: 'dev.dbforge.generation',
  /** Hash of all of the body that cannot be changed while it runs: what differs in any of it is replaced. */
  form: 'dev.dbforge.form',
} as const

/** Where and as whom a worker runs: what its spec does not say. */
export interface WorkerPlacement {
  readonly instance: string
  readonly image: string
  /** The database's folder as Docker's host sees it. */
  readonly hostDir: string
  readonly uid: number
  readonly gid: number
}

const id = z.string().regex(/^db_[a-z0-9]{12}$/)
const unprivileged = z.int().min(1).max(2_147_483_647)

/** Checked again here, whoever checked before: this is the last place before Docker. */
const Input = z.object({
  spec: z.object({
    databaseId: id,
    engine: z.enum(['sqlite', 'postgres']),
    generation: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
    hash: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    limits: z.object({
      memoryMb: z.int().min(32).max(1_048_576),
      cpus: z.number().min(0.01).max(1024),
      maxSizeMb: z.int().min(1).max(16_777_216),
      pidsMax: z.int().min(16).max(65_536).nullable(),
    }),
  }),
  placement: z.object({
    instance: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
    image: z.string().regex(/^[a-z0-9][a-z0-9._/:@-]{0,254}$/),
    hostDir: z.string().max(4096),
    uid: unprivileged,
    gid: unprivileged,
  }),
})

export function workerContainerName(databaseId: string): string {
  return `dbforge-w-${id.parse(databaseId)}`
}

/**
 * The one form of container that this program makes. There is no input for which another one comes out.
 * @throws if an input cannot be part of that form.
 */
export function workerContainer(spec: WorkerSpec, placement: WorkerPlacement) {
  const { spec: s, placement: p } = Input.parse({ spec, placement })
  if (!isFolderOf(s.databaseId, p.hostDir)) throw new Error(`not the folder of ${s.databaseId}`)
  const container = {
    name: workerContainerName(s.databaseId),
    Image: p.image,
    User: `${p.uid}:${p.gid}`,
    Env: Object.entries({ ...workerEnv(s, DATA_DIR), DBFORGE_CONTAINED: '1' }).map(
      ([name, value]) => `${name}=${value}`,
    ),
    Labels: {
      [LABEL.instance]: p.instance,
      [LABEL.databaseId]: s.databaseId,
      [LABEL.specHash]: s.hash,
      [LABEL.engine]: s.engine,
      [LABEL.generation]: String(s.generation),
    },
    Tty: false,
    OpenStdin: false,
    StopSignal: 'SIGTERM',
    StopTimeout: STOP_GRACE_SECONDS,
    HostConfig: {
      ...confinement,
      ...bounds(s.limits),
      ...liveBounds(s),
      Mounts: [ownFolder(p.hostDir)],
    },
  }
  return { ...container, Labels: { ...container.Labels, [LABEL.form]: formOf(container, s) } }
}

export type WorkerContainer = ReturnType<typeof workerContainer>

/** Docker changes these while a container runs. */
export interface LiveBounds {
  readonly NanoCpus: number
  readonly PidsLimit: number
}

const liveBounds = ({ engine, limits: { cpus, pidsMax } }: z.output<typeof Input>['spec']) => ({
  NanoCpus: Math.round(cpus * 1e9),
  PidsLimit: pidsMax ?? PIDS_MAX[engine],
})

/** Without what can be changed while it runs: by Docker, or, as the size of the data, by the worker itself. */
function formOf(
  { Env, HostConfig, ...rest }: { Env: readonly string[]; HostConfig: LiveBounds },
  { limits }: z.output<typeof Input>['spec'],
): string {
  const { NanoCpus: _cpus, PidsLimit: _pids, ...fixed } = HostConfig
  const size = `DBFORGE_MAX_SIZE_MB=${limits.maxSizeMb}`
  const form = { ...rest, Env: Env.filter((one) => one !== size), HostConfig: fixed }
  return createHash('sha256').update(JSON.stringify(form)).digest('hex').slice(0, 16)
}

/** A PostgreSQL server has a process for each connection. */
const PIDS_MAX: Readonly<Record<EngineName, number>> = { sqlite: 64, postgres: 256 }

const confinement = {
  Privileged: false,
  NetworkMode: 'none',
  // No shared memory at all: nothing here needs /dev/shm, which would be one more place to write to.
  IpcMode: 'none',
  ReadonlyRootfs: true,
  CapDrop: ['ALL'],
  // Docker's default seccomp and AppArmor profiles stay, since none are named.
  SecurityOpt: ['no-new-privileges'],
  RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
  AutoRemove: false,
  Init: false,
  OomScoreAdj: 500,
  LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '2' } },
}

/**
 * None for the size of a file: Docker cannot change it while a container runs, so a quota could not be raised, and it
 * would not bound what many files take together. The worker sees to that, and the gateway to what stays free.
 */
function bounds({ memoryMb }: WorkerSpec['limits']) {
  const memory = memoryMb * MIB
  return {
    Memory: memory,
    MemorySwap: memory,
    Ulimits: [
      { Name: 'nofile', Soft: 1024, Hard: 1024 },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
    // What lies in there counts as memory.
    Tmpfs: { '/tmp': `rw,noexec,nosuid,nodev,size=${Math.floor(memoryMb / 4)}m,mode=1777` },
  }
}

/**
 * As a mount and not as a `Binds` string, in which a colon would begin another field; and never made by Docker. How
 * later mounts propagate is Docker's choice: not at all, but for a folder in one of its volumes, where it insists on
 * taking over those of the host.
 */
function ownFolder(hostDir: string) {
  return {
    Type: 'bind' as const,
    Source: hostDir,
    Target: DATA_DIR,
    ReadOnly: false,
    BindOptions: { NonRecursive: true },
  }
}

/** An absolute path in its plain form, whose last part is the id: never the folder that holds them all. */
function isFolderOf(databaseId: string, path: string): boolean {
  const [root, ...parts] = path.split('/')
  const plain = parts.every((part) => part !== '' && part !== '.' && part !== '..')
  const printable = !/[\p{Cc}\p{Cs}]/u.test(path)
  return root === '' && plain && printable && parts.length > 1 && parts.at(-1) === databaseId
}
