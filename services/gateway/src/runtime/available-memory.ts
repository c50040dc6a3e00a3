import { readFile } from 'node:fs/promises'
import { freemem, totalmem } from 'node:os'

/** The share of the machine's memory that programs could still get, from 0 to 1. */
export async function availableMemory(): Promise<number> {
  const info = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  const kib = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(info)?.[1])
  return (Number.isNaN(kib) ? freemem() : kib * 1024) / totalmem()
}
