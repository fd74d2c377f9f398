import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { after, before, test } from 'node:test'
import type { FastifyContextConfig, FastifyInstance } from 'fastify'
import { createClient } from '../src/accounts/operations.ts'
import { armFailpoints } from '../src/lib/failpoints.ts'
import { createTestAccount, fetchToken, send, type TestAccount, testScopes } from './client.ts'
import { startServer, type TestServer } from './server.ts'
import { type Call, nothing, type Story, walk } from './walk.ts'

let server: TestServer
let shop: TestAccount
let colleague: string
const routes: { name: string; mode: FastifyContextConfig['idempotency'] }[] = []
const account_id = 'T00000020'
const shopping = `/v1/accounts/${account_id}/shopping`

before(async () => {
  const onServer = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, config }) => {
      if (config?.scopes && /POST|PUT/.test(String(method))) routes.push({ name: `${method} ${url}`, mode: config.idempotency })
    })
  }
  subscribe('fastify.initialization', onServer)
  server = await startServer({ work: false })
  unsubscribe('fastify.initialization', onServer)
  shop = await createTestAccount(server, { account_id })
  const client = await createClient(server, { account_id, scopes: testScopes })
  colleague = (await fetchToken(server.url, { account_id, ...client })).body.access_token
})
after(() => server.close())

async function purchase(steps: Story['steps'] = []) {
  const call: Call = (method, path, body, { public: open } = {}) =>
    open ? send(server.url, method, path, { body }) : shop.call(method, path, body)
  const told = nothing()
  await walk(call, account_id, 'p', { amount: 1_000, steps }, told)
  return { order: `${shopping}/orders/${told.order_id}`, transaction: `/v1/transactions/${told.transaction_id}`, ...told }
}
const items = [{ line_id: 1, gross_amount: 500, tax_lines: [] }]
const content = { order: { currency: 'NOK', items } }
const must = async (method: string, path: string, body?: unknown) => {
  const answer = await shop.call(method, path, body)
  assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}
const draft = async () => `${shopping}/draft_orders/${(await must('POST', `${shopping}/draft_orders`, content)).id}`
const order = async (...records: string[]) => {
  const { orders } = await must('PUT', `${await draft()}/complete`)
  const path = `${shopping}/orders/${orders[0].order_id}`
  for (const record of records) await must('POST', `${path}/${record}`, { items: [{ line_id: 1, amount: 500 }] })
  return path
}
const enabled = { type: 'payment_product_type', enabled: true }
const session = {
  url: { return_url: 'https://shop.example/return' },
  order: {
    amount: 1_000,
    currency: 'NOK',
    merchant_reference: 'r',
    items: [{ id: 'a', line_id: '1', quantity: 1, amount: 1_000 }],
  },
  configuration: { dintero_psp: { type: 'payment_type', creditcard: enabled } },
}
const profile = { configuration: session.configuration }
const hook = { config: { url: 'https://93.184.216.34/hook', content_type: 'application/json' }, events: ['checkout_transaction'] }
const hooks = `/v1/accounts/${account_id}/hooks/subscriptions`
const record = { items: [{ line_id: 1, amount: 500 }] }

/** An authorization whose amount can be changed. */
async function klarna(): Promise<string> {
  const configuration = { klarna: { type: 'payment_type', klarna: enabled } }
  const { id } = await must('POST', '/v1/sessions', { ...session, configuration })
  const body = { payment_product_type: 'klarna.klarna', simulate: 'approve' }
  await send(server.url, 'POST', `/v1/sessions/${id}/pay`, { body })
  return `/v1/transactions/${(await must('GET', `/v1/sessions/${id}`)).transaction_id}`
}

let profiles = 0
/** `one`, then others. */
const nextProfile = () => (++profiles === 1 ? 'one' : `one-${profiles}`)

