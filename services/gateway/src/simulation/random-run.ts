import { OPERATIONS, Scenario } from './scenario.ts'

const NAMES = ['a', 'b', 'c']
const CLIENTS = 3

export interface RandomReport {
  readonly seed: number
  readonly operations: number
  readonly crashes: number
  readonly faults: readonly string[]
}

/**
 * Clients that do anything to a few databases at once, while gateways die, workers are ended and removed by hand, Docker
 * goes away, and workers do not come up; then peace, and a look at what is there.
 */
export async function randomRun(seed: number, operationsPerClient = 12): Promise<RandomReport> {
  const scenario = new Scenario(seed, {
    pool: Math.floor(seed / 3) % 4,
    runningMax: seed % 5 === 0 ? 2 : 100,
    gateways: 1 + (seed % 3),
    deletedKeptMs: seed % 4 === 0 ? 30_000 : 3_600_000,
  })
  const { scheduler } = scenario
  let operations = 0
  const client = async () => {
    for (let left = operationsPerClient; left > 0; left--) {
      // What the clients do is told apart by turns of their own.
      await scheduler.point()
      if (scenario.living.length === 0) await scheduler.sleep(500)
      await scenario.perform(scheduler.pick(OPERATIONS), scheduler.pick(NAMES))
      operations += 1
      if (scheduler.chance(0.2)) await scheduler.sleep(scheduler.random() * 20_000)
    }
  }
  try {
    await scenario.open()
    const clients = Promise.all(Array.from({ length: CLIENTS }, client))
    const crashes = { count: 0 }
    const nemesis = torment(scenario, clients, crashes)
    await scheduler.until(Promise.all([clients, nemesis]))
    const faults = await scenario.settle()
    return { seed, operations, crashes: crashes.count, faults }
  } catch (error) {
    const faults = [...scenario.world.faults, `${(error as Error).stack}`]
    return { seed, operations, crashes: 0, faults }
  } finally {
    await scenario.close()
  }
}

async function torment(
  scenario: Scenario,
  clients: Promise<unknown>,
  crashes: { count: number },
): Promise<void> {
  const { scheduler, world } = scenario
  let isOver = false
  const over = () => {
    isOver = true
  }
  clients.then(over, over)
  while (!isOver) {
    await scheduler.sleep(scheduler.random() * 3_000)
    const container = [...world.containers.values()][Math.floor(scheduler.random() * 4)]
    const draw = scheduler.random()
    if (draw < 0.15) world.isDockerAway = !world.isDockerAway
    else if (draw < 0.25) world.breaksStarts = !world.breaksStarts
    else if (draw < 0.4 && container) world.end(container.name)
    else if (draw < 0.5 && container) world.remove(container.name)
    else if (draw < 0.7 && scenario.living.length > 0) {
      const gateway = scheduler.pick(scenario.living)
      gateway.crashIn = 1 + Math.floor(scheduler.random() * 40)
      await Promise.race([gateway.died, scheduler.sleep(5_000)])
      if (gateway.isDead) {
        crashes.count += 1
        await scenario.replaceDead()
      }
    } else if (draw < 0.9 && scenario.living.length > 0)
      scheduler.pick(scenario.living).freeze(scheduler.random() * 20_000)
  }
}
