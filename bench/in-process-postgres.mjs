// node-postgres in the same process as Fastify: what a program of its own would be.
import Fastify from 'fastify'
import pg from 'pg'

const [host, database, password] = process.argv.slice(2)
const pool = new pg.Pool({ host, database, user: 'owner', password })
const app = Fastify()
app.post('/query', async (request) => {
  const { sql, params } = request.body
  const { rows, rowCount } = await pool.query(sql, params)
  return { rows, rowsAffected: rowCount }
})
await app.listen({ host: '127.0.0.1', port: 0 })
process.send({ port: app.server.address().port })
