'use client'

import type { Database, DatabaseAction } from '@db-forge/contract'
import {
  Archive,
  Ellipsis,
  type LucideIcon,
  Moon,
  Play,
  RotateCw,
  Square,
  Trash2,
} from 'lucide-react'
import { useId } from 'react'
import { Button } from '@/components/ui/button'
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuSeparator,
  DropdownMenuTrigger,
} from '@/components/ui/dropdown-menu'
import { cn } from '@/lib/cn'
import { reasonAgainst } from '@/lib/database-actions'
import type { LifecycleAction } from './use-databases'

interface Entry<A> {
  readonly action: A
  readonly label: string
  readonly about?: string
  readonly Icon: LucideIcon
}

const entries: readonly Entry<LifecycleAction>[] = [
  { action: 'start', label: 'Start', Icon: Play },
  {
    action: 'sleep',
    label: 'Sleep',
    about: 'Ends the worker until somebody asks for something.',
    Icon: Moon,
  },
  { action: 'stop', label: 'Stop', Icon: Square },
  { action: 'restart', label: 'Restart', Icon: RotateCw },
  {
    action: 'prune',
    label: 'Prune',
    about: 'Removes the worker and keeps the data.',
    Icon: Archive,
  },
]
const deletion: Entry<'delete'> = { action: 'delete', label: 'Delete…', Icon: Trash2 }

interface DatabaseMenuProps {
  readonly database: Database
  readonly onAction: (action: LifecycleAction) => void
  readonly onDelete: () => void
}

export function DatabaseMenu({ database, onAction, onDelete }: DatabaseMenuProps) {
  return (
    <DropdownMenu defaultOpen>
      <DropdownMenuTrigger asChild>
        <Button variant="ghost" size="icon" aria-label={`Actions of ${database.name}`}>
          <Ellipsis aria-hidden />
        </Button>
      </DropdownMenuTrigger>
      <DropdownMenuContent aria-label={`Actions of ${database.name}`} className="w-64">
        {entries.map((entry) => (
          <MenuEntry
            key={entry.action}
            entry={entry}
            database={database}
            onSelect={() => onAction(entry.action)}
          />
        ))}
        <DropdownMenuSeparator />
        <MenuEntry
          entry={deletion}
          database={database}
          onSelect={onDelete}
          className="text-destructive"
        />
      </DropdownMenuContent>
    </DropdownMenu>
  )
}

interface MenuEntryProps {
  readonly entry: Entry<DatabaseAction>
  readonly database: Database
  readonly onSelect: () => void
  readonly className?: string
}

function MenuEntry({
  entry: { action, label, about, Icon },
  database,
  onSelect,
  className,
}: MenuEntryProps) {
  const reason = reasonAgainst(action, database)
  const note = reason ?? about
  const id = useId()
  return (
    <DropdownMenuItem
      aria-label={label}
      {...(note ? { 'aria-describedby': id } : {})}
      disabled={reason !== null}
      onSelect={onSelect}
      className={cn('items-start', reason === null && className)}
    >
      <Icon aria-hidden className="mt-0.75" />
      <span className="grid">
        {label}
        {note ? (
          <span id={id} className="text-xs text-muted-foreground">
            {note}
          </span>
        ) : null}
      </span>
    </DropdownMenuItem>
  )
}
