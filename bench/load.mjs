// One round of load in a process of its own: POSTs of one query with changing parameters. Prints JSON.
import autocannon from 'autocannon'

const { url, headers, connections, seconds } = JSON.parse(process.argv[2])
const bodies = Array.from({ length: 500 }, (_, at) =>
  JSON.stringify({ sql: 'select * from kv where id = ?', params: [1 + ((at * 7919) % 10_000)] }),
)
const result = await autocannon({
  url,
  connections,
  duration: seconds,
  requests: bodies.map((body) => ({ method: 'POST', headers, body })),
})
const { requests, latency, non2xx, errors } = result
process.stdout.write(
  JSON.stringify({
    perSecond: requests.average,
    p50: latency.p50,
    p99: latency.p99,
    failed: non2xx + errors,
  }),
)
