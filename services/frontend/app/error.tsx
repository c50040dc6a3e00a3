'use client'

import { Button } from '@/components/ui/button'

export default function ErrorPage({
  error,
  reset,
}: {
  readonly error: Error
  readonly reset: () => void
}) {
  return (
    <main className="mx-auto grid max-w-lg justify-items-start gap-3 px-4 py-24">
      <h1 className="text-xl font-semibold">The page failed to draw</h1>
      <pre className="max-w-full overflow-x-auto rounded-md bg-muted p-3 text-xs">
        {error.message}
      </pre>
      <Button onClick={reset}>Try again</Button>
    </main>
  )
}
