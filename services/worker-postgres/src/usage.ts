import { readdirSync, readFileSync } from 'node:fs'

export interface Usage {
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

const PAGE_BYTES = 4096
const TICKS_PER_SECOND = 100

/** What this worker takes, its server included: as the container's own accounts say, else process by process. */
export function usage(contained: boolean, serverPid: number | undefined): Usage {
  return (contained && cgroupUsage()) || processUsage(serverPid)
}

function cgroupUsage(): Usage | null {
  try {
    const cpu = /usage_usec (\d+)/.exec(readFileSync('/sys/fs/cgroup/cpu.stat', 'utf8'))
    const memory = Number(readFileSync('/sys/fs/cgroup/memory.current', 'utf8'))
    const stat = readFileSync('/sys/fs/cgroup/memory.stat', 'utf8')
    // What the kernel keeps of files and gives back as soon as anybody wants it.
    const cache = Number(/^inactive_file (\d+)/m.exec(stat)?.[1] ?? 0)
    return { cpuSeconds: Number(cpu?.[1] ?? 0) / 1e6, memoryBytes: Math.max(0, memory - cache) }
  } catch {
    return null
  }
}

function processUsage(serverPid: number | undefined): Usage {
  const own = process.cpuUsage()
  const sum = { cpuSeconds: (own.user + own.system) / 1e6, memoryBytes: process.memoryUsage.rss() }
  for (const pid of serverPid ? serverProcesses(serverPid) : []) {
    const { cpuSeconds, memoryBytes } = usageOf(pid)
    sum.cpuSeconds += cpuSeconds
    sum.memoryBytes += memoryBytes
  }
  return sum
}

function serverProcesses(serverPid: number): number[] {
  try {
    const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
    return pids.filter((pid) => pid === serverPid || Number(statOf(pid)[1]) === serverPid)
  } catch {
    return []
  }
}

/** The fields of a process from the third on, which its name cannot disturb. */
function statOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  } catch {
    return []
  }
}

/** Memory that a process has for itself: what backends share would be counted for each of them. */
function usageOf(pid: number): Usage {
  try {
    const stat = statOf(pid)
    const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, 'utf8')
      .split(' ')
      .map(Number)
    return {
      cpuSeconds: (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND,
      memoryBytes: (resident - shared) * PAGE_BYTES,
    }
  } catch {
    return { cpuSeconds: 0, memoryBytes: 0 }
  }
}
