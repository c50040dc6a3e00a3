import { setTimeout as wait } from 'node:timers/promises'
import type { EngineName } from '@db-forge/contract'
import type { GatewayProcess } from '../testing/gateway-process.ts'

const REQUEST_MS = 15_000
const PAUSE_MS = 20

/** A database that clients write to all the time, each row once, and what of it was acknowledged. */
export class DatabaseUnderLoad {
  readonly name: string
  readonly engine: EngineName
  readonly acknowledged = new Set<number>()
  /** Sent, and answered by nothing or by a failure: it may be there or not. */
  readonly unknown = new Set<number>()
  /** Milliseconds between acknowledgements, where that took longer than usual. */
  readonly gapsMs: number[] = []
  readonly failures = new Map<string, number>()
  #next = 1
  #lastAt = 0

  constructor(name: string, engine: EngineName) {
    this.name = name
    this.engine = engine
  }

  async prepare(gateway: GatewayProcess): Promise<void> {
    const { name, engine } = this
    const spawned = await gateway.call('POST', `/admin/databases/spawn/${name}`, { engine })
    if (spawned.status > 201) throw new Error(`${name}: ${JSON.stringify(spawned.body)}`)
    const made = await this.#sql(gateway, 'create table entry (number integer primary key)')
    if (made.status !== 200) throw new Error(`${name}: ${JSON.stringify(made.body)}`)
  }

  /** Writes until the signal aborts. */
  async write(gateway: GatewayProcess, signal: AbortSignal): Promise<void> {
    this.#lastAt = performance.now()
    while (!signal.aborted) {
      const number = this.#next++
      this.unknown.add(number)
      const answer = await this.#sql(gateway, `insert into entry values (${number})`).catch(
        (error: Error) => ({ status: 0, body: { code: error.name } }),
      )
      if (answer.status === 200) this.#acknowledge(number)
      else {
        const code = String(answer.body['code'])
        this.failures.set(code, (this.failures.get(code) ?? 0) + 1)
      }
      await wait(answer.status === 200 ? PAUSE_MS : 5 * PAUSE_MS)
    }
  }

  /** What is wrong with what is there. */
  async faults(gateway: GatewayProcess): Promise<string[]> {
    const { status, body } = await gateway.call<{ rows: { number: number }[] }>(
      'POST',
      `/api/db/${this.name}/query`,
      { sql: 'select number from entry', maxRows: 100_000 },
    )
    if (status !== 200) return [`${this.name} does not answer: ${JSON.stringify(body)}`]
    const there = new Set(body.rows.map(({ number }) => number))
    const lost = [...this.acknowledged].filter((number) => !there.has(number))
    const invented = [...there].filter(
      (number) => !this.acknowledged.has(number) && !this.unknown.has(number),
    )
    const faults: string[] = []
    if (lost.length > 0) faults.push(`${this.name} has lost ${lost.length} acknowledged rows`)
    if (invented.length > 0) faults.push(`${this.name} has ${invented.length} rows from nowhere`)
    return faults
  }

  #acknowledge(number: number): void {
    this.unknown.delete(number)
    this.acknowledged.add(number)
    const now = performance.now()
    if (now - this.#lastAt > 10 * PAUSE_MS) this.gapsMs.push(now - this.#lastAt)
    this.#lastAt = now
  }

  #sql(gateway: GatewayProcess, sql: string) {
    const path = `/api/db/${this.name}/query`
    return gateway.call<Record<string, unknown>>('POST', path, { sql }, REQUEST_MS)
  }
}

/** Spawns and deletes databases, lets them sleep and asks them again, and remembers nothing. */
export async function comeAndGo(
  gateway: GatewayProcess,
  signal: AbortSignal,
  random: () => number,
): Promise<number> {
  let done = 0
  while (!signal.aborted) {
    const name = `fleeting-${Math.floor(random() * 4)}`
    const path = `/admin/databases/${name}`
    const draw = random()
    const call = (method: string, at: string, body?: unknown) =>
      gateway.call(method, at, body, REQUEST_MS).catch(() => null)
    if (draw < 0.4) await call('POST', `/admin/databases/spawn/${name}`, {})
    else if (draw < 0.55) await call('DELETE', `${path}?force=true`)
    else if (draw < 0.65) await call('DELETE', path)
    else if (draw < 0.75) await call('POST', `${path}/sleep`)
    else if (draw < 0.8) await call('POST', `${path}/restart`)
    else if (draw < 0.85) await call('POST', `${path}/undelete`, {})
    else await call('POST', `/api/db/${name}/query`, { sql: 'select 1' })
    done += 1
    await wait(100)
  }
  return done
}
