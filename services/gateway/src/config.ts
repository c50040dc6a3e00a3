import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { resolve } from 'node:path'
import type { EngineName } from '@db-forge/contract'
import { z } from 'zod'
import { GATEWAY_NUMBER_MAX } from './pg-port/cancel-keys.ts'

/** `1=host:port,2=host:port` */
const peers = z
  .string()
  .regex(/^\d{1,4}=[^=,]+:\d{1,5}(?:,\d{1,4}=[^=,]+:\d{1,5})*$/, 'number=host:port, by commas')
  .transform((text) => {
    const entries = text.split(',').map((entry) => {
      const [, number = '', host = '', port = ''] = /^(\d+)=(.+):(\d+)$/.exec(entry) ?? []
      return [Number(number), { host, port: Number(port) }] as const
    })
    return new Map(entries)
  })

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
)

/** A server's socket is named by `?host=/folder`, with nothing after the `@`. */
function isStoreUrl(text: string): boolean {
  if (text.startsWith('sqlite:')) return true
  return /^postgres(?:ql)?:\/\/\S/.test(text) && URL.canParse(text.replace('@/', '@localhost/'))
}

const Settings = z.object({
  DBFORGE_HOST: z.string().default('127.0.0.1'),
  DBFORGE_PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  DBFORGE_PG_PORT: z.literal('off').or(z.coerce.number().int().min(0).max(65_535)).optional(),
  DBFORGE_PG_ADDRESS: z
    .string()
    .regex(/^[^\s/@]+$/, 'host or host:port')
    .optional(),
  DBFORGE_PG_TLS_CERT: z.string().optional(),
  DBFORGE_PG_TLS_KEY: z.string().optional(),
  DBFORGE_PG_SESSIONS_MAX: z.coerce.number().int().min(1).max(100_000).default(1000),
  DBFORGE_PG_IDLE_TIMEOUT_MS: z.coerce.number().int().min(0).default(3_600_000),
  DBFORGE_GATEWAY_NUMBER: z.coerce.number().int().min(0).max(GATEWAY_NUMBER_MAX).default(0),
  DBFORGE_PG_PEERS: peers.default(new Map()),
  DBFORGE_DATA_DIR: z.string().default('db-data'),
  DBFORGE_SECRETS_DIR: z.string().default('secrets'),
  DBFORGE_RUNTIME: z.enum(['auto', 'docker', 'process']).default('auto'),
  DBFORGE_STORE_URL: z
    .string()
    .refine(isStoreUrl, 'sqlite:{path} or postgres://{user}:{password}@{host}:{port}/{database}')
    .optional(),
  DBFORGE_ADMIN_TOKEN: z.string().min(16, 'at least 16 characters').max(200).optional(),
  DBFORGE_LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info'),
  DBFORGE_LOG_FORMAT: z.enum(['auto', 'json', 'pretty']).default('auto'),
  DBFORGE_PUBLIC_URL: z.url().optional(),
  DBFORGE_DASHBOARD_URL: z.url().optional(),
  DBFORGE_TRUSTED_PROXIES: list.default([]),
  DBFORGE_DISK_FLOOR_MB: z.coerce.number().min(0).default(512),
  DBFORGE_DISK_BALLAST_MB: z.coerce.number().min(0).default(160),
  DBFORGE_BODY_LIMIT_MB: z.coerce.number().min(0.001).max(256).default(16),
  DBFORGE_STOP_GRACE_MS: z.coerce.number().int().min(0).default(25_000),
  DBFORGE_POOL_SQLITE: z.coerce.number().int().min(0).max(100).default(2),
  DBFORGE_POOL_POSTGRES: z.coerce.number().int().min(0).max(100).default(1),
  DBFORGE_SLEEP_AFTER_SECONDS: z.coerce.number().min(0).max(31_536_000).default(900),
  DBFORGE_RUNNING_MAX: z.coerce.number().int().min(1).max(100_000).optional(),
  DBFORGE_DELETED_KEEP_HOURS: z.coerce.number().min(0).max(87_600).default(168),
  DBFORGE_WORKER_IMAGE_SQLITE: z.string().optional(),
  DBFORGE_WORKER_IMAGE_POSTGRES: z.string().optional(),
  DBFORGE_BUILD_CONTEXT: z.string().optional(),
})

