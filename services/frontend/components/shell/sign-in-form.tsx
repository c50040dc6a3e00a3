'use client'

import { type SubmitEvent, useState, useSyncExternalStore } from 'react'
import { Button } from '@/components/ui/button'
import { Field } from '@/components/ui/field'
import { Input } from '@/components/ui/input'
import { pageAfterSignIn } from '@/lib/paths'
import { Mark } from './mark'

// The client is not needed to draw the form, and is here before a token is pasted.
const loadApi = () => import('@/lib/api')

export function SignInForm({ next }: { readonly next: string | null }) {
  const [busy, setBusy] = useState(false)
  // Sent before the script runs, the form would reach no one.
  const hydrated = useSyncExternalStore(
    () => () => {},
    () => true,
    () => false,
  )
  const [problem, setProblem] = useState<string | null>(null)

  async function signIn(token: string) {
    setBusy(true)
    setProblem(null)
    const { client, failureOf } = await loadApi()
    try {
      await client.session.create({ body: { token } })
      // A fresh document: nothing typed here stays in memory.
      window.location.assign(pageAfterSignIn(next))
    } catch (error) {
      const { title, detail } = failureOf(error)
      setProblem([title, detail].filter(Boolean).join('. '))
      setBusy(false)
    }
  }

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    const token = String(new FormData(event.currentTarget).get('token') ?? '').trim()
    if (token && !busy) void signIn(token)
  }

  return (
    <>
      <div className="grid gap-1">
        <Mark className="mb-3 size-8" />
        <h1 className="text-xl font-semibold">Sign in to DB-Forge</h1>
        <p className="text-muted-foreground">
          With the admin token that the gateway printed at its first start.
        </p>
      </div>
      <form method="post" onSubmit={submit} className="grid gap-4">
        {/* Password managers file the token under a user. */}
        <input type="text" name="username" autoComplete="username" value="admin" readOnly hidden />
        <Field
          label="Admin token"
          hint={
            <>
              It is also in the file <code>secrets/admin-token</code> on the gateway’s host.
            </>
          }
          error={problem ?? undefined}
        >
          {(control) => (
            <Input
              {...control}
              name="token"
              type="password"
              autoComplete="current-password"
              autoCapitalize="none"
              spellCheck={false}
              required
              autoFocus
              className="h-9 font-mono"
            />
          )}
        </Field>
        <Button type="submit" variant="primary" className="h-9" disabled={busy || !hydrated}>
          {busy ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
      <p role="alert" className="sr-only">
        {problem}
      </p>
    </>
  )
}
