import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Answer, fetchToken, send } from './client.ts'
import { startReceiver } from './receiver.ts'
import { express, post, walk, withOrder } from './sessions-shop.ts'
import { card, openWorld, type World } from './statuses/world.ts'

// The quirks that a server must survive, by their number in checkout-api §13: each sends what the client sends.
let world: World
before(async () => {
  world = await openWorld()
})
after(() => world.close())

const woo = {
  'content-type': 'application/json; charset=utf-8',
  accept: 'application/json',
  'dintero-system-name': 'woocommerce',
  'dintero-system-version': '9.4',
  'dintero-system-plugin-name': 'Dintero.Checkout.WooCommerce',
  'dintero-system-plugin-version': '1.14.2',
  'user-agent': 'WordPress/6.7; https://shop.example - PLUGIN: 1.14.2',
}
const option = {
  id: 'flat_rate:1',
  line_id: 'flat_rate:1',
  amount: 4900,
  vat_amount: 980,
  vat: 25,
  title: 'Frakt',
  operator: '',
  delivery_method: 'unspecified',
}
/** What WooCommerce sends of the option in a capture: as an item, without operator and vat. */
const { operator: _, vat: __, ...shipped } = { ...option, quantity: 1, type: 'shipping' }
const line = { id: 'chair', line_id: 'a87ff679a2f3', description: 'Stol', quantity: 2, amount: 39801, vat_amount: 7960, vat: 25 }
const rounding = {
  id: 'rounding-fee',
  line_id: 'rounding-fee',
  description: 'Rounding fee',
  quantity: 1,
  amount: -1,
  vat_amount: 0,
}

/** An order paid through a WooCommerce session with shipping; its transaction as the shop reads it. */
async function order(type = card, changes: object = {}) {
  const sid = await world.session(type, { order: { amount: 44701, items: [line], shipping_option: option, ...changes } })
  await world.pay(sid, type)
  const { transaction_id } = await world.read(sid)
  return world.must('GET', `/v1/transactions/${transaction_id}?includes=card.payment_token`)
}
/** As WooCommerce does: exactly 200, else it has failed. */
function ok({ status, body }: Answer) {
  assert.equal(status, 200, JSON.stringify(body))
  return body
}
const last = (name: string, { events }: { events: { event: string; amount: number }[] }) =>
  [...events].reverse().find(({ event }) => event === name)!

test('quirk 1: every published call that succeeds documents 200; 202 only where a provider may answer later', () => {
  const text = readFileSync(join(import.meta.dirname, '../docs/openapi/checkout.json'), 'utf8')
  const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, { responses: object }>> }
  const published =
    /^\/v1\/(sessions(-profile|\/payment-token|\/pay|\/\{id\}(\/cancel)?)?|transactions.*|admin\/session\/profiles.*)$/
  const found: string[] = []
  for (const [path, methods] of Object.entries(paths)) {
    if (!published.test(path)) continue
    for (const [method, { responses }] of Object.entries(methods)) {
      const late = /\/(capture|refund|void|authorization)$/.test(path)
      const success = Object.keys(responses).filter((status) => Number(status) < 300)
      assert.deepEqual(success, late ? ['200', '202'] : ['200'], `${method} ${path}`)
      found.push(path)
    }
  }
  assert.equal(found.length, 20)
})

test('quirk 2: WooCommerce gets its token on the checkout host, with an audience on the api host', async () => {
  const { account_id, client_id, client_secret } = world.fresh
  const body = { grant_type: 'client_credentials', audience: `https://api.dintero.com/v1/accounts/${account_id}` }
  const token = ok(await fetchToken(world.server.url, { account_id, client_id, client_secret, body }))
  assert.equal(token.token_type, 'Bearer')
  assert.ok(token.expires_in > 600)
  const headers = { authorization: `${token.token_type} ${token.access_token}` }
  ok(await send(world.server.url, 'GET', '/v1/admin/session/profiles/default', { headers }))
})

