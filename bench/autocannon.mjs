// One round of load in a process of its own. Prints JSON.
import autocannon from 'autocannon'

const { url, headers, bodies, connections, seconds } = JSON.parse(process.argv[2])
const { requests, latency, non2xx, errors } = await autocannon({
  url,
  connections,
  duration: seconds,
  requests: bodies.map((body) => ({ method: 'POST', headers, body })),
})
process.stdout.write(
  JSON.stringify({
    perSecond: requests.average,
    p50: latency.p50,
    p99: latency.p99,
    failed: non2xx + errors,
  }),
)
