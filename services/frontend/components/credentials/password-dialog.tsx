'use client'

import { ConnectionRole, type Credentials, type Database } from '@db-forge/contract'
import { useMutation } from '@tanstack/react-query'
import { type SubmitEvent, useId, useState } from 'react'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { Dialog, DialogClose, DialogContent, DialogFooter } from '@/components/ui/dialog'
import { Field } from '@/components/ui/field'
import { NativeSelect } from '@/components/ui/native-select'
import { client } from '@/lib/api'
import { NewCredentials } from './new-credentials'

const roles: Readonly<Record<ConnectionRole, string>> = {
  owner: 'owner: may do anything in the database',
  reader: 'reader: may only read',
}

interface PasswordDialogProps {
  readonly database: Database
  readonly onClose: () => void
}

/** Makes a new password for one of the two roles, and shows it once. */
export function PasswordDialog({ database, onClose }: PasswordDialogProps) {
  const [made, setMade] = useState<Credentials | null>(null)
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      {made ? (
        <DialogContent
          title={`New password of ${made.role}`}
          description="The one before is good no more."
          // A click beside it must not take away what is shown only once.
          onInteractOutside={(event) => event.preventDefault()}
        >
          <NewCredentials credentials={made} />
          <DialogFooter>
            <DialogClose asChild>
              <Button variant="primary">Done</Button>
            </DialogClose>
          </DialogFooter>
        </DialogContent>
      ) : (
        <DialogContent
          title={`New password for ${database.name}`}
          description="It replaces the one that the role has: nobody can sign in with that any more."
        >
          <PasswordForm database={database} onMade={setMade} />
        </DialogContent>
      )}
    </Dialog>
  )
}

interface PasswordFormProps {
  readonly database: Database
  readonly onMade: (credentials: Credentials) => void
}

function PasswordForm({ database, onMade }: PasswordFormProps) {
  const [role, setRole] = useState<ConnectionRole>('owner')
  const [endSessions, setEndSessions] = useState(false)
  const checkboxId = useId()
  const renewal = useMutation({
    mutationFn: () =>
      client.databases.credentials({
        params: { name: database.name },
        body: { role, endSessions },
      }),
    // The password is for the eyes alone, not for what is kept.
    gcTime: 0,
    onSuccess: onMade,
  })

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (!renewal.isPending) renewal.mutate()
  }

  return (
    <form onSubmit={submit} className="grid gap-4">
      <Field label="Role">
        {(control) => (
          <NativeSelect
            {...control}
            value={role}
            onChange={(event) => setRole(ConnectionRole.parse(event.target.value))}
          >
            {ConnectionRole.options.map((option) => (
              <option key={option} value={option}>
                {roles[option]}
              </option>
            ))}
          </NativeSelect>
        )}
      </Field>
      <div className="flex items-start gap-2">
        <input
          id={checkboxId}
          type="checkbox"
          checked={endSessions}
          onChange={(event) => setEndSessions(event.target.checked)}
          className="mt-0.5 size-4 accent-primary"
        />
        <label htmlFor={checkboxId} className="min-h-6">
          End open sessions
          <span className="block text-xs text-muted-foreground">
            Left alone, they go on with the password that they signed in with.
          </span>
        </label>
      </div>
      {renewal.error ? <FailureNotice error={renewal.error} /> : null}
      <DialogFooter>
        <DialogClose asChild>
          <Button>Cancel</Button>
        </DialogClose>
        <Button type="submit" variant="primary" disabled={renewal.isPending}>
          {renewal.isPending ? 'Making it…' : 'Make a new password'}
        </Button>
      </DialogFooter>
    </form>
  )
}
