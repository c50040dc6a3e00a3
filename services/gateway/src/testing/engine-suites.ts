import { EngineName } from '@db-forge/contract'
import { findBinaries } from '@db-forge/worker-postgres/binaries'
import { describe } from 'vitest'

/** The same guarantees for every engine; the suite of one that cannot be run here is skipped and says why. */
export function engineSuites(name: string, body: (engine: EngineName) => void): void {
  for (const engine of EngineName.options) engineSuite(engine, name, () => body(engine))
}

export function engineSuite(engine: EngineName, name: string, body: () => void): void {
  const absence = engine === 'postgres' ? postgresAbsence() : null
  const title = `${name} (${engine})`
  describe.skipIf(absence !== null)(absence ? `${title}: skipped, since ${absence}` : title, body)
}

export function postgresAbsence(): string | null {
  try {
    findBinaries({ dir: null, major: null })
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
