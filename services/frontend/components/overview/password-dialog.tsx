'use client'

import { ConnectionRole, type Database } from '@db-forge/contract'
import { useMutation } from '@tanstack/react-query'
import { type SubmitEvent, useState } from 'react'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { Dialog, DialogClose, DialogContent, DialogFooter } from '@/components/ui/dialog'
import { Field } from '@/components/ui/field'
import { NativeSelect } from '@/components/ui/native-select'
import { client } from '@/lib/api'
import { PasswordShown } from './password-shown'

const about: Readonly<Record<ConnectionRole, string>> = {
  owner: 'owner — may do anything in the database',
  reader: 'reader — may read',
}

interface PasswordDialogProps {
  readonly database: Database
  readonly onClose: () => void
}

export function PasswordDialog({ database, onClose }: PasswordDialogProps) {
  const [role, setRole] = useState<ConnectionRole>('owner')
  const [endSessions, setEndSessions] = useState(false)
  const renewal = useMutation({
    mutationFn: () =>
      client.databases.credentials({
        params: { name: database.name },
        body: { role, endSessions },
      }),
  })

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    renewal.mutate()
  }

  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent
        title="New password"
        description="It replaces the one before, with which nobody can sign in any more."
      >
        {renewal.data ? (
          <div className="grid min-w-0 gap-4">
            <PasswordShown credentials={renewal.data} />
            <DialogFooter>
              <Button variant="primary" onClick={onClose}>
                Done
              </Button>
            </DialogFooter>
          </div>
        ) : (
          <form onSubmit={submit} className="grid gap-4">
            <Field label="Of the role">
              {(control) => (
                <NativeSelect
                  {...control}
                  value={role}
                  onChange={(event) => setRole(ConnectionRole.parse(event.target.value))}
                >
                  {ConnectionRole.options.map((option) => (
                    <option key={option} value={option}>
                      {about[option]}
                    </option>
                  ))}
                </NativeSelect>
              )}
            </Field>
            <label className="flex items-center gap-2">
              <input
                type="checkbox"
                checked={endSessions}
                onChange={(event) => setEndSessions(event.target.checked)}
              />
              End the sessions that are open as this role
            </label>
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
        )}
      </DialogContent>
    </Dialog>
  )
}
