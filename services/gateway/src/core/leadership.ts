/** Which of the gateways that share a store sees to the workers. */
export interface Leadership {
  /** The term in which this gateway may act on workers; null while another one leads. */
  readonly term: number | null
  /** Resolves once it leads, or after the first attempt where another gateway may. */
  start(): Promise<void>
  /** Returns what ends the subscription. */
  onChange(listener: (term: number | null) => void): () => void
  /** Lets go, so that another one can lead at once. */
  close(): Promise<void>
}

/** What was under way was another gateway's business before it ended. */
export class NotLeadingError extends Error {
  constructor() {
    super('another gateway leads')
  }
}
