'use client'

import { type Database, databaseCan } from '@db-forge/contract'
import { useQuery } from '@tanstack/react-query'
import { client, keys } from '@/lib/api'

/** Tables and views; counting rows reads every table, so it is asked for only where the counts are shown. */
export function useSchema(database: Database, { counts }: { readonly counts: boolean }) {
  return useQuery({
    queryKey: [...keys.schema(database.name), { counts }],
    queryFn: ({ signal }) =>
      client.tables.schema(
        { params: { name: database.name }, query: { counts: String(counts) } },
        { signal },
      ),
    enabled: databaseCan('query', database),
    staleTime: 30_000,
  })
}
