/** On whose behalf a database is asked. */
export interface Caller {
  readonly requestId: string
  /** As the list of running queries shows it. */
  readonly by: string
  /** Calls back if the caller goes away before it has its whole answer; at once if it is gone. */
  whenGone(act: () => void): void
}
