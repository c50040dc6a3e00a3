'use client'

import type { TableInfo } from '@db-forge/contract'
import { KeyRound } from 'lucide-react'
import Link from 'next/link'
import type { ReactNode } from 'react'
import { Command } from '@/components/copyable'
import { paths } from '@/lib/paths'

/** Columns, keys, indexes and foreign keys of a table, and the SQL that made it. */
export function StructurePane({
  database,
  info,
}: {
  readonly database: string
  readonly info: TableInfo
}) {
  return (
    <div className="grid min-h-0 flex-1 content-start gap-6 overflow-y-auto p-4">
      <Columns info={info} />
      <Indexes info={info} />
      <ForeignKeys database={database} info={info} />
      {info.sql ? (
        <section className="grid max-w-4xl gap-2">
          <h2 className="font-semibold">SQL</h2>
          <Command label={`SQL of ${info.name}`} text={info.sql} />
        </section>
      ) : null}
    </div>
  )
}

function Columns({ info }: { readonly info: TableInfo }) {
  return (
    <List title="Columns" heads={['Name', 'Type', 'Null', 'Default', 'About']}>
      {info.columns.map(({ name, type, nullable, default: initial, primaryKey, generated }) => (
        <tr key={name} className={row}>
          <th scope="row" className={`${cell} text-left font-mono text-xs font-medium`}>
            {name}
          </th>
          <td className={`${cell} font-mono text-xs`}>
            {type.toLowerCase() || <Muted>none</Muted>}
          </td>
          <td className={cell}>{nullable ? 'may be' : <Muted>not</Muted>}</td>
          <td className={`${cell} font-mono text-xs`}>{initial ?? <Muted>—</Muted>}</td>
          <td className={cell}>
            <span className="flex items-center gap-2">
              {primaryKey === null ? null : (
                <span className="flex items-center gap-1">
                  <KeyRound aria-hidden className="size-3.5 text-primary" />
                  primary key{info.primaryKey.length > 1 ? `, part ${primaryKey}` : ''}
                </span>
              )}
              {generated ? 'generated' : null}
            </span>
          </td>
        </tr>
      ))}
    </List>
  )
}

const origins = { index: 'index', unique: 'unique constraint', primaryKey: 'primary key' } as const

function Indexes({ info: { indexes } }: { readonly info: TableInfo }) {
  if (indexes.length === 0) return <None title="Indexes" />
  return (
    <List title="Indexes" heads={['Name', 'Columns', 'Unique', 'Made by']}>
      {indexes.map(({ name, columns, unique, partial, origin }) => (
        <tr key={name} className={row}>
          <th scope="row" className={`${cell} text-left font-mono text-xs font-medium`}>
            {name}
          </th>
          <td className={`${cell} font-mono text-xs`}>
            {columns.map((column) => column ?? '(expression)').join(', ')}
            {partial ? <Muted> where …</Muted> : null}
          </td>
          <td className={cell}>{unique ? 'unique' : <Muted>no</Muted>}</td>
          <td className={cell}>{origins[origin]}</td>
        </tr>
      ))}
    </List>
  )
}

function ForeignKeys({
  database,
  info: { foreignKeys },
}: {
  readonly database: string
  readonly info: TableInfo
}) {
  if (foreignKeys.length === 0) return <None title="Foreign keys" />
  return (
    <List title="Foreign keys" heads={['Columns', 'Refer to', 'On delete', 'On update']}>
      {foreignKeys.map(({ columns, table, references, onDelete, onUpdate }) => (
        <tr key={`${columns} ${table}`} className={row}>
          <th scope="row" className={`${cell} text-left font-mono text-xs font-medium`}>
            {columns.join(', ')}
          </th>
          <td className={`${cell} font-mono text-xs`}>
            <Link
              href={paths.table(database, table)}
              className="rounded-sm py-1 underline underline-offset-2 hover:text-primary"
            >
              {table}
            </Link>{' '}
            ({references.map((column) => column ?? 'its key').join(', ')})
          </td>
          <td className={cell}>{onDelete.toLowerCase()}</td>
          <td className={cell}>{onUpdate.toLowerCase()}</td>
        </tr>
      ))}
    </List>
  )
}

const row = 'border-b last:border-b-0'
const cell = 'h-8 px-3 whitespace-nowrap'

function List({
  title,
  heads,
  children,
}: {
  readonly title: string
  readonly heads: readonly string[]
  readonly children: ReactNode
}) {
  return (
    <section className="grid max-w-4xl gap-2">
      <h2 className="font-semibold">{title}</h2>
      <section
        aria-label={title}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        className="overflow-x-auto rounded-lg border bg-card"
      >
        <table className="w-full border-collapse">
          <thead className="border-b bg-muted">
            <tr>
              {heads.map((text) => (
                <th
                  key={text}
                  scope="col"
                  className="h-8 px-3 text-left text-xs font-medium text-muted-foreground"
                >
                  {text}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{children}</tbody>
        </table>
      </section>
    </section>
  )
}

function None({ title }: { readonly title: string }) {
  return (
    <section className="grid gap-1">
      <h2 className="font-semibold">{title}</h2>
      <p className="text-muted-foreground">None.</p>
    </section>
  )
}

const Muted = ({ children }: { readonly children: ReactNode }) => (
  <span className="text-muted-foreground">{children}</span>
)
