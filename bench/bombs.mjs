// Each bomb through the gateway: what it ends with, when, and at what memory; and what the database beside it notices.
import { bombs, WORDS } from '../services/worker/dist/torture/bomb-list.js'
import { fillPoints, pointQuery, startGateway } from './gateway.mjs'
import { Probe, summary } from './load.mjs'
import { pause, round } from './machine.mjs'
import { peakOf, workerPid } from './processes.mjs'

const TIMEOUT_MS = 1000
const IDLE_MS = 15_000

export async function measure({ runtime, short }) {
  const gateway = await startGateway(runtime)
  await gateway.spawn('calm')
  await fillPoints(gateway, 'calm')
  const target = { url: gateway.queryUrl('calm'), headers: gateway.headers, bodyOf: pointQuery }
  const idle = []
  const busy = []
  const rows = []
  for (const [at, bomb] of bombs.entries()) {
    if (short && at % 6 > 0) continue
    const ready = await prepare(gateway, bomb)
    const quiet = new Probe(target)
    await pause(short ? 300 : IDLE_MS / 15)
    idle.push(await quiet.end())
    const probe = new Probe(target)
    rows.push(await explode(gateway, bomb, ready))
    busy.push(await probe.end())
    await gateway.remove('bomb')
  }
  await gateway.end()
  const [idleReads, busyReads] = [idle, busy].map((list) =>
    summary({
      times: list.flatMap(({ times }) => times),
      failed: list.reduce((sum, { failed }) => sum + failed, 0),
    }),
  )
  return {
    bombs: rows.length,
    notAsExpected: rows.filter(({ expected }) => !expected).map(({ name }) => name),
    idleReads,
    busyReads,
    neighbourP99OfIdle: round(busyReads.p99Ms / idleReads.p99Ms),
    rows,
  }
}

async function prepare(gateway, { before = [] }) {
  const { id } = await gateway.spawn('bomb', { maxSizeMb: 64 })
  for (const sql of [...WORDS, ...before]) await gateway.query('bomb', { sql })
  return { pid: workerPid(id), id }
}

async function explode(gateway, bomb, { pid }) {
  const peak = peakOf(pid)
  const startedAt = performance.now()
  const ended = await gateway
    .query('bomb', { sql: bomb.sql, params: bomb.params, timeoutMs: TIMEOUT_MS })
    .then(
      () => 'ok',
      (error) => error.problem?.code ?? error.code ?? String(error),
    )
  const endedAt = performance.now()
  const peakMb = Math.round(peak())
  const nextAnswerMs = await nextAnswer(gateway, endedAt)
  return {
    name: bomb.name,
    ended,
    ms: Math.round(endedAt - startedAt),
    nextAnswerMs,
    peakMb: Number.isNaN(peakMb) ? null : peakMb,
    expected: isExpected(bomb, ended),
  }
}

/** A worker that had to be ended is seen as a restart; what is too large may be refused before the worker sees it. */
function isExpected({ ends }, ended) {
  const expected = [ends].flat()
  if (expected.includes(ended)) return true
  if (expected.includes('killed') && /^worker\.|^query\.timeout$/.test(ended)) return true
  return expected.includes('request.too_large') && ended.startsWith('request.')
}

async function nextAnswer(gateway, since) {
  for (;;) {
    const answered = await gateway.query('bomb', { sql: 'select count(*) from w' }).then(
      () => true,
      () => false,
    )
    if (answered) return Math.round(performance.now() - since)
    if (performance.now() - since > 30_000) return null
    await pause(20)
  }
}
