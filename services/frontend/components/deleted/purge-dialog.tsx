'use client'

import type { Database } from '@db-forge/contract'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type SubmitEvent, useState } from 'react'
import { TypedName } from '@/components/databases/typed-name'
import { FailureNotice } from '@/components/failure-notice'
import { followJob } from '@/components/jobs/remember-job'
import { Button } from '@/components/ui/button'
import { Dialog, DialogClose, DialogContent, DialogFooter } from '@/components/ui/dialog'
import { client, keys } from '@/lib/api'

interface PurgeDialogProps {
  readonly database: Database
  readonly onClose: () => void
}

export function PurgeDialog({ database, onClose }: PurgeDialogProps) {
  const [typed, setTyped] = useState('')
  const purge = usePurge(database, onClose)
  const matches = typed === database.name

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (matches && !purge.isPending) purge.mutate()
  }

  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent
        title={`Destroy ${database.name}`}
        description="All of its data are destroyed now. This cannot be undone."
      >
        <form onSubmit={submit} className="grid gap-4">
          <TypedName name={database.name} to="destroy it" value={typed} onChange={setTyped} />
          {purge.error ? <FailureNotice error={purge.error} /> : null}
          <DialogFooter>
            <DialogClose asChild>
              <Button>Cancel</Button>
            </DialogClose>
            <Button type="submit" variant="destructive" disabled={!matches || purge.isPending}>
              Destroy for good
            </Button>
          </DialogFooter>
        </form>
      </DialogContent>
    </Dialog>
  )
}

/** Of this one alone: another database may bear the name by now. */
function usePurge({ id, name }: Database, onClose: () => void) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: () =>
      client.databases.delete.begin({ params: { name }, query: { force: 'true', id } }),
    onSuccess(job) {
      followJob(queryClient, job)
      void queryClient.invalidateQueries({ queryKey: keys.deleted })
      onClose()
    },
  })
}
