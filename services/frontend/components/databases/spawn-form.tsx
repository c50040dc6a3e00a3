'use client'

import {
  api,
  DatabaseName,
  DatabaseSpawn,
  EngineName,
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
import { NativeSelect } from '@/components/ui/native-select'
import { client } from '@/lib/api'
import { curlOf } from '@/lib/curl'
import { useOrigin } from '@/lib/hooks'
import { notify } from '@/lib/notify'
import { emptySpawn, readSpawn, type SpawnFields } from './spawn-fields'

const limits = [
  { key: 'memoryMb', label: 'Memory', unit: 'MiB', step: 1 },
  { key: 'cpus', label: 'CPUs', unit: 'cores', step: 0.1 },
  { key: 'maxSizeMb', label: 'Data', unit: 'MiB', step: 1 },
  { key: 'queryTimeoutMs', label: 'Query time', unit: 'ms', step: 1 },
] as const

interface SpawnFormProps {
  readonly onSpawned?: (database: SpawnedDatabase) => void
}

export function SpawnForm({ onSpawned }: SpawnFormProps) {
  const [fields, setFields] = useState<SpawnFields>(emptySpawn)
  const [tried, setTried] = useState(false)
  const spawn = useSpawn(onSpawned)
  const { call, problems } = readSpawn(fields, DatabaseName, DatabaseSpawn)
  const shown = tried ? problems : {}

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    setTried(true)
    if (Object.keys(problems).length === 0 && !spawn.isPending) spawn.mutate(call)
  }

  const set =
    (key: Exclude<keyof SpawnFields, 'engine'>) => (event: { target: { value: string } }) =>
      setFields((before) => ({ ...before, [key]: event.target.value }))

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
            onChange={set('name')}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            className="font-mono"
          />
        )}
      </Field>
      <EngineField value={fields.engine} onChange={(engine) => setFields({ ...fields, engine })} />
      <fieldset className="grid gap-1">
        <legend className="mb-1 font-medium">
          Limits{' '}
          <span className="font-normal text-muted-foreground">
            — left empty, the platform’s defaults
          </span>
        </legend>
        <div className="grid grid-cols-4 gap-3 max-sm:grid-cols-2">
          {limits.map(({ key, label, unit, step }) => (
            <Field
              key={key}
              label={<span className="font-normal">{`${label}, ${unit}`}</span>}
              error={shown[key]}
            >
              {(control) => (
                <Input
                  {...control}
                  type="number"
                  inputMode="decimal"
                  step={step}
                  placeholder="default"
                  value={fields[key]}
                  onChange={set(key)}
                />
              )}
            </Field>
          ))}
        </div>
      </fieldset>
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

const engines: Readonly<Record<EngineName, { readonly label: string; readonly about: string }>> = {
  sqlite: { label: 'SQLite', about: 'Small and quick, over HTTP.' },
  postgres: {
    label: 'PostgreSQL',
    about: 'A server of its own, over HTTP and for any PostgreSQL client.',
  },
}

interface EngineFieldProps {
  readonly value: EngineName
  readonly onChange: (engine: EngineName) => void
}

function EngineField({ value, onChange }: EngineFieldProps) {
  return (
    <Field label="Engine" hint={engines[value].about}>
      {(control) => (
        <NativeSelect
          {...control}
          value={value}
          onChange={(event) => onChange(EngineName.parse(event.target.value))}
        >
          {EngineName.options.map((engine) => (
            <option key={engine} value={engine}>
              {engines[engine].label}
            </option>
          ))}
        </NativeSelect>
      )}
    </Field>
  )
}

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

function useSpawn(onSpawned?: (database: SpawnedDatabase) => void) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: (call: SpawnCall) => client.databases.spawn(call),
    onSuccess: (spawned) => {
      // The password is for the eyes alone, not for what is kept.
      const { credentials: _credentials, ...database } = spawned
      rememberDatabase(queryClient, database)
      notify(`${database.name} is ${database.state}`, database.reason ?? undefined)
      onSpawned?.(spawned)
    },
  })
}
