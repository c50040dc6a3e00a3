'use client'

import type { ReactNode } from 'react'
import { LiveProvider } from './live-provider'
import { QueryProvider } from './query-provider'
import { ToastHost } from './toast-host'
import { TopBar } from './top-bar'

export function AppShell({ children }: { readonly children: ReactNode }) {
  return (
    <QueryProvider>
      <LiveProvider>
        <a
          href="#content"
          className="sr-only rounded-md bg-primary px-3 py-2 text-primary-foreground focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50"
        >
          Skip to the content
        </a>
        <TopBar />
        {children}
        <ToastHost />
      </LiveProvider>
    </QueryProvider>
  )
}
