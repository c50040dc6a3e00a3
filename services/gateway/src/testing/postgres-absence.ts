import { findBinaries } from '@db-forge/worker-postgres/binaries'

/** Why PostgreSQL cannot be run here; null where it can. Where nothing may be skipped it is an error. */
export const postgresAbsence: string | null = absence()

function absence(): string | null {
  try {
    findBinaries({ dir: null, major: null })
    return null
  } catch (error) {
    if (process.env['DBFORGE_TEST_REQUIRE_ALL']) throw error
    return error instanceof Error ? error.message : String(error)
  }
}
