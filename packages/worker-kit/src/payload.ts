/** An answer's text ready to be sent: a string, or, where it is long, bytes in several parts. */
export type Payload = string | LongText

export interface LongText {
  readonly parts: readonly Buffer[]
  /** To be called once the parts are sent. */
  release(): void
}
