/** Ends a request that runs on a guarded connection of any thread of this process. */
import { nativeGuard } from './sqlite-native.ts'

/** How often it is repeated: SQLite forgets an interrupt that comes in the instant before a first step. */
const AGAIN_MS = 5

/** @returns whether the request runs no more. Call again until it does not: see `interrupt` in native/guard.c. */
export function interruptOnce(connection: number, request: number): boolean {
  return !nativeGuard().interrupt(connection, request)
}

/** Settles when the request runs no more, or after `withinMs` with false. */
export async function interruptRequest(
  connection: number,
  request: number,
  withinMs: number,
): Promise<boolean> {
  const until = performance.now() + withinMs
  while (!interruptOnce(connection, request)) {
    if (performance.now() > until) return false
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
  }
  return true
}