test('quirk 3: the WooCommerce callback: a delay over the maximum, sid, and events named three times', async () => {
  const receiver = await startReceiver()
  const callback_url =
    `${receiver.url}/wc-api/dintero_callback/?delay_callback=120&report_error=true&sid_parameter_name=sid` +
    '&report_event=CAPTURE&report_event=REFUND&report_event=VOID'
  const deliver = () => world.server.work.find(({ name }) => name === 'deliver')!.run(new AbortController().signal)
  try {
    const { id: sid } = await world.must('POST', '/v1/sessions-profile', { ...walk, url: { ...walk.url, callback_url } })
    await world.pay(sid, card)
    const { transaction_id } = await world.read(sid)
    await deliver()
    assert.equal(receiver.received.length, 0, 'it waits')
    world.time.ahead_ms += 61_000
    await deliver()
    assert.equal(receiver.received.length, 1)
    ok(await world.call('POST', `/v1/transactions/${transaction_id}/capture`, { amount: 100 }))
    ok(await world.call('POST', `/v1/transactions/${transaction_id}/refund`, { amount: 50, reason: '' }))
    for (let rounds = 0; rounds < 3; rounds += 1) {
      await deliver()
      world.time.ahead_ms += 61_000
    }
    const told = receiver.received.map(({ method, query }) => [method, query.get('sid'), query.get('event')])
    assert.deepEqual(told, [
      ['GET', sid, null],
      ['GET', sid, 'CAPTURE'],
      ['GET', sid, 'REFUND'],
    ])
    assert.equal(receiver.received[0]!.query.get('transaction_id'), transaction_id)
    assert.deepEqual(receiver.received[0]!.query.getAll('report_event'), ['CAPTURE', 'REFUND', 'VOID'])
  } finally {
    await receiver.close()
  }
})

test('quirk 4: WooCommerce updates with customer types and no options, without a lock', async () => {
  const sid = await world.create(express)
  const { merchant_reference: ___, ...given } = walk.order
  const body = { order: { ...given, amount: 40000 }, remove_lock: true, express: { customer_types: ['b2c', 'b2b'] } }
  const session = ok(await world.call('PUT', `/v1/sessions/${sid}?update_without_lock=true`, body, woo))
  assert.equal(session.order.amount, 40000)
  assert.equal(session.order.merchant_reference, walk.order.merchant_reference)
  assert.deepEqual(
    session.express.shipping_options.map(({ line_id }: { line_id: string }) => line_id),
    [post.line_id, 'pick_up'],
  )
})

test('quirk 5: WooCommerce captures the shipping option as an item and a new rounding line, and refunds items that do not add up', async () => {
  const { id, amount } = await order()
  const items = [line, shipped, { ...rounding, amount: -1 }]
  assert.equal(
    items.reduce((sum, item) => sum + item.amount, 0),
    amount - 1,
  )
  const body = { capture_reference: '4711', amount, items: [...items, { ...rounding, line_id: 'rounding-fee-2', amount: 1 }] }
  const captured = ok(await world.call('POST', `/v1/transactions/${id}/capture`, body, woo))
  assert.equal(captured.status, 'CAPTURED')
  assert.equal(captured.amount, amount)
  assert.equal(last('CAPTURE', captured).amount, amount)
  const refund = { refund_reference: '4711', amount: 1000, items: [{ ...line, amount: 900 }], reason: '' }
  const refunded = ok(await world.call('POST', `/v1/transactions/${id}/refund`, refund, woo))
  assert.equal(refunded.status, 'PARTIALLY_REFUNDED')
  assert.equal(last('REFUND', refunded).amount, 1000)
})

test('quirk 6: WooCommerce reads the amount of the last CAPTURE and the last REFUND; the amount of the whole stays', async () => {
  for (const type of [card, 'vipps', 'klarna.klarna', 'payex.creditcard']) {
    const { id, amount } = await order(type)
    const move = async (verb: string, of: number) => {
      const answer = await world.call('POST', `/v1/transactions/${id}/${verb}`, { amount: of }, woo)
      const body = ok(answer)
      assert.equal(body.amount, amount)
      assert.equal(last(verb.toUpperCase(), body).amount, of)
      for (const { event, amount: moved } of body.events) if (event !== 'INITIALIZE') assert.equal(typeof moved, 'number', event)
      return body.status
    }
    assert.equal(await move('capture', 10000), 'PARTIALLY_CAPTURED')
    assert.equal(await move('capture', amount - 10000), 'CAPTURED')
    assert.equal(await move('refund', 700), 'PARTIALLY_REFUNDED')
    assert.equal(await move('refund', amount - 700), 'REFUNDED')
  }
})

