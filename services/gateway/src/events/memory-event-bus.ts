import type { EventBus, PlatformEvent } from './event-bus.ts'

/** Within one process, in the order of publishing. */
export function createMemoryEventBus(onError: (error: unknown) => void): EventBus {
  const listeners = new Set<(event: PlatformEvent) => void>()
  const deliver = (event: PlatformEvent) => {
    for (const listener of listeners) {
      try {
        listener(event)
      } catch (error) {
        onError(error)
      }
    }
  }
  return {
    publish: deliver,
    deliver,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
