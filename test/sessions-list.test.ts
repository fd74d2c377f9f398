import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, test } from 'node:test'
import { limits } from '../src/lib/limits.ts'
import { createTestAccount } from './client.ts'
import { type Shop, startShop, walk, withOrder } from './sessions-shop.ts'

let shop: Shop
const ids: string[] = []
before(async () => {
  shop = await startShop()
  for (let index = 0; index < 12; index += 1) {
    shop.time.ahead_ms += 1000
    const billing_address = { first_name: 'Kari', last_name: `Nordmann ${index}` }
    const order = {
      merchant_reference: `ORD-${index}`,
      merchant_reference_2: `B-${index}`,
      store: { id: index % 2 },
      billing_address,
    }
    ids.unshift(await shop.create(withOrder(order)))
  }
})
after(() => shop.close())

const list = async (query = '') => (await shop.call('GET', `/v1/sessions${query}`)).body.map(({ id }: { id: string }) => id)

test('session list: a bare array, newest first, ten at a time, with events', async () => {
  const { status, body } = await shop.call('GET', '/v1/sessions')
  assert.equal(status, 200)
  assert.deepEqual(
    body.map(({ id }: { id: string }) => id),
    ids.slice(0, 10),
  )
  assert.equal(body[0].events[0].name, 'INITIATED')
  assert.deepEqual(await list(`?starting_after=${ids[9]}`), ids.slice(10))
  assert.deepEqual(await list(`?limit=3&starting_after=${ids[3]}`), ids.slice(4, 7))
  assert.deepEqual(await list('?starting_after=unknown'), [])
})

test('session list: large ones come whole, and the page as long as it was asked for', async () => {
  const whole = (await shop.call('GET', '/v1/sessions')).body
  const [size] = await shop.server.sql`select min(events_size) as least from checkout.sessions where id = any (${ids})`
  assert.ok(size!.least > 300)
  const sized = (count: number) => shop.server.sql`update checkout.sessions set events_size = ${count} where id = ${ids[2]!}`
  await sized(limits.page_events_size_max)
  const { status, body } = await shop.call('GET', '/v1/sessions')
  assert.equal(status, 200)
  assert.deepEqual(body, whole)
  await sized(0)
})

test('session list: every filter', async () => {
  const created = await Promise.all(ids.map(async (id) => (await shop.read(id)).created_at as string))
  await shop.pretend(ids[2]!, { outcome: 'AUTHORIZED', transaction_id: 'T1.t' })
  await shop.server.sql`
    insert into checkout.transactions (account_id, id, session_id, event_count, hash, status, gateway, payment_product_type,
      payment_operation, currency, amount, merchant_reference, data, created_at, updated_at)
    select account_id, 'T1.t', id, 0, '', 'INITIATED', 'g', 'p', 'o', currency, amount, merchant_reference, '{}', created_at, created_at
    from checkout.sessions where id = ${ids[2]!}`
  const cases: [query: string, expected: string[]][] = [
    [`?id=${ids[1]}&id=${ids[4]}`, [ids[1]!, ids[4]!]],
    [`?id=${ids[1]},${ids[4]}`, [ids[1]!, ids[4]!]],
    ['?search=ORD-11', [ids[0]!]],
    ['?search=B-10', [ids[1]!]],
    ['?search=Kari%20Nordmann%203', [ids[8]!]],
    ['?search=ord-11', [ids[0]!]],
    ['?search=b-10', [ids[1]!]],
    ['?search=KARI%20nordmann%203', [ids[8]!]],
    ['?transaction_id=T1.t', [ids[2]!]],
    [`?id=${ids[0]},${ids[1]}&search=B-10`, [ids[1]!]],
    ['?transaction_id=T1.t&search=nothing', []],
    ['?store_id=0&limit=2', [ids[1]!, ids[3]!]],
    [`?created_at.gte=${created[1]}`, ids.slice(0, 2)],
    [`?created_at.lte=${created[10]}`, ids.slice(10)],
    [`?created_at.lte=${created[0]!.slice(0, 10)}&limit=1`, [ids[0]!]],
    ['?store_id=0&store_id=1&limit=1', [ids[0]!]],
    ['?store_id=nobody', []],
    ['?search=nothing', []],
  ]
  for (const [query, expected] of cases) assert.deepEqual(await list(query), expected, query)
})

test('session list: 400 for a limit or time that is none; another account sees nothing', async () => {
  for (const query of [
    '?limit=0',
    '?limit=101',
    '?limit=x',
    '?created_at.gte=soon',
    '?created_at.gte=0000-01-01',
    '?created_at.lte=2026-11-31',
  ]) {
    const { status, body } = await shop.call('GET', `/v1/sessions${query}`)
    assert.equal(status, 400)
    assert.equal(body.error.errors[0].path, query.split('=')[0])
  }
  const other = await createTestAccount(shop.server)
  assert.deepEqual((await other.call('GET', '/v1/sessions')).body, [])
})

const token = {
  session: { url: walk.url, order: { currency: 'NOK', merchant_reference: 'SUB-1' }, profile_id: 'default' },
  token_provider: { payment_product_type: 'payex.creditcard', token_types: ['payment_token', 'recurrence_token'] },
}
test('payment token session: amount 0, one product, payable; the flow starts with its own event', async () => {
  const { status, body } = await shop.call('POST', '/v1/sessions/payment-token?include_session=true', token)
  assert.equal(status, 200, JSON.stringify(body))
  const { session } = body
  assert.equal(session.payment_operation, 'generate_payment_token')
  assert.deepEqual(session.order, { amount: 0, currency: 'NOK', merchant_reference: 'SUB-1' })
  assert.deepEqual(session.configuration.payex, {
    type: 'payment_type',
    creditcard: {
      type: 'payment_product_type',
      enabled: true,
      generate_payment_token: true,
      generate_recurrence_token: true,
      payability: 'payable',
    },
  })
  assert.deepEqual(
    session.events.map(({ name }: { name: string }) => name),
    ['INITIATED', 'PAYMENT_TOKEN_FLOW_START'],
  )
})

