import type { EngineName } from '@db-forge/contract'

interface EngineWords {
  readonly label: string
  readonly about: string
}

/** How the engines are called, and what sets them apart. */
export const engineWords: Readonly<Record<EngineName, EngineWords>> = {
  sqlite: {
    label: 'SQLite',
    about: 'Small and quick: one writer beside many readers, over HTTP.',
  },
  postgres: {
    label: 'PostgreSQL',
    about: 'A server of its own, over HTTP and for any PostgreSQL client.',
  },
}
