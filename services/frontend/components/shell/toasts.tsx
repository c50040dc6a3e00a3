'use client'

import { useTheme } from 'next-themes'
import { useEffect } from 'react'
import { Toaster } from 'sonner'
import { toastsAreShown } from '@/lib/notify'

export function Toasts() {
  const { resolvedTheme } = useTheme()
  useEffect(toastsAreShown, [])
  return (
    <Toaster
      theme={resolvedTheme === 'dark' ? 'dark' : 'light'}
      position="bottom-right"
      closeButton
      toastOptions={{
        classNames: {
          toast: 'border! border-border! bg-popover! text-foreground! shadow-popover! font-sans!',
          description: 'text-muted-foreground! whitespace-pre-line',
          closeButton: 'bg-popover! border-border! text-muted-foreground! size-6!',
          success: '[&_[data-icon]]:text-success',
          error: '[&_[data-icon]]:text-destructive',
        },
      }}
    />
  )
}
