'use client'

import type { Database } from '@db-forge/contract'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { usePathname, useRouter } from 'next/navigation'
import { type SubmitEvent, useId, useState } from 'react'
import { FailureNotice } from '@/components/failure-notice'
import { followJob } from '@/components/jobs/remember-job'
import { Button } from '@/components/ui/button'
import { Dialog, DialogClose, DialogContent, DialogFooter } from '@/components/ui/dialog'
import { client, keys } from '@/lib/api'
import { formatMoment } from '@/lib/format'
import { useNow } from '@/lib/hooks'
import { notify } from '@/lib/notify'
import { paths } from '@/lib/paths'
import { withoutDatabase } from '@/lib/realtime'
import { TypedName } from './typed-name'

interface DeleteDialogProps {
  readonly database: Database
  readonly onClose: () => void
}

export function DeleteDialog({ database, onClose }: DeleteDialogProps) {
  const [typed, setTyped] = useState('')
  const [atOnce, setAtOnce] = useState(false)
  const until = useKeptUntil()
  const deletion = useDeletion(database, onClose)
  const isForGood = atOnce || until === null
  const matches = typed === database.name

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (matches && !deletion.isPending) deletion.mutate({ atOnce, until })
  }

  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent
        title={`Delete ${database.name}`}
        description={
          isForGood ? (
            'Its worker and all of its data are destroyed. This cannot be undone.'
          ) : (
            <>
              Its worker ends and its name is free. Its data can be had back{' '}
              <span className="whitespace-nowrap">{untilWords(until)}</span>.
            </>
          )
        }
      >
        <form onSubmit={submit} className="grid gap-4">
          {until === null ? null : <AtOnce checked={atOnce} onChange={setAtOnce} />}
          <TypedName name={database.name} to="delete it" value={typed} onChange={setTyped} />
          {deletion.error ? <FailureNotice error={deletion.error} /> : null}
          <DialogFooter>
            <DialogClose asChild>
              <Button>Cancel</Button>
            </DialogClose>
            <Button type="submit" variant="destructive" disabled={!matches || deletion.isPending}>
              {deletion.isPending ? 'Deleting…' : isForGood ? 'Destroy for good' : 'Delete'}
            </Button>
          </DialogFooter>
        </form>
      </DialogContent>
    </Dialog>
  )
}

interface AtOnceProps {
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
}

function AtOnce({ checked, onChange }: AtOnceProps) {
  const id = useId()
  return (
    <div className="flex min-h-6 items-center gap-2">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
        className="size-4 accent-destructive"
      />
      <label htmlFor={id}>Destroy the data at once</label>
    </div>
  )
}

const untilWords = (until: string | undefined) =>
  until ? `until ${formatMoment(until)}` : 'for a while'

/** Until when the data of what is deleted now are kept; null where they are not, undefined while that is not known. */
function useKeptUntil(): string | null | undefined {
  const now = useNow(60_000)
  const { data } = useQuery({
    queryKey: keys.platform,
    queryFn: ({ signal }) => client.platform.stats({}, { signal }),
    staleTime: 60_000,
  })
  if (!data) return undefined
  const keptMs = data.databases.deletedKeptMs
  return keptMs > 0 ? new Date(now + keptMs).toISOString() : null
}

interface Deletion {
  readonly atOnce: boolean
  readonly until: string | null | undefined
}

function useDeletion({ id, name }: Database, onClose: () => void) {
  const queryClient = useQueryClient()
  const router = useRouter()
  const path = usePathname()
  return useMutation({
    async mutationFn({ atOnce, until }: Deletion) {
      const params = { name }
      if (atOnce) {
        const job = await client.databases.delete.begin({ params, query: { force: 'true', id } })
        return followJob(queryClient, job)
      }
      await client.databases.delete({ params })
      notify(
        `Deleted ${name}`,
        until === null ? undefined : `It can be had back ${untilWords(until)}.`,
      )
    },
    onSuccess: () => {
      queryClient.setQueryData<readonly Database[]>(
        keys.databases,
        (list) => list && withoutDatabase(list, id),
      )
      void queryClient.invalidateQueries({ queryKey: keys.deleted })
      onClose()
      if (path !== paths.databases) router.replace(paths.databases)
    },
  })
}
