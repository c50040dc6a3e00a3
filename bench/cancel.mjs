// Cancels an endless query again and again: how soon the same database answers, and what point reads notice meanwhile.
import { fillPoints, pointQuery, SERIES, startGateway } from './gateway.mjs'
import { Probe, summary } from './load.mjs'
import { pause, percentile, round } from './machine.mjs'

const ENDLESS = `${SERIES} select count(*) from n`
const KINDS = {
  read: { sql: ENDLESS, next: pointQuery(1) },
  write: {
    sql: `insert into kv (name) ${SERIES} select i from n where i < 0`,
    next: { sql: 'update kv set name = name where id = 1' },
  },
}

export async function measure({ runtime, short }) {
  const [cancels, windows, windowMs] = short ? [20, 1, 3000] : [100, 4, 10_000]
  const gateway = await startGateway(runtime)
  await gateway.spawn('bench')
  await fillPoints(gateway, 'bench')
  const cancelled = {}
  for (const [name, kind] of Object.entries(KINDS)) {
    const times = []
    for (let at = 0; at < cancels; at += 1)
      times.push(await cancelOnce(gateway, kind, `${name}${at}`))
    cancelled[name] = {
      p50Ms: round(percentile(times, 50)),
      p95Ms: round(percentile(times, 95)),
      mostMs: round(Math.max(...times)),
    }
  }
  const idle = []
  const busy = []
  const target = { url: gateway.queryUrl('bench'), headers: gateway.headers, bodyOf: pointQuery }
  const probe = async (into) => {
    const probing = new Probe(target)
    await pause(windowMs)
    into.push(await probing.end())
  }
  await probe([])
  for (let at = 0; at < windows; at += 1) {
    await probe(idle)
    const endless = start(gateway, ENDLESS, `window${at}`)
    await pause(200)
    await probe(busy)
    await cancel(gateway, `window${at}`)
    await endless
  }
  await gateway.end()
  const [idleReads, busyReads] = [idle, busy].map((list) => summary(joined(list)))
  return {
    cancels,
    nextAnswer: cancelled,
    idleReads,
    busyReads,
    readsP99OfIdle: round(busyReads.p99Ms / idleReads.p99Ms),
  }
}

const joined = (list) => ({
  times: list.flatMap(({ times }) => times),
  failed: list.reduce((sum, { failed }) => sum + failed, 0),
})

/** Resolves with the code that it ends with. */
const start = (gateway, sql, queryId) =>
  gateway.query('bench', { sql, queryId, timeoutMs: 120_000 }).then(
    () => 'ok',
    (error) => error.problem?.code ?? error.code ?? String(error),
  )

const cancel = (gateway, id) => gateway.client.queries.cancel({ params: { name: 'bench', id } })

/** From the call that cancels until that query has ended and the same lane has answered another one. */
async function cancelOnce(gateway, { sql, next }, queryId) {
  const endless = start(gateway, sql, queryId)
  await pause(60)
  const startedAt = performance.now()
  const ended = Promise.all([cancel(gateway, queryId), endless])
  await Promise.all([ended, gateway.query('bench', next)])
  const ms = performance.now() - startedAt
  const code = await endless
  if (code !== 'query.cancelled') throw new Error(`the endless query ended with ${code}`)
  return ms
}
