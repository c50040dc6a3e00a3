'use client'

import { useThisDatabase } from '@/components/databases/database-frame'
import { PlatformLine } from '@/components/databases/platform-line'
import { ConnectionCard } from './connection-card'
import { ExtensionsCard } from './extensions-card'
import { FactsCard } from './facts-card'
import { LogCard } from './log-card'
import { QueriesCard } from './queries-card'
import { StatsCard } from './stats-card'

export function OverviewPage() {
  const database = useThisDatabase()
  return (
    <main id="content" className="mx-auto grid max-w-6xl gap-4 px-4 py-6">
      <h1 className="sr-only">{database.name}</h1>
      <StatsCard database={database} />
      <div className="grid gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <ConnectionCard database={database} />
        <div className="grid min-w-0 content-start gap-4">
          <FactsCard database={database} />
          {database.engine === 'postgres' ? <ExtensionsCard database={database} /> : null}
        </div>
      </div>
      <QueriesCard database={database} />
      <LogCard database={database} />
      <PlatformLine />
    </main>
  )
}
