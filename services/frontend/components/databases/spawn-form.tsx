'use client'

import {
  api,
  DatabaseName,
  DatabaseSpawn,
  engineLimits,
  type SpawnedDatabase,
} from '@db-forge/contract'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type SubmitEvent, useState } from 'react'
import { Command } from '@/components/copyable'
import { FailureNotice } from '@/components/failure-notice'
import { rememberDatabase } from '@/components/shell/live-provider'
import { Button } from '@/components/ui/button'
import { Field } from '@/components/ui/field'
import { Input } from '@/components/ui/input'
import { client } from '@/lib/api'
import { curlOf } from '@/lib/curl'
import { useOrigin } from '@/lib/hooks'
import { notify } from '@/lib/notify'
import { EngineChoice } from './engine-choice'
import { emptySpawn, limitFields, readSpawn, type SpawnFields } from './spawn-fields'

interface SpawnFormProps {
  readonly onSpawn?: () => void
  readonly onSpawned: (database: SpawnedDatabase) => void
}

export function SpawnForm({ onSpawn, onSpawned }: SpawnFormProps) {
  const [fields, setFields] = useState<SpawnFields>(emptySpawn)
  const [tried, setTried] = useState(false)
  const spawn = useSpawn(onSpawned)
  const { call, problems } = readSpawn(fields, DatabaseName, DatabaseSpawn)
  const shown = tried ? problems : {}
  const set = (changes: Partial<SpawnFields>) => setFields((before) => ({ ...before, ...changes }))

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    setTried(true)
    if (Object.keys(problems).length > 0 || spawn.isPending) return
    onSpawn?.()
    spawn.mutate(call)
  }

  return (
    <form onSubmit={submit} noValidate className="grid min-w-0 gap-4">
      <Field
        label="Name"
        hint="Letters, digits, “_” and “-”; a letter or digit first."
        error={shown.name}
      >
        {(control) => (
          <Input
            {...control}
            value={fields.name}
            onChange={(event) => set({ name: event.target.value })}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            className="font-mono"
          />
        )}
      </Field>
      <EngineChoice value={fields.engine} onChange={(engine) => set({ engine })} />
      <LimitFields fields={fields} problems={shown} onChange={set} />
      <SameAsCurl call={call} />
      {spawn.error ? <FailureNotice error={spawn.error} /> : null}
      <Button
        type="submit"
        variant="primary"
        className="justify-self-end"
        disabled={spawn.isPending}
      >
        {spawn.isPending ? 'Spawning…' : 'Spawn database'}
      </Button>
    </form>
  )
}

const limits = {
  memoryMb: { label: 'Memory, MiB', step: 1 },
  cpus: { label: 'CPUs, cores', step: 0.1 },
  maxSizeMb: { label: 'Data, MiB', step: 1 },
  queryTimeoutMs: { label: 'Query time, ms', step: 1 },
  sessionQueryTimeoutMs: { label: 'Statement of a client, ms', step: 1 },
} as const

interface LimitFieldsProps {
  readonly fields: SpawnFields
  readonly problems: Partial<Record<keyof SpawnFields, string>>
  readonly onChange: (changes: Partial<SpawnFields>) => void
}

function LimitFields({ fields, problems, onChange }: LimitFieldsProps) {
  const { defaults } = engineLimits[fields.engine]
  return (
    <fieldset className="grid gap-1">
      <legend className="mb-1 font-medium">
        Limits{' '}
        <span className="font-normal text-muted-foreground">— where left empty, those shown</span>
      </legend>
      <div className="grid grid-cols-4 gap-3 max-sm:grid-cols-2">
        {limitFields[fields.engine].map((key) => (
          <Field
            key={key}
            label={<span className="font-normal">{limits[key].label}</span>}
            error={problems[key]}
            className={key === 'sessionQueryTimeoutMs' ? 'col-span-full sm:col-span-2' : ''}
          >
            {(control) => (
              <Input
                {...control}
                type="number"
                inputMode="decimal"
                step={limits[key].step}
                placeholder={placeholderOf(defaults[key])}
                value={fields[key]}
                onChange={(event) => onChange({ [key]: event.target.value })}
              />
            )}
          </Field>
        ))}
      </div>
    </fieldset>
  )
}

const placeholderOf = (limit: number) => (limit === 0 ? 'no limit' : String(limit))

type SpawnCall = ReturnType<typeof readSpawn>['call']

function SameAsCurl({ call }: { readonly call: SpawnCall }) {
  const origin = useOrigin()
  const named = { ...call, params: { name: call.params.name || 'NAME' } }
  return (
    <div className="grid min-w-0 gap-1">
      <p className="text-muted-foreground">The same from a terminal:</p>
      <Command label="curl for this spawn" text={curlOf(origin, api.databases.spawn, named)} />
    </div>
  )
}

function useSpawn(onSpawned: (database: SpawnedDatabase) => void) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: (call: SpawnCall) => client.databases.spawn(call),
    // The password is for the eyes alone, not for what is kept.
    gcTime: 0,
    onSuccess: (spawned) => {
      const { credentials, ...database } = spawned
      rememberDatabase(queryClient, database)
      // Where there is a password, what shows it says this too.
      if (!credentials)
        notify(`${database.name} is ${database.state}`, database.reason ?? undefined)
      onSpawned(spawned)
    },
  })
}
