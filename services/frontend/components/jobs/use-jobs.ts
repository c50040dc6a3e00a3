'use client'

import type { Job } from '@db-forge/contract'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { usePollWhileNotLive } from '@/components/shell/live-provider'
import { client, keys, listJobs } from '@/lib/api'
import { unfinished } from '@/lib/jobs'
import { notifyOfFailure } from '@/lib/notify'
import { rememberJob, tellEnd } from './remember-job'

/** How often the jobs are looked at while one is under way and no event tells of it. */
const POLL_MS = 2000

/** The newest jobs. Once fetched, live events keep them true. */
export function useJobs() {
  const poll = usePollWhileNotLive()
  return useQuery({
    queryKey: keys.jobs,
    async queryFn({ signal }) {
      const jobs = await listJobs(signal)
      for (const job of jobs) tellEnd(job)
      return jobs
    },
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: ({ state: { data } }) =>
      poll && data && unfinished(data).length > 0 ? POLL_MS : poll,
  })
}

export function useCancelJob() {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: ({ id }: Job) => client.jobs.cancel({ params: { id } }),
    onSuccess: (job) => rememberJob(queryClient, job),
    onError: notifyOfFailure,
  })
}
