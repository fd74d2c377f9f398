import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { express, pickUp, post, type Shop, startShop, walk } from './sessions-shop.ts'

type Asked = { method: string; path: string; headers: Record<string, unknown>; body: Record<string, never> & { order: never } }

let shop: Shop
let shopUrl: string
/** What the merchant's server answers next, and what it was asked. */
let answer: { status: number; body: unknown } = { status: 200, body: {} }
let meanwhile: (() => Promise<unknown>) | undefined
// biome-ignore lint/suspicious/noExplicitAny: the test reads what was sent
let asked: any[] = []
const merchant = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part) => parts.push(part))
  request.on('end', async () => {
    const { method = '', url: path = '', headers } = request
    asked.push({ method, path, headers, body: JSON.parse(Buffer.concat(parts).toString()) } satisfies Asked)
    await meanwhile?.()
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body))
  })
})

before(async () => {
  shop = await startShop()
  await new Promise<void>((resolve) => merchant.listen(0, '127.0.0.1', resolve))
  shopUrl = `http://127.0.0.1:${(merchant.address() as AddressInfo).port}`
})
after(async () => {
  merchant.close()
  await shop.close()
})

const address = { first_name: 'Kari', last_name: 'Nordmann', address_line: 'Storgata 1', postal_code: '0155', country: 'NO' }
const withCallback = () => ({ ...express, express: { ...express.express, shipping_address_callback_url: `${shopUrl}/ship?a=1` } })
const withCodes = () => ({
  ...walk,
  express: { shipping_options: [pickUp], discount_codes: { max_count: 2, callback_url: `${shopUrl}/codes` } },
  configuration: { discounts: { express_discount_codes: { enabled: true } } },
})
const reset = (next: typeof answer) => {
  answer = next
  asked = []
  meanwhile = undefined
}

test('express: address, option, another option; the amount follows the option', async () => {
  const id = await shop.create(express)
  const set = await shop.view('PUT', `${id}/session/order/addresses`, { shipping_address: address, billing_address: address })
  assert.equal(set.status, 200, JSON.stringify(set.body))
  assert.deepEqual(set.body.order.shipping_address, address)
  assert.equal(set.body.order.amount, 39800)

  const chosen = await shop.view('PUT', `${id}/session/order/shipping_option`, { ...post, amount: 1, title: 'Billig' })
  assert.deepEqual(chosen.body.order.shipping_option, post, 'what was offered counts, not what the page sent')
  assert.equal(chosen.body.order.amount, 43700)
  const changed = await shop.view('PUT', `${id}/session/order/shipping_option`, pickUp)
  assert.equal(changed.body.order.amount, 39800)

  const unknown = await shop.view('PUT', `${id}/session/order/shipping_option`, { ...post, line_id: 'drone' })
  assert.equal(unknown.status, 400)
  assert.deepEqual(unknown.body.error.errors[0].allowed, ['post', 'pick_up'])
  const names = ['INITIATED', 'SET_SHIPPING_ADDRESS', 'SET_BILLING_ADDRESS', 'SET_SHIPPING_OPTION', 'SET_SHIPPING_OPTION']
  assert.deepEqual(await shop.names(id), names)
})

test('express: the older shipping_address form does the same', async () => {
  const id = await shop.create(express)
  const { status, body } = await shop.view('PUT', `${id}/session/order/shipping_address`, address)
  assert.equal(status, 200)
  assert.deepEqual(body.order.shipping_address, address)
})

test('addresses: 400 on a session without express, whose addresses are the shop’s; nothing is changed', async () => {
  const shops = { first_name: 'Ola', postal_code: '0150', country: 'NO' }
  const id = await shop.create({ ...walk, order: { ...walk.order, shipping_address: shops } })
  const before = await shop.read(id)
  for (const [path, body] of [
    ['addresses', { shipping_address: address }],
    ['addresses?client_side_address_callback=true', { my_dintero: { actions: ['skip'], terms: [] } }],
    ['shipping_address', address],
    ['shipping_option', post],
    ['discount_codes', { discount_codes: ['A'] }],
  ] as const) {
    const answer = await shop.view('PUT', `${id}/session/order/${path}`, body)
    assert.equal(answer.status, 400, `${path}: ${JSON.stringify(answer.body)}`)
  }
  assert.deepEqual(await shop.read(id), before)
})

