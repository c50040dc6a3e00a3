'use client'

import { type Database, DatabasePatch, type LimitName, limitsByRestart } from '@db-forge/contract'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type SubmitEvent, useState } from 'react'
import { FailureNotice } from '@/components/failure-notice'
import { rememberDatabase } from '@/components/shell/live-provider'
import { Button } from '@/components/ui/button'
import { Dialog, DialogClose, DialogContent, DialogFooter } from '@/components/ui/dialog'
import { Field } from '@/components/ui/field'
import { Input } from '@/components/ui/input'
import { client } from '@/lib/api'
import { notify } from '@/lib/notify'
import { fieldsOf, isOptional, type LimitFields, limitsOf, readLimits } from './limit-fields'

const labels: Readonly<Record<LimitName, string>> = {
  memoryMb: 'Memory, MiB',
  cpus: 'CPUs, cores',
  maxSizeMb: 'Data, MiB',
  queryTimeoutMs: 'Query time, ms',
  pidsMax: 'Processes',
  sessionQueryTimeoutMs: 'Statement of a client, ms; 0 for no limit',
  connectionsMax: 'Sessions of clients',
  sleepAfterMs: 'Sleeps after, ms',
}

interface LimitsDialogProps {
  readonly database: Database
  readonly onClose: () => void
}

/** Changes what a database may take. Most of it takes effect while the database runs. */
export function LimitsDialog({ database, onClose }: LimitsDialogProps) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent
        title={`Limits of ${database.name}`}
        description="They change while the database runs, except for the memory, which restarts it."
      >
        <LimitsForm database={database} onDone={onClose} />
      </DialogContent>
    </Dialog>
  )
}

function LimitsForm({
  database,
  onDone,
}: {
  readonly database: Database
  readonly onDone: () => void
}) {
  const [fields, setFields] = useState<LimitFields>(() => fieldsOf(database))
  const change = useChange(database, onDone)
  const { patch, problems, restarts } = readLimits(fields, database, DatabasePatch)
  const hasProblems = Object.keys(problems).length > 0
  const changes = Object.keys(patch).length

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (!hasProblems && changes > 0 && !change.isPending) change.mutate(patch)
  }

  return (
    <form onSubmit={submit} noValidate className="grid gap-4">
      <div className="grid grid-cols-2 gap-3">
        {limitsOf[database.engine].map((limit) => (
          <Field
            key={limit}
            label={<span className="font-normal">{labels[limit]}</span>}
            error={problems[limit]}
            hint={limitsByRestart.includes(limit) ? 'Restarts a running database' : undefined}
          >
            {(control) => (
              <Input
                {...control}
                type="number"
                inputMode="decimal"
                step={limit === 'cpus' ? 0.1 : 1}
                placeholder={isOptional(limit) ? 'as the engine needs' : ''}
                value={fields[limit] ?? ''}
                onChange={(event) => setFields({ ...fields, [limit]: event.target.value })}
              />
            )}
          </Field>
        ))}
      </div>
      {restarts ? (
        <p role="status">The database restarts with this: what runs in it at that moment fails.</p>
      ) : null}
      {change.error ? <FailureNotice error={change.error} /> : null}
      <DialogFooter>
        <DialogClose asChild>
          <Button>Cancel</Button>
        </DialogClose>
        <Button
          type="submit"
          variant="primary"
          disabled={change.isPending || hasProblems || changes === 0}
        >
          {change.isPending ? 'Changing…' : restarts ? 'Change and restart' : 'Change limits'}
        </Button>
      </DialogFooter>
    </form>
  )
}

function useChange({ name }: Database, onDone: () => void) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: (body: DatabasePatch) => client.databases.patch({ params: { name }, body }),
    onSuccess: ({ applied, ...seen }) => {
      rememberDatabase(queryClient, seen)
      notify(
        `${seen.name} has its new limits`,
        applied.restart.length > 0 ? 'It was restarted for them.' : 'It went on meanwhile.',
      )
      onDone()
    },
  })
}
