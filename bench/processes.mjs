// What a process, and the container around it, takes.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'

const MIB = 2 ** 20

/** The process that owns a database, in a container or not. */
export function workerPid(databaseId) {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    if (readOr(`/proc/${pid}/environ`).includes(`DBFORGE_DATABASE_ID=${databaseId}\0`))
      return Number(pid)
  throw new Error(`no process owns ${databaseId}`)
}

const readOr = (file) => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

const statusOf = (pid, field) =>
  (Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readOr(`/proc/${pid}/status`))?.[1]) *
    1024) /
  MIB

export const rssMb = (pid) => statusOf(pid, 'VmRSS')
/** Shared pages counted by their share. */
export const pssMb = (pid) =>
  (Number(/^Pss:\s+(\d+)/m.exec(readOr(`/proc/${pid}/smaps_rollup`))?.[1]) * 1024) / MIB

/** Calls for the highest resident size until it is called again. */
export function peakOf(pid) {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // Then since its start.
  }
  return () => statusOf(pid, 'VmHWM')
}

/** The folder of a process's own memory cgroup. */
export function memoryCgroup(pid) {
  const lines = readOr(`/proc/${pid}/cgroup`).trim().split('\n')
  const parts = lines.map((line) => line.split(':'))
  const first = parts.find(([, controllers]) => controllers.split(',').includes('memory'))
  const second = parts.find(([number]) => number === '0')
  const folder = first ? `/sys/fs/cgroup/memory${first[2]}` : `/sys/fs/cgroup${second?.[2]}`
  return existsSync(folder) ? folder : null
}

/** What `docker stats` shows: all that is used but the file pages that can be dropped. */
export function cgroupMb(folder) {
  const [used, stat] = [
    readOr(`${folder}/memory.usage_in_bytes`) || readOr(`${folder}/memory.current`),
    readOr(`${folder}/memory.stat`),
  ]
  const droppable = Number(/^(?:total_)?inactive_file (\d+)/m.exec(stat)?.[1] ?? 0)
  return (Number(used) - droppable) / MIB
}
