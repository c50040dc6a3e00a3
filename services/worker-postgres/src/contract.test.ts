import { workerContract } from '@db-forge/worker-kit/testing/worker-contract'
import { folderAt } from './folder.ts'
import {
  DATABASE_ID,
  temporaryFolder,
  unavailable,
  WorkerProcess,
} from './testing/worker-process.ts'

workerContract({
  engine: 'postgres',
  absence: unavailable(),
  databaseId: DATABASE_ID,
  folder: temporaryFolder,
  start: (dir) => WorkerProcess.start(dir),
  sockets: folderAt,
  dialect: {
    mark: (nth) => `$${nth}`,
    bytesType: 'bytea',
    sqlCodes: {
      syntax: '42601',
      unknownColumn: '42703',
      unknownTable: '42P01',
      primaryKey: '23505',
      unique: '23505',
      notNull: '23502',
      check: '23514',
      foreignKey: '23503',
    },
  },
})
