import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { send } from './client.ts'
import { express, pickUp, post, type Shop, startShop, walk, withOrder } from './sessions-shop.ts'

let shop: Shop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

const put = (id: string, body: unknown, query = '?update_without_lock=true', headers = {}) =>
  shop.call('PUT', `/v1/sessions/${id}${query}`, body, headers)
const item = { id: 'x', line_id: '2', description: 'Bord', quantity: 1, amount: 10000 }

test('session update: members of the order are replaced, others kept, the event says what was and is', async () => {
  const id = await shop.create()
  const before = await shop.read(id)
  const { status, body } = await put(id, { order: { amount: 10000, items: [item] } })
  assert.equal(status, 200, JSON.stringify(body))
  assert.deepEqual(body.order, { ...walk.order, amount: 10000, items: [item] })
  assert.ok(body.updated_at > before.updated_at)
  const { name, details } = body.events.at(-1)
  assert.equal(name, 'UPDATE_SESSION')
  assert.deepEqual(details, { previous_order: walk.order, updated_order: body.order })
  assert.deepEqual(await shop.read(id), body)
})

test('session update: an order whose store is another one, or has no id, is listed so', async () => {
  const store = (id?: string) => ({ store: { ...(id ? { id } : {}), name: 'Butikk' } })
  const id = await shop.create(withOrder(store('oslo')))
  const ofStore = async (name: string) =>
    (await shop.call('GET', `/v1/sessions?store_id=${name}`)).body.map((found: { id: string }) => found.id)
  assert.deepEqual(await ofStore('oslo'), [id])
  await put(id, { order: store('bergen') })
  assert.deepEqual([await ofStore('oslo'), await ofStore('bergen')], [[], [id]])
  await put(id, { order: store() })
  assert.deepEqual([await ofStore('oslo'), await ofStore('bergen')], [[], []])
})

test('session update: nothing changed is NOT_MODIFIED and leaves updated_at alone', async () => {
  const id = await shop.create()
  const before = await shop.read(id)
  const { body } = await put(id, { order: walk.order, remove_lock: true })
  assert.deepEqual(body.events.at(-1).details, { updated_order_result: { status: 'NOT_MODIFIED' } })
  const { events: _1, ...content } = before
  const { events: _2, ...after } = body
  assert.deepEqual(after, content)
})

test('session update: 400 without a lock; with the lock it is done, and the lock is gone unless remove_lock is false', async () => {
  const id = await shop.create()
  const refused = await put(id, { order: { amount: 1 } }, '')
  assert.equal(refused.status, 400)
  assert.match(refused.body.error.message, /not locked/)

  const locked = await shop.view('POST', `${id}/session/lock`)
  assert.equal(locked.status, 200)
  const kept = await put(id, { order: { amount: 2 }, remove_lock: false }, '')
  assert.equal(kept.body.pay_lock.pay_lock_id, locked.body.pay_lock.pay_lock_id)
  const gone = await put(id, { order: { amount: 3 } }, '')
  assert.equal(gone.body.pay_lock, undefined)
  assert.deepEqual(await shop.names(id), ['INITIATED', 'PAY_LOCK_START', 'UPDATE_SESSION', 'UPDATE_SESSION', 'PAY_LOCK_END'])
  assert.equal((await put(id, { order: { amount: 4 } }, '')).status, 400)
})

test('session update: a lock that is older than five minutes no longer counts', async () => {
  const id = await shop.create()
  await shop.view('POST', `${id}/session/lock`)
  shop.time.ahead_ms += 301_000
  assert.equal((await put(id, { order: { amount: 1 } }, '')).status, 400)
  assert.equal((await shop.read(id)).pay_lock, undefined)
})

test('session update: an empty list of options, or other express settings, do not make an ordinary session an express one', async () => {
  const id = await shop.create()
  for (const settings of [{ shipping_options: [] }, { customer_types: ['b2c'] }, { shipping_options: null }]) {
    const { status, body } = await put(id, { order: walk.order, express: settings })
    assert.deepEqual([status, body.express], [200, undefined], JSON.stringify(body))
  }
  const card = {
    payment_product_type: 'dintero_psp.creditcard',
    card: { number: '4000000000000002', expiry: '12/30', cvc: '123' },
  }
  assert.equal((await send(shop.server.url, 'POST', `/v1/sessions/${id}/pay`, { body: card })).body.success, true)
})

test('session update: WooCommerce sends express without shipping_options (checkout-api §13.4)', async () => {
  const id = await shop.create(express)
  const body = {
    order: { ...walk.order, merchant_reference: undefined },
    remove_lock: true,
    express: { customer_types: ['b2c', 'b2b'] },
  }
  const answer = await put(id, body)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  assert.deepEqual(answer.body.express, { ...express.express, customer_types: ['b2c', 'b2b'] })
})

test('session update: nopCommerce posts the whole session back with nulls and another merchant_reference (clients §4.5)', async () => {
  const id = await shop.create()
  const read = await shop.read(id)
  const reference = randomUUID()
  const whole = {
    ...read,
    transaction_id: null,
    customer: null,
    express: null,
    order: {
      ...read.order,
      merchant_reference: reference,
      merchant_reference_2: null,
      shipping_address: null,
      shipping_option: null,
      items: read.order.items.map((line: object) => ({ ...line, thumbnail_url: null, groups: [] })),
    },
  }
  const answer = await put(id, whole)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  assert.equal(answer.body.order.merchant_reference, reference)
  assert.deepEqual(
    (await shop.call('GET', `/v1/sessions?search=${reference}`)).body.map((one: { id: string }) => one.id),
    [id],
  )
  assert.ok(!JSON.stringify(answer.body).includes('null'))
})

