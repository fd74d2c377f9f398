import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { inTransaction, type Sql } from '../src/lib/db.ts'
import { ApiError } from '../src/lib/errors.ts'
import { createServer, type Server } from '../src/lib/http.ts'
import { honourIdempotencyKeys, joiningTransactions, operationIdOf } from '../src/lib/idempotency.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'

let database: TestDatabase
let app: Server
let calls = 0
let hold: Promise<void> | undefined

before(async () => {
  database = await cloneDatabase()
  await database.sql`create table public.things (name text)`
  const sql: Sql = joiningTransactions(database.sql)
  app = createServer({
    logger: undefined,
    authenticate: async (request) => ({
      account_id: 'T00000001',
      subject: String(request.headers['x-client'] ?? 'a'),
      scopes: [],
    }),
  })
  honourIdempotencyKeys(app, database.sql)
  const scopes = ['write:checkout']
  const handler = async (request: FastifyRequest) => {
    calls += 1
    const { name, fail } = request.body as { name: string; fail?: string }
    await inTransaction(sql, (tx) => tx`insert into public.things (name) values (${name})`)
    await hold
    if (fail === 'refused') throw new ApiError('invalid_request', 'Refused.')
    if (fail === 'broken') throw new Error('broken')
    return { name, call: calls }
  }
  app.route({ method: ['POST', 'PUT'], url: '/v1/things', config: { scopes }, handler })
})
after(async () => {
  await app.close()
  await database.drop()
})

const post = (
  key: string | undefined,
  body: object,
  client = 'a',
  [method, url]: ['POST' | 'PUT', string] = ['POST', '/v1/things'],
) =>
  app.inject({
    method,
    url,
    payload: body,
    headers: { 'x-client': client, ...(key ? { 'idempotency-key': key } : {}) },
  })
const count = async (name: string) => (await database.sql`select count(*) as n from public.things where name = ${name}`)[0]!.n

test('key: the same request is done once and answered twice', async () => {
  const first = await post('k1', { name: 'one' })
  const second = await post('k1', { name: 'one' })
  assert.equal(first.statusCode, 200)
  assert.equal(second.body, first.body)
  assert.equal(second.headers['idempotent-replayed'], 'true')
  assert.equal(first.headers['idempotent-replayed'], undefined)
  assert.equal(await count('one'), 1)
})
test('key: another body, path or method is 422, another client is another key', async () => {
  await post('k2', { name: 'two' })
  assert.equal((await post('k2', { name: 'two b' })).statusCode, 422)
  assert.equal((await post('k2', { name: 'two' }, 'a', ['POST', '/v1/things?more'])).statusCode, 422)
  assert.equal((await post('k2', { name: 'two' }, 'a', ['PUT', '/v1/things'])).statusCode, 422)
  assert.equal((await post('k2', { name: 'two' }, 'b')).statusCode, 200)
  assert.equal(await count('two'), 2)
})
test('key: a refused or broken request leaves nothing, and may be tried again', async () => {
  assert.equal((await post('k3', { name: 'three', fail: 'refused' })).statusCode, 400)
  assert.equal((await post('k3b', { name: 'three', fail: 'broken' })).statusCode, 500)
  assert.equal(await count('three'), 0)
  assert.equal((await post('k3', { name: 'three' })).statusCode, 200)
})
test('key: 409 with Retry-After while the first is being worked on', async () => {
  let release = () => {}
  hold = new Promise((resolve) => {
    release = resolve
  })
  // The handler runs once the key is taken. Not read from pg_locks: that shows the locks of other tests' databases too.
  const before = calls
  const first = post('k4', { name: 'four' })
  while (calls === before) await new Promise(setImmediate)
  const second = await post('k4', { name: 'four' })
  release()
  hold = undefined
  assert.equal(second.statusCode, 409)
  assert.equal(second.headers['retry-after'], '1')
  assert.equal((await first).statusCode, 200)
  assert.equal(await count('four'), 1)
})
test('key: of 20 at once, one takes effect', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => post('k5', { name: 'five' })))
  assert.ok(answers.every(({ statusCode }) => statusCode === 200 || statusCode === 409))
  assert.equal(await count('five'), 1)
})
test('key: without one, each request takes effect; an empty or endless one is refused', async () => {
  await post(undefined, { name: 'six' })
  await post(undefined, { name: 'six' })
  assert.equal(await count('six'), 2)
  assert.equal((await post('x'.repeat(300), { name: 'six' })).statusCode, 400)
})
test('operation id: the same key always names the same operation, as a UUID', () => {
  const key = { account_id: 'T1', client_id: 'a', key: 'k', hash: Buffer.of() }
  assert.equal(operationIdOf(key), operationIdOf({ ...key, hash: Buffer.of(1) }))
  assert.notEqual(operationIdOf(key), operationIdOf({ ...key, client_id: 'b' }))
  const alike = [
    { client_id: 'a', key: 'b/c' },
    { client_id: 'a/b', key: 'c' },
    { client_id: 'a%2Fb', key: 'c' },
  ].map((named) => operationIdOf({ ...key, ...named }))
  assert.equal(new Set(alike).size, 3, 'clients with a slash in their id, and keys with one')
  assert.equal(operationIdOf(key), '95b05c47-238b-8b5a-990b-70b2370725fc', 'it stays the same from release to release')
  assert.match(operationIdOf(key), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
