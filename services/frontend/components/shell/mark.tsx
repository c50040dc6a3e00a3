import { cn } from '@/lib/cn'

/** The product's sign; the name stands beside it. */
export function Mark({ className }: { readonly className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" className={cn('size-5', className)}>
      <rect width="32" height="32" rx="7" className="fill-primary" />
      <path
        d="M6 8h20v4h-6.5a3.5 3.5 0 0 0-2 3.2V19h4v5h-11v-5h4v-1.8A5.2 5.2 0 0 0 9.5 12H6z"
        className="fill-primary-foreground"
      />
    </svg>
  )
}
