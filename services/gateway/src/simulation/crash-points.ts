import { OPERATIONS, type Operation, type Outcome, Scenario } from './scenario.ts'

export { OPERATIONS }

/** How a database comes to be in the state that an operation meets it in. */
const PREPARED: Readonly<Record<Operation, readonly Operation[]>> = {
  spawn: [],
  'spawn with other limits': [],
  write: ['spawn', 'write', 'sleep'],
  stop: ['spawn', 'write'],
  start: ['spawn', 'write', 'stop'],
  prune: ['spawn', 'write'],
  restart: ['spawn', 'write'],
  sleep: ['spawn', 'write'],
  resize: ['spawn', 'write'],
  delete: ['spawn', 'write'],
  purge: ['spawn', 'write', 'delete', 'spawn', 'write'],
  undelete: ['spawn', 'write', 'delete'],
}

export interface CrashReport {
  readonly operation: Operation
  readonly points: number
  /** Where it went wrong, with the seed that shows it. */
  readonly faults: readonly string[]
}

/**
 * Runs one operation again and again, with the gateway's death at the first point that it comes to, then at the second,
 * and so on to the last. After each, another gateway has to bring everything in order.
 */
export async function crashEverywhere(operation: Operation, seed: number): Promise<CrashReport> {
  const faults: string[] = []
  for (let point = 1; ; point++) {
    const { died, found, where } = await crashAt(operation, seed, point)
    faults.push(...found.map((fault) => `crash at ${point} (${where}), seed ${seed}: ${fault}`))
    if (!died) return { operation, points: point - 1, faults }
  }
}

async function crashAt(operation: Operation, seed: number, point: number) {
  const scenario = new Scenario(seed)
  try {
    await scenario.open()
    await scenario.scheduler.pass(1_000)
    const found: string[] = []
    for (const step of PREPARED[operation])
      found.push(...mustBeOk(step, await scenario.run(step, 'a')))
    const [gateway] = scenario.gateways
    if (!gateway) throw new Error('no gateway')
    gateway.crashIn = point
    gateway.trail.length = 0
    const outcome = await scenario.run(operation, 'a')
    const died = gateway.isDead
    const where = gateway.trail.at(-1) ?? ''
    if (!died) found.push(...mustBeOk(operation, outcome))
    gateway.kill()
    found.push(...(await scenario.settle()))
    found.push(...(await repeated(scenario, operation)))
    return { died, found, where }
  } finally {
    await scenario.close()
  }
}

/** Whoever got no answer asks again, and gets what was wanted. */
async function repeated(scenario: Scenario, operation: Operation): Promise<string[]> {
  // It has fallen asleep meanwhile.
  if (operation === 'restart') await scenario.run('write', 'a')
  const before = [...scenario.world.containers.values()].map(({ containerId }) => containerId)
  const outcome = await scenario.run(operation, 'a')
  const isDone =
    outcome.end === 'ok' ||
    (outcome.end === 'refused' && DONE[operation]?.includes(outcome.code) === true)
  if (!isDone) return [`${operation} again: ${JSON.stringify(outcome)}`]
  if (operation !== 'restart') return []
  const row = await scenario.world.store.databases.findByName('a')
  const worker = row && scenario.world.workerOf(row.id)
  return worker && !before.includes(worker.containerId) ? [] : ['it was not restarted']
}

/** What it is answered with where it had come to its end. */
const DONE: Partial<Record<Operation, readonly string[]>> = {
  delete: ['database.not_found'],
  purge: ['database.not_found'],
  undelete: ['database.not_found'],
}

const mustBeOk = (operation: Operation, outcome: Outcome) =>
  outcome.end === 'ok' ? [] : [`${operation}: ${JSON.stringify(outcome)}`]
