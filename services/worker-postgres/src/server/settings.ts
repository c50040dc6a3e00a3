import { clientSessionsMax, POSTGRES_SOCKET } from '@db-forge/contract/wire/postgres'

export interface SettingsOptions {
  readonly memoryMb: number
  readonly socketDir: string
  readonly major: number
  /** In a container that has no /dev/shm. */
  readonly contained: boolean
}

/** What the worker opens for requests; each takes a few megabytes. */
export const sessionsMax = (memoryMb: number): number =>
  Math.min(Math.max(Math.floor(memoryMb / 16), 4), 32)

/** For the platform itself, and for those that are just ending. */
const SPARE_SESSIONS = 8

const atLeast = (least: number, megabytes: number) => `${Math.max(least, Math.floor(megabytes))}MB`

/** The server's settings, sized by the memory that there is. Given on its command line, they cannot be overridden by SQL. */
export function settings(options: SettingsOptions): Readonly<Record<string, string>> {
  return {
    ...connections(options),
    ...memory(options),
    ...durability,
    ...processes(options),
    ...logging,
  }
}

const connections = ({ memoryMb, socketDir }: SettingsOptions) => ({
  listen_addresses: '',
  unix_socket_directories: socketDir,
  unix_socket_permissions: '0770',
  port: POSTGRES_SOCKET.split('.').at(-1) ?? '',
  max_connections: String(sessionsMax(memoryMb) + clientSessionsMax(memoryMb) + SPARE_SESSIONS),
  superuser_reserved_connections: '3',
  client_connection_check_interval: '1s',
  max_prepared_transactions: '0',
})

const memory = ({ memoryMb, contained }: SettingsOptions) => ({
  ...(contained ? { dynamic_shared_memory_type: 'sysv' } : {}),
  shared_buffers: atLeast(8, memoryMb / 8),
  work_mem: atLeast(1, memoryMb / 64),
  maintenance_work_mem: atLeast(4, memoryMb / 16),
  temp_buffers: '1MB',
  effective_cache_size: atLeast(32, memoryMb / 2),
  huge_pages: 'off',
  jit: 'off',
})

const durability = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  min_wal_size: '32MB',
  max_wal_senders: '0',
  max_replication_slots: '0',
}

const processes = ({ memoryMb, major }: SettingsOptions) => ({
  max_worker_processes: '4',
  max_parallel_workers: '2',
  max_parallel_workers_per_gather: memoryMb < 512 ? '0' : '2',
  max_logical_replication_workers: '0',
  autovacuum_max_workers: memoryMb < 512 ? '1' : '3',
  restart_after_crash: 'on',
  ...(major >= 17 ? { allow_alter_system: 'off' } : {}),
  ...(major >= 18 ? { io_method: 'sync' } : {}),
})

/** Statements and their values never reach the log: what a tenant does wrong is told to the tenant alone. */
const logging = {
  log_destination: 'stderr',
  logging_collector: 'off',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_statement: 'none',
  log_checkpoints: 'off',
  log_autovacuum_min_duration: '-1',
  log_line_prefix: '[%p] ',
  log_timezone: 'UTC',
}

export const commandLine = (values: Readonly<Record<string, string>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])
