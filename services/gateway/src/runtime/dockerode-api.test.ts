import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DockerRefusedError } from './docker-api.ts'
import type { WorkerContainer } from './docker-spec.ts'
import { DockerodeApi } from './dockerode-api.ts'
import { RuntimeUnavailableError } from './worker-runtime.ts'

/** A Docker that answers as the test wants, on a socket of its own. */
async function dockerThat(listener: RequestListener): Promise<DockerodeApi> {
  const folder = await mkdtemp(join(tmpdir(), 'dbf-'))
  const socketPath = join(folder, 'docker.sock')
  const server = createServer(listener).listen(socketPath)
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await rm(folder, { recursive: true, force: true })
  })
  return new DockerodeApi({ socketPath })
}

const status = (code: number) =>
  dockerThat((_, response) => {
    response.writeHead(code, { 'content-type': 'application/json' })
    response.end(code === 304 ? undefined : JSON.stringify({ message: `said ${code}` }))
  })

const body = { name: 'dbforge-w-db_aaaaaaaaaaaa' } as WorkerContainer

describe('a Docker that does not answer', () => {
  test('since there is none', async () => {
    const docker = new DockerodeApi({ socketPath: '/nonexistent/docker.sock' })
    await expect(docker.ping()).rejects.toThrow(RuntimeUnavailableError)
    await expect(docker.container('x')).rejects.toThrow(/Docker does not answer: .*ENOENT/)
    await expect(docker.containersWith('x')).rejects.toThrow(RuntimeUnavailableError)
    await expect(docker.create(body)).rejects.toThrow(RuntimeUnavailableError)
    await expect(docker.imageId('x')).rejects.toThrow(RuntimeUnavailableError)
  })

  test('since it hangs up', async () => {
    const docker = await dockerThat((request) => request.socket.destroy())
    await expect(docker.start('x')).rejects.toThrow(RuntimeUnavailableError)
    await expect(docker.logs('x', { follow: true, tail: 1 })).rejects.toThrow(
      RuntimeUnavailableError,
    )
  })

  test('since it is going down', async () => {
    await expect((await status(503)).remove('x')).rejects.toThrow(RuntimeUnavailableError)
  })

  test('in time, to a ping', async () => {
    const docker = await dockerThat(() => {})
    const signal = AbortSignal.timeout(50)
    await expect(docker.ping({ signal })).rejects.toThrow(RuntimeUnavailableError)
  })
})

describe('what is so already is no error', () => {
  test('a container that is not there', async () => {
    const docker = await status(404)
    expect(await docker.container('x')).toBeNull()
    expect(await docker.imageId('x')).toBeNull()
    expect(await docker.usage('x')).toBeNull()
    expect(await docker.logs('x', { follow: true, tail: 1 })).toBeNull()
    expect(await docker.logs('x', { follow: false, tail: 1 })).toBeNull()
    await docker.stop('x', 1)
    await docker.remove('x')
    await docker.exited('x')
  })

  test('a container that runs, or does not, already', async () => {
    const docker = await status(304)
    await docker.start('x')
    await docker.stop('x', 1)
  })

  test('a name that is taken, or a removal under way', async () => {
    const docker = await status(409)
    expect(await docker.create(body)).toBe(false)
    await docker.remove('x')
  })
})

test('a Docker that refuses is told from one that is away, in its own words', async () => {
  const docker = await status(500)
  const failure = await docker.start('x').catch((error) => error)
  expect(failure).toBeInstanceOf(DockerRefusedError)
  expect(failure).toMatchObject({ status: 500, message: 'said 500' })
  await expect((await status(404)).start('x')).rejects.toThrow(DockerRefusedError)
})

test('a build tells its lines, without colours, and fails with its error', async () => {
  const docker = await dockerThat((_, response) => {
    response.write('{"stream":"Step 1\\n"}\n{"stream":"\\u001b[91mwarning\\u001b[0m\\n')
    response.end('\\n"}\n{"error":"it ended with code 1"}\n')
  })
  const lines: string[] = []
  const image = { name: 'x', context: tmpdir(), files: [], dockerfile: 'Dockerfile' }
  const building = docker.build(image, (line) => lines.push(line))
  await expect(building).rejects.toThrow('it ended with code 1')
  expect(lines).toEqual(['Step 1', 'warning'])
})