export interface PgConfig {
  readonly port: number
  /** The port was not asked for, so another one will do. */
  readonly portIsDefault: boolean
  /** How users reach it; else as it listens. */
  readonly address: string | undefined
  /** Files in PEM; without them a certificate is made. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  readonly sessionsMax: number
  readonly idleTimeoutMs: number
  readonly gatewayNumber: number
  readonly peers: ReadonlyMap<number, { readonly host: string; readonly port: number }>
}

export interface Config {
  readonly host: string
  readonly port: number
  /** Null where PostgreSQL's clients are not served. */
  readonly pg: PgConfig | null
  readonly dataDir: string
  readonly secretsDir: string
  readonly runtime: 'auto' | 'docker' | 'process'
  /** May hold a password. */
  readonly storeUrl: string
  readonly adminToken: string | undefined
  readonly logLevel: z.output<typeof Settings>['DBFORGE_LOG_LEVEL']
  readonly logFormat: 'json' | 'pretty'
  /** Address that users know this gateway by; else made from host and port. */
  readonly publicUrl: string | undefined
  /** Where the dashboard's server listens; paths that are not the API's go there. */
  readonly dashboardUrl: string | undefined
  /** Addresses or CIDR ranges whose X-Forwarded-* headers are believed. */
  readonly trustedProxies: readonly string[]
  readonly bodyBytesMax: number
  /** What is to stay free of the volume that holds the data; 0 for no such floor. */
  readonly diskFloorBytes: number
  /** Held back there for workers that need room to recover. */
  readonly diskBallastBytes: number
  readonly stopGraceMs: number
  /** Workers that are kept ready before there are databases for them. */
  readonly pool: Readonly<Record<EngineName, number>>
  /** Of databases that do not say; 0 for never. */
  readonly sleepAfterMs: number
  /** How many databases may run at once. */
  readonly runningMax: number
  /** How long the data of deleted databases are kept. */
  readonly deletedKeptMs: number
  readonly workerImages: Readonly<Record<EngineName, string | undefined>>
  /** A checkout that missing worker images can be built from. */
  readonly buildContext: string | undefined
  /** Where workers that are processes look for programs. */
  readonly searchPath: string | undefined
}

export class ConfigError extends Error {}

/**
 * Settings from environment variables. `X_FILE` names a file that holds the value of `X`.
 * @throws ConfigError that lists every problem.
 */
