'use client'

import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { failureOf, isSignedOut } from '@/lib/api'
import { paths } from '@/lib/paths'

export function QueryProvider({ children }: { readonly children: ReactNode }) {
  const [queryClient] = useState(newQueryClient)
  return <QueryClientProvider client={queryClient}>{children}</QueryClientProvider>
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
  if (isSignedOut(error)) window.location.replace(paths.signIn(pathname + search))
}
