// Point queries of PostgreSQL through gateway and worker against node-postgres and Fastify in one process, both on the same
// server: one run, rounds interleaved.
import { join } from 'node:path'
import { startGateway } from './gateway.mjs'
import { compare, inProcess } from './point-query.mjs'

const ROWS = 10_000
const SQL = 'select * from kv where id = $1'

export async function measure({ runtime, short }) {
  const gateway = await startGateway(runtime)
  const { id, credentials } = await gateway.spawn('bench', { engine: 'postgres' })
  await gateway.query('bench', {
    sql: 'create table kv (id integer primary key, name text, value double precision, note text)',
  })
  await gateway.query('bench', {
    sql: `insert into kv select i, 'name ' || i, i / 7.0, repeat('n', 40) from generate_series(1, ${ROWS}) i`,
  })
  const socket = join(gateway.dataDir, 'databases', id, 'run')
  const alone = await inProcess('in-process-postgres.mjs', [socket, 'bench', credentials.password])
  const body = (at) => ({ sql: SQL, params: [1 + ((at * 7919) % ROWS)] })
  return compare(gateway, alone, { short, body })
}
