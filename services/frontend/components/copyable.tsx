'use client'

import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { Button } from '@/components/ui/button'
import { copyText } from '@/lib/clipboard'
import { cn } from '@/lib/cn'

export function CopyButton({ text, label }: { readonly text: string; readonly label: string }) {
  const [copied, setCopied] = useState(false)

  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 2000)
    return () => clearTimeout(timer)
  }, [copied])

  const Icon = copied ? Check : Copy
  return (
    <Button
      variant="ghost"
      size="icon"
      aria-label={label}
      title={label}
      onClick={() => void copyText(text).then(setCopied)}
    >
      <Icon aria-hidden className={copied ? 'text-success' : ''} />
      <span role="status" className="sr-only">
        {copied ? 'Copied' : ''}
      </span>
    </Button>
  )
}

interface CommandProps {
  readonly text: string
  readonly label: string
  readonly className?: string
}

/** A command to paste into a terminal. */
export function Command({ text, label, className }: CommandProps) {
  return (
    <div className={cn('flex min-w-0 items-start rounded-md border bg-muted', className)}>
      <section
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        className="min-w-0 flex-1 overflow-x-auto rounded-md py-2 pl-3"
      >
        <pre className="w-fit pr-3 text-xs leading-5">{text}</pre>
      </section>
      <div className="m-1">
        <CopyButton text={text} label={`Copy: ${label}`} />
      </div>
    </div>
  )
}
