'use client'

import type { Credentials } from '@db-forge/contract'
import { Eye, EyeOff } from 'lucide-react'
import { useState } from 'react'
import { CopyButton } from '@/components/copyable'
import { Button } from '@/components/ui/button'
import { hidden } from '@/lib/secret'

/** A new password, which nobody can be shown again. It is hidden until it is asked for. */
export function NewCredentials({ credentials }: { readonly credentials: Credentials }) {
  const [visible, setVisible] = useState(false)
  const { user, password, url } = credentials
  const shown = (text: string) => (visible ? text : hidden(text, password))
  const Icon = visible ? EyeOff : Eye
  return (
    <section aria-label="New password" className="grid min-w-0 gap-3">
      <p className="rounded-md bg-warning-soft px-3 py-2">
        The password of <code>{user}</code> is shown now and not again. Copy it before you go on.
      </p>
      {url ? (
        <Secret label="Connection string" shown={shown(url)} text={url} />
      ) : (
        <p className="text-muted-foreground">
          There is no connection string, since no port for PostgreSQL clients is open here (
          <code>DBFORGE_PG_PORT</code>).
        </p>
      )}
      <Secret label="Password" shown={shown(password)} text={password} />
      <Button
        size="sm"
        className="justify-self-start"
        aria-pressed={visible}
        onClick={() => setVisible(!visible)}
      >
        <Icon aria-hidden />
        Reveal
      </Button>
    </section>
  )
}

interface SecretProps {
  readonly label: string
  readonly shown: string
  readonly text: string
}

function Secret({ label, shown, text }: SecretProps) {
  return (
    <div className="grid min-w-0 gap-1">
      <h3 className="text-muted-foreground">{label}</h3>
      <p className="flex min-w-0 items-start gap-1 rounded-md border bg-muted py-1 pr-1 pl-3">
        <code className="min-w-0 flex-1 self-center text-xs break-all">{shown}</code>
        <CopyButton text={text} label={`Copy: ${label}`} />
      </p>
    </div>
  )
}
