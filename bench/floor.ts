/*
 * The floor: what the same framework, driver and database cost when they do nothing for the merchant. A bare route that validates a small
 * body and commits one INSERT of about the size of an order row, and one that reads such a row back. No token, no rules.
 */
import Fastify from 'fastify'
import { connect, json } from '../src/lib/db.ts'

const sql = connect(process.argv[2]!)
await sql`create schema if not exists floor`
await sql`create table if not exists floor.rows (account_id text, id text, data jsonb not null, created_at timestamptz default now(), primary key (account_id, id))`

const app = Fastify()
let next = Date.now() * 1000
const schema = {
  body: {
    type: 'object',
    required: ['order'],
    properties: { order: { type: 'object', required: ['currency', 'items'], properties: { items: { type: 'array' } } } },
  },
}
app.post('/floor', { schema }, async (request) => {
  next += 1
  const id = String(next)
  await sql`insert into floor.rows (account_id, id, data) values ('T00000001', ${id}, ${json(request.body)})`
  return { id, ...(request.body as object) }
})
app.get('/floor/:id', async (request) => {
  const { id } = request.params as { id: string }
  const [row] = await sql`select id, data, created_at from floor.rows where account_id = 'T00000001' and id = ${id}`
  return row
})
console.log(`floor ready ${await app.listen({ port: 0, host: '127.0.0.1' })}`)
process.on('SIGTERM', () => process.exit(0))
