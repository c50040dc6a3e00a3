'use client'

import { Dialog, DialogContent } from '@/components/ui/dialog'
import { SpawnForm } from './spawn-form'

export function SpawnDialog({ onClose }: { readonly onClose: () => void }) {
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent
        title="Spawn a database"
        description="An isolated SQLite database with a worker of its own."
      >
        <SpawnForm onSpawned={onClose} />
      </DialogContent>
    </Dialog>
  )
}
