import type { ComponentProps } from 'react'
import { cn } from '@/lib/cn'

export function NativeSelect({ className, ...props }: ComponentProps<'select'>) {
  return (
    <select
      data-slot="native-select"
      className={cn(
        'h-8 rounded-md border border-input bg-card px-2 text-sm disabled:opacity-50',
        className,
      )}
      {...props}
    />
  )
}