export function readConfig(env: NodeJS.ProcessEnv, isTerminal: boolean): Config {
  const problems: string[] = []
  const parsed = Settings.safeParse(withFiles(env, problems))
  for (const name of unknownNames(env)) problems.push(`${name}: there is no such setting`)
  for (const issue of parsed.error?.issues ?? [])
    problems.push(`${issue.path.join('.')}: ${issue.message}`)
  const { DBFORGE_PG_TLS_CERT: cert, DBFORGE_PG_TLS_KEY: key } = parsed.data ?? {}
  if (parsed.success && (cert === undefined) !== (key === undefined))
    problems.push('DBFORGE_PG_TLS_CERT, DBFORGE_PG_TLS_KEY: one without the other')
  if (!parsed.success || problems.length > 0)
    throw new ConfigError(
      `The settings are not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    )
  const s = parsed.data
  const dataDir = resolve(s.DBFORGE_DATA_DIR)
  return {
    host: s.DBFORGE_HOST,
    port: s.DBFORGE_PORT,
    pg: pgConfig(s),
    dataDir,
    secretsDir: resolve(s.DBFORGE_SECRETS_DIR),
    runtime: s.DBFORGE_RUNTIME,
    storeUrl: s.DBFORGE_STORE_URL ?? `sqlite:${resolve(dataDir, 'meta/store.sqlite')}`,
    adminToken: s.DBFORGE_ADMIN_TOKEN,
    logLevel: s.DBFORGE_LOG_LEVEL,
    logFormat:
      s.DBFORGE_LOG_FORMAT === 'auto' ? (isTerminal ? 'pretty' : 'json') : s.DBFORGE_LOG_FORMAT,
    publicUrl: s.DBFORGE_PUBLIC_URL?.replace(/\/+$/, ''),
    dashboardUrl: s.DBFORGE_DASHBOARD_URL,
    trustedProxies: s.DBFORGE_TRUSTED_PROXIES,
    bodyBytesMax: Math.round(s.DBFORGE_BODY_LIMIT_MB * 1024 * 1024),
    diskFloorBytes: Math.round(s.DBFORGE_DISK_FLOOR_MB * 1024 * 1024),
    diskBallastBytes: Math.round(s.DBFORGE_DISK_BALLAST_MB * 1024 * 1024),
    stopGraceMs: s.DBFORGE_STOP_GRACE_MS,
    pool: { sqlite: s.DBFORGE_POOL_SQLITE, postgres: s.DBFORGE_POOL_POSTGRES },
    sleepAfterMs: s.DBFORGE_SLEEP_AFTER_SECONDS * 1000,
    runningMax: s.DBFORGE_RUNNING_MAX ?? Math.max(RUNNING_MIN, runningMaxOf(totalmem())),
    deletedKeptMs: s.DBFORGE_DELETED_KEEP_HOURS * 3_600_000,
    workerImages: {
      sqlite: s.DBFORGE_WORKER_IMAGE_SQLITE,
      postgres: s.DBFORGE_WORKER_IMAGE_POSTGRES,
    },
    buildContext: s.DBFORGE_BUILD_CONTEXT ? resolve(s.DBFORGE_BUILD_CONTEXT) : undefined,
    searchPath: env['PATH'],
  }
}

/** Workers idle at some 50 to 60 MB of memory and take more at work. */
const RUNNING_MIN = 8
const runningMaxOf = (memoryBytes: number) => Math.floor((memoryBytes / 2 ** 30) * 8)

const PG_PORT = 5432

function pgConfig(s: z.output<typeof Settings>): PgConfig | null {
  if (s.DBFORGE_PG_PORT === 'off') return null
  const { DBFORGE_PG_TLS_CERT: cert, DBFORGE_PG_TLS_KEY: key } = s
  return {
    port: s.DBFORGE_PG_PORT ?? PG_PORT,
    portIsDefault: s.DBFORGE_PG_PORT === undefined,
    address: s.DBFORGE_PG_ADDRESS,
    tls: cert && key ? { cert: resolve(cert), key: resolve(key) } : undefined,
    sessionsMax: s.DBFORGE_PG_SESSIONS_MAX,
    idleTimeoutMs: s.DBFORGE_PG_IDLE_TIMEOUT_MS,
    gatewayNumber: s.DBFORGE_GATEWAY_NUMBER,
    peers: s.DBFORGE_PG_PEERS,
  }
}

const settingNames = Object.keys(Settings.shape)

/** Variables that are set to nothing count as absent, as compose passes them so. */
function withFiles(env: NodeJS.ProcessEnv, problems: string[]): Record<string, string> {
  const values: Record<string, string> = {}
  for (const name of settingNames) {
    const file = env[`${name}_FILE`]
    if (env[name]) values[name] = env[name]
    if (!file) continue
    if (env[name]) problems.push(`${name}: set here and through ${name}_FILE`)
    try {
      values[name] = readFileSync(file, 'utf8').trim()
    } catch (error) {
      problems.push(`${name}_FILE: ${(error as Error).message}`)
    }
  }
  return values
}

/** A misspelt setting is an error rather than a surprise. Other DBFORGE_ families are not the gateway's. */
function unknownNames(env: NodeJS.ProcessEnv): string[] {
  const known = new Set(settingNames.flatMap((name) => [name, `${name}_FILE`]))
  return Object.keys(env).filter(
    (name) =>
      name.startsWith('DBFORGE_') && !/^DBFORGE_(TEST|CACHE|BENCH)_/.test(name) && !known.has(name),
  )
}
