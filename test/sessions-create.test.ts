import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ensureDefaultProfile } from '../src/checkout/profiles/operations.ts'
import { createSession } from '../src/checkout/sessions/operations.ts'
import { createTestAccount, send } from './client.ts'
import { partsOf, type Shop, startShop, walk, withOrder } from './sessions-shop.ts'

let shop: Shop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

test('session create: 200 with id and url for the published body; read gives the order back as it was', async () => {
  const created = await shop.call('POST', '/v1/sessions-profile', walk)
  assert.equal(created.status, 200, JSON.stringify(created.body))
  assert.deepEqual(Object.keys(created.body), ['id', 'url'])
  assert.match(created.body.id, new RegExp(`^${shop.account_id}\\.[1-9A-HJ-NP-Za-km-z]{22}$`))
  assert.equal(created.body.url, `${shop.server.url}/v1/view/${created.body.id}`)

  const { status, body } = await shop.call('GET', `/v1/sessions/${created.body.id}`)
  assert.equal(status, 200)
  assert.deepEqual(body.order, walk.order)
  assert.deepEqual(body.url, walk.url)
  assert.equal(body.profile_id, 'default')
  assert.deepEqual(body.metadata, { 'session:profile_id': 'default' })
  assert.equal(body.configuration.vipps.payability, 'payable')
  assert.equal(body.configuration.dintero_psp.creditcard.payability, 'payable')
  assert.equal(body.configuration.dintero.zero.payability, 'disabled_by_order_amount')
  assert.equal(body.configuration.swish, undefined, 'Swish does not take NOK')
  assert.deepEqual(
    body.events.map((event: { name: string }) => event.name),
    ['INITIATED'],
  )
  assert.equal('transaction_id' in body || 'status' in body || 'request_headers' in body.events[0], false)
  assert.ok(!JSON.stringify(body).includes('null'))
})

test('session create: include_session puts the session into the answer', async () => {
  const { body } = await shop.call('POST', '/v1/sessions-profile?include_session=true', walk)
  const read = await shop.call('GET', `/v1/sessions/${body.id}`)
  assert.deepEqual(body.session, read.body)
})

test('session create: headers are shown on request only, in lower case', async () => {
  const headers = { 'Dintero-System-Name': 'woocommerce', 'Dintero-System-Version': '5.4', 'User-Agent': 'WordPress/6' }
  const { body } = await shop.call('POST', '/v1/sessions-profile', walk, headers)
  const kept = { 'dintero-system-name': 'woocommerce', 'dintero-system-version': '5.4', 'user-agent': 'WordPress/6' }
  const path = `/v1/sessions/${body.id}?includes=events.request_headers&includes=initiating_system_request_headers`
  for (const url of [path, path.replace('&includes=', ',')]) {
    const read = await shop.call('GET', url)
    assert.deepEqual(read.body.events[0].request_headers, kept)
    assert.deepEqual(read.body.initiating_system_request_headers, kept)
  }
})

/** A session that nothing but one product may pay. */
function only(provider: string, method: string, order: object = {}) {
  return {
    ...withOrder(order),
    profile_id: 'vipps',
    configuration: { vipps: { enabled: false }, [provider]: { [method]: { enabled: true } } },
  }
}