test('quirk 7: WooCommerce renews a subscription: url beside session, its token in the customer of the answer', async () => {
  const configuration = { payex: { creditcard: { enabled: true, generate_payment_token: true } } }
  const sid = await world.session('payex.creditcard', { configuration })
  await world.pay(sid, 'payex.creditcard')
  const { transaction_id } = await world.read(sid)
  const { card: paid } = await world.must('GET', `/v1/transactions/${transaction_id}?includes=card.payment_token`)
  const body = {
    url: { return_url: 'https://shop.example/?gateway=dintero', callback_url: 'https://shop.example/wc-api/dintero_callback/' },
    session: {
      order: { ...walk.order, merchant_reference: '4712' },
      customer: { tokens: { 'payex.creditcard': { payment_token: paid.payment_token } } },
    },
    payment: { payment_product_type: 'payex.creditcard', operation: 'unscheduled_purchase' },
  }
  const renewed = ok(await world.call('POST', '/v1/sessions/pay', body, woo))
  assert.equal(renewed.status, 'AUTHORIZED')
  assert.match(renewed.id, /^T\d{8}\./)
  const token = renewed.card.payment_token ?? renewed.customer.tokens['payex.creditcard'].payment_token
  assert.equal(token, paid.payment_token)
})

test('quirk 8: Magento repeats the id, sends floats, `%2B47`, the day of the year for milliseconds, the reference in an update', async () => {
  const in_four_hours = new Date(world.server.clock.now().getTime() + 4 * 3_600_000).toISOString().slice(0, 19)
  const billing_address = { first_name: 'Kari', phone_number: '%2B4740230256' }
  const created = { ...withOrder({ amount: 39799.99999999999, billing_address }), expires_at: `${in_four_hours}.0Z` }
  const sid = await world.create(created)
  assert.equal((await world.read(sid)).expires_at, `${in_four_hours}.000Z`)
  await world.view('POST', `${sid}/session/lock`)
  const update = {
    order: { ...walk.order, merchant_reference: '000000043', billing_address },
    customer: { email: 'kari@example.com' },
    discount_codes: [],
  }
  const updated = ok(await world.call('PUT', `/v1/sessions/${sid}`, update))
  assert.equal(updated.order.merchant_reference, '000000043')
  assert.equal(updated.order.billing_address.phone_number, '%2B4740230256')
  assert.equal(updated.customer.email, 'kari@example.com')
  await world.pay(sid, card)
  const { transaction_id: id } = await world.read(sid)
  const items = [{ id: '175938', line_id: '1', amount: 29989.999999999996 }]
  const captured = ok(await world.call('POST', `/v1/transactions/${id}/capture`, { id, amount: 29989.999999999996, items }))
  assert.equal(last('CAPTURE', captured).amount, 29990)
  const refunded = ok(await world.call('POST', `/v1/transactions/${id}/refund`, { id, amount: 1998.9999999999998, items: [] }))
  assert.equal(last('REFUND', refunded).amount, 1999)
})

test('PHP clients: "" and [] for what they have not (clients §6 no. 9)', async () => {
  const { order: given, url } = walk
  const body = {
    url: { ...url, callback_url: '', merchant_terms_url: '' },
    order: {
      ...given,
      items: given.items.map((item) => ({ ...item, vat_amount: '', vat: '', discount_lines: '', thumbnail_url: '' })),
      shipping_address: [],
      billing_address: '',
      shipping_option: [],
      store: [],
      gift_cards: '',
      discount_codes: '',
      vat_amount: '',
      merchant_reference_2: '',
    },
    profile_id: 'default',
    customer: [],
    configuration: [],
    express: [],
    metadata: [],
    merchant: '',
    checkboxes: '',
    expires_at: '',
  }
  const { id } = ok(await world.call('POST', '/v1/sessions-profile', body, woo))
  const session = await world.read(id)
  assert.equal(session.express, undefined)
  assert.deepEqual(
    session.order.items,
    [{ ...given.items[0], thumbnail_url: '', vat_amount: undefined, vat: undefined }].map(clean),
  )
  const update = {
    order: { shipping_option: [], items: given.items, vat_amount: '' },
    express: [],
    customer: '',
    remove_lock: '',
  }
  ok(await world.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, update, woo))
  const paid = await order()
  const capture = {
    amount: 100,
    items: [{ ...line, quantity: '', vat: '' }],
    metadata: [],
    capture_reference: '',
    final_capture: '',
  }
  ok(await world.call('POST', `/v1/transactions/${paid.id}/capture`, capture, woo))
  ok(await world.call('POST', `/v1/transactions/${paid.id}/refund`, { amount: 50, items: '', metadata: [], reason: '' }, woo))
  const refused = await world.call('POST', '/v1/sessions-profile', { ...body, order: { ...given, amount: '' } })
  assert.equal(refused.status, 400, 'what is required can not be nothing')
})
const clean = (value: object) => JSON.parse(JSON.stringify(value))

