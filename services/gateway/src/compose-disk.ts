import { mkdir } from 'node:fs/promises'
import type { DatabaseId } from '@db-forge/contract'
import type { Logger } from 'pino'
import type { Life } from './compose-life.ts'
import type { Config } from './config.ts'
import type { Catalog } from './core/catalog.ts'
import { DiskGuard, type DiskHooks } from './core/disk-guard.ts'
import type { Leadership } from './core/leadership.ts'

/** Before anything else is written to the data folder. */
export async function guardDisk(config: Config, log: Logger): Promise<DiskGuard> {
  const { dataDir, diskFloorBytes: floorBytes, diskBallastBytes: ballastBytes } = config
  await mkdir(dataDir, { recursive: true })
  const disk = new DiskGuard({ dataDir, floorBytes, ballastBytes, log })
  await disk.open()
  return disk
}

interface DiskParts {
  readonly disk: DiskGuard
  readonly catalog: Catalog
  readonly life: Life
  readonly leadership: Leadership
  readonly log: Logger
}

export function startDisk({ disk, catalog, life, leadership, log }: DiskParts): void {
  const stuck = () =>
    catalog.all().filter(({ desired, state }) => desired === 'running' && state === 'failed')
  const tell = (id: DatabaseId) =>
    life.lifecycle
      .reconfigure(id)
      .catch((err: unknown) => log.warn({ databaseId: id, err }, 'a worker could not be told'))
  const hooks: DiskHooks = {
    leads: () => leadership.term !== null,
    isAnyStuck: () => stuck().length > 0,
    onChange: () => {
      for (const { id } of catalog.all()) void tell(id)
    },
    onRoom: () => {
      for (const { id } of stuck()) if (leadership.term !== null) life.lifecycle.attempt(id)
    },
  }
  disk.start(hooks)
  // What the gateway before has told them is its own view.
  leadership.onChange((term) => term !== null && hooks.onChange())
}
