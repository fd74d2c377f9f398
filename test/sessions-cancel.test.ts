import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { voidForCancel } from '../src/checkout/transactions/operations.ts'
import { send } from './client.ts'
import { partsOf, type Shop, startShop, walk } from './sessions-shop.ts'

let shop: Shop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

const cancel = (id: string, body?: unknown) => shop.call('POST', `/v1/sessions/${id}/cancel`, body)
const pay = (id: string, body: object) => send(shop.server.url, 'POST', `/v1/sessions/${id}/pay`, { body })
const card = { payment_product_type: 'dintero_psp.creditcard', card: { number: '4000000000000002', expiry: '12/30', cvc: '123' } }

for (const [name, body] of [
  ['no body', undefined],
  ['null (Magento)', 'null'],
  ['an empty text', ''],
  ['{}', {}],
  ['[]', []],
] as const) {
  test(`session cancel: 200 with ${name}; who and when are shown, and again changes nothing`, async () => {
    const id = await shop.create()
    const { status, body: session } = await cancel(id, body)
    assert.equal(status, 200, JSON.stringify(session))
    assert.ok(session.cancelled_by && session.cancelled_at)
    assert.equal(session.events.at(-1).name, 'CANCELLED')
    assert.deepEqual((await cancel(id, body)).body, session)
    assert.equal((await shop.view('GET', `${id}/session`)).body.error.cause, 'CANCELLED')
  })
}

test('session cancel: what is authorized is voided', async () => {
  const id = await shop.create()
  const paid = await pay(id, card)
  assert.equal(paid.status, 200, JSON.stringify(paid.body))
  const { transaction_id } = await shop.read(id)
  assert.ok(transaction_id)
  const { status, body } = await cancel(id)
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.events.at(-1).name, 'CANCELLED')
  assert.equal((await shop.call('GET', `/v1/transactions/${transaction_id}`)).body.status, 'AUTHORIZATION_VOIDED')
  assert.equal((await cancel(id)).status, 200)
})

test('session cancel: a payment that is being reviewed, or that the customer has not finished, is taken back', async () => {
  const invoice = { payment_product_type: 'collector.invoice', simulate: 'hold', shipping_address: {}, billing_address: {} }
  for (const body of [invoice, { payment_product_type: 'vipps', phone_number: '+4740230256' }]) {
    const id = await shop.create()
    assert.equal((await pay(id, body)).status, 200)
    const { status, body: session } = await cancel(id)
    assert.equal(status, 200, JSON.stringify(session))
    assert.equal(session.events.at(-1).name, 'CANCELLED')
    const transaction = await shop.call('GET', `/v1/transactions/${session.transaction_id}`)
    assert.equal(transaction.body.status, 'AUTHORIZATION_VOIDED')
  }
})

test('session cancel: 400 when it is captured, and nothing moves', async () => {
  const id = await shop.create()
  await pay(id, card)
  const { transaction_id } = await shop.read(id)
  assert.equal((await shop.call('POST', `/v1/transactions/${transaction_id}/capture`, { amount: 39800 })).status, 200)
  const before = await shop.read(id)
  const { status } = await cancel(id)
  assert.equal(status, 400)
  assert.deepEqual(await shop.read(id), before)
  assert.equal((await shop.call('GET', `/v1/transactions/${transaction_id}`)).body.status, 'CAPTURED')
})

test('session cancel: 400 when the merchant has voided the payment himself, and nothing changes', async () => {
  const id = await shop.create()
  await pay(id, card)
  const { transaction_id } = await shop.read(id)
  assert.equal((await shop.call('POST', `/v1/transactions/${transaction_id}/void`)).status, 200)
  const before = await shop.read(id)
  const { status, body } = await cancel(id)
  assert.equal(status, 400)
  assert.equal(body.error.errors[0].code, 'transaction_status_conflict')
  assert.match(body.error.message, /AUTHORIZATION_VOIDED/)
  assert.deepEqual(await shop.read(id), before)
})

test('session cancel: 200 when a cancel has voided the payment and died before it marked the session', async () => {
  const id = await shop.create()
  await pay(id, card)
  const { transaction_id } = await shop.read(id)
  const { account_id } = shop
  const payments = { ...partsOf(shop.server), log: shop.server.app.log }
  const command = { account_id, id: transaction_id, created_by: undefined, request: {} }
  assert.equal(await voidForCancel(payments, command), true)
  const { status, body } = await cancel(id)
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body.events.at(-1).name, 'CANCELLED')
})

test('session cancel: 409 while a payment is under way, 404 without a session, 403 without the scope', async () => {
  const id = await shop.create()
  await shop.pretend(id, { operation_id: randomUUID() })
  assert.equal((await cancel(id)).status, 409)
  assert.equal((await cancel(`${shop.account_id}.nothing`)).status, 404)
  assert.equal((await send(shop.server.url, 'POST', `/v1/sessions/${id}/cancel`)).status, 401)
})

test('session cancel and pay race: either it is paid, or it is cancelled, or paid and voided; never both', async () => {
  for (let round = 0; round < 6; round += 1) {
    const id = await shop.create()
    const [cancelled, paid] = await Promise.all([cancel(id), pay(id, card)])
    assert.ok([200, 400, 409].includes(cancelled.status), JSON.stringify(cancelled.body))
    assert.ok(paid.status < 500, JSON.stringify(paid.body))
    const session = await shop.read(id)
    const status = session.transaction_id && (await shop.call('GET', `/v1/transactions/${session.transaction_id}`)).body.status
    if (session.cancelled_at) assert.ok(status === undefined || status === 'AUTHORIZATION_VOIDED', String(status))
    else assert.equal(status, 'AUTHORIZED')
  }
})

test('lock, update and pay race: a payment is of an order that stood still', async () => {
  for (let round = 0; round < 6; round += 1) {
    const id = await shop.create()
    const update = { order: { amount: 10000, items: [{ ...walk.order.items[0], amount: 10000 }] } }
    const [locked, updated, paid] = await Promise.all([
      shop.view('POST', `${id}/session/lock`),
      shop.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, update),
      pay(id, card),
    ])
    for (const { status, body } of [locked, updated, paid]) assert.ok(status < 500, JSON.stringify(body))
    const session = await shop.read(id)
    if (!session.transaction_id) continue
    const transaction = (await shop.call('GET', `/v1/transactions/${session.transaction_id}`)).body
    assert.equal(transaction.amount, session.order.amount)
  }
})