test('session update: Magento sends floats, the reference and the customer (checkout-api §13.8)', async () => {
  const id = await shop.create()
  await shop.view('POST', `${id}/session/lock`)
  const order = {
    amount: 29989.999999999996,
    currency: 'NOK',
    merchant_reference: '000000012',
    vat_amount: 5997.99999,
    items: [{ id: 'x', line_id: '7', quantity: 1, amount: 29990, vat_amount: 5997.9999, vat: 25 }],
    billing_address: { first_name: 'Kari', phone_number: '%2B4740230256' },
  }
  const answer = await put(id, { order, customer: { email: 'kari@example.com' }, discount_codes: [] }, '')
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  assert.equal(answer.body.order.amount, 29990)
  assert.equal(answer.body.order.vat_amount, 5998)
  assert.equal(answer.body.order.billing_address.phone_number, '%2B4740230256')
  assert.deepEqual(answer.body.customer, { email: 'kari@example.com' })
})

test('session update: shipping_option is set, must be one of those sent with it, and null removes it', async () => {
  const id = await shop.create(withOrder({ shipping_option: post, amount: 43700 }))
  const removed = await put(id, { order: { amount: 39800, shipping_option: null } })
  assert.equal(removed.body.order.shipping_option, undefined)
  const other = await put(id, { order: { shipping_option: post }, express: { shipping_options: [pickUp] } })
  assert.equal(other.status, 400)
  assert.deepEqual(other.body.error.errors[0].allowed, ['pick_up'])
  const set = await put(id, { order: { amount: 43700, shipping_option: post }, express: { shipping_options: [pickUp, post] } })
  assert.deepEqual(set.body.order.shipping_option, post)
})

test('session update: strict-session-amounts refuses lines that do not add up, only with the toggle', async () => {
  const id = await shop.create()
  const strict = { 'Dintero-Feature-Toggles': 'other, strict-session-amounts' }
  const refused = await put(id, { order: { amount: 1 } }, undefined, strict)
  assert.equal(refused.status, 400)
  assert.equal(refused.body.error.errors[0].allowed, 39800)
  assert.equal((await put(id, { order: { amount: 1 } })).status, 200)
  const created = await shop.call('POST', '/v1/sessions-profile', withOrder({ amount: 1 }), strict)
  assert.equal(created.status, 400)
  assert.equal(created.body.error.errors[0].path, '/order/amount')
  assert.equal(
    (await shop.call('POST', '/v1/sessions-profile', withOrder({ amount: 1, partial_payment: true }), strict)).status,
    200,
  )
})

// state of the session -> status of an update
const states: [name: string, state: Parameters<Shop['pretend']>[1], status: number][] = [
  ['paid', { outcome: 'AUTHORIZED', transaction_id: 'x' }, 400],
  ['declined', { outcome: 'DECLINED', transaction_id: 'x' }, 400],
  ['cancelled', { outcome: 'CANCELLED' }, 400],
  ['being paid', { operation_id: randomUUID() }, 409],
]
for (const [name, state, status] of states) {
  test(`session update: ${status} when it is ${name}`, async () => {
    const id = await shop.create()
    await shop.pretend(id, state)
    const before = await shop.read(id)
    assert.equal((await put(id, { order: { amount: 1 } })).status, status)
    assert.deepEqual(await shop.read(id), before)
  })
}
test('session update: 400 when it has expired, 404 when there is none', async () => {
  const id = await shop.create({ ...walk, expires_at: new Date(shop.server.clock.now().getTime() + 1000).toISOString() })
  shop.time.ahead_ms += 2000
  const { status, body } = await put(id, { order: { amount: 1 } })
  assert.equal(status, 400)
  assert.match(body.error.message, /expired/)
  assert.equal((await put(`${shop.account_id}.nothing`, { order: {} })).status, 404)
})

test('session update: of racing updates every one is applied whole, and the chain of events stays whole', async () => {
  const id = await shop.create()
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      put(id, { order: { amount: 1000 + index, items: [{ ...item, amount: 1000 + index }] } }),
    ),
  )
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  const session = await shop.read(id)
  assert.equal(session.order.amount, session.order.items[0].amount)
  assert.equal(session.events.length, 13)
  for (const [index, event] of session.events.entries()) {
    if (index > 1) assert.deepEqual(event.details.previous_order, session.events[index - 1].details.updated_order)
  }
  const [row] = await shop.server.sql`
    select bool_and(e.hash = sha256(coalesce(p.hash, '') || convert_to(e.body::text, 'UTF8'))) as whole, max(e.sequence) as last
    from checkout.session_events e
    left join checkout.session_events p on p.session_id = e.session_id and p.sequence = e.sequence - 1
    where e.session_id = ${id}`
  assert.deepEqual(row, { whole: true, last: 13 })
})

test('session update: an update that needs the lock and the end of the lock race; the session is what one of them says', async () => {
  const id = await shop.create()
  await shop.view('POST', `${id}/session/lock`)
  const answers = await Promise.all([1, 2, 3, 4].map((amount) => put(id, { order: { amount } }, '')))
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual(statuses, [200, 400, 400, 400])
})
