/** How a write was answered, as far as its client could know. */
export type Outcome = 'unknown' | 'done' | 'refused'

export interface Write {
  readonly id: number
  readonly kind: 'single' | 'batch' | 'transaction'
  /** That it inserts: all of them or none. */
  readonly rows: number
  outcome: Outcome
}

export interface Faults {
  /** Acknowledged, and not there. */
  readonly lost: number
  /** Some of its rows are there. */
  readonly partial: number
  /** More rows are there than it had. */
  readonly repeated: number
  /** There, though its client was told that it failed, or though nobody wrote it. */
  readonly unasked: number
}

/** What was written since the worker's last start, and what must be found after its next one. */
export class Ledger {
  readonly writes: Write[] = []

  open(id: number, kind: Write['kind'], rows: number): Write {
    const write: Write = { id, kind, rows, outcome: 'unknown' }
    this.writes.push(write)
    return write
  }

  count(outcome: Outcome, kind?: Write['kind']): number {
    return this.writes.filter(
      (write) => write.outcome === outcome && (kind === undefined || write.kind === kind),
    ).length
  }

  /** @param found rows by the id of their write */
  compare(found: ReadonlyMap<number, number>): Faults {
    const known = new Set(this.writes.map(({ id }) => id))
    const count = (is: (write: Write, rows: number) => boolean) =>
      this.writes.filter((write) => is(write, found.get(write.id) ?? 0)).length
    return {
      lost: count(({ outcome }, rows) => outcome === 'done' && rows === 0),
      partial: count((write, rows) => rows > 0 && rows < write.rows),
      repeated: count((write, rows) => rows > write.rows),
      unasked:
        count(({ outcome }, rows) => outcome === 'refused' && rows > 0) +
        [...found.keys()].filter((id) => !known.has(id)).length,
    }
  }
}
