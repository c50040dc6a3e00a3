import { Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { DurationHistogram } from './duration-histogram.ts'

test('it is exposed as prom-client exposes its own', async () => {
  const definition = { name: 'h_seconds', help: 'Some time', buckets: [0.001, 0.25, 3] }
  const ours = new Registry()
  const theirs = new Registry()
  const labelNames = ['route', 'status'] as const
  const fast = new DurationHistogram({ ...definition, labelNames, registry: ours })
  const reference = new Histogram({
    ...definition,
    labelNames: [...labelNames],
    registers: [theirs],
  })
  const observed = [
    [0, '/a', '200'],
    [0.001, '/a', '200'],
    [0.0011, '/a', '200'],
    [7, '/a', '200'],
    [0.5, '/a', '500'],
    [0.125, '/"b"\n', '200'],
  ] as const
  for (const [seconds, route, status] of observed) {
    fast.observe(seconds, route, status)
    reference.observe({ route, status }, seconds)
  }
  expect(await ours.metrics()).toBe(await theirs.metrics())
  expect(await ours.getMetricsAsJSON()).toHaveLength(1)
})

test('a reset forgets what was observed', async () => {
  const registry = new Registry()
  const histogram = new DurationHistogram({
    name: 'h',
    help: 'h',
    labelNames: ['a'],
    buckets: [1],
    registry,
  })
  histogram.observe(1, 'x')
  registry.resetMetrics()
  expect(await registry.metrics()).not.toContain('h_count')
})
