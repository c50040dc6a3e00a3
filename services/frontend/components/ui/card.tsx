import type { ComponentProps, ReactNode } from 'react'
import { cn } from '@/lib/cn'

interface CardProps extends Omit<ComponentProps<'section'>, 'title'> {
  readonly title: ReactNode
  readonly actions?: ReactNode
}

export function Card({ title, actions, className, children, ...props }: CardProps) {
  return (
    <section
      data-slot="card"
      className={cn('min-w-0 rounded-lg border bg-card', className)}
      {...props}
    >
      <header className="flex min-h-10 flex-wrap items-center gap-2 border-b px-4 py-1">
        <h2 className="font-semibold">{title}</h2>
        {actions ? <div className="ml-auto flex items-center gap-2">{actions}</div> : null}
      </header>
      {children}
    </section>
  )
}
