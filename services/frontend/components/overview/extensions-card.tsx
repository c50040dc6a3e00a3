'use client'

import { type Database, databaseCan, type ExtensionInfo } from '@db-forge/contract'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Check } from 'lucide-react'
import { FailureNotice } from '@/components/failure-notice'
import { Button } from '@/components/ui/button'
import { Card } from '@/components/ui/card'
import { Skeleton } from '@/components/ui/skeleton'
import { client, keys } from '@/lib/api'
import { notify } from '@/lib/notify'
import { quotedIdentifier } from '@/lib/sql-identifier'

/** Extensions that are there, then those that the owner may install. */
export function ExtensionsCard({ database }: { readonly database: Database }) {
  const running = databaseCan('query', database)
  const { data, error, isLoading } = useQuery({
    queryKey: keys.extensions(database.name),
    queryFn: ({ signal }) =>
      client.tables.extensions({ params: { name: database.name } }, { signal }),
    enabled: running,
    staleTime: 60_000,
  })
  const install = useInstall(database.name)
  const items = data?.items ?? []
  const installed = items.filter(({ installedVersion }) => installedVersion !== null)
  const available = items.filter(
    ({ installedVersion, trusted }) => installedVersion === null && trusted,
  )
  return (
    <Card title="Extensions">
      {error ? <FailureNotice error={error} className="m-3" /> : null}
      {install.error ? <FailureNotice error={install.error} className="m-3" /> : null}
      {!data && !running ? (
        <p className="px-4 py-3 text-muted-foreground">They are shown while the database runs.</p>
      ) : null}
      {isLoading ? <Skeleton className="m-4 h-16" /> : null}
      {data ? (
        <section
          aria-label="Extensions"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          tabIndex={0}
          className="max-h-96 overflow-y-auto rounded-b-lg"
        >
          <ul className="divide-y">
            {[...installed, ...available].map((extension) => (
              <Extension
                key={extension.name}
                extension={extension}
                installing={install.isPending && install.variables === extension.name}
                blocked={install.isPending || !running}
                onInstall={() => install.mutate(extension.name)}
              />
            ))}
          </ul>
        </section>
      ) : null}
    </Card>
  )
}

interface ExtensionProps {
  readonly extension: ExtensionInfo
  readonly installing: boolean
  readonly blocked: boolean
  readonly onInstall: () => void
}

function Extension({ extension, installing, blocked, onInstall }: ExtensionProps) {
  const { name, version, installedVersion, comment } = extension
  return (
    <li className="flex items-center gap-3 px-4 py-2">
      <div className="min-w-0 flex-1">
        <p>
          <code className="font-medium">{name}</code>{' '}
          <span className="text-xs text-muted-foreground tabular-nums">
            {installedVersion ?? version}
          </span>
        </p>
        {comment ? <p className="text-xs text-muted-foreground">{comment}</p> : null}
      </div>
      {installedVersion === null ? (
        <Button size="sm" aria-label={`Install ${name}`} disabled={blocked} onClick={onInstall}>
          {installing ? 'Installing…' : 'Install'}
        </Button>
      ) : (
        <span className="flex items-center gap-1.5 font-medium text-success">
          <Check aria-hidden className="size-3.5" />
          installed
        </span>
      )}
    </li>
  )
}

function useInstall(database: string) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: (extension: string) =>
      client.queries.query({
        params: { name: database },
        body: { sql: `create extension ${quotedIdentifier(extension)}` },
      }),
    onSuccess: async (_result, extension) => {
      await queryClient.invalidateQueries({ queryKey: keys.extensions(database) })
      notify(`${extension} is installed`)
      // Some bring tables and views.
      await queryClient.invalidateQueries({ queryKey: keys.schema(database) })
    },
  })
}
