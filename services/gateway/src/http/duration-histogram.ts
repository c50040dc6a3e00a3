import type { Metric, Registry } from 'prom-client'

export interface DurationHistogramOptions<Label extends string> {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly Label[]
  /** Upper bounds in seconds, ascending. */
  readonly buckets: readonly number[]
  readonly registry: Registry
}

interface Series {
  readonly labels: readonly string[]
  /** Observations by bucket, the last one without a bound. */
  readonly counts: Uint32Array
  sum: number
}

interface Sample {
  readonly metricName: string
  readonly labels: Record<string, string | number>
  readonly value: number
}

/**
 * A Prometheus histogram that is cheap to observe: prom-client's own checks and hashes the labels each time, which
 * costs a request as much as its authentication.
 */
export class DurationHistogram<Label extends string> {
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  readonly name: string
  readonly help: string
  readonly #labelNames: readonly Label[]
  readonly #buckets: readonly number[]
  readonly #series = new Map<string, Series>()

  constructor(options: DurationHistogramOptions<Label>) {
    this.name = options.name
    this.help = options.help
    this.#labelNames = options.labelNames
    this.#buckets = options.buckets
    // The registry asks a metric for its name and its samples, and for nothing else of the class.
    options.registry.registerMetric(this as unknown as Metric)
  }

  /** Label values in the order of their names. */
  observe(seconds: number, ...labels: string[]): void {
    const key = labels.join('\0')
    let series = this.#series.get(key)
    if (!series) {
      series = { labels, counts: new Uint32Array(this.#buckets.length + 1), sum: 0 }
      this.#series.set(key, series)
    }
    series.sum += seconds
    const at = this.#bucketOf(seconds)
    series.counts[at] = (series.counts[at] ?? 0) + 1
  }

  async get(): Promise<object> {
    const { name, help, type, aggregator } = this
    const values = [...this.#series.values()].flatMap((series) => this.#samples(series))
    return { name, help, type, aggregator, values }
  }

  reset(): void {
    this.#series.clear()
  }

  #bucketOf(seconds: number): number {
    let at = 0
    while (at < this.#buckets.length && seconds > (this.#buckets[at] as number)) at += 1
    return at
  }

  #samples({ labels, counts, sum }: Series): Sample[] {
    const own = Object.fromEntries(this.#labelNames.map((name, at) => [name, labels[at] ?? '']))
    let total = 0
    const buckets = Array.from(counts, (count, at) => {
      total += count
      const le = this.#buckets[at] ?? '+Inf'
      return { metricName: `${this.name}_bucket`, labels: { le, ...own }, value: total }
    })
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels: own, value: sum },
      { metricName: `${this.name}_count`, labels: own, value: total },
    ]
  }
}
