import type { Database } from '@db-forge/contract'
import { cn } from '@/lib/cn'
import { engineWords } from '@/lib/engines'

interface EngineMarkProps {
  readonly database: Pick<Database, 'engine' | 'engineVersion'>
  readonly className?: string
}

/** An engine by name, with its version once the worker has told it. */
export function EngineMark({ database: { engine, engineVersion }, className }: EngineMarkProps) {
  return (
    <span className={cn('flex w-fit items-baseline gap-1.5', className)}>
      <span className="rounded-sm border bg-muted px-1.5 text-xs font-medium">
        {engineWords[engine].label}
      </span>
      {engineVersion ? (
        <span className="text-xs text-muted-foreground tabular-nums">{engineVersion}</span>
      ) : null}
    </span>
  )
}
