'use client'

import type { SpawnedDatabase } from '@db-forge/contract'
import Link from 'next/link'
import { NewCredentials } from '@/components/credentials/new-credentials'
import { Button } from '@/components/ui/button'
import { Dialog, DialogClose, DialogContent, DialogFooter } from '@/components/ui/dialog'
import { paths } from '@/lib/paths'

interface SpawnedDialogProps {
  readonly spawned: SpawnedDatabase
  readonly onClose: () => void
}

/** The password of a database that has just been spawned, before the way to the database itself. */
export function SpawnedDialog({ spawned, onClose }: SpawnedDialogProps) {
  const { name, state, credentials } = spawned
  if (!credentials) return null
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent
        title={`${name} is ${state}`}
        description="PostgreSQL clients sign in with this."
        // A click beside it must not take away what is shown only once.
        onInteractOutside={(event) => event.preventDefault()}
      >
        <NewCredentials credentials={credentials} />
        <DialogFooter>
          <DialogClose asChild>
            <Button>Done</Button>
          </DialogClose>
          <Button asChild variant="primary" className="hover:bg-primary-hover">
            <Link href={paths.database(name)}>Open the database</Link>
          </Button>
        </DialogFooter>
      </DialogContent>
    </Dialog>
  )
}