test('customer side: a body over 20,480 bytes is 413 and says so; my_dintero is what the contract says, and no more is kept', async () => {
  const id = await shop.create(express)
  for (const path of ['addresses', 'shipping_address', 'shipping_option', 'discount_codes']) {
    const { status, body } = await shop.view('PUT', `${id}/session/order/${path}`, { my_dintero: { x: 'a'.repeat(20_480) } })
    assert.deepEqual([status, body.error.message], [413, 'The body is larger than 20480 bytes.'], path)
  }
  const term = { id: '0f8fad5b-d9cb-469f-a165-70867728950e', url: 'https://shop.example/terms' }
  const set = (my_dintero: object) => shop.view('PUT', `${id}/session/order/addresses`, { my_dintero })
  for (const [my_dintero, path] of [
    [{ actions: ['skip'] }, '/my_dintero/terms'],
    [{ actions: ['buy'], terms: [] }, '/my_dintero/actions/0'],
    [{ actions: ['skip', 'skip', 'skip'], terms: [] }, '/my_dintero/actions'],
    [{ actions: [], terms: [{ ...term, url: 'javascript:1' }] }, '/my_dintero/terms/0/url'],
  ] as const) {
    const { status, body } = await set(my_dintero)
    assert.deepEqual([status, body.error.errors?.[0].path], [400, path])
  }
  const my_dintero = { actions: ['create_user'], terms: [term] }
  const { status, body } = await set({ ...my_dintero, more: 'x', terms: [{ ...term, more: 'x' }] })
  assert.equal(status, 200)
  assert.deepEqual(body.customer.my_dintero, my_dintero)
  assert.deepEqual(body.events.at(-1).details, { my_dintero })
})

test('address callback: the shop gets the session with the address, signed; its options and order replace ours', async () => {
  await shop.call('POST', '/v1/admin/signature')
  const id = await shop.create(withCallback())
  await shop.view('PUT', `${id}/session/order/shipping_option`, post)
  const dear = { ...post, amount: 9900 }
  const items = [{ ...walk.order.items[0]!, amount: 50000 }]
  reset({
    status: 200,
    body: { shipping_options: [dear, { ...pickUp, vat: null }], order: { amount: 53900, currency: 'NOK', items } },
  })
  const { status, body } = await shop.view('PUT', `${id}/session/order/addresses`, { shipping_address: address })
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(asked.length, 1)
  assert.equal(asked[0].method, 'POST')
  assert.equal(asked[0].path, '/ship?a=1')
  assert.match(String(asked[0].headers['dintero-signature']), /^t=\d+,v0-hmac-sha256=[0-9a-f]{64}$/)
  assert.equal(asked[0].body.id, id)
  assert.deepEqual(asked[0].body.order.shipping_address, address)
  assert.equal(asked[0].body.order.merchant_reference, 'order_id')
  assert.deepEqual(body.express.shipping_options, [dear, pickUp])
  assert.deepEqual(body.order.items, items)
  assert.deepEqual(body.order.shipping_option, dear, 'the chosen one is kept at its new price')
  assert.equal(body.order.amount, 59900)
})

test('address callback: an amount that is not the lines and the chosen option gets a correction item', async () => {
  const id = await shop.create(withCallback())
  reset({ status: 200, body: { shipping_options: [post], order: { amount: 40000, items: walk.order.items } } })
  const { body } = await shop.view('PUT', `${id}/session/order/addresses`, { shipping_address: address })
  assert.equal(body.order.amount, 40000)
  assert.deepEqual(body.order.items.at(-1), {
    id: 'correction',
    line_id: 'correction',
    description: 'Correction',
    quantity: 1,
    amount: 200,
    vat: 0,
    vat_amount: 0,
    type: 'surcharge',
  })
})

test('address callback: the answer may bring as many lines as an order may have', async () => {
  const id = await shop.create(withCallback())
  const items = Array.from({ length: 1_000 }, (_, line) => ({ line_id: `${line}`, amount: 10, description: 'x'.repeat(100) }))
  reset({ status: 200, body: { shipping_options: [post], order: { amount: 10_000, items } } })
  const { status, body } = await shop.view('PUT', `${id}/session/order/addresses`, { shipping_address: address })
  assert.equal(status, 200, JSON.stringify(body).slice(0, 500))
  assert.equal(body.order.items.length, 1_000)
})