/** How each route is called so that it succeeds: the path, and the body. */
const calls: Record<string, () => Promise<[path: string, body?: unknown]> | [path: string, body?: unknown]> = {
  'POST /v1/accounts/:aid/shopping/draft_orders': () => [`${shopping}/draft_orders`, content],
  'PUT /v1/accounts/:aid/shopping/draft_orders/:id': async () => [await draft(), content],
  'PUT /v1/accounts/:aid/shopping/draft_orders/:id/complete': async () => [`${await draft()}/complete`],
  'POST /v1/accounts/:aid/shopping/draft_orders/:id/items': async () => [
    `${await draft()}/items`,
    { gross_amount: 1, tax_lines: [] },
  ],
  'PUT /v1/accounts/:aid/shopping/draft_orders/:id/items/:line_id': async () => [`${await draft()}/items/1`, items[0]],
  'POST /v1/accounts/:aid/shopping/orders': () => [`${shopping}/orders`, content],
  'PUT /v1/accounts/:aid/shopping/orders/:id': async () => [await order(), { metadata: { a: 'b' } }],
  'POST /v1/accounts/:aid/shopping/orders/:id/open': async () => [`${await order()}/open`],
  'POST /v1/accounts/:aid/shopping/orders/:id/close': async () => [`${await order()}/close`],
  'POST /v1/accounts/:aid/shopping/orders/:id/cancel': async () => [`${await order()}/cancel`, { reason: 'customer' }],
  'POST /v1/accounts/:aid/shopping/orders/:id/comments': async () => [`${await order()}/comments`, { comment: 'c' }],
  'POST /v1/accounts/:aid/shopping/orders/:order_id/authorizations': async () => [`${await order()}/authorizations`, record],
  'POST /v1/accounts/:aid/shopping/orders/:order_id/captures': async () => [`${await order('authorizations')}/captures`, record],
  'POST /v1/accounts/:aid/shopping/orders/:order_id/refunds': async () => [
    `${await order('authorizations', 'captures')}/refunds`,
    record,
  ],
  'POST /v1/accounts/:aid/shopping/orders/:order_id/cancellations': async () => [
    `${await order('authorizations')}/cancellations`,
    record,
  ],
  'POST /v1/accounts/:aid/shopping/orders/:order_id/events': async () => [
    `${await order()}/events`,
    { state: 'success', service: 'erp', service_status: 'seen' },
  ],
  'POST /v1/accounts/:aid/shopping/orders/:order_id/sessions': async () => {
    await must('POST', '/v1/admin/session/profiles', { profile_id: 'shop', ...profile }).catch(() => {})
    return [`${await order()}/sessions`, { items: [{ line_id: '1' }], profile_id: 'shop', url: session.url }]
  },
  'POST /v1/admin/session/profiles': () => ['/v1/admin/session/profiles', { profile_id: nextProfile(), ...profile }],
  'PUT /v1/admin/session/profiles/:profile_id': () => ['/v1/admin/session/profiles/one', { profile_id: 'one', ...profile }],
  'PUT /v1/admin/checkout': () => ['/v1/admin/checkout', { configuration: {} }],
  'POST /v1/sessions-profile': () => ['/v1/sessions-profile', { ...session, profile_id: 'one', configuration: undefined }],
  'POST /v1/sessions': () => ['/v1/sessions', session],
  'PUT /v1/sessions/:id': async () => {
    const { id } = await must('POST', '/v1/sessions', session)
    return [`/v1/sessions/${id}?update_without_lock=true`, { order: { merchant_reference_2: 'x' } }]
  },
  'POST /v1/sessions/:id/cancel': async () => [`/v1/sessions/${(await must('POST', '/v1/sessions', session)).id}/cancel`],
  'POST /v1/sessions/payment-token': () => [
    '/v1/sessions/payment-token',
    {
      session: { url: session.url, order: { currency: 'NOK', merchant_reference: 'r' } },
      token_provider: { payment_product_type: 'dintero_psp.creditcard', token_types: ['payment_token'] },
    },
  ],
  'PUT /v1/transactions/:id': async () => [(await purchase()).transaction, { merchant_reference_2: 'x' }],
  'POST /v1/transactions/:id/capture': async () => [`${(await purchase()).transaction}/capture`, { amount: 400 }],
  'POST /v1/transactions/:id/refund': async () => [
    `${(await purchase([{ kind: 'capture', amount: 500 }])).transaction}/refund`,
    { amount: 200 },
  ],
  'POST /v1/transactions/:id/void': async () => [`${(await purchase()).transaction}/void`, {}],
  'POST /v1/transactions/:id/authorization': async () => [
    `${await klarna()}/authorization`,
    { amount: 900, items: [{ id: 'a', line_id: '1', quantity: 1, amount: 900 }] },
  ],
  'POST /v1/accounts/:aid/hooks/subscriptions': () => [hooks, hook],
  'PUT /v1/accounts/:aid/hooks/subscriptions/:hid': async () => [`${hooks}/${(await must('POST', hooks, hook)).id}`, hook],
}
/** Those that the table leaves out, and why. */
const elsewhere: [pattern: RegExp, why: string][] = [
  [/\/settlements\//, 'of the default kind, like the rest of the table; their own effects are in settlements-api.test.ts'],
  [/\/(auth|api-keys|signature)/, 'keys and secrets, tested with the accounts; what shows a secret stores no answer'],
  [/\/(ping|replay)$/, 'deliveries, tested with the webhooks'],
  [/sessions\/pay$/, 'needs the token of an earlier payment: test/pay-merchant.test.ts'],
  [/\/qr$/, 'reads'],
  [/operations\/:id\/resolve$/, 'needs an operation that nobody knows of: test/operations.test.ts'],
  [/simulator\/script$/, 'sets the same script again'],
]

test('keys: every POST and PUT of both services is in the table, or said why not', () => {
  assert.ok(routes.length > 40)
  for (const { name, mode } of routes) {
    if (elsewhere.some(([pattern]) => pattern.test(name))) continue
    assert.ok(calls[name], `${name} is not in the table of test/idempotency-routes.test.ts`)
    assert.notEqual(mode, 'none', `${name} does not honour Idempotency-Key`)
  }
})

for (const [name, make] of Object.entries(calls)) {
  test(`${name}: the same answer for the same key and body, 422 for another body, another client's key is another key`, async () => {
    const method = name.split(' ')[0]!
    const [path, body] = await make()
    const headers = { 'idempotency-key': `key of ${name}` }
    const first = await shop.call(method, path, body, headers)
    assert.ok(first.status < 300, `${first.status} ${JSON.stringify(first.body)}`)
    assert.equal(first.headers.get('idempotent-replayed'), null)
    const again = await shop.call(method, path, body, headers)
    assert.deepEqual([again.status, again.body], [first.status, first.body])
    assert.equal(again.headers.get('idempotent-replayed'), 'true')
    const other = await shop.call(method, path, { ...(body as object), more: 1 }, headers)
    assert.equal(other.status, 422, JSON.stringify(other.body))
    const theirs = await send(server.url, method, path, { body, headers: { ...headers, authorization: `Bearer ${colleague}` } })
    assert.equal(theirs.headers.get('idempotent-replayed'), null)
    assert.notEqual(theirs.status, 422)
    assert.ok(theirs.status < 500)
  })
}

/** A digest of everything that is stored. */
async function stored(): Promise<string> {
  const tables = await server.sql<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('accounts', 'notifications', 'orders', 'checkout', 'simulator') order by 1`
  const parts = tables.map(
    ({ name }) => `select '${name}' || coalesce(md5(string_agg(t::text, ',' order by t::text)), '') as d from ${name} t`,
  )
  const rows = await server.sql.unsafe(
    `select md5(string_agg(d, ',' order by d)) as digest from (${parts.join(' union all ')}) x`,
  )
  return rows[0]!.digest
}

for (const [name, make] of Object.entries(calls)) {
  test(`${name}: a dry run says what would happen, and writes nothing`, async () => {
    const method = name.split(' ')[0]!
    const [path, body] = await make()
    const before = await stored()
    const key = { 'idempotency-key': `dry ${name}` }
    const dry = await shop.call(method, `${path}${path.includes('?') ? '&' : '?'}dry_run=true`, body, key)
    assert.equal(await stored(), before, 'something was written')
    assert.equal(dry.headers.get('dry-run'), 'true')
    const real = await shop.call(method, path, body, key)
    assert.equal(real.headers.get('dry-run'), null)
    assert.equal(dry.status, real.status, JSON.stringify(dry.body))
    if (typeof real.body === 'object') assert.deepEqual(Object.keys(dry.body), Object.keys(real.body))
    assert.deepEqual([dry.body?.status, dry.body?.amount], [real.body?.status, real.body?.amount])
  })
}

for (const [name, make] of Object.entries(calls)) {
  test(`${name}: what breaks before the answer is stored has not happened; the same key then does it, once`, async () => {
    // The operation is the record; of an authorization only the release of a hold has none (transactions-authorization.test.ts).
    const has_operation = routes.some((route) => route.name === name && route.mode === 'operation')
    if (has_operation || name === 'POST /v1/transactions/:id/authorization') return
    const method = name.split(' ')[0]!
    const [path, body] = await make()
    const key = { 'idempotency-key': `broken ${name}` }
    const before = await stored()
    armFailpoints('idempotency.before_commit=throw')
    const broken = await shop.call(method, path, body, key)
    armFailpoints(undefined)
    assert.equal(broken.status, 500, JSON.stringify(broken.body))
    assert.equal(await stored(), before, 'something was written')
    const again = await shop.call(method, path, body, key)
    assert.ok(again.status < 300, JSON.stringify(again.body))
    assert.equal(again.headers.get('idempotent-replayed'), null)
    assert.equal((await shop.call(method, path, body, key)).headers.get('idempotent-replayed'), 'true')
  })
}

test('dry run: the same refusal, with the largest amount; nothing unclear is done in earnest; customers have none', async () => {
  const { transaction, session_id } = await purchase()
  const before = await stored()
  const refused = await shop.call('POST', `${transaction}/capture?dry_run=true`, { amount: 1_001 })
  assert.equal(refused.status, 400)
  assert.deepEqual(
    [refused.body.error.errors[0].code, refused.body.error.errors[0].allowed],
    ['amount_exceeds_authorized', 1_000],
  )
  assert.equal((await shop.call('POST', `${transaction}/capture?dry_run=maybe`, { amount: 1 })).status, 400)
  assert.equal((await shop.call('POST', `${transaction}/capture?dry_run=true&dry_run=false`, { amount: 1 })).status, 400)
  const pay = { payment_product_type: 'dintero_psp.creditcard', simulate: 'approve' }
  assert.equal((await send(server.url, 'POST', `/v1/sessions/${session_id}/pay?dry_run=true`, { body: pay })).status, 400)
  assert.equal((await shop.call('DELETE', `${await draft()}?dry_run=true`)).headers.get('dry-run'), 'true')
  const { body } = await shop.call('GET', transaction)
  assert.equal(body.status, 'AUTHORIZED')
  assert.notEqual(await stored(), before, 'the draft of this test')
})

test('key of a money move: the answer stays the first one, whatever happens later', async () => {
  const { transaction } = await purchase()
  const headers = { 'idempotency-key': 'stays' }
  const first = await shop.call('POST', `${transaction}/capture`, { amount: 100, final_capture: true }, headers)
  assert.equal(first.body.events.length, 4, 'captured, and the rest voided')
  await must('POST', `${transaction}/refund`, { amount: 60 })
  const again = await shop.call('POST', `${transaction}/capture`, { amount: 100, final_capture: true }, headers)
  assert.deepEqual(again.body, first.body)
})

test('key of a money move: 409 with Retry-After while the provider is asked', async () => {
  const { transaction } = await purchase()
  await shop.call('PUT', '/v1/simulator/script', {
    seed: 's',
    rules: [{ when: { operation: 'capture' }, do: 'slow', slow_ms: 1_500 }],
  })
  const capture = () => shop.call('POST', `${transaction}/capture`, { amount: 100 }, { 'idempotency-key': 'slow' })
  const first = capture()
  let second = await capture()
  while (second.status === 200 && second.headers.get('idempotent-replayed') === null) second = await capture()
  assert.equal(second.status, 409)
  assert.equal(second.headers.get('retry-after'), '1')
  assert.equal((await first).status, 200)
  await shop.call('DELETE', '/v1/simulator/script')
})
