import type { DatabaseId } from '@db-forge/contract'
import { isSettled } from '../core/reconciler.ts'
import { engines } from '../engines/registry.ts'
import { LABEL } from '../runtime/docker-spec.ts'
import type { DatabaseRow } from '../store/metadata-store.ts'
import type { SimSettings } from './sim-gateway.ts'
import type { World } from './world.ts'

/** What clients were told, and what they asked for. */
export interface Ledger {
  /** Acknowledged writes by database. */
  readonly acknowledged: Map<DatabaseId, Set<number>>
  /** Databases whose data somebody asked to have destroyed. */
  readonly mayBeGone: Set<DatabaseId>
}

/**
 * What must hold once faults have ended and time has passed. The numbers are those of the reliability plan.
 * @returns what does not
 */
export async function faultsOf(
  world: World,
  ledger: Ledger,
  settings: SimSettings,
): Promise<string[]> {
  const rows = await world.store.databases.all()
  const slots = await world.store.slots.all()
  const faults = [...world.faults]
  for (const row of rows) faults.push(...faultsOfRow(world, row))
  const running = rows.filter(({ state }) => state === 'running').length
  if (running > settings.runningMax) faults.push(`${running} databases run at once`)
  const owned = new Map<string, string>()
  for (const row of rows) owned.set(row.id, row.desired)
  for (const slot of slots) owned.set(slot.id, 'slot')
  // I1: every container is somebody's.
  for (const { body, name } of world.containers.values())
    if (!owned.has(body.Labels[LABEL.databaseId])) faults.push(`nobody owns the container ${name}`)
  // No half state on the disk.
  for (const id of world.folders.keys())
    if (!owned.has(id)) faults.push(`nobody owns the folder of ${id}`)
  if (slots.length !== settings.pool)
    faults.push(`the pool has ${slots.length} slots: ${slots.map(({ state }) => state)}`)
  for (const { id, state } of slots)
    if (state !== 'ready' || !world.workerOf(id)?.running)
      faults.push(`the slot ${id} is ${state} and its worker does not run`)
  // No acknowledged write is lost.
  for (const [id, values] of ledger.acknowledged) {
    if (ledger.mayBeGone.has(id) || world.expired.has(id)) continue
    const kept = world.folders.get(id)?.writes
    const lost = [...values].filter((value) => !kept?.has(value))
    if (lost.length > 0) faults.push(`${id} has lost ${lost.length} acknowledged writes`)
  }
  return faults
}

/** I2, I6: as desired, and with the one worker that this takes. */
function faultsOfRow(world: World, row: DatabaseRow): string[] {
  const { id, name, desired, state } = row
  if (!isSettled(row)) return [`${name} is ${state} and should be ${desired}: ${row.reason}`]
  const worker = world.workerOf(id)
  if (desired === 'running') {
    if (!worker?.running) return [`${name} should run and does not`]
    if (worker.body.Labels[LABEL.specHash] !== engines[row.engine].workerSpec(row).hash)
      return [`${name} runs with a worker of another generation`]
    return world.folders.has(id) ? [] : [`${name} runs without its folder`]
  }
  if (worker?.running) return [`${name} should be ${desired} and runs`]
  if (worker && desired !== 'stopped') return [`${name} should be ${desired} and has a container`]
  return []
}
