import { workerContract } from '@db-forge/worker-kit/testing/worker-contract'
import { folderAt } from './folder.ts'
import { DATABASE_ID, temporaryFolder, WorkerProcess } from './testing/worker-process.ts'

workerContract({
  engine: 'sqlite',
  absence: null,
  databaseId: DATABASE_ID,
  folder: temporaryFolder,
  start: (dir) => WorkerProcess.start(dir),
  sockets: folderAt,
  dialect: {
    mark: () => '?',
    bytesType: 'blob',
    sqlCodes: {
      syntax: 'SQLITE_ERROR',
      unknownColumn: 'SQLITE_ERROR',
      unknownTable: 'SQLITE_ERROR',
      primaryKey: 'SQLITE_CONSTRAINT_PRIMARYKEY',
      unique: 'SQLITE_CONSTRAINT_UNIQUE',
      notNull: 'SQLITE_CONSTRAINT_NOTNULL',
      check: 'SQLITE_CONSTRAINT_CHECK',
      foreignKey: 'SQLITE_CONSTRAINT_FOREIGNKEY',
    },
  },
})
