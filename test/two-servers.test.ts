import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { buildApp } from '../src/app.ts'
import { ensureDefaultProfile } from '../src/checkout/profiles/operations.ts'
import { changeOrder } from '../src/orders/orders/operations.ts'
import { type Answer, createTestAccount, send } from './client.ts'
import { differences } from './crash.ts'
import { startServer, type TestServer } from './server.ts'
import { partsOf } from './sessions-shop.ts'

/*
 * Two servers over one database. Each decides on what it wrote last itself (docs/decisions/0171), so the other one's changes in between
 * are the ones that it must not miss.
 */
let first: TestServer
let second: Awaited<ReturnType<typeof buildApp>>['app']
let account: Awaited<ReturnType<typeof createTestAccount>>
let url: string
before(async () => {
  first = await startServer({ work: false })
  second = (await buildApp(first)).app
  url = await second.listen({ port: 0, host: '127.0.0.1' })
  account = await createTestAccount(first)
  await ensureDefaultProfile(partsOf(first), account.account_id)
})
after(async () => {
  await second.close()
  await first.close()
})

type Call = (method: string, path: string, body?: unknown) => Promise<Answer>
const a: Call = (method, path, body) => account.call(method, path, body)
const b: Call = (method, path, body) => send(url, method, path, { body, headers: { authorization: `Bearer ${account.token}` } })
const shopping = (path: string) => `/v1/accounts/${account.account_id}/shopping/${path}`
const ok = async (answer: Promise<Answer>) => {
  const { status, body } = await answer
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

const draftBody = (gross_amount: number) => ({
  order: { currency: 'NOK', items: [{ id: 'a', line_id: 1, quantity: 1, gross_amount, tax_lines: [] }] },
  options: { generate_order_id: 'ALPHANUMERIC_9' },
})
const record = (amount: number) => ({ items: [{ line_id: 1, amount }] })
const card = { payment_product_type: 'dintero_psp.creditcard', card: { number: '4000000000000002', expiry: '12/39', cvc: '123' } }
const sessionBody = (amount: number) => ({
  url: { return_url: 'https://shop.example/return' },
  order: { amount, currency: 'NOK', merchant_reference: 'R', items: [{ id: 'a', line_id: '1', quantity: 1, amount }] },
  profile_id: 'default',
})

let order: string
let transaction: string
beforeEach(async () => {
  const { id } = await ok(a('POST', shopping('draft_orders'), draftBody(1_000)))
  const { orders } = await ok(a('PUT', shopping(`draft_orders/${id}/complete`)))
  order = shopping(`orders/${orders[0].order_id}`)
  const session = await ok(a('POST', '/v1/sessions-profile', sessionBody(1_000)))
  await ok(a('POST', `/v1/sessions/${session.id}/pay`, card))
  transaction = `/v1/transactions/${(await ok(a('GET', `/v1/sessions/${session.id}`))).transaction_id}`
})

test('two servers: a draft that the other one changed is completed as it is', async () => {
  const { id } = await ok(a('POST', shopping('draft_orders'), draftBody(500)))
  await ok(b('PUT', shopping(`draft_orders/${id}`), draftBody(700)))
  const { orders } = await ok(a('PUT', shopping(`draft_orders/${id}/complete`)))
  assert.equal(orders[0].gross_amount, 700)
  const again = await b('PUT', shopping(`draft_orders/${id}/complete`))
  assert.equal(again.status, 409)
})
test('two servers: a draft that the other one turned into one for an existing order goes there', async () => {
  const { id } = await ok(a('POST', shopping('draft_orders'), draftBody(500)))
  const { order_id } = await ok(a('GET', order))
  const more = { order: { currency: 'NOK', items: [{ line_id: 2, gross_amount: 300, tax_lines: [] }] }, options: { order_id } }
  await ok(b('PUT', shopping(`draft_orders/${id}`), more))
  const { orders } = await ok(a('PUT', shopping(`draft_orders/${id}/complete`)))
  assert.equal(orders[0].order_id, order_id)
  assert.equal(orders[0].gross_amount, 1_300)
})
test('two servers: what the other one authorized can be captured, what it captured can not be captured again', async () => {
  await ok(b('POST', `${order}/authorizations`, record(1_000)))
  await ok(a('POST', `${order}/captures`, record(600)))
  await ok(b('POST', `${order}/captures`, record(300)))
  const { status, body } = await a('POST', `${order}/captures`, record(200))
  assert.equal(status, 409)
  assert.equal(body.error.errors[0].allowed, 100)
  await ok(a('POST', `${order}/captures`, record(100)))
  assert.equal((await ok(b('GET', order))).payment_status, 'paid')
})
test('two servers: an order that the other one cancelled takes nothing more', async () => {
  await ok(b('POST', `${order}/cancel`, { reason: 'customer' }))
  const { status, body } = await a('POST', `${order}/close`)
  assert.equal(status, 409)
  assert.equal(body.error.code, 'order_cancelled')
})
test('two servers: that nothing needs to change is decided on what the other one wrote too', async () => {
  const service = partsOf(first)
  const caller = { account_id: account.account_id, subject: 'c' }
  const name = order.split('/').at(-1)!
  const comment = { id: 'x', comment: 'ours', created_at: new Date().toISOString(), created_by: 'c' }
  await changeOrder(service, caller, name, () => ({ change: { type: 'comment_added', comment } }))
  await ok(b('POST', `${order}/comments`, { comment: 'theirs' }))
  const { order: seen } = await changeOrder(service, caller, name, () => ({}))
  assert.deepEqual(
    seen.comments.map(({ comment }) => comment),
    ['ours', 'theirs'],
  )
})
test('two servers: a session that the other one changed is paid as it is', async () => {
  const { id } = await ok(a('POST', '/v1/sessions-profile', sessionBody(500)))
  const update = { order: { ...sessionBody(900).order }, remove_lock: true }
  await ok(b('PUT', `/v1/sessions/${id}?update_without_lock=true`, update))
  await ok(a('POST', `/v1/sessions/${id}/pay`, card))
  const { transaction_id } = await ok(b('GET', `/v1/sessions/${id}`))
  assert.equal((await ok(a('GET', `/v1/transactions/${transaction_id}`))).amount, 900)
})
test('two servers: a session that the other one has seen paid is not paid again', async () => {
  const { id } = await ok(a('POST', '/v1/sessions-profile', sessionBody(500)))
  await ok(b('POST', `/v1/sessions/${id}/pay`, card))
  const { status, body } = await a('POST', `/v1/sessions/${id}/pay`, card)
  assert.equal(status, 404)
  assert.equal(body.error.cause, 'AUTHORIZED')
})
test('two servers: captures and refunds in turn, each as far as the other one left it', async () => {
  await ok(a('POST', `${transaction}/capture`, { amount: 400 }))
  await ok(b('POST', `${transaction}/capture`, { amount: 400 }))
  assert.equal((await a('POST', `${transaction}/capture`, { amount: 300 })).status, 400)
  const captured = await ok(a('POST', `${transaction}/capture`, { amount: 200 }))
  assert.equal(captured.status, 'CAPTURED')
  assert.deepEqual(await ok(b('GET', transaction)), await ok(a('GET', transaction)))
  await ok(b('POST', `${transaction}/refund`, { amount: 900 }))
  assert.equal((await a('POST', `${transaction}/refund`, { amount: 101 })).status, 400)
  assert.equal((await ok(a('POST', `${transaction}/refund`, { amount: 100 }))).status, 'REFUNDED')
})
test('two servers: the reference that the other one set is in the answer, and stays', async () => {
  await ok(b('PUT', transaction, { merchant_reference_2: 'theirs' }))
  assert.equal((await ok(a('POST', `${transaction}/capture`, { amount: 400 }))).merchant_reference_2, 'theirs')
  assert.equal((await ok(b('GET', transaction))).merchant_reference_2, 'theirs')
})
test('what a write answers is what a read answers then', async () => {
  const captured = await ok(a('POST', `${transaction}/capture`, { amount: 400, items: [{ line_id: '1', amount: 400 }] }))
  const includes = '?includes=initiating_system_request_headers'
  assert.deepEqual(captured, await ok(a('GET', transaction + includes)))
  const refunded = await ok(a('POST', `${transaction}/refund`, { amount: 100 }))
  assert.deepEqual(refunded, await ok(b('GET', transaction + includes)))
  const commented = await ok(a('POST', `${order}/comments`, { comment: 'x' }))
  assert.ok(commented)
  const { id } = await ok(a('POST', shopping('draft_orders'), draftBody(1_000)))
  const changed = await ok(a('PUT', shopping(`draft_orders/${id}`), draftBody(1_100)))
  assert.deepEqual(changed, await ok(b('GET', shopping(`draft_orders/${id}`))))
})
test('two servers: nothing differs in the end', async () => {
  assert.deepEqual(await differences(first.sql), [])
})
