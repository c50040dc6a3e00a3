'use client'

import dynamic from 'next/dynamic'
import type { ReactNode } from 'react'
import { LiveProvider } from './live-provider'
import { TopBar } from './top-bar'

const Toasts = dynamic(() => import('./toasts').then((module) => module.Toasts), { ssr: false })

export function AppShell({ children }: { readonly children: ReactNode }) {
  return (
    <LiveProvider>
      <a
        href="#content"
        className="sr-only rounded-md bg-primary px-3 py-2 text-primary-foreground focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50"
      >
        Skip to the content
      </a>
      <TopBar />
      {children}
      <Toasts />
    </LiveProvider>
  )
}
