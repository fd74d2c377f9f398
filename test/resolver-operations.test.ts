import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { resolveOperations } from '../src/worker/resolve-operations.ts'
import { authorized, call, failed, has, startTransactions, succeeded, type TransactionsServer, unknown } from './payments.ts'

let server: TransactionsServer
let run: () => Promise<number>
before(async () => {
  server = await startTransactions()
  const work = resolveOperations(server)
  run = () => work.run(new AbortController().signal)
})
after(() => server.close())
beforeEach(() => {
  server.gateway.script = []
  server.gateway.calls = []
})

test('resolver: settles an unknown capture once, with the same key and a correlation', async () => {
  const path = `/v1/transactions/${await authorized(server)}`
  server.gateway.script = [unknown, unknown, { outcome: 'pending' }, succeeded]
  const asked = await call(server, 'POST', `${path}/capture`, { amount: 100, capture_reference: 'C' })
  assert.equal(asked.status, 202)
  assert.equal(await run(), 0, 'not due yet')
  for (const seconds of [1, 2, 5]) {
    server.pass(seconds)
    assert.equal(await run(), 1)
    assert.equal(await run(), 0)
  }
  server.pass(100_000)
  assert.equal(await run(), 0)
  const { body } = await call(server, 'GET', path)
  assert.equal(body.status, 'PARTIALLY_CAPTURED')
  assert.equal(body.events.length, 4)
  has(body.events[3], {
    event: 'CAPTURE',
    success: true,
    amount: 100,
    event_reference: 'C',
    correlation_request_id: asked.headers.get('event-request-id'),
  })
  assert.equal(new Set(server.gateway.calls.map(({ call }) => call.idempotency_key)).size, 1)
})

test('resolver: a failed outcome frees the amount', async () => {
  const id = await authorized(server)
  server.gateway.script = [unknown, failed]
  await call(server, 'POST', `/v1/transactions/${id}/void`)
  assert.equal((await call(server, 'POST', `/v1/transactions/${id}/capture`, {})).status, 409)
  server.pass(1)
  await run()
  assert.equal((await call(server, 'POST', `/v1/transactions/${id}/capture`, {})).body.status, 'CAPTURED')
})

test('resolver: an operation left behind by a dead process is settled once, also when several processes look', async () => {
  const id = await authorized(server)
  const operation_id = server.ids.uuid()
  const now = server.clock.now()
  await server.sql`
    insert into checkout.operations (account_id, id, kind, session_id, transaction_id, gateway, payment_product_type, amount, currency,
      state, next_attempt_at, request, created_at, updated_at)
    values ('T12345678', ${operation_id}, 'capture', 's', ${id}, 'fake', 'dintero_psp.creditcard', 500, 'NOK', 'pending',
      ${new Date(now.getTime() + 15_000)}, '{}', ${now}, ${now})`
  await server.sql`update checkout.transactions set pending_capture = 500 where id = ${id}`
  assert.equal(await run(), 0, 'the lease still holds')
  server.pass(15)
  assert.deepEqual((await Promise.all([run(), run(), run()])).sort(), [0, 0, 1])
  const { body } = await call(server, 'GET', `/v1/transactions/${id}`)
  assert.equal(body.events.length, 3)
  has(body.events[2], { event: 'CAPTURE', amount: 500, success: true, request_id: operation_id })
  const [row] = await server.sql`select captured, pending_capture from checkout.transactions where id = ${id}`
  assert.deepEqual({ ...row }, { captured: 500, pending_capture: 0 })
})

test('resolver: a slow answer and the resolver at the same moment settle once', async () => {
  const id = await authorized(server)
  let release = () => {}
  const slow = new Promise<void>((resolve) => {
    release = resolve
  })
  server.gateway.script = [() => slow.then(() => succeeded), succeeded]
  const answer = call(server, 'POST', `/v1/transactions/${id}/capture`, { amount: 700 })
  while (server.gateway.calls.length === 0) await new Promise((resolve) => setImmediate(resolve))
  server.pass(20)
  release()
  await Promise.all([run(), answer])
  const { body } = await call(server, 'GET', `/v1/transactions/${id}`)
  assert.equal(body.events.filter(({ event }) => event === 'CAPTURE').length, 1)
  assert.equal((await answer).status, 200)
  const [row] = await server.sql`select captured, pending_capture from checkout.transactions where id = ${id}`
  assert.deepEqual({ ...row }, { captured: 700, pending_capture: 0 })
})
