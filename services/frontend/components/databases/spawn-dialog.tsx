'use client'

import type { SpawnedDatabase } from '@db-forge/contract'
import { PasswordShown } from '@/components/overview/password-shown'
import { Button } from '@/components/ui/button'
import { Dialog, DialogContent, DialogFooter } from '@/components/ui/dialog'
import { SpawnForm } from './spawn-form'

interface SpawnDialogProps {
  /** Of a database with a password, which is to be shown first. */
  readonly spawned: SpawnedDatabase | null
  readonly onSpawned: (database: SpawnedDatabase) => void
  readonly onClose: () => void
}

export function SpawnDialog({ spawned, onSpawned, onClose }: SpawnDialogProps) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      {spawned?.credentials ? (
        <DialogContent
          title={`${spawned.name} is ${spawned.state}`}
          description="PostgreSQL clients sign in with this."
        >
          <div className="grid min-w-0 gap-4">
            <PasswordShown credentials={spawned.credentials} />
            <DialogFooter>
              <Button variant="primary" onClick={onClose}>
                Done
              </Button>
            </DialogFooter>
          </div>
        </DialogContent>
      ) : (
        <DialogContent
          title="Spawn a database"
          description="An isolated database with a worker of its own."
        >
          <SpawnForm onSpawned={onSpawned} />
        </DialogContent>
      )}
    </Dialog>
  )
}
