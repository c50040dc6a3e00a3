'use client'

import type { Database } from '@db-forge/contract'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { rememberDatabase, usePollWhileNotLive } from '@/components/shell/live-provider'
import { client, keys, listDatabases } from '@/lib/api'
import { notify, notifyOfFailure } from '@/lib/notify'

/** All databases by name. Once fetched, live events keep them true. */
export function useDatabases() {
  return useQuery({
    queryKey: keys.databases,
    queryFn: ({ signal }) => listDatabases(signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: usePollWhileNotLive(),
  })
}

export function useDatabase(name: string) {
  const queryClient = useQueryClient()
  return useQuery({
    queryKey: keys.database(name),
    queryFn: ({ signal }) => client.databases.get({ params: { name } }, { signal }),
    initialData: () =>
      queryClient
        .getQueryData<readonly Database[]>(keys.databases)
        ?.find((database) => database.name.toLowerCase() === name.toLowerCase()),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: usePollWhileNotLive(),
  })
}

export type LifecycleAction = 'start' | 'stop' | 'restart' | 'prune'

export function useLifecycle(database: Pick<Database, 'name'>) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: (action: LifecycleAction) =>
      client.databases[action]({ params: { name: database.name } }),
    onSuccess: (seen) => {
      rememberDatabase(queryClient, seen)
      notify(`${seen.name} is ${seen.state}`, seen.reason ?? undefined)
    },
    onError: notifyOfFailure,
  })
}
