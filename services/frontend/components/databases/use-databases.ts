'use client'

import type { Database } from '@db-forge/contract'
import { type UseQueryResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { followJob } from '@/components/jobs/remember-job'
import { rememberDatabase, usePollWhileNotLive } from '@/components/shell/live-provider'
import { client, keys, listDatabases } from '@/lib/api'
import { notify, notifyOfFailure } from '@/lib/notify'

/** All databases by name. Once fetched, live events keep them true. */
export function useDatabases() {
  const query = useQuery({
    queryKey: keys.databases,
    queryFn: ({ signal }) => listDatabases(signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: usePollWhileNotLive(),
    retry: false,
  })
  return useLastError(query)
}

export function useDatabase(name: string) {
  const queryClient = useQueryClient()
  const query = useQuery({
    queryKey: keys.database(name),
    queryFn: ({ signal }) => client.databases.get({ params: { name } }, { signal }),
    initialData: () =>
      queryClient
        .getQueryData<readonly Database[]>(keys.databases)
        ?.find((database) => database.name.toLowerCase() === name.toLowerCase()),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: usePollWhileNotLive(),
    retry: false,
  })
  return useLastError(query)
}

/** While there is nothing to show, a new attempt forgets why the last one failed; this remembers it. */
function useLastError<T>(query: UseQueryResult<T>) {
  const [last, setLast] = useState<Error | null>(null)
  const error = query.data === undefined ? (query.error ?? last) : query.error
  if (error !== last) setLast(error)
  return { data: query.data, error, refetch: query.refetch }
}

export type LifecycleAction = 'start' | 'sleep' | 'stop' | 'restart' | 'prune'

export function useLifecycle(database: Pick<Database, 'name'>) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: async (action: LifecycleAction) => {
      const call = { params: { name: database.name } }
      if (action === 'restart')
        return followJob(queryClient, await client.databases.restart.begin(call))
      const seen = await client.databases[action](call)
      rememberDatabase(queryClient, seen)
      notify(`${seen.name} is ${seen.state}`, seen.reason ?? undefined)
    },
    onError: notifyOfFailure,
  })
}
