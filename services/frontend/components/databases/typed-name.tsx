import { Field } from '@/components/ui/field'
import { Input } from '@/components/ui/input'

interface TypedNameProps {
  readonly name: string
  /** As in “type shop to delete it”. */
  readonly to: string
  readonly value: string
  readonly onChange: (value: string) => void
}

/** What cannot be undone is confirmed by typing the name. */
export function TypedName({ name, to, value, onChange }: TypedNameProps) {
  return (
    <Field
      label={
        <>
          Type <code className="rounded-sm bg-muted px-1 py-0.5 wrap-anywhere">{name}</code> to {to}
        </>
      }
    >
      {(control) => (
        <Input
          {...control}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          className="font-mono"
        />
      )}
    </Field>
  )
}
