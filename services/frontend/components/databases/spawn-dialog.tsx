'use client'

import type { SpawnedDatabase } from '@db-forge/contract'
import { Dialog, DialogContent } from '@/components/ui/dialog'
import { SpawnForm } from './spawn-form'

interface SpawnDialogProps {
  readonly onSpawned: (database: SpawnedDatabase) => void
  readonly onClose: () => void
}

export function SpawnDialog({ onSpawned, onClose }: SpawnDialogProps) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent
        title="Spawn a database"
        description="An isolated database with a worker of its own."
      >
        <SpawnForm onSpawned={onSpawned} />
      </DialogContent>
    </Dialog>
  )
}