// body of POST /v1/sessions-profile -> path and a part of the message of the 400
const refused: [name: string, body: unknown, path: string, message: RegExp][] = [
  ['unknown profile', { ...walk, profile_id: 'nope' }, '/profile_id', /no profile nope/],
  ['no profile', { ...walk, profile_id: undefined }, '/profile_id', /required/],
  ['no order', { ...walk, order: undefined }, '/order', /required/],
  ['no url', { ...walk, url: undefined }, '/url', /required/],
  ['amount as text', withOrder({ amount: '1' }), '/order/amount', /number/],
  ['negative amount', withOrder({ amount: -1 }), '/order/amount', />= 0/],
  ['no reference', withOrder({ merchant_reference: '' }), '/order/merchant_reference', /fewer than 1/],
  ['currency', withOrder({ currency: 'nok' }), '/order/currency', /three capital letters/],
  ['a currency nobody takes', { ...withOrder({ currency: 'XOF' }), profile_id: 'vipps' }, '/configuration', /XOF/],
  ['relative return_url', { ...walk, url: { return_url: '/done' } }, '/url/return_url', /a URL with its scheme/],
  [
    'return_url that runs script',
    { ...walk, url: { return_url: 'JavaScript:alert(1)' } },
    '/url/return_url',
    /a URL with its scheme/,
  ],
  ['callback_url', { ...walk, url: { ...walk.url, callback_url: 'ftp://x' } }, '/url/callback_url', /begins with https/],
  ['expired', { ...walk, expires_at: '2020-01-01T00:00:00Z' }, '/expires_at', /past/],
  ['expires_at', { ...walk, expires_at: 'soon' }, '/expires_at', /ISO 8601/],
  ['expires_at far ahead', { ...walk, expires_at: '2099-01-01T00:00:00Z' }, '/expires_at', /at most/],
  ['amount 0 without dintero.zero', { ...withOrder({ amount: 0 }), profile_id: 'vipps' }, '/order/amount', /dintero.zero/],
  ['only a terminal, in a shop without one', only('seitatech', 'in_person'), '/order/store', /store with id and terminal_id/],
  ['only an invoice, for too little', only('instabank', 'invoice', { amount: 50_000 }), '/order/amount', /above 50000/],
  ['only an invoice, without lines', only('collector', 'invoice', { items: [] }), '/order/items', /each with a line_id/],
  ['only a zero product, for an amount', only('dintero', 'zero'), '/order/amount', /dintero.zero needs an amount of 0/],
  [
    'gift cards beside Vipps',
    { ...walk, configuration: { dintero: { wallets: { enabled: true } } } },
    '/configuration',
    /dintero.wallets can't be combined with/,
  ],
]
test('session create: 400 with the path, nothing stored', async (t) => {
  await shop.call('POST', '/v1/admin/session/profiles', { profile_id: 'vipps', configuration: { vipps: { enabled: true } } })
  const count = async () => (await shop.server.sql`select count(*) from checkout.sessions`)[0]!.count
  const before = await count()
  for (const [name, body, path, message] of refused) {
    await t.test(name, async () => {
      const answer = await shop.call('POST', '/v1/sessions-profile', body)
      assert.equal(answer.status, 400, JSON.stringify(answer.body))
      assert.equal(answer.body.error.code, 'INVALID_REQUEST_PARAMETER')
      assert.match(answer.body.error.message, message)
      assert.equal(answer.body.error.errors[0].path, path)
    })
  }
  assert.equal(await count(), before)
})

test('session create: 401 without token, 403 without scope', async () => {
  assert.equal((await send(shop.server.url, 'POST', '/v1/sessions-profile', { body: walk })).status, 401)
  const reader = await createTestAccount(shop.server, { scopes: ['read:checkout'] })
  assert.equal((await reader.call('POST', '/v1/sessions-profile', walk)).status, 403)
})

test('session create: a production account without a gateway is told so', async () => {
  const live = await createTestAccount(shop.server, { account_id: 'P87654321' })
  await ensureDefaultProfile(partsOf(shop.server), live.account_id)
  const { status, body } = await live.call('POST', '/v1/sessions-profile', walk)
  assert.equal(status, 400)
  assert.match(body.error.message, /No gateway is configured/)
})

test('session read: 404 for an unknown id, 403 for another account', async () => {
  assert.equal((await shop.call('GET', `/v1/sessions/${shop.account_id}.nothing`)).status, 404)
  assert.equal((await shop.call('GET', "/v1/sessions/'%20or%201=1")).status, 404)
  assert.equal((await shop.call('GET', '/v1/sessions/T00000009.5cyWnV68vzJ1kYjZPrKWWm')).status, 403)
})

test('session events: each hash is over the one before and the event', async () => {
  const { body } = await shop.call('POST', '/v1/sessions-profile', walk)
  const [row] = await shop.server.sql`
    select s.hash = e.hash and e.hash = sha256(convert_to(e.body::text, 'UTF8')) as whole
    from checkout.sessions s join checkout.session_events e on e.account_id = s.account_id and e.session_id = s.id
    where s.id = ${body.id}`
  assert.equal(row!.whole, true)
})

test('session create: publish is answered with what became of it', async () => {
  const configuration = { publish: [{ channel: 'sms', type: 'checkout-link' }] }
  const { status, body } = await shop.call('POST', '/v1/sessions-profile', { ...walk, configuration })
  assert.equal(status, 200)
  assert.deepEqual(body.publish, [{ channel: 'sms', type: 'checkout-link', id: '1', status: 'skipped' }])
})

test('session create: two statements the first time, then one: the profile is remembered', async () => {
  const parts = partsOf(shop.server)
  let statements = 0
  const sql = new Proxy(parts.sql, {
    apply: (target, self, args) => {
      if (/^\s*(select|insert|update|with)\b/.test(args[0]?.raw?.join('') ?? '')) statements += 1
      return Reflect.apply(target as never, self, args)
    },
  })
  const caller = { account_id: shop.account_id, request_id: crypto.randomUUID() }
  await createSession({ ...parts, sql }, caller, { body: walk })
  const first = statements
  await createSession({ ...parts, sql }, caller, { body: walk })
  // Fragments count as statements here: the second time the read of the profile is missing.
  assert.equal(statements - first, first - 1)
})

/** Of four bytes each, and of no two of them alike next to each other: nothing to compress before it goes into an index. */
const wide = (length: number) =>
  Array.from({ length }, (_, index) => String.fromCodePoint(0x20000 + ((index * 7919) % 40000))).join('')
