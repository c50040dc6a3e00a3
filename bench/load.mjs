// Load over HTTP: as much as can be (wrk, or autocannon where wrk is absent), or at a fixed rate.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../scripts/build.mjs'
import { hasCommand, percentile, round } from './machine.mjs'

const run = promisify(execFile)
export const generator = hasCommand('wrk') ? 'wrk' : 'autocannon'

/** POSTs of `bodies`, one after the other, for each connection. */
export function saturate({ url, headers, bodies, connections, seconds }) {
  const load = {
    url,
    headers,
    bodies: bodies.map((body) => JSON.stringify(body)),
    connections,
    seconds,
  }
  return generator === 'wrk' ? throughWrk(load) : throughAutocannon(load)
}

async function throughWrk({ url, headers, bodies, connections, seconds }) {
  const folder = mkdtempSync(join(tmpdir(), 'dbf-wrk-'))
  const script = join(folder, 'load.lua')
  writeFileSync(script, luaScript(headers, bodies))
  try {
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', script, url]
    const { stdout } = await run('wrk', args)
    const [perSecond, p50, p99, failed] = /^RESULT (.*)$/m.exec(stdout)[1].split(' ').map(Number)
    return { perSecond, p50, p99, failed }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const luaScript = (headers, bodies) => `
local bodies = {${bodies.map((body) => JSON.stringify(body)).join(',')}}
local at = 0
wrk.method = "POST"
${Object.entries(headers)
  .map(([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`)
  .join('\n')}
request = function()
  at = at % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[at])
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
`

async function throughAutocannon(load) {
  const { stdout } = await run(process.execPath, [
    join(root, 'bench/autocannon.mjs'),
    JSON.stringify(load),
  ])
  return JSON.parse(stdout)
}

/** One request at each tick, whatever became of the earlier ones; the time counts from the tick. */
export class Probe {
  #times = []
  #failed = 0
  #sent = 0
  #answers = []
  #timer
  #agent = new Agent({ keepAlive: true, maxSockets: 64 })

  /** @param target url, headers, and the body of the n-th request */
  constructor({ url, headers, bodyOf, perSecond = 100 }) {
    const startedAt = performance.now()
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000)
      while (this.#sent < due) {
        const dueAt = startedAt + ((this.#sent + 1) * 1000) / perSecond
        const body = JSON.stringify(bodyOf(this.#sent))
        this.#answers.push(this.#send(url, headers, body, dueAt))
        this.#sent += 1
      }
    }, 1)
  }

  async end() {
    clearInterval(this.#timer)
    await Promise.all(this.#answers)
    this.#agent.destroy()
    return { times: this.#times, failed: this.#failed }
  }

  #send(url, headers, body, dueAt) {
    return new Promise((resolve) => {
      const finish = (ok) => {
        if (ok) this.#times.push(performance.now() - dueAt)
        else this.#failed += 1
        resolve()
      }
      const asked = request(url, { method: 'POST', headers, agent: this.#agent }, (answer) => {
        answer.resume().on('end', () => finish(answer.statusCode === 200))
      })
      asked.on('error', () => finish(false))
      asked.end(body)
    })
  }
}

export const summary = ({ times, failed }) => ({
  requests: times.length,
  p50Ms: round(percentile(times, 50)),
  p99Ms: round(percentile(times, 99)),
  failed,
})
