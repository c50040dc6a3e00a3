'use client'

import type { ColumnType, JsonValue } from '@db-forge/contract'
import { CopyButton } from '@/components/copyable'
import { Dialog, DialogContent } from '@/components/ui/dialog'
import { type Cell, describeCell, wholeCell } from '@/lib/cells'
import { formatCount, formatCountOf } from '@/lib/format'
import { indentedJson } from '@/lib/json-text'

interface CellDialogProps {
  readonly column: string
  readonly row: number
  readonly value: JsonValue
  readonly type: ColumnType
  readonly onClose: () => void
}

/** One cell whole. */
export function CellDialog({ column, row, value, type, onClose }: CellDialogProps) {
  const { kind } = describeCell(value, type)
  const whole = wholeCell(value, type)
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent
        title={<span className="font-mono">{column}</span>}
        description={`Row ${formatCount(row)} · ${aboutOf(kind, whole)}`}
        className="max-w-2xl"
      >
        {kind === 'null' ? (
          <p className="text-muted-foreground italic">NULL</p>
        ) : (
          <div className="relative min-w-0">
            <section
              aria-label="Value"
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
              tabIndex={0}
              className="max-h-[55dvh] overflow-auto rounded-md border bg-muted p-3 pr-10"
            >
              <pre className="text-xs leading-5 break-words whitespace-pre-wrap">
                {readable(kind, whole)}
              </pre>
            </section>
            <div className="absolute top-1 right-1 rounded-md bg-muted">
              <CopyButton text={whole} label="Copy the value" />
            </div>
          </div>
        )}
      </DialogContent>
    </Dialog>
  )
}

const SHOWN_HEX = 8192

/** Sixteen bytes a line. */
const inBytes = (hex: string) =>
  (hex.slice(0, SHOWN_HEX).match(/.{1,32}/g) ?? [])
    .map((line) => (line.match(/../g) ?? []).join(' '))
    .join('\n') +
  (hex.length > SHOWN_HEX ? `\n… ${formatCount((hex.length - SHOWN_HEX) / 2)} more bytes` : '')

function readable(kind: Cell['kind'], whole: string): string {
  if (kind === 'blob') return inBytes(whole)
  return kind === 'json' ? indentedJson(whole) : whole
}

function aboutOf(kind: Cell['kind'], whole: string): string {
  switch (kind) {
    case 'blob':
      return `blob of ${formatCountOf(whole.length / 2, 'byte')}`
    case 'text':
      return `text of ${formatCountOf(whole.length, 'character')}`
    case 'json':
      return `JSON of ${formatCountOf(whole.length, 'character')}`
    case 'null':
      return 'no value'
    default:
      return kind
  }
}
