import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { OperationRow } from '../src/checkout/operations-log/operation.ts'
import { resolvePayment } from '../src/checkout/payments/operations.ts'
import { findSession } from '../src/checkout/sessions/store.ts'
import { limits } from '../src/lib/limits.ts'
import { resolveOperations } from '../src/worker/resolve-operations.ts'
import { send } from './client.ts'
import {
  account_id,
  call,
  failed,
  has,
  openSession,
  startTransactions,
  succeeded,
  type TransactionsServer,
  unknown,
} from './payments.ts'
import { startShop } from './sessions-shop.ts'

let server: TransactionsServer
before(async () => {
  server = await startTransactions()
})
after(() => server.close())
beforeEach(() => {
  server.gateway.script = []
  server.gateway.calls = []
})

const resolve = () => resolveOperations(server).run(new AbortController().signal)
const redirect = { outcome: 'action_required', redirect_url: 'https://bank.example/3ds', gateway_reference: 'ref-2' } as const
const deadline_s = limits.session_lifetime_default_s + limits.payment_grace_s

/** A payment whose customer is at the provider. */
async function atTheProvider(): Promise<string> {
  const sid = await openSession(server)
  server.gateway.script = [redirect]
  await call(server, 'POST', `/v1/sessions/${sid}/pay`, { payment_product_type: 'vipps' })
  server.gateway.calls = []
  return sid
}

async function read(sid: string) {
  const session = (await findSession(server.sql, account_id, sid, { events: true }))!
  const transaction = (await call(server, 'GET', `/v1/transactions/${session.transaction_id}`)).body
  const [payment] = await server.sql<{ state: string }[]>`
    select state from checkout.operations where session_id = ${sid} and kind = 'authorize'`
  const told = await server.sql<{ event: string; details: Record<string, unknown> }[]>`
    select event, details from notifications.outbox where aggregate_id = ${sid} order by event`
  return { session, names: session.events!.map(({ name }) => name), transaction, payment, told }
}
const methods = () => server.gateway.calls.map(({ method }) => method)

test('payment in review: called off after ninety days, not before', async () => {
  const sid = await openSession(server)
  const held = { outcome: 'held', gateway_reference: 'ref-3' } as const
  server.gateway.script = [held]
  await call(server, 'POST', `/v1/sessions/${sid}/pay`, { payment_product_type: 'vipps' })
  server.pass(limits.hold_max_s - 60)
  server.gateway.script = [held]
  await resolve()
  has((await read(sid)).transaction, { status: 'ON_HOLD' })
  server.pass(3_600)
  server.gateway.script = [held, succeeded]
  await resolve()
  const { session, transaction, told } = await read(sid)
  has(transaction, { status: 'AUTHORIZATION_VOIDED' })
  has(session, { outcome: 'CANCELLED' })
  assert.ok(told.some(({ details }) => details.error === 'cancelled'))
  server.pass(7_200)
  assert.equal(await resolve(), 0)
})

test('overdue payment: called off an hour after its session expired; the merchant is told, nobody asks again', async () => {
  const sid = await atTheProvider()
  server.pass(deadline_s - 1)
  server.gateway.script = [redirect]
  assert.equal(await resolve(), 1)
  has((await read(sid)).transaction, { status: 'INITIATED' })
  server.pass(3_600)
  server.gateway.script = [redirect]
  assert.equal(await resolve(), 1)
  assert.deepEqual(methods(), ['find', 'find', 'void'])
  const { session, names, transaction, payment, told } = await read(sid)
  has(transaction, { status: 'AUTHORIZATION_VOIDED' })
  has(transaction.events.at(-1), {
    event: 'VOID',
    success: true,
    amount: 0,
    reason: 'The customer did not finish the payment in time.',
  })
  has(session, { outcome: 'CANCELLED', cancelled_by: null, operation_id: null })
  assert.deepEqual(names, ['INITIATED', 'CANCELLED'])
  assert.deepEqual(
    told.map(({ event, details }) => [event, details.error, details.transaction_id]),
    [
      ['checkout_authorization', 'cancelled', undefined],
      ['session_callback', 'cancelled', undefined],
    ],
  )
  assert.equal(payment!.state, 'failed')
  server.pass(1_000_000)
  assert.equal(await resolve(), 0)
})

test('overdue payment: of its void the session is told nothing else: a shop would void what was paid instead', async () => {
  const sid = await atTheProvider()
  server.pass(deadline_s + 1)
  server.gateway.script = [redirect]
  await resolve()
  const told = await server.sql`
    select details from notifications.outbox where event = 'session_callback' and details ->> 'session_id' = ${sid}`
  assert.deepEqual(
    told.map(({ details }) => details.error),
    ['cancelled'],
  )
})

test('overdue payment: called off also while somebody goes on looking at it', async () => {
  const sid = await atTheProvider()
  const [{ id }] = await server.sql<[{ id: string }]>`select id from checkout.operations where session_id = ${sid}`
  for (let passed = 0; passed < deadline_s + 7_200; passed += 900) {
    server.pass(900)
    server.gateway.script = [redirect, redirect]
    await call(server, 'GET', `/v1/view/${sid}/payments/${id}/status`)
    await resolve()
  }
  has((await read(sid)).session, { outcome: 'CANCELLED' })
})

