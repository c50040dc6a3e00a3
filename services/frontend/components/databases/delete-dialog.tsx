'use client'

import type { Database } from '@db-forge/contract'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { usePathname, useRouter } from 'next/navigation'
import { type SubmitEvent, useState } from 'react'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { Dialog, DialogClose, DialogContent, DialogFooter } from '@/components/ui/dialog'
import { Field } from '@/components/ui/field'
import { Input } from '@/components/ui/input'
import { client, keys } from '@/lib/api'
import { notify } from '@/lib/notify'
import { paths } from '@/lib/paths'
import { withoutDatabase } from '@/lib/realtime'

export function DeleteDialog({
  database,
  onClose,
}: {
  readonly database: Database
  readonly onClose: () => void
}) {
  const [typed, setTyped] = useState('')
  const deletion = useDeletion(database, onClose)
  const matches = typed === database.name

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (matches) deletion.mutate()
  }

  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent
        title={`Delete ${database.name}`}
        description="Its worker and all of its data are removed. This cannot be undone."
      >
        <form onSubmit={submit} className="grid gap-4">
          <Field
            label={
              <>
                Type <code className="rounded-sm bg-muted px-1 py-0.5">{database.name}</code> to
                delete it
              </>
            }
          >
            {(control) => (
              <Input
                {...control}
                value={typed}
                onChange={(event) => setTyped(event.target.value)}
                autoComplete="off"
                autoCapitalize="none"
                spellCheck={false}
                className="font-mono"
              />
            )}
          </Field>
          {deletion.error ? <FailureNotice error={deletion.error} /> : null}
          <DialogFooter>
            <DialogClose asChild>
              <Button>Cancel</Button>
            </DialogClose>
            <Button type="submit" variant="destructive" disabled={!matches || deletion.isPending}>
              {deletion.isPending ? 'Deleting…' : 'Delete for good'}
            </Button>
          </DialogFooter>
        </form>
      </DialogContent>
    </Dialog>
  )
}

function useDeletion(database: Database, onClose: () => void) {
  const queryClient = useQueryClient()
  const router = useRouter()
  const path = usePathname()
  return useMutation({
    mutationFn: () => client.databases.delete({ params: { name: database.name } }),
    onSuccess: () => {
      queryClient.setQueryData<readonly Database[]>(
        keys.databases,
        (list) => list && withoutDatabase(list, database.id),
      )
      notify(`Deleted ${database.name}`)
      onClose()
      if (path !== paths.databases) router.replace(paths.databases)
    },
  })
}
