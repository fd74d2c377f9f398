import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { send } from './client.ts'
import { express, post, walk, withOrder } from './sessions-shop.ts'
import { card, only, openWorld, type World } from './statuses/world.ts'

// Details of the contract that no client sends by itself, and what a refusal says.
let world: World
before(async () => {
  world = await openWorld()
})
after(() => world.close())

async function refused(method: string, path: string, body: unknown, status = 400) {
  const answer = await world.call(method, path, body)
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  return answer.body.error.errors[0] as { code: string; path: string; message: string; allowed: unknown }
}
const line = walk.order.items[0]!
const { amount } = walk.order

test('refusals: a pattern is told in words, not as an expression', async () => {
  for (const [body, path, words] of [
    [{ ...walk, url: { return_url: 'javascript:alert(1)' } }, '/url/return_url', 'a URL with its scheme'],
    [{ ...walk, url: { ...walk.url, callback_url: 'ftp://x' } }, '/url/callback_url', 'begins with https://'],
    [withOrder({ currency: 'kr' }), '/order/currency', 'three capital letters'],
  ] as const) {
    const error = await refused('POST', '/v1/sessions-profile', body)
    assert.equal(error.path, path)
    assert.match(error.message, new RegExp(`must be .*${words}`))
    assert.doesNotMatch(error.message, /[\\^$]|pattern/)
  }
  const profile = await refused('POST', '/v1/admin/session/profiles', { profile_id: ' x', configuration: {} })
  assert.match(profile.message, /^\/profile_id must be text without blanks at its ends\.$/)
})

test('refusals: a wrong status names the transaction in the path, and the statuses that would do', async () => {
  const authorized = await world.paid()
  const captured = await world.paid()
  await world.must('POST', `${captured}/capture`, { amount })
  for (const [path, body, allowed] of [
    [`${authorized}/refund`, { amount }, ['CAPTURED', 'PARTIALLY_CAPTURED', 'PARTIALLY_REFUNDED', 'PARTIALLY_CAPTURED_REFUNDED']],
    [`${captured}/capture`, { amount }, ['AUTHORIZED', 'PARTIALLY_CAPTURED', 'PARTIALLY_CAPTURED_REFUNDED']],
    [`${captured}/void`, {}, ['AUTHORIZED', 'PARTIALLY_CAPTURED', 'PARTIALLY_CAPTURED_REFUNDED']],
    [`${await world.paid('dintero.external')}/authorization`, {}, ['ON_HOLD']],
  ] as const) {
    const error = await refused('POST', path, body)
    assert.deepEqual([error.code, error.path, error.allowed], ['transaction_status_conflict', 'id', allowed])
  }
})

test('refusals: "above" says the least that is allowed', async () => {
  const path = `${await world.paid(card, { configuration: { pre_authorization: true } })}/authorization`
  assert.equal((await refused('POST', path, { amount })).allowed, amount + 1)
  assert.equal((await refused('POST', path, { amount: 0, final_authorization: true })).allowed, 1)
})

test('session create: two lines with one line_id are refused where Instabank or Collector bill by line, and taken elsewhere', async () => {
  const order = { ...walk.order, items: [line, { ...line, amount: 0 }] }
  for (const type of ['collector.invoice', 'instabank.finance']) {
    const configuration = { ...only(type), ...only(card) }
    const error = await refused('POST', '/v1/sessions', { url: walk.url, order, configuration })
    assert.deepEqual([error.code, error.path], ['items_invalid', '/order/items/1/line_id'])
    await world.must('POST', '/v1/sessions', { url: walk.url, order: { ...order, partial_payment: true }, configuration })
  }
  await world.must('POST', '/v1/sessions', { url: walk.url, order, configuration: only(card) })
})

test('session create, profiles: `enabled` is true or false, a dynamic_descriptor fits the statement', async () => {
  const { order, url } = walk
  const enabled = { vipps: { enabled: 'yes' } }
  const long = { payex: { dynamic_descriptor: 'x'.repeat(41), creditcard: { enabled: true } } }
  for (const [configuration, path, allowed] of [
    [enabled, '/configuration/vipps/enabled', undefined],
    [{ dintero_psp: { creditcard: { enabled: 1 } } }, '/configuration/dintero_psp/creditcard/enabled', undefined],
    [long, '/configuration/payex/dynamic_descriptor', 40],
    [{ vipps: { enabled: true, dynamic_descriptor: 'x'.repeat(101) } }, '/configuration/vipps/dynamic_descriptor', 100],
  ] as const) {
    const session = await refused('POST', '/v1/sessions', { url, order, configuration })
    assert.deepEqual([session.path, session.allowed], [path, allowed])
    for (const [method, name] of [
      ['POST', ''],
      ['PUT', '/default'],
    ]) {
      assert.equal((await refused(method!, `/v1/admin/session/profiles${name}`, { configuration })).path, path)
    }
  }
})

