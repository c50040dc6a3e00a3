import { KyselyStore } from './kysely-store.ts'
import { metadataStoreContract } from './metadata-store.contract.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

metadataStoreContract('SQLite', async () => new KyselyStore(sqliteDialect(':memory:')))
