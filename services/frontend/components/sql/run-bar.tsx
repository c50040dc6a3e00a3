'use client'

import { CircleStop, ListVideo, Play } from 'lucide-react'
import { useEffect, useId, useState, useSyncExternalStore } from 'react'
import { Button } from '@/components/ui/button'
import { NativeSelect } from '@/components/ui/native-select'
import { Switch } from '@/components/ui/switch'
import { formatCount, formatMilliseconds, formatSeconds } from '@/lib/format'
import type { Running, RunOptions } from './use-sql-run'

const rowLimits = [100, 1000, 10_000, 100_000]
const timeLimits = [5000, 30_000, 60_000, 300_000, 3_600_000]

interface RunBarProps {
  readonly options: RunOptions
  /** What applies where the options say nothing. */
  readonly ownTimeoutMs: number
  readonly onOptions: (options: RunOptions) => void
  readonly running: Running | null
  readonly blocked: boolean
  readonly onRun: () => void
  readonly onRunAll: () => void
  readonly onCancel: () => void
}

export function RunBar({
  options,
  ownTimeoutMs,
  onOptions,
  running,
  blocked,
  onRun,
  onRunAll,
  onCancel,
}: RunBarProps) {
  const cannot = running !== null || blocked
  const mod = useModifierName()
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-2 border-b bg-muted px-3 py-1.5">
      <div className="flex items-center gap-1.5">
        <Button
          variant="primary"
          size="sm"
          disabled={cannot}
          onClick={onRun}
          title={`${mod}+Enter`}
        >
          <Play aria-hidden className="fill-current" />
          Run
        </Button>
        <Button size="sm" disabled={cannot} onClick={onRunAll} title={`${mod}+Shift+Enter`}>
          <ListVideo aria-hidden />
          Run all
        </Button>
        <Button
          size="sm"
          disabled={!running}
          onClick={onCancel}
          title={`Ends the statement in the database (${mod}+.)`}
        >
          <CircleStop aria-hidden />
          Cancel
        </Button>
        {running ? <Elapsed running={running} /> : null}
      </div>
      <Limits options={options} ownTimeoutMs={ownTimeoutMs} onOptions={onOptions} />
    </div>
  )
}

function Limits({
  options,
  ownTimeoutMs,
  onOptions,
}: Pick<RunBarProps, 'options' | 'ownTimeoutMs' | 'onOptions'>) {
  const id = useId()
  return (
    <div className="ml-auto flex flex-wrap items-center gap-x-3 gap-y-1.5 text-xs">
      <span className="flex items-center gap-1.5">
        <Switch
          id={id}
          checked={options.readOnly}
          onCheckedChange={(readOnly) => onOptions({ ...options, readOnly })}
        />
        <label htmlFor={id}>Read only</label>
      </span>
      <span className="flex items-center gap-1.5">
        <label htmlFor={`${id}-rows`}>Up to</label>
        <NativeSelect
          id={`${id}-rows`}
          value={options.maxRows}
          onChange={(event) => onOptions({ ...options, maxRows: Number(event.target.value) })}
          className="h-7 px-1 text-xs"
        >
          {rowLimits.map((rows) => (
            <option key={rows} value={rows}>
              {formatCount(rows)} rows
            </option>
          ))}
        </NativeSelect>
      </span>
      <span className="flex items-center gap-1.5">
        <label htmlFor={`${id}-time`}>within</label>
        <NativeSelect
          id={`${id}-time`}
          value={options.timeoutMs ?? ''}
          onChange={({ target: { value } }) =>
            onOptions({ ...options, timeoutMs: value === '' ? null : Number(value) })
          }
          className="h-7 px-1 text-xs"
        >
          <option value="">{formatMilliseconds(ownTimeoutMs)}, as set for the database</option>
          {timeLimits.map((ms) => (
            <option key={ms} value={ms}>
              {formatSeconds(ms / 1000)}
            </option>
          ))}
        </NativeSelect>
      </span>
    </div>
  )
}

function Elapsed({ running }: { readonly running: Running }) {
  const [now, setNow] = useState(running.startedAt)
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 100)
    return () => clearInterval(timer)
  }, [])
  const place = running.total > 1 ? ` · ${running.place} of ${running.total}` : ''
  return (
    <span className="text-xs text-muted-foreground tabular-nums">
      {formatMilliseconds(Math.max(0, Math.round((now - running.startedAt) / 100) * 100))}
      {place}
    </span>
  )
}

/** What the keys do, where everybody can read it. */
export function EditorHelp() {
  const mod = useModifierName()
  return (
    <p id="sql-editor-help" className="shrink-0 border-t px-3 py-0.5 text-xs text-muted-foreground">
      <kbd>{mod}+Enter</kbd> runs the statement at the cursor or the selection. <kbd>Esc</kbd>, then{' '}
      <kbd>Tab</kbd> leaves the editor.
    </p>
  )
}

const never = () => () => {}
const useModifierName = () =>
  useSyncExternalStore(
    never,
    () => (/Mac|iPhone|iPad/.test(window.navigator.userAgent) ? '⌘' : 'Ctrl'),
    () => 'Ctrl',
  )
