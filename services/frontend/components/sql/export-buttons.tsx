'use client'

import type { QueryResult } from '@db-forge/contract'
import { Copy, Download } from 'lucide-react'
import { useState } from 'react'
import { Button } from '@/components/ui/button'
import { copyText } from '@/lib/clipboard'
import { formatCountOf } from '@/lib/format'
import { resultAsText } from '@/lib/result-rows'

/** Takes the rows that are shown elsewhere: to the clipboard for a spreadsheet, or into a file. */
export function ExportButtons({
  database,
  result,
}: {
  readonly database: string
  readonly result: QueryResult
}) {
  const [said, setSaid] = useState('')
  const rows = formatCountOf(result.rows.length, 'row')

  const copy = async () =>
    setSaid(
      (await copyText(resultAsText(result, '\t')))
        ? `${rows} copied`
        : 'The browser refused to copy',
    )
  const download = () => {
    saveAs(`${database}.csv`, resultAsText(result, ','))
    setSaid(`${rows} written`)
  }
  return (
    <div className="ml-auto flex items-center gap-1">
      <p role="status" className="text-muted-foreground">
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
    </div>
  )
}

function saveAs(name: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
