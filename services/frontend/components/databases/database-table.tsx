'use client'

import type { Database } from '@db-forge/contract'
import Link from 'next/link'
import { formatAgo, formatMebibytes, formatMoment } from '@/lib/format'
import { useNow } from '@/lib/hooks'
import { paths } from '@/lib/paths'
import { DatabaseActions } from './database-actions'
import { EngineMark } from './engine-mark'
import { StateBadge } from './state-badge'

const head = 'h-8 px-3 text-left text-xs font-medium whitespace-nowrap text-muted-foreground'
const cell = 'h-11 px-3 py-1'

export function DatabaseTable({ databases }: { readonly databases: readonly Database[] }) {
  const now = useNow(30_000)
  return (
    <table className="w-full border-collapse">
      <thead className="border-b bg-muted">
        <tr>
          <th scope="col" className={head}>
            Name
          </th>
          <th scope="col" className={`${head} max-sm:hidden`}>
            State
          </th>
          <th scope="col" className={`${head} max-md:hidden`}>
            Engine
          </th>
          <th scope="col" className={`${head} max-lg:hidden`}>
            Runtime
          </th>
          <th scope="col" className={`${head} max-lg:hidden`}>
            Limits
          </th>
          <th scope="col" className={`${head} max-md:hidden`}>
            Created
          </th>
          <th scope="col" className={head}>
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {databases.map((database) => (
          <DatabaseRow key={database.id} database={database} now={now} />
        ))}
      </tbody>
    </table>
  )
}

function DatabaseRow({ database, now }: { readonly database: Database; readonly now: number }) {
  const { name, runtime, state, reason, limits, createdAt } = database
  return (
    <tr
      data-database={name}
      data-state={state}
      className="border-b last:border-b-0 hover:bg-muted/60"
    >
      <th scope="row" className={`${cell} max-w-72 text-left font-normal`}>
        <Link
          href={paths.database(name)}
          prefetch={false}
          className="block truncate rounded-sm py-1 font-mono font-medium hover:underline"
        >
          {name}
        </Link>
        <span className="flex flex-wrap items-center gap-x-2 gap-y-1 pb-1 md:hidden">
          <StateBadge state={state} className="sm:hidden" />
          <EngineMark database={database} />
        </span>
      </th>
      <td className={`${cell} max-sm:hidden`}>
        <StateBadge state={state} />
        {reason ? (
          <p className="max-w-72 truncate text-xs text-muted-foreground" title={reason}>
            {reason}
          </p>
        ) : null}
      </td>
      <td className={`${cell} max-md:hidden`}>
        <EngineMark database={database} />
      </td>
      <td className={`${cell} max-lg:hidden`}>{runtime}</td>
      <td className={`${cell} whitespace-nowrap text-muted-foreground tabular-nums max-lg:hidden`}>
        {limits.cpus} CPU · {formatMebibytes(limits.memoryMb)} · {formatMebibytes(limits.maxSizeMb)}{' '}
        data
      </td>
      <td className={`${cell} whitespace-nowrap text-muted-foreground max-md:hidden`}>
        <time dateTime={createdAt} title={formatMoment(createdAt)}>
          {formatAgo(createdAt, now)}
        </time>
      </td>
      <td className={`${cell} w-0`}>
        <DatabaseActions database={database} />
      </td>
    </tr>
  )
}
