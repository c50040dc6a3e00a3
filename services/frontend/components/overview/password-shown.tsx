'use client'

import type { Credentials } from '@db-forge/contract'
import { Eye, EyeOff } from 'lucide-react'
import { useState } from 'react'
import { CopyButton } from '@/components/copyable'
import { Button } from '@/components/ui/button'

const HIDDEN = '••••••••'

/** A new password, which nobody can be shown again. */
export function PasswordShown({ credentials }: { readonly credentials: Credentials }) {
  const [visible, setVisible] = useState(false)
  const { user, password, url } = credentials
  const hide = (text: string) => (visible ? text : text.replace(password, HIDDEN))
  return (
    <section
      aria-label="New password"
      className="grid min-w-0 gap-3 rounded-md border bg-muted p-3"
    >
      <p>
        The password of <code>{user}</code> is shown now and not again: copy it.
      </p>
      {url ? <Secret label="Connection string" shown={hide(url)} text={url} /> : null}
      <Secret label="Password" shown={hide(password)} text={password} />
      <Button size="sm" className="justify-self-start" onClick={() => setVisible(!visible)}>
        {visible ? <EyeOff aria-hidden /> : <Eye aria-hidden />}
        {visible ? 'Hide' : 'Reveal'}
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
      <p className="flex min-w-0 items-center gap-1">
        <code className="min-w-0 break-all">{shown}</code>
        <CopyButton text={text} label={`Copy: ${label}`} />
      </p>
    </div>
  )
}