test('transaction: shows the dynamic_descriptor of its provider', async () => {
  for (const type of ['vipps', 'payex.creditcard', card]) {
    const configuration = { vipps: { enabled: type === 'vipps', dynamic_descriptor: 'V' }, payex: { dynamic_descriptor: 'P' } }
    if (type === 'payex.creditcard') Object.assign(configuration.payex, { creditcard: { enabled: true } })
    const transaction = await world.must('GET', await world.paid(type, { configuration }))
    assert.equal(transaction.dynamic_descriptor, { vipps: 'V', 'payex.creditcard': 'P' }[type])
  }
})

test("authorization: Klarna's extension shows its new end, why, and for what", async () => {
  const path = `${await world.paid('klarna.klarna')}/authorization`
  const body = { reason: 'Delivery is late', reference: 'E-1' }
  const { events } = await world.must('POST', path, body)
  const { event, amount: extended, metadata } = events.at(-1)
  assert.deepEqual([event, extended], ['AUTHORIZE', amount])
  const { 'klarna:authorization_expiration': until, ...rest } = metadata
  assert.deepEqual(rest, {
    'klarna:authorization_expiration_reason': 'Delivery is late',
    'klarna:authorization_expiration_reference': 'E-1',
  })
  const days = (Date.parse(until) - world.server.clock.now().getTime()) / 86_400_000
  assert.ok(days > 27.9 && days <= 28)
})

test('resolve: what a person corrected says what is left to do', async () => {
  const path = await world.paid()
  const { headers } = await world.faulty('capture', undefined, () => world.call('POST', `${path}/capture`, { amount: 100 }))
  const body = { outcome: 'succeeded', evidence: 'Statement line 17' }
  await world.must('POST', `/v1/operations/${headers.get('event-request-id')}/resolve`, body)
  const { events } = await world.must('GET', path)
  assert.deepEqual(events.at(-1).correction, {
    status: 'PARTIALLY_CAPTURED',
    remaining_capture_amount: amount - 100,
    remaining_refund_amount: 100,
    remaining_void_amount: amount - 100,
  })
})

test('pay: the 404 of a session that is over has no merchant when there is none', async () => {
  const sid = await world.session()
  await world.must('POST', `/v1/sessions/${sid}/cancel`)
  const { status, body } = await world.pay(sid, card)
  assert.equal(status, 404)
  const { merchant_reference } = walk.order
  assert.deepEqual(body.error.session_details, { merchant_reference, return_url: walk.url.return_url })
})

test('express: corrections of several answers are one line', async () => {
  const { receiver } = world
  const options = { ...express.express, shipping_address_callback_url: `${receiver.url}/shipping` }
  const sid = await world.create({ ...express, express: options })
  let difference = 0
  receiver.answer((request, response) => {
    difference += 100
    const order = { amount: JSON.parse(request.body).order.amount + 100 }
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ shipping_options: [post], order }))
  })
  for (const postal_code of ['0155', '0156']) {
    const body = { shipping_address: { postal_code, country: 'NO' } }
    assert.equal((await world.view('PUT', `${sid}/session/order/addresses`, body)).status, 200)
  }
  const { order } = await world.read(sid)
  assert.equal(order.amount, amount + difference)
  assert.deepEqual(
    order.items.map(({ line_id, amount: of }: { line_id: string; amount: number }) => [line_id, of]),
    [
      ['1', amount],
      ['correction', 200],
    ],
  )
})

test('release hold: the same Idempotency-Key again finds it released', async () => {
  const path = `${await world.paid('dintero.external', { simulate: 'hold' })}/authorization`
  const { status } = await send(world.server.url, 'POST', path, {
    body: {},
    headers: { authorization: `Bearer ${world.token}`, 'idempotency-key': randomUUID() },
  })
  assert.equal(status, 200)
  const { events } = await world.must('GET', path.replace('/authorization', ''))
  assert.deepEqual(
    events.map(({ event, transaction_status }: Record<string, string>) => [event, transaction_status]),
    [
      ['INITIALIZE', 'ON_HOLD'],
      ['AUTHORIZE', 'AUTHORIZED'],
    ],
  )
})
