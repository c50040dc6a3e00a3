'use client'

import { type Database, databaseCan, type ExtensionInfo } from '@db-forge/contract'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { Card } from '@/components/ui/card'
import { client, keys } from '@/lib/api'
import { notify, notifyOfFailure } from '@/lib/notify'

/** Extensions that are there, and those that the owner may install. */
export function ExtensionsCard({ database }: { readonly database: Database }) {
  const { data, error } = useQuery({
    queryKey: keys.extensions(database.name),
    queryFn: ({ signal }) =>
      client.tables.extensions({ params: { name: database.name } }, { signal }),
    enabled: databaseCan('query', database),
    staleTime: 60_000,
  })
  const shown = data?.items.filter(({ installedVersion, trusted }) => installedVersion || trusted)
  return (
    <Card title="Extensions">
      {error ? <FailureNotice error={error} /> : null}
      <ul className="max-h-80 divide-y overflow-y-auto">
        {shown?.map((extension) => (
          <Extension key={extension.name} database={database} extension={extension} />
        ))}
      </ul>
    </Card>
  )
}

interface ExtensionProps {
  readonly database: Database
  readonly extension: ExtensionInfo
}

function Extension({ database, extension }: ExtensionProps) {
  const { name, version, installedVersion, comment } = extension
  const install = useInstall(database.name, name)
  return (
    <li className="flex items-center gap-3 px-4 py-2">
      <div className="min-w-0 flex-1">
        <p>
          <code>{name}</code>{' '}
          <span className="text-muted-foreground">{installedVersion ?? version}</span>
        </p>
        {comment ? <p className="text-xs text-muted-foreground">{comment}</p> : null}
      </div>
      {installedVersion ? (
        <span className="text-muted-foreground">installed</span>
      ) : (
        <Button
          size="sm"
          aria-label={`Install ${name}`}
          disabled={install.isPending}
          onClick={() => install.mutate()}
        >
          {install.isPending ? 'Installing…' : 'Install'}
        </Button>
      )}
    </li>
  )
}

function useInstall(database: string, extension: string) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: () =>
      client.queries.query({
        params: { name: database },
        body: { sql: `create extension "${extension.replaceAll('"', '""')}"` },
      }),
    onSuccess: () => {
      notify(`${extension} is installed`)
      return queryClient.invalidateQueries({ queryKey: keys.extensions(database) })
    },
    onError: notifyOfFailure,
  })
}
