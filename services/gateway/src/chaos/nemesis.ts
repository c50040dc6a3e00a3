import { execFile, spawn } from 'node:child_process'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { DockerContainer } from '../runtime/docker-api.ts'
import type { DockerodeApi } from '../runtime/dockerode-api.ts'
import type { GatewayProcess } from '../testing/gateway-process.ts'

const run = promisify(execFile)
const PIECE = Buffer.alloc(1024 * 1024)

export interface Victims {
  readonly gateway: GatewayProcess
  readonly docker: DockerodeApi
  readonly workers: () => Promise<DockerContainer[]>
  /** A file system of its own for the data, which may be filled; null where there is none. */
  readonly volume: string | null
  /** Where the Docker engine writes its pid, if it may be restarted. */
  readonly enginePidFile: string | null
  readonly random: () => number
}

type Fault = (victims: Victims) => Promise<void>

/** What is done to a running installation, by name. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'kill -9 of a worker': withWorker(async ({ pid }) => process.kill(pid, 'SIGKILL')),
  'docker rm -f': withWorker(async ({ docker, id }) => docker.remove(id)),
  'docker stop': withWorker(async ({ docker, id }) => docker.stop(id, 1)),
  'SIGSTOP of a worker': withWorker(async ({ pid, random }) => {
    process.kill(pid, 'SIGSTOP')
    await wait(1000 + random() * 6000)
    try {
      process.kill(pid, 'SIGCONT')
    } catch {
      // It was replaced meanwhile.
    }
  }),
  'kill -9 of the gateway': async ({ gateway }) => {
    await gateway.kill()
    await gateway.start()
  },
  'SIGSTOP of the gateway': async ({ gateway, random }) => {
    gateway.signal('SIGSTOP')
    await wait(500 + random() * 3000)
    gateway.signal('SIGCONT')
  },
  'restart of the gateway': async ({ gateway }) => {
    await gateway.stop()
    await gateway.start()
  },
  'full disk': async ({ volume, random }) => {
    if (volume) await fill(volume, 3000 + random() * 5000)
  },
  'restart of Docker': async ({ enginePidFile, docker }) => {
    if (enginePidFile !== null) await restartEngine(enginePidFile, docker)
  },
}

interface Worker extends Victims {
  readonly id: string
  /** Of its first process, as this machine counts. */
  readonly pid: number
}

function withWorker(act: (worker: Worker) => Promise<unknown>): Fault {
  return async (victims) => {
    const running = (await victims.workers()).filter((worker) => worker.running)
    const picked = running[Math.floor(victims.random() * running.length)]
    if (!picked) return
    const { stdout } = await run('docker', ['inspect', '-f', '{{.State.Pid}}', picked.id])
    const pid = Number(stdout)
    if (pid > 1) await act({ ...victims, id: picked.id, pid }).catch(ignoreGone)
  }
}

/** Takes all the room there is, for a while. */
async function fill(volume: string, ms: number): Promise<void> {
  const path = join(volume, 'filler')
  const file = await open(path, 'w')
  try {
    for (;;) await file.write(PIECE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    await file.close()
  }
  await wait(ms)
  await rm(path)
}

/** With the command line that it was started with. Its containers end with it unless it is told otherwise. */
async function restartEngine(pidFile: string, docker: DockerodeApi): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8'))
  const [program, ...args] = (await readFile(`/proc/${pid}/cmdline`, 'utf8'))
    .split('\0')
    .filter(Boolean)
  if (!program) throw new Error('Docker has no command line')
  process.kill(pid, 'SIGTERM')
  while (await isThere(pid)) await wait(100)
  spawn(program, args, { detached: true, stdio: 'ignore' }).unref()
  const isBack = () =>
    docker.ping().then(
      () => true,
      () => false,
    )
  for (let left = 300; left > 0; left--) {
    if (await isBack()) return
    await wait(100)
  }
  throw new Error('Docker did not come back')
}

const isThere = (pid: number) =>
  readFile(`/proc/${pid}/stat`, 'utf8').then(
    (stat) => !/\) Z /.test(stat),
    () => false,
  )

function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ESRCH') throw error
}