test('overdue payment: a success that is found before the void counts', async () => {
  const sid = await atTheProvider()
  server.pass(deadline_s + 1)
  server.gateway.script = [succeeded]
  await resolve()
  const { session, transaction } = await read(sid)
  has(transaction, { status: 'AUTHORIZED' })
  has(session, { outcome: 'AUTHORIZED' })
  assert.deepEqual(methods(), ['find'])
})

test('overdue payment: a success that comes while it is being called off is recorded, and voided at once', async () => {
  const sid = await atTheProvider()
  server.pass(deadline_s + 1)
  server.gateway.script = [redirect, failed, succeeded, succeeded]
  await resolve()
  assert.deepEqual(methods(), ['find', 'void', 'find', 'void'])
  const { session, names, transaction } = await read(sid)
  has(transaction, { status: 'AUTHORIZATION_VOIDED' })
  assert.deepEqual(
    transaction.events.map(({ event, success, amount }) => [event, success, amount]),
    [
      ['INITIALIZE', true, undefined],
      ['VOID', false, 0],
      ['AUTHORIZE', true, 33_890],
      ['VOID', true, 33_890],
    ],
  )
  has(session, { outcome: 'CANCELLED' })
  assert.deepEqual(names, ['INITIATED', 'AUTHORIZED', 'COMPLETED', 'CANCELLED'])
})

test('overdue payment: a process that dies between a late success and its void leaves the void to the next one', async () => {
  const sid = await atTheProvider()
  const [operation] = await server.sql<OperationRow[]>`
    select * from checkout.operations where session_id = ${sid} and kind = 'authorize'`
  server.pass(deadline_s + 1)
  server.gateway.script = [succeeded]
  await resolvePayment(server, operation!, { too_late: true })
  has((await read(sid)).transaction, { status: 'AUTHORIZED' })
  server.pass(60)
  assert.equal(await resolve(), 1)
  assert.deepEqual(methods(), ['find', 'void'])
  const { session, transaction, payment } = await read(sid)
  has(transaction, { status: 'AUTHORIZATION_VOIDED' })
  has(session, { outcome: 'CANCELLED' })
  has(payment, { state: 'succeeded' })
  server.pass(3_600)
  assert.equal(await resolve(), 0)
})

test('overdue payment: when the void has no answer, the same void is asked about until it has; then the session ends', async () => {
  const sid = await atTheProvider()
  server.pass(deadline_s + 1)
  server.gateway.script = [redirect, unknown, redirect]
  await resolve()
  has((await read(sid)).session, { outcome: 'PAYMENT_INITIATED' })
  server.gateway.script = [succeeded]
  server.pass(1)
  assert.equal(await resolve(), 1)
  has((await read(sid)).transaction, { status: 'AUTHORIZATION_VOIDED' })
  server.pass(3_600)
  assert.equal(await resolve(), 1)
  const { session, transaction } = await read(sid)
  has(session, { outcome: 'CANCELLED' })
  assert.deepEqual(
    transaction.events.map(({ event }) => event),
    ['INITIALIZE', 'INITIATE_VOID', 'VOID'],
  )
  const voids = server.gateway.calls.filter(({ method }) => method === 'void').map((asked) => asked.call.idempotency_key)
  assert.equal(voids.length, 2)
  assert.equal(new Set(voids).size, 1)
  assert.equal(await resolve(), 0)
})

test('overdue payment: a provider that refuses is asked three times, then only for news', async () => {
  const sid = await atTheProvider()
  server.pass(deadline_s + 1)
  for (let hour = 0; hour < 5; hour += 1) {
    server.gateway.script = hour < limits.call_off_attempts ? [redirect, failed, redirect] : [redirect]
    assert.equal(await resolve(), 1)
    server.pass(3_600)
  }
  assert.equal(methods().filter((method) => method === 'void').length, limits.call_off_attempts)
  server.gateway.script = [{ ...failed, reason: 'cancelled' }]
  await resolve()
  const { session, transaction } = await read(sid)
  has(transaction, { status: 'DECLINED' })
  has(session, { outcome: 'CANCELLED' })
})

test('overdue payment: at the simulator, whoever comes back too late is not charged', async () => {
  const shop = await startShop()
  try {
    const sid = await shop.create()
    const body = { payment_product_type: 'vipps', phone_number: '+4740230256' }
    const paid = await send(shop.server.url, 'POST', `/v1/sessions/${sid}/pay`, { body })
    assert.equal(paid.status, 200, JSON.stringify(paid.body))
    shop.time.ahead_ms = (deadline_s + 3_600) * 1_000
    await shop.server.work.find(({ name }) => name === 'resolve-operations')!.run(new AbortController().signal)
    const { transaction_id, events } = await shop.read(sid)
    assert.equal(events.at(-1).name, 'CANCELLED')
    const page = new URL(paid.body.redirect_url).pathname
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    await fetch(shop.server.url + page, { method: 'POST', headers, body: 'decision=approve', redirect: 'manual' })
    await shop.server.work.find(({ name }) => name === 'resolve-operations')!.run(new AbortController().signal)
    const transaction = (await shop.call('GET', `/v1/transactions/${transaction_id}`)).body
    assert.equal(transaction.status, 'AUTHORIZATION_VOIDED')
    const book = await shop.call('GET', `/v1/simulator/book?transaction_id=${transaction_id}`)
    assert.deepEqual([book.status, book.body.payments[0]?.authorized], [200, 0], JSON.stringify(book.body))
  } finally {
    await shop.close()
  }
})
