import { databases } from './database-routes.ts'
import { jobs } from './jobs.ts'
import { platform, session } from './platform.ts'
import { queries } from './queries.ts'
import type { Route } from './route.ts'
import { rows } from './rows.ts'
import { tables } from './tables.ts'

/** Every endpoint there is. */
export const api = { databases, jobs, queries, tables, rows, platform, session } as const

export const allRoutes: readonly Route[] = Object.values(api).flatMap(
  (group) => Object.values(group) as Route[],
)
