import { TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { failureOf } from '@/lib/api'
import { cn } from '@/lib/cn'

interface FailureNoticeProps {
  readonly error: unknown
  readonly actions?: ReactNode
  readonly className?: string
}

/** Everything a failed request told, in the server's words. */
export function FailureNotice({ error, actions, className }: FailureNoticeProps) {
  const { title, detail, code, sqlCode, instance, errors } = failureOf(error)
  const marks = [code, sqlCode, instance && `request ${instance}`].filter(Boolean)
  return (
    <div
      role="alert"
      data-slot="failure-notice"
      className={cn(
        'flex gap-2.5 rounded-md border border-destructive/40 bg-destructive-soft p-3',
        className,
      )}
    >
      <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-destructive" />
      <div className="grid min-w-0 gap-1">
        <p className="font-semibold">{title}</p>
        {detail ? (
          <p className="font-mono text-xs break-words whitespace-pre-wrap">{detail}</p>
        ) : null}
        {errors?.map(({ pointer, detail: what }) => (
          <p key={`${pointer}${what}`} className="font-mono text-xs break-words">
            {pointer} {what}
          </p>
        ))}
        {marks.length > 0 ? (
          <p className="text-xs text-muted-foreground">{marks.join(' · ')}</p>
        ) : null}
        {actions ? <div className="mt-1 flex gap-2">{actions}</div> : null}
      </div>
    </div>
  )
}
