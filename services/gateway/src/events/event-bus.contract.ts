import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EventBus, EventOrigin, PlatformEvent } from './event-bus.ts'

export const used = (at: number): PlatformEvent => ({
  type: 'database.used',
  id: `db_${String(at).padStart(12, '0')}`,
})

export interface BusUnderTest {
  readonly bus: EventBus
  /** What listeners have thrown. */
  readonly errors: readonly unknown[]
  close(): Promise<void>
}

/** What every event bus promises to those in the same process. */
export function eventBusContract(make: () => Promise<BusUnderTest>): void {
  let made: BusUnderTest
  beforeEach(async () => {
    made = await make()
  })
  afterEach(() => made.close())

  test('all listeners hear at once what is published, once and in order', async () => {
    const heard: [number, PlatformEvent, EventOrigin][] = []
    for (const listener of [1, 2])
      made.bus.subscribe((event, origin) => heard.push([listener, event, origin]))
    made.bus.publish(used(1))
    made.bus.publish({ type: 'slots.changed' })
    const expected = [used(1), { type: 'slots.changed' }].flatMap((event) => [
      [1, event, 'here'],
      [2, event, 'here'],
    ])
    expect(heard).toEqual(expected)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(heard).toEqual(expected)
  })

  test('what is delivered is another gateway’s', () => {
    const heard: unknown[] = []
    made.bus.subscribe((event, origin) => heard.push([event, origin]))
    made.bus.deliver(used(1))
    expect(heard).toEqual([[used(1), 'elsewhere']])
  })

  test('a subscription ends when its end is called', () => {
    const heard: PlatformEvent[] = []
    const end = made.bus.subscribe((event) => heard.push(event))
    made.bus.publish(used(1))
    end()
    made.bus.publish(used(2))
    expect(heard).toEqual([used(1)])
  })

  test('a listener that throws keeps the others from nothing', () => {
    const heard: PlatformEvent[] = []
    made.bus.subscribe(() => {
      throw new Error('out of order')
    })
    made.bus.subscribe((event) => heard.push(event))
    made.bus.publish(used(1))
    expect(heard).toEqual([used(1)])
    expect(made.errors).toEqual([new Error('out of order')])
  })
}
