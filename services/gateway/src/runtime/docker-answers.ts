import { StringDecoder } from 'node:string_decoder'
import { z } from 'zod'
import type { DockerContainer, DockerEvent, DockerUsage } from './docker-api.ts'

const Labels = z.record(z.string(), z.string()).nullish()

const Inspected = z.object({
  Id: z.string(),
  Image: z.string(),
  Config: z.object({ Labels }),
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    OOMKilled: z.boolean(),
    ExitCode: z.int(),
    StartedAt: z.coerce.date(),
  }),
  HostConfig: z.object({ NanoCpus: z.number().nullish(), PidsLimit: z.number().nullish() }),
  Mounts: z.array(z.object({ Source: z.string().optional(), Destination: z.string() })),
})

export function containerOf(answer: unknown): DockerContainer {
  const { Id, Image, Config, State, HostConfig, Mounts } = Inspected.parse(answer)
  return {
    id: Id,
    imageId: Image,
    labels: Config.Labels ?? {},
    running: State.Running,
    startedAt: State.StartedAt,
    exitCode: State.Running || State.Status === 'created' ? null : State.ExitCode,
    oomKilled: State.OOMKilled,
    bounds: { NanoCpus: HostConfig.NanoCpus ?? 0, PidsLimit: HostConfig.PidsLimit ?? 0 },
    mounts: Mounts.map(({ Source = '', Destination }) => ({
      source: Source,
      destination: Destination,
    })),
  }
}

const Stats = z.object({
  cpu_stats: z.object({ cpu_usage: z.object({ total_usage: z.number() }) }),
  memory_stats: z.object({
    usage: z.number(),
    limit: z.number(),
    stats: z.record(z.string(), z.number()),
  }),
})

/**
 * Memory that the worker itself holds: what the cgroup counts, without the pages of files, which the kernel takes
 * back at need. Version 1 of cgroups has them under `total_…`. Null for a container that does not run.
 */
export function usageOf(answer: unknown): DockerUsage | null {
  const stats = Stats.safeParse(answer)
  if (!stats.success) return null
  const { cpu_stats, memory_stats: memory } = stats.data
  const pages = (list: string) => memory.stats[`total_${list}`] ?? memory.stats[list] ?? 0
  return {
    cpuSeconds: cpu_stats.cpu_usage.total_usage / 1e9,
    memoryBytes: Math.max(0, memory.usage - pages('active_file') - pages('inactive_file')),
    memoryLimitBytes: memory.limit,
  }
}

const Event = z.object({
  Action: z.string(),
  Actor: z.object({ Attributes: Labels }),
  timeNano: z.number(),
})

export function eventOf(answer: unknown): DockerEvent {
  const { Action, Actor, timeNano } = Event.parse(answer)
  return { action: Action, labels: Actor.Attributes ?? {}, time: dockerTime(BigInt(timeNano)) }
}

/** Docker wants the fraction with nine digits. */
export function dockerTime(nanos: bigint): string {
  return `${nanos / 1_000_000_000n}.${String(nanos % 1_000_000_000n).padStart(9, '0')}`
}

export interface BuildLine {
  readonly stream?: string
  readonly error?: string
}

export async function* jsonLines(stream: AsyncIterable<string | Buffer>): AsyncGenerator<unknown> {
  const decoder = new StringDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.write(chunk))).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line)
  }
  if (rest.trim() !== '') yield JSON.parse(rest)
}
