'use client'

import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { ThemeProvider } from 'next-themes'
import { type ReactNode, useState } from 'react'
import { failureOf, isSignedOut } from '@/lib/api'
import { paths } from '@/lib/paths'

export function Providers({
  nonce,
  children,
}: {
  readonly nonce: string
  readonly children: ReactNode
}) {
  const [queryClient] = useState(newQueryClient)
  return (
    <ThemeProvider
      attribute="class"
      defaultTheme="system"
      enableSystem
      disableTransitionOnChange
      nonce={nonce}
    >
      <QueryClientProvider client={queryClient}>{children}</QueryClientProvider>
    </ThemeProvider>
  )
}

function newQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError: leaveIfSignedOut }),
    mutationCache: new MutationCache({ onError: leaveIfSignedOut }),
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        refetchOnWindowFocus: false,
        // What the gateway refuses once it refuses again.
        retry: (failures, error) => failures < 2 && (failureOf(error).status ?? 500) >= 500,
      },
    },
  })
}

/** With a fresh document, so that nothing the session could see stays in memory. */
function leaveIfSignedOut(error: Error) {
  const { pathname, search } = window.location
  if (isSignedOut(error) && pathname !== paths.signIn())
    window.location.replace(paths.signIn(pathname + search))
}
