'use client'

import { CircleStop, Copy, Download } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { Button } from '@/components/ui/button'
import { copyText } from '@/lib/clipboard'
import { exportCsv } from '@/lib/export-rows'
import { formatBytes, formatCountOf } from '@/lib/format'
import { notifyOfFailure } from '@/lib/notify'
import { resultAsText } from '@/lib/result-rows'
import type { Outcome } from './use-sql-run'

interface ExportButtonsProps {
  readonly database: string
  readonly outcome: Outcome & { readonly status: 'done' }
}

/** Takes rows elsewhere: those that are shown to the clipboard or a file, and where there are more, all of them to a file. */
export function ExportButtons({ database, outcome: { result, statement } }: ExportButtonsProps) {
  const [said, setSaid] = useState('')
  const all = useExport(database, statement.text, setSaid)
  const rows = formatCountOf(result.rows.length, 'row')

  const copy = async () =>
    setSaid(
      (await copyText(resultAsText(result, '\t')))
        ? `${rows} copied`
        : 'The browser refused to copy',
    )
  const download = () => {
    const text = resultAsText(result, ',')
    saveAs(`${database}.csv`, new Blob([text], { type: 'text/csv;charset=utf-8' }))
    setSaid(`${rows} written`)
  }
  return (
    <div className="ml-auto flex items-center gap-1">
      <p role="status" className="text-muted-foreground tabular-nums">
        {said}
      </p>
      <Button variant="ghost" size="sm" className="h-6" onClick={() => void copy()}>
        <Copy aria-hidden />
        Copy
      </Button>
      <Button variant="ghost" size="sm" className="h-6" onClick={download}>
        <Download aria-hidden />
        CSV
      </Button>
      {result.truncated ? (
        <Button
          variant="ghost"
          size="sm"
          className="h-6"
          title="Runs the statement again, read-only, and writes every row"
          onClick={all.running ? all.stop : all.start}
        >
          {all.running ? <CircleStop aria-hidden /> : <Download aria-hidden />}
          {all.running ? 'Stop' : 'All as CSV'}
        </Button>
      ) : null}
    </div>
  )
}

function useExport(database: string, sql: string, say: (text: string) => void) {
  const request = useRef<AbortController | null>(null)
  const [running, setRunning] = useState(false)
  useEffect(() => () => request.current?.abort(), [])

  const start = async () => {
    const controller = new AbortController()
    request.current = controller
    setRunning(true)
    say('Asking…')
    try {
      const file = await exportCsv(
        database,
        sql,
        (bytes) => say(formatBytes(bytes)),
        controller.signal,
      )
      saveAs(`${database}.csv`, file)
      say(`${formatBytes(file.size)} written`)
    } catch (error) {
      say(controller.signal.aborted ? 'Stopped; nothing was written' : 'Nothing was written')
      if (!controller.signal.aborted) notifyOfFailure(error)
    }
    setRunning(false)
  }
  return { running, start: () => void start(), stop: () => request.current?.abort() }
}

function saveAs(name: string, content: Blob) {
  const url = URL.createObjectURL(content)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