test('address callback: a chosen option that is no longer offered is dropped, and its price with it', async () => {
  const id = await shop.create(withCallback())
  await shop.view('PUT', `${id}/session/order/shipping_option`, post)
  reset({ status: 200, body: { shipping_options: [] } })
  const { body } = await shop.view('PUT', `${id}/session/order/addresses`, { shipping_address: address })
  assert.equal(body.order.shipping_option, undefined)
  assert.equal(body.order.amount, 39800)
})

// what the shop answers -> part of the message
const failures: [name: string, answer: typeof answer, message: RegExp][] = [
  ['500', { status: 500, body: {} }, /answered 500/],
  ['201', { status: 201, body: { shipping_options: [] } }, /answered 201/],
  ['no JSON', { status: 200, body: 'hello' }, /something else/],
  ['an option without amount', { status: 200, body: { shipping_options: [{ id: 'a', line_id: 'a' }] } }, /something else/],
  ['a negative amount', { status: 200, body: { shipping_options: [], order: { amount: -1 } } }, /something else/],
  [
    'a currency that is none',
    { status: 200, body: { shipping_options: [], order: { amount: 1, currency: 'kr' } } },
    /currency must be three capital letters/,
  ],
  ['U+0000', { status: 200, body: { shipping_options: [], order: { amount: 1, x: 'a\u0000' } } }, /text that is none/],
  ['a mebibyte', { status: 200, body: ' '.repeat(1_048_577) }, /too large, or did not come to its end\. Nothing was changed\.$/],
  ['endless nesting', { status: 200, body: '['.repeat(30_000) + ']'.repeat(30_000) }, /nested too deep|something else/],
  [
    'an order that no session could begin with',
    { status: 200, body: { shipping_options: [], order: { amount: 1, gift_cards: [{ amount: -1 }] } } },
    /something else.*\/order\/gift_cards\/0\/amount must be >= 0/,
  ],
  ['no options', { status: 200, body: {} }, /shipping_options/],
]
for (const [name, given, message] of failures) {
  test(`address callback: 400 and nothing changed when the shop answers ${name}`, async () => {
    const id = await shop.create(withCallback())
    const before = await shop.read(id)
    reset(given)
    const { status, body } = await shop.view('PUT', `${id}/session/order/addresses`, { shipping_address: address })
    assert.equal(status, 400)
    assert.match(body.error.message, message)
    assert.deepEqual(await shop.read(id), before)
  })
}

test('address callback: 400 when nobody answers, and not asked when the page has asked the site itself', async () => {
  const id = await shop.create({
    ...express,
    express: { ...express.express, shipping_address_callback_url: 'http://127.0.0.1:1/' },
  })
  const path = `${id}/session/order/addresses`
  assert.equal((await shop.view('PUT', path, { shipping_address: address })).status, 400)
  assert.equal((await shop.view('PUT', `${path}?client_side_address_callback=true`, { shipping_address: address })).status, 200)
})

test('address callback: 409 when the shop itself changes the session while it is asked', async () => {
  const id = await shop.create(withCallback())
  reset({ status: 200, body: { shipping_options: [pickUp] } })
  const order = { amount: 100 }
  meanwhile = () =>
    shop.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, { order, express: { shipping_options: [post] } })
  const { status } = await shop.view('PUT', `${id}/session/order/addresses`, { shipping_address: address })
  assert.equal(status, 409)
  assert.equal((await shop.read(id)).order.amount, 100)
})

test('update: fetches the options when the request brings none, or is told to; not otherwise', async () => {
  const id = await shop.create(withCallback())
  const put = (body: object, query = '') => shop.call('PUT', `/v1/sessions/${id}?update_without_lock=true${query}`, body)
  reset({ status: 200, body: { shipping_options: [pickUp] } })
  await put({ order: { amount: 1 } })
  await put({ order: { shipping_address: { first_name: '', country: 'NO' } } })
  assert.equal(asked.length, 0, 'there is no address yet')
  await put({ order: { amount: 2, shipping_address: address } })
  assert.equal(asked.length, 1)
  assert.equal(asked[0].body.order.amount, 2)
  await put({ order: { amount: 3 }, express: { shipping_options: [post] } })
  assert.equal(asked.length, 1)
  const forced = await put(
    { order: { amount: 4 }, express: { shipping_options: [post] } },
    '&force_shipping_address_callback=true',
  )
  assert.equal(asked.length, 2)
  assert.deepEqual(forced.body.express.shipping_options, [pickUp])
  assert.equal(forced.body.order.amount, 4)
})