test('payment token session: WooCommerce sends express without options (checkout-api §3.2.3); 400 for what makes no tokens', async () => {
  const woo = { ...token, session: { ...token.session, express: { customer_types: ['b2c'] } } }
  assert.equal((await shop.call('POST', '/v1/sessions/payment-token', woo)).status, 200)
  for (const [payment_product_type, token_types] of [
    ['vipps', ['payment_token']],
    ['bambora.creditcard', ['recurrence_token']],
    ['nothing', ['payment_token']],
  ]) {
    const answer = await shop.call('POST', '/v1/sessions/payment-token', {
      ...token,
      token_provider: { payment_product_type, token_types },
    })
    assert.equal(answer.status, 400)
    assert.equal(answer.body.error.errors[0].path, '/token_provider/payment_product_type')
    assert.ok(answer.body.error.errors[0].allowed.includes('payex.creditcard'))
  }
})

const { session, token_provider } = token
const wrong: [body: object, path: string][] = [
  [{ session: { ...session, expires_at: '2020-01-01T00:00:00Z' } }, '/session/expires_at'],
  [{ session: { ...session, configuration: { channel: 'foo' } } }, '/session/configuration/channel'],
  [{ session: { ...session, configuration: { channel: 3 } } }, '/session/configuration/channel'],
  [
    { token_provider: { ...token_provider, token_supported_auth_methods: ['3DS', 'X'] } },
    '/token_provider/token_supported_auth_methods/1',
  ],
]
for (const [body, path] of wrong) {
  test(`payment token session: 400 with ${JSON.stringify(body).slice(-60)}`, async () => {
    const answer = await shop.call('POST', '/v1/sessions/payment-token', { ...token, ...body })
    assert.deepEqual([answer.status, answer.body.error?.errors[0].path], [400, path])
  })
}
test('payment token session: an empty channel says nothing; auth methods as published', async () => {
  const body = {
    session: { ...session, configuration: { channel: '', theme: { primary: '#fff' } } },
    token_provider: { ...token_provider, token_supported_auth_methods: ['3DS', 'PASSKEY'] },
  }
  assert.equal((await shop.call('POST', '/v1/sessions/payment-token', body)).status, 200)
})

test('session with a token: only its id is shown, the same for the same token', async () => {
  const customer = { customer_id: 7, tokens: { 'payex.creditcard': { payment_token: 'secret-token' } } }
  const sessions = await Promise.all([1, 2].map(async () => shop.read(await shop.create({ ...walk, customer }))))
  const shown = sessions.map((session) => session.customer.tokens['payex.creditcard'])
  assert.deepEqual(Object.keys(shown[0]), ['payment_token_id'])
  assert.match(shown[0].payment_token_id, /^[0-9a-f]{40}$/)
  assert.deepEqual(shown[0], shown[1])
  assert.equal(sessions[0].customer.customer_id, '7')
  assert.ok(!JSON.stringify(sessions).includes('secret-token'))
})

test('qr: a PNG of the page; 400 for a size out of bounds', async () => {
  const { status, body } = await shop.call('POST', `/v1/sessions/${ids[0]}/qr`, { format: 'png', size: 300 })
  assert.equal(status, 200)
  assert.equal(Buffer.from(body.qr, 'base64').subarray(1, 4).toString(), 'PNG')
  assert.equal((await shop.call('POST', `/v1/sessions/${ids[0]}/qr`, { format: 'png', size: 10 })).status, 400)
  assert.equal((await shop.call('POST', `/v1/sessions/${shop.account_id}.x/qr`, { size: 300 })).status, 404)
})

test('session list: found by the name of either address; a company that is billed has none', async () => {
  const shipping_address = { first_name: 'Ola', last_name: 'Mottaker' }
  const company = await shop.create(withOrder({ billing_address: { business_name: 'Firma AS' }, shipping_address }))
  const other = { first_name: 'Per', last_name: 'Betaler' }
  const person = await shop.create(withOrder({ billing_address: other, shipping_address }))
  const alone = await shop.create(withOrder({ shipping_address }))
  assert.deepEqual((await list('?search=ola%20mottaker')).sort(), [company, person, alone].sort())
  assert.deepEqual(await list('?search=Per%20Betaler'), [person])
})

test('session list: the longest names and references are taken, and found', async () => {
  const long = () => String.fromCodePoint(...Array.from({ length: 255 }, () => 0x10400 + randomInt(40)))
  const billing_address = { first_name: long(), last_name: long() }
  const shipping_address = { first_name: long(), last_name: long() }
  const references = { merchant_reference: long(), merchant_reference_2: long() }
  const order = { ...references, store: { id: long() }, billing_address, shipping_address }
  const id = await shop.create(withOrder(order))
  const name = `${billing_address.first_name} ${billing_address.last_name}`
  for (const text of [order.merchant_reference, order.merchant_reference_2, name, name.toLowerCase()]) {
    assert.deepEqual(await list(`?search=${encodeURIComponent(text)}`), [id])
  }
})
