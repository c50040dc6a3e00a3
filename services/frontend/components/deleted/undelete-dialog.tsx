'use client'

import { type Database, DatabaseName } from '@db-forge/contract'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter } from 'next/navigation'
import { type SubmitEvent, useState } from 'react'
import { useDatabases } from '@/components/databases/use-databases'
import { FailureNotice } from '@/components/failure-notice'
import { rememberDatabase } from '@/components/shell/live-provider'
import { Button } from '@/components/ui/button'
import { Dialog, DialogClose, DialogContent, DialogFooter } from '@/components/ui/dialog'
import { Field } from '@/components/ui/field'
import { Input } from '@/components/ui/input'
import { client } from '@/lib/api'
import { notify } from '@/lib/notify'
import { paths } from '@/lib/paths'
import { freeName } from './free-name'

interface UndeleteDialogProps {
  readonly database: Database
  readonly onClose: () => void
}

export function UndeleteDialog({ database, onClose }: UndeleteDialogProps) {
  const { data: databases } = useDatabases()
  const taken = new Set(databases?.map(({ name }) => name.toLowerCase()))
  const isTaken = taken.has(database.name.toLowerCase())
  const [typed, setTyped] = useState<string | null>(null)
  const name = typed ?? freeName(database.name, taken)
  const valid = DatabaseName.safeParse(name)
  const undelete = useUndelete(database, onClose)

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (valid.success && !undelete.isPending) undelete.mutate(name)
  }

  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent
        title={`Bring ${database.name} back`}
        description="With the data it had, and started at once."
      >
        <form onSubmit={submit} noValidate className="grid gap-4">
          <Field
            label="Name"
            hint={
              isTaken
                ? `There is a ${database.name} by now, so this one needs another name.`
                : 'The one it had, or another one.'
            }
            error={valid.success ? undefined : valid.error.issues[0]?.message}
          >
            {(control) => (
              <Input
                {...control}
                value={name}
                onChange={(event) => setTyped(event.target.value)}
                autoComplete="off"
                autoCapitalize="none"
                spellCheck={false}
                className="font-mono"
              />
            )}
          </Field>
          {undelete.error ? <FailureNotice error={undelete.error} /> : null}
          <DialogFooter>
            <DialogClose asChild>
              <Button>Cancel</Button>
            </DialogClose>
            <Button type="submit" variant="primary" disabled={undelete.isPending}>
              {undelete.isPending ? 'Bringing it back…' : 'Undelete'}
            </Button>
          </DialogFooter>
        </form>
      </DialogContent>
    </Dialog>
  )
}

function useUndelete(database: Database, onClose: () => void) {
  const queryClient = useQueryClient()
  const router = useRouter()
  return useMutation({
    mutationFn: (name: string) =>
      client.databases.undelete({
        params: { name: database.name },
        body: { id: database.id, name },
      }),
    onSuccess(back) {
      rememberDatabase(queryClient, back)
      notify(`${back.name} is ${back.state}`, back.reason ?? undefined)
      onClose()
      router.push(paths.database(back.name))
    },
  })
}