test('update: 400 and nothing changed when the answer of the shop brings the amount below zero', async () => {
  const id = await shop.create(withCallback())
  await shop.view('PUT', `${id}/session/order/shipping_option`, post)
  const before = await shop.read(id)
  reset({ status: 200, body: { shipping_options: [{ ...post, amount: 0 }] } })
  const body = { order: { amount: 100, shipping_address: address } }
  const answer = await shop.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, body)
  assert.equal(answer.status, 400, JSON.stringify(answer.body))
  assert.match(answer.body.error.message, /negative amount/)
  assert.deepEqual(await shop.read(id), before)
})

test('discount codes: the shop answers with a cheaper order; without one it is 204 and nothing changed', async () => {
  const id = await shop.create(withCodes())
  const items = [
    { ...walk.order.items[0]!, amount: 30000, discount_lines: [{ amount: 9800, discount_type: 'external', line_id: 1 }] },
  ]
  reset({ status: 200, body: { shipping_options: [pickUp], order: { amount: 30000, discount_codes: ['JUL'], items } } })
  const { status, body } = await shop.view('PUT', `${id}/session/order/discount_codes`, { discount_codes: ['JUL', 'NOPE'] })
  assert.equal(status, 200, JSON.stringify(body))
  assert.deepEqual(asked[0].body.order.discount_codes, ['JUL', 'NOPE'])
  assert.equal(body.order.amount, 30000)
  assert.deepEqual(body.order.discount_codes, ['JUL'])
  assert.deepEqual(body.order.items, items)
  assert.equal(body.events.at(-1).name, 'SET_DISCOUNT_CODES')

  const before = await shop.read(id)
  reset({ status: 200, body: { shipping_options: [pickUp] } })
  assert.equal((await shop.view('PUT', `${id}/session/order/discount_codes`, { discount_codes: ['NOPE'] })).status, 204)
  assert.deepEqual(await shop.read(id), before)
})

test('discount codes: 400 when there are too many, or the session takes none', async () => {
  const many = await shop.view('PUT', `${await shop.create(withCodes())}/session/order/discount_codes`, {
    discount_codes: ['A', 'B', 'C'],
  })
  assert.equal(many.status, 400)
  assert.equal(many.body.error.errors[0].allowed, 2)
  const none = await shop.view('PUT', `${await shop.create(express)}/session/order/discount_codes`, { discount_codes: ['A'] })
  assert.equal(none.status, 400)
})

test('If-Unmodified-Since: updated_at or the version lets the change through, anything else is 412 and changes nothing', async () => {
  const id = await shop.create(express)
  const { updated_at } = await shop.read(id)
  const choose = (value: string, option: object) =>
    shop.view('PUT', `${id}/session/order/shipping_option`, option, { 'if-unmodified-since': value })
  assert.equal((await choose(updated_at, post)).status, 200)
  const before = await shop.read(id)
  for (const stale of [updated_at, '1', 'Mon, 23 Nov 2026 10:00:00 GMT', 'x'])
    assert.equal((await choose(stale, pickUp)).status, 412)
  assert.deepEqual(await shop.read(id), before)
  assert.equal((await choose('2', pickUp)).status, 200)
})

test('express: two customers who saw the same session: one change goes through, the other is told', async () => {
  const id = await shop.create(express)
  const { updated_at } = await shop.read(id)
  const headers = { 'if-unmodified-since': updated_at }
  const options = [post, pickUp, post, pickUp]
  const answers = await Promise.all(
    options.map((option) => shop.view('PUT', `${id}/session/order/shipping_option`, option, headers)),
  )
  const statuses = answers.map(({ status }) => status)
  assert.equal(statuses.filter((status) => status === 200).length, 1, String(statuses))
  assert.equal(statuses.filter((status) => status === 412).length, 3)
})
