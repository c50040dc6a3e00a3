'use client'

import type { SchemaInfo } from '@db-forge/contract'
import Link from 'next/link'
import { cn } from '@/lib/cn'
import { formatCount } from '@/lib/format'
import { paths } from '@/lib/paths'
import { kindOf } from '@/lib/table-kinds'

interface TableListProps {
  readonly database: string
  readonly schema: SchemaInfo | undefined
  readonly current: string
  readonly className?: string
}

export function TableList({ database, schema, current, className }: TableListProps) {
  return (
    <nav aria-label="Tables" className={cn('overflow-y-auto bg-card px-1.5 py-2', className)}>
      <ul className="grid gap-px">
        {schema?.tables.map(({ name, rowCount, kind, schema: namespace }) => (
          <li key={name}>
            <Link
              href={paths.table(database, name)}
              prefetch={false}
              aria-current={name === current ? 'page' : undefined}
              className="flex h-7 items-center gap-2 rounded-sm px-2 font-mono text-xs hover:bg-accent aria-[current=page]:bg-primary-soft aria-[current=page]:font-semibold"
            >
              <span className="truncate">{name}</span>
              <span className="ml-auto font-sans text-muted-foreground tabular-nums">
                {rowCount === null ? kindOf({ kind, schema: namespace }) : formatCount(rowCount)}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  )
}
