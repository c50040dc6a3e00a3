import type { EventBus, EventListener, EventOrigin, PlatformEvent } from './event-bus.ts'

/** Within one process, in the order of publishing. */
export function createMemoryEventBus(onError: (error: unknown) => void): EventBus {
  const listeners = new Set<EventListener>()
  const tell = (event: PlatformEvent, origin: EventOrigin) => {
    for (const listener of listeners) {
      try {
        listener(event, origin)
      } catch (error) {
        onError(error)
      }
    }
  }
  return {
    publish: (event) => tell(event, 'here'),
    deliver: (event) => tell(event, 'elsewhere'),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
