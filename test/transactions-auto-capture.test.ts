import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { autoCapture } from '../src/worker/auto-capture.ts'
import { resolveOperations } from '../src/worker/resolve-operations.ts'
import { call, failed, has, openSession, startTransactions, succeeded, type TransactionsServer, unknown } from './payments.ts'

let server: TransactionsServer
let run: () => Promise<number>
let resolve: () => Promise<number>
before(async () => {
  server = await startTransactions()
  const signal = new AbortController().signal
  const [work, resolver] = [autoCapture(server), resolveOperations(server)]
  run = () => work.run(signal)
  resolve = () => resolver.run(signal)
})
after(() => server.close())
beforeEach(() => {
  server.gateway.script = []
  server.gateway.calls = []
})

/** The path of a transaction paid with auto_capture. */
async function paid(): Promise<string> {
  const enabled = { type: 'payment_product_type', enabled: true }
  const sid = await openSession(server, { configuration: { auto_capture: true, vipps: enabled } })
  await call(server, 'POST', `/v1/sessions/${sid}/pay`, { payment_product_type: 'vipps' })
  const [row] = await server.sql<{ id: string }[]>`select id from checkout.transactions where session_id = ${sid}`
  return `/v1/transactions/${row!.id}`
}

async function callbacks(path: string) {
  const rows = await server.sql<{ sequence: number; details: { reason: string; transaction_sequence?: number } }[]>`
    select sequence, details from notifications.outbox
    where aggregate_id = ${path.split('/')[3]!} and event = 'session_callback' order by sequence`
  return rows.map(({ sequence, details }) => [sequence, details.reason, details.transaction_sequence])
}

test('auto-capture: captures once, and only then the callback says authorized', async () => {
  const path = await paid()
  assert.deepEqual(await callbacks(path), [])
  assert.deepEqual((await Promise.all([run(), run()])).sort(), [0, 1])
  const { body } = await call(server, 'GET', path)
  assert.equal(body.status, 'CAPTURED')
  assert.equal(body.events.at(-1)!.created_by, undefined)
  assert.equal(server.gateway.calls.at(-1)!.call.automatic, true)
  assert.deepEqual(await callbacks(path), [
    [2, 'authorized', 3],
    [3, 'event', undefined],
  ])
  server.pass(100_000)
  assert.equal(await run(), 0)
})

test('auto-capture: a refusal sends the callback and is tried again, for 48 hours', async () => {
  const path = await paid()
  server.gateway.script = Array.from({ length: 100 }, () => failed)
  await run()
  assert.deepEqual(await callbacks(path), [[2, 'authorized', 3]])
  let attempts = 1
  for (let minutes = 0; minutes < 50 * 60; minutes += 10) {
    server.pass(600)
    attempts += await run()
  }
  assert.ok(attempts > 40 && attempts < 60, `${attempts} attempts`)
  assert.equal((await call(server, 'GET', path)).body.status, 'AUTHORIZED')
  assert.equal((await callbacks(path)).length, 1)
})

test('auto-capture: a capture by hand ends it', async () => {
  const path = await paid()
  server.gateway.script = [failed]
  await run()
  assert.equal((await call(server, 'POST', `${path}/capture`, { amount: 100 })).body.status, 'PARTIALLY_CAPTURED')
  server.pass(3_600)
  assert.equal(await run(), 0)
})

test('auto-capture: an unknown outcome is left to the resolver', async () => {
  const path = await paid()
  server.gateway.script = [unknown, succeeded]
  await run()
  server.pass(1)
  assert.equal(await run(), 0)
  await resolve()
  has((await call(server, 'GET', path)).body, { status: 'CAPTURED' })
  server.pass(100_000)
  assert.equal(await run(), 0)
  assert.equal(server.gateway.calls.length, 3)
})
