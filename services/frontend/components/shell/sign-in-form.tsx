'use client'

import { useMutation } from '@tanstack/react-query'
import type { SubmitEvent } from 'react'
import { Button } from '@/components/ui/button'
import { Field } from '@/components/ui/field'
import { Input } from '@/components/ui/input'
import { client, failureOf } from '@/lib/api'
import { pageAfterSignIn } from '@/lib/paths'

export function SignInForm({ next }: { readonly next: string | null }) {
  const signIn = useMutation({
    mutationFn: (token: string) => client.session.create({ body: { token } }),
    // A fresh document: nothing typed here stays in memory.
    onSuccess: () => window.location.assign(pageAfterSignIn(next)),
  })

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    const token = String(new FormData(event.currentTarget).get('token') ?? '').trim()
    if (token) signIn.mutate(token)
  }

  const failure = signIn.error ? failureOf(signIn.error) : null
  return (
    <>
      <div className="grid gap-1">
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
          error={failure ? [failure.title, failure.detail].filter(Boolean).join('. ') : undefined}
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
        <Button
          type="submit"
          variant="primary"
          className="h-9"
          disabled={signIn.isPending || signIn.isSuccess}
        >
          {signIn.isPending || signIn.isSuccess ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
      <p role="alert" className="sr-only">
        {failure ? failure.title : ''}
      </p>
    </>
  )
}
