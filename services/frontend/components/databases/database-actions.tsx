'use client'

import { type Database, databaseCan } from '@db-forge/contract'
import { Ellipsis, LoaderCircle, Play, Square } from 'lucide-react'
import dynamic from 'next/dynamic'
import { useState } from 'react'
import { Button } from '@/components/ui/button'
import { reasonAgainst } from '@/lib/database-actions'
import { useLifecycle } from './use-databases'

const loadMenu = () => import('./database-menu').then((module) => module.DatabaseMenu)
const DatabaseMenu = dynamic(loadMenu, { ssr: false, loading: () => <MenuTrigger name="" /> })
const DeleteDialog = dynamic(
  () => import('./delete-dialog').then((module) => module.DeleteDialog),
  { ssr: false },
)

/** Start or stop, whichever applies, and a menu with everything else. The menu's code comes when it is wanted. */
export function DatabaseActions({ database }: { readonly database: Database }) {
  const lifecycle = useLifecycle(database)
  const [menuWanted, setMenuWanted] = useState(false)
  const [deleting, setDeleting] = useState(false)
  return (
    <div className="flex items-center gap-1">
      <StartOrStop database={database} pending={lifecycle.isPending} onAction={lifecycle.mutate} />
      {menuWanted ? (
        <DatabaseMenu
          database={database}
          onAction={lifecycle.mutate}
          onDelete={() => setDeleting(true)}
        />
      ) : (
        <MenuTrigger name={database.name} onClick={() => setMenuWanted(true)} />
      )}
      {deleting ? <DeleteDialog database={database} onClose={() => setDeleting(false)} /> : null}
    </div>
  )
}

interface StartOrStopProps {
  readonly database: Database
  readonly pending: boolean
  readonly onAction: (action: 'start' | 'stop') => void
}

function StartOrStop({ database, pending, onAction }: StartOrStopProps) {
  const action = !databaseCan('start', database) && databaseCan('stop', database) ? 'stop' : 'start'
  const reason = pending ? 'A request is under way.' : reasonAgainst(action, database)
  const Icon = pending ? LoaderCircle : action === 'stop' ? Square : Play
  return (
    <Button
      size="sm"
      className="w-17"
      aria-disabled={reason !== null}
      aria-busy={pending}
      aria-label={`${action === 'stop' ? 'Stop' : 'Start'} ${database.name}`}
      {...(reason ? { title: reason } : { onClick: () => onAction(action) })}
    >
      <Icon aria-hidden className={pending ? 'animate-spin' : ''} />
      {action === 'stop' ? 'Stop' : 'Start'}
    </Button>
  )
}

function MenuTrigger({ name, onClick }: { readonly name: string; readonly onClick?: () => void }) {
  return (
    <Button
      variant="ghost"
      size="icon"
      aria-label={`Actions of ${name}`}
      aria-haspopup="menu"
      onPointerEnter={() => void loadMenu()}
      onClick={onClick}
    >
      <Ellipsis aria-hidden />
    </Button>
  )
}
