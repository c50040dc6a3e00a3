'use client'

import { useQuery } from '@tanstack/react-query'
import { Info, TriangleAlert } from 'lucide-react'
import { client, keys } from '@/lib/api'
import { cn } from '@/lib/cn'

/** What separates the databases from one another here, and why. */
export function PlatformLine() {
  const { data } = useQuery({
    queryKey: keys.platform,
    queryFn: ({ signal }) => client.platform.stats({}, { signal }),
    staleTime: 60_000,
  })
  if (!data) return null
  const { kind, isolation, reason } = data.runtime
  const Icon = kind === 'process' ? TriangleAlert : Info
  return (
    <p className="flex items-start gap-2 text-xs text-muted-foreground">
      <Icon
        aria-hidden
        className={cn('mt-px size-3.5 shrink-0', kind === 'process' && 'text-warning')}
      />
      <span>
        <span className="font-medium text-foreground">Runtime: {kind}.</span> {isolation} ({reason})
      </span>
    </p>
  )
}
