import { EngineName } from '@db-forge/contract'
import { engineWords } from '@/lib/engines'

interface EngineChoiceProps {
  readonly value: EngineName
  readonly onChange: (engine: EngineName) => void
}

export function EngineChoice({ value, onChange }: EngineChoiceProps) {
  return (
    <fieldset className="grid gap-2 sm:grid-cols-2">
      <legend className="mb-1 font-medium">Engine</legend>
      {EngineName.options.map((engine) => (
        <label
          key={engine}
          className="flex cursor-pointer items-start gap-2 rounded-md border p-2.5 hover:bg-accent has-checked:border-primary has-checked:bg-primary-soft has-focus-visible:outline-2 has-focus-visible:outline-offset-1 has-focus-visible:outline-ring"
        >
          <input
            type="radio"
            name="engine"
            value={engine}
            checked={value === engine}
            onChange={() => onChange(engine)}
            aria-label={engineWords[engine].label}
            aria-describedby={`about-${engine}`}
            className="mt-0.5 size-4 shrink-0 accent-primary focus-visible:outline-none"
          />
          <span className="grid gap-0.5">
            <span className="font-medium">{engineWords[engine].label}</span>
            <span id={`about-${engine}`} className="text-xs text-muted-foreground">
              {engineWords[engine].about}
            </span>
          </span>
        </label>
      ))}
    </fieldset>
  )
}