const link = (length: number) => `https://shop.example/${'x'.repeat(length - 21)}`
const host = `${'a'.repeat(60)}.`.repeat(5)
const long = 'x'.repeat(256)
const address = { first_name: 'Kari', last_name: 'Nordmann' }
const unbounded: [body: object, path: string][] = [
  [{ url: { ...walk.url, callback_url: 'https:// bad host/x' } }, '/url/callback_url'],
  [{ url: { ...walk.url, callback_url: link(2_001) } }, '/url/callback_url'],
  [{ url: { ...walk.url, callback_url: `https://${host}/` } }, '/url/callback_url'],
  [{ url: { ...walk.url, return_url: link(2_001) } }, '/url/return_url'],
  [{ url: { ...walk.url, return_url: 'https://a b/' } }, '/url/return_url'],
  [{ url: { ...walk.url, merchant_terms_url: 'http://[x]/' } }, '/url/merchant_terms_url'],
  [{ merchant: { name: 'n', logo_url: link(2_001) } }, '/merchant/logo_url'],
  [{ merchant: { name: 'n', logo_url: 'https://a b/' } }, '/merchant/logo_url'],
  [{ express: { shipping_address_callback_url: 'https://a b/' } }, '/express/shipping_address_callback_url'],
  [{ express: { discount_codes: { callback_url: 'https://a b/' } } }, '/express/discount_codes/callback_url'],
  [{ checkboxes: [{ id: 1, label: 'x', link: { text: 'x', url: 'https://a b/' } }] }, '/checkboxes/0/link/url'],
  ...['email', 'phone_number', 'customer_id', 'first_name'].map((name): [object, string] => [
    { customer: { [name]: long } },
    `/customer/${name}`,
  ]),
  [{ order: { ...walk.order, shipping_address: { ...address, last_name: long } } }, '/order/shipping_address/last_name'],
  [{ order: { ...walk.order, billing_address: { ...address, email: long } } }, '/order/billing_address/email'],
  [{ order: { ...walk.order, store: { id: long } } }, '/order/store/id'],
  [{ order: { ...walk.order, store: { terminal_id: long } } }, '/order/store/terminal_id'],
  [
    { order: { ...walk.order, items: [{ splits: [{ payout_destination_id: long, amount: 1 }] }] } },
    '/order/items/0/splits/0/payout_destination_id',
  ],
  [{ metadata: { [`${'k'.repeat(129)}`]: 1 } }, `/metadata/${'k'.repeat(128)}`],
  [{ metadata: { a: 'x'.repeat(10_001) } }, '/metadata/a'],
  [{ metadata: { 'a/b~c': 'x'.repeat(10_001) } }, '/metadata/a~1b~0c'],
  [{ metadata: { payout_correlation_id: long } }, '/metadata/payout_correlation_id'],
  [{ metadata: { payout_correlation_id: { a: long } } }, '/metadata/payout_correlation_id'],
]
for (const [body, path] of unbounded) {
  test(`session create: 400 for what has no end: ${JSON.stringify(body).slice(0, 80)}`, async () => {
    const answer = await shop.call('POST', '/v1/sessions-profile', { ...walk, ...body })
    assert.deepEqual([answer.status, answer.body.error?.errors[0].path], [400, path])
  })
}

test('session create: what is as long as it may be, in letters of four bytes, is paid and found', async () => {
  const text = wide(255)
  const full = { first_name: text, last_name: text, email: text, phone_number: text }
  const id = await shop.create({
    ...walk,
    url: { return_url: 'myapp://back', callback_url: link(2_000) },
    customer: { customer_id: text, email: text, phone_number: text, first_name: text, last_name: text },
    metadata: { [wide(64)]: wide(500), payout_correlation_id: wide(127) },
    order: {
      ...walk.order,
      merchant_reference: text,
      shipping_address: full,
      billing_address: full,
      store: { id: text, terminal_id: text, payout_destination_id: text },
      items: [{ ...walk.order.items[0], splits: [{ payout_destination_id: text, amount: 1 }] }],
    },
  })
  const body = { payment_product_type: 'dintero_psp.creditcard', simulate: 'approve' }
  const paid = await send(shop.server.url, 'POST', `/v1/sessions/${id}/pay`, { body })
  assert.equal(paid.status, 200, JSON.stringify(paid.body))
  const found = await shop.call('GET', `/v1/transactions?payout_correlation_id=${encodeURIComponent(wide(127))}`)
  assert.equal(found.body.length, 1)
})

test('session update: 400 for what has no end', async () => {
  const id = await shop.create({ ...walk, express: { shipping_options: [] } })
  const updates: [body: object, path: string][] = [
    [{ customer: { email: long } }, '/customer/email'],
    [{ order: { shipping_address: { first_name: long } } }, '/order/shipping_address/first_name'],
    [{ express: { shipping_address_callback_url: 'https://a b/' } }, '/express/shipping_address_callback_url'],
  ]
  for (const [body, path] of updates) {
    const answer = await shop.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, body)
    assert.deepEqual([answer.status, answer.body.error?.errors[0].path], [400, path])
  }
})
