import { join } from 'node:path'
import type { DatabaseId } from '@db-forge/contract'

/**
 * What lies where in the data folder:
 *
 *     .dbforge-volume-root     marker; a contained worker that can see it sees too much, and refuses to start
 *     ballast                  room that is given back when the volume is full
 *     meta/                    the gateway's own store
 *     databases/{id}/          all that one worker may see: main.sqlite, run/ with its sockets
 *     workers/{id}.json        which workers run as plain processes; not beside the data, where a worker could write it
 *     logs/{id}.log            their output
 *     templates/               data directories fresh from initdb, which new PostgreSQL databases of processes are copied from
 */
export interface DataLayout {
  readonly root: string
  readonly metaDir: string
  readonly databasesDir: string
  readonly workersDir: string
  readonly logsDir: string
  readonly templatesDir: string
  databaseDir(id: DatabaseId): string
  runDir(id: DatabaseId): string
}

export function dataLayout(root: string): DataLayout {
  const databasesDir = join(root, 'databases')
  return {
    root,
    metaDir: join(root, 'meta'),
    databasesDir,
    workersDir: join(root, 'workers'),
    logsDir: join(root, 'logs'),
    templatesDir: join(root, 'templates'),
    databaseDir: (id) => join(databasesDir, id),
    runDir: (id) => join(databasesDir, id, 'run'),
  }
}
