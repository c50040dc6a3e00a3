export interface GridColumn {
  readonly name: string
  /** What is known of it, such as its declared type. */
  readonly about: string
  readonly align: 'left' | 'right'
  readonly width: number
}

const CHAR_PX = 7.25
const PADDING_PX = 26
const SAMPLE_ROWS = 100

/** A width that fits the head and most cells of the first rows. */
export function widthOf(
  head: readonly string[],
  rowCount: number,
  textAt: (row: number) => string,
): number {
  let chars = Math.max(...head.map((text) => text.length + 1))
  for (let row = 0; row < Math.min(rowCount, SAMPLE_ROWS); row += 1)
    chars = Math.max(chars, textAt(row).length)
  return Math.round(Math.min(380, Math.max(64, chars * CHAR_PX + PADDING_PX)))
}
