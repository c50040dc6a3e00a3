import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { posix } from 'node:path'
import type { DockerApi, DockerContainer } from './docker-api.ts'

/** Whom workers run as where the gateway is root, which they must not be. */
const WORKER_ID = 10_001

export interface HostPlacement {
  /** The data folder as Docker's host sees it. */
  readonly dataRoot: string
  readonly uid: number
  readonly gid: number
  /** Whether files can, and may have to, be given to that user. */
  readonly chown: boolean
}

/**
 * Finds out where the data folder lies for Docker, which takes paths of its own host: if this gateway runs in a
 * container itself, that is told by the container's mounts.
 * @param dataRoot real path of the data folder
 * @throws if the folder is not on a mount of the gateway's container, so that no worker could have a part of it
 */
export async function placeWorkers(docker: DockerApi, dataRoot: string): Promise<HostPlacement> {
  const self = await ownContainer(docker)
  const hostRoot = self ? hostPath(dataRoot, self.mounts) : dataRoot
  if (hostRoot === null)
    throw new Error(
      `${dataRoot} is not on a mount of the gateway's container: mount a volume there`,
    )
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  return uid === 0
    ? { dataRoot: hostRoot, uid: WORKER_ID, gid: WORKER_ID, chown: true }
    : { dataRoot: hostRoot, uid, gid, chown: false }
}

/** The path on the host of what is at `path` in a container with these mounts. Null if none of them holds it. */
export function hostPath(path: string, mounts: DockerContainer['mounts']): string | null {
  const holding = mounts
    .filter(({ source, destination }) => source !== '' && isWithin(path, destination))
    .sort((a, b) => b.destination.length - a.destination.length)
  const innermost = holding[0]
  if (!innermost) return null
  return posix.join(innermost.source, posix.relative(innermost.destination, path))
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)
}

/** Null on a host, and in a container of some other Docker than the one that is asked. */
async function ownContainer(docker: DockerApi): Promise<DockerContainer | null> {
  const mountInfo = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')
  const cgroups = await readFile('/proc/self/cgroup', 'utf8').catch(() => '')
  for (const id of containerIds({ mountInfo, cgroups, hostname: hostname() })) {
    const found = await docker.container(id)
    if (found?.id.startsWith(id)) return found
  }
  return null
}

/** What may be the id of the container that this process runs in, the likeliest first. */
export function containerIds(seen: {
  readonly mountInfo: string
  readonly cgroups: string
  readonly hostname: string
}): string[] {
  // Docker mounts three files of each container's own folder over those of its image.
  const mounted = seen.mountInfo.matchAll(
    /\/containers\/([0-9a-f]{64})\/(?:hostname|hosts|resolv\.conf)\s+\/etc\//g,
  )
  const grouped = seen.cgroups.matchAll(/\/(?:docker[/-])([0-9a-f]{64})/g)
  const ids = [...mounted, ...grouped].map(([, id = '']) => id)
  if (/^[0-9a-f]{12}$/.test(seen.hostname)) ids.push(seen.hostname)
  return [...new Set(ids)]
}