test('quirk 9: Magento cancels with the body null, and voids with []', async () => {
  const session = ok(await world.call('POST', `/v1/sessions/${await world.create()}/cancel`, 'null'))
  assert.ok(session.events.some(({ name }: { name: string }) => name === 'CANCELLED'))
  assert.equal(ok(await world.call('POST', `/v1/transactions/${(await order()).id}/void`, '[]')).status, 'AUTHORIZATION_VOIDED')
})

test('quirk 10: Magento adds a language to the url of the session', async () => {
  const { url } = ok(await world.call('POST', '/v1/sessions-profile', walk))
  assert.equal(new URL(url).search, '')
  const response = await fetch(`${url}?language=nb-NO`)
  assert.equal(response.status, 200)
  assert.match(await response.text(), /<html lang="(nb|no)/)
})

test('quirk 11: nopCommerce reads objects without looking, compares without case, and shows the message of an error', async () => {
  const { id } = await order()
  const transaction = ok(await world.call('POST', `/v1/transactions/${id}/capture`, '{"amount":29990.0000}'))
  assert.equal(typeof transaction.payment_product, 'string')
  assert.match(transaction.card.expiry_date, /^\d\d\/\d{4}$/)
  for (const event of transaction.events) {
    assert.equal(typeof event.metadata, 'object', event.event)
    assert.ok(Array.isArray(event.items), event.event)
  }
  const is =
    (name: string, status: string) =>
    ({ event, transaction_status, success }: Record<string, string | boolean>) =>
      String(event).toLowerCase() === name && String(transaction_status).toLowerCase() === status && success
  assert.ok(transaction.events.some(is('authorize', 'authorized')))
  assert.ok(transaction.events.some(is('capture', 'partially_captured')))
  const nulls = (value: unknown): boolean =>
    value === null || (typeof value === 'object' && Object.values(value as object).some(nulls))
  assert.ok(!nulls(transaction), 'its typed reader takes no null')
  const refused = await world.call('POST', `/v1/transactions/${id}/capture`, '{"amount":99999999.0000}')
  assert.equal(refused.status, 400)
  assert.match(refused.body.error.message, /at most 14711 can be captured/)
  assert.equal(refused.body.message, refused.body.error.message, 'it shows this one')
  const voided = await world.call('POST', `/v1/transactions/${(await order()).id}/void`, '', {
    'content-type': 'application/json',
  })
  assert.equal(ok(voided).status, 'AUTHORIZATION_VOIDED')
})

test('quirk 12: Python uses POST /v1/sessions when there is no profile, and takes nothing but 200', async () => {
  const { profile_id: ____, ...body } = walk
  const headers = { 'dintero-system-name': 'python-application', 'dintero-system-plugin-name': 'python-sdk' }
  const configuration = { payex: { creditcard: { enabled: true } } }
  const { id } = ok(await world.call('POST', '/v1/sessions', { ...body, configuration }, headers))
  ok(await world.call('GET', `/v1/sessions/${id}`, undefined, { 'content-type': 'application/json' }))
  const paid = await order()
  const capture = { amount: paid.amount, items: paid.items, capture_reference: 'c' }
  ok(await world.call('POST', `/v1/transactions/${paid.id}/capture`, capture))
  ok(await world.call('POST', `/v1/transactions/${paid.id}/refund`, { amount: paid.amount, items: paid.items, reason: 'r' }))
})

test('quirk 13: Node names the account in the audience, as user or in the path, and sends no body to cancel and void', async () => {
  const { account_id, client_id, client_secret } = world.fresh
  for (const audience of [
    `https://${account_id}@api.dintero.com/v1/accounts/${account_id}`,
    `https://${account_id}@test.dintero.com`,
    `${world.server.url}/v1/accounts/${account_id}`,
  ]) {
    const body = { grant_type: 'client_credentials', audience }
    ok(await fetchToken(world.server.url, { account_id, client_id, client_secret, body }))
  }
  ok(await world.call('POST', `/v1/sessions/${await world.create()}/cancel`))
  ok(await world.call('POST', `/v1/transactions/${(await order()).id}/void`))
})
