import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { expect, test } from 'vitest'
import { openTestGateway } from '../testing/test-gateway.ts'

test('the end does not wait for connections on which nothing was asked', async () => {
  const g = await openTestGateway()
  expect((await g.fetch('GET', '/health')).status).toBe(200)
  const { port } = g.gateway.app.server.address() as AddressInfo
  const silent = connect(port, '127.0.0.1')
  await once(silent, 'connect')
  const closed = once(silent, 'close')
  await g.destroy()
  await closed
})
