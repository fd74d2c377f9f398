import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { ensureDefaultProfile } from '../src/checkout/profiles/operations.ts'
import { createGateways } from '../src/gateways/registry.ts'
import { createTestAccount, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

const url = { return_url: 'https://example.com/accept', callback_url: 'https://example.com/callback' }
const items = [
  { id: 'sku-1', line_id: 1, quantity: 2, gross_amount: 1000, tax_lines: [{ amount: 200, percentage: 25 }], description: 'Stol' },
  { id: 'sku-2', line_id: 2, gross_amount: 500, tax_lines: [] },
]

function shop(account: TestAccount) {
  const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    account.call(method, `/v1/accounts/${account.account_id}/shopping${path}`, body, headers)
  const createOrder = async () =>
    (await call('POST', '/orders', { currency: 'NOK', items, customer: { id: 7, email: 'kari@example.com' } })).body
  return { call, createOrder }
}

describe('sessions with the checkout service in the same process', () => {
  let server: TestServer
  let account: TestAccount
  before(async () => {
    server = await startServer({ work: false })
    account = await createTestAccount(server)
    await ensureDefaultProfile({ ...server, gateways: createGateways(server) }, account.account_id)
  })
  after(() => server.close())

  test('start: a real checkout session for what is not authorized yet; recorded, listed, got', async () => {
    const { call, createOrder } = shop(account)
    const order = await createOrder()
    const started = await call('POST', `/orders/${order.id}/sessions`, {
      items: [{ line_id: '1' }, { line_id: 2, amount: 100 }],
      profile_id: 'default',
      url,
    })
    assert.equal(started.status, 200, JSON.stringify(started.body))
    const session = started.body
    assert.deepEqual(session.items, [
      { line_id: '1', amount: 1000 },
      { line_id: '2', amount: 100 },
    ])
    assert.equal(session.amount, 1100)
    assert.deepEqual(session._links, [{ rel: 'session_link', href: session.url }])
    assert.deepEqual((await call('GET', `/orders/${order.id}/sessions`)).body, { sessions: [session] })
    assert.deepEqual((await call('GET', `/orders/${order.id}/sessions/${session.id}`)).body, session)
    assert.equal((await call('GET', `/orders/${order.id}/sessions/nope`)).status, 404)
    const checkout = await account.call('GET', `/v1/sessions/${session.id}`)
    assert.equal(checkout.status, 200)
    assert.equal(checkout.body.order.amount, 1100)
    assert.equal(checkout.body.order.merchant_reference, order.order_id)
    assert.deepEqual(checkout.body.order.items[0].vat_amount, 200)
    assert.equal((await call('GET', `/orders/${order.id}`)).body.version, 2)
  })

  test('start: refused when the order holds an address that checkout can not take, as over HTTP', async () => {
    const { call } = shop(account)
    const order = (await call('POST', '/orders', { currency: 'NOK', items, shipping_address: { first_name: 5 } })).body
    const started = await call('POST', `/orders/${order.id}/sessions`, { items: [{ line_id: '1' }], profile_id: 'default', url })
    assert.deepEqual([started.status, started.body.error.code], [400, 'checkout_refused'], JSON.stringify(started.body))
    assert.match(started.body.error.message, /\/order\/shipping_address\/first_name: it must be string/)
    const script = { items: [{ line_id: '1' }], profile_id: 'default', url: { return_url: 'javascript:alert(1)' } }
    const { id } = (await call('POST', '/orders', { currency: 'NOK', items })).body
    const { error } = (await call('POST', `/orders/${id}/sessions`, script)).body
    assert.match(error.message, /\/url\/return_url: it must be a URL with its scheme/, 'in words')
    assert.deepEqual((await call('GET', `/orders/${order.id}/sessions`)).body, { sessions: [] })
  })

  test('start: refused for unknown lines, too much, nothing left, unknown profiles, closed orders; nothing is recorded', async () => {
    const { call, createOrder } = shop(account)
    const order = await createOrder()
    const start = (items: object[], profile_id = 'default') =>
      call('POST', `/orders/${order.id}/sessions`, { items, profile_id, url })
    const codes = [
      [await start([{ line_id: '9' }]), 400, 'unknown_line_id'],
      [await start([{ line_id: '1', amount: 1001 }]), 409, 'amount_exceeds_authorizable'],
      [await start([{ line_id: '1' }], 'nope'), 400, 'profile_unknown'],
    ] as const
    for (const [answer, status, code] of codes)
      assert.deepEqual([answer.status, answer.body.error.code], [status, code], JSON.stringify(answer.body))
    await call('POST', `/orders/${order.id}/authorizations`, { items: [{ line_id: 1, amount: 1000 }] })
    assert.equal((await start([{ line_id: '1' }])).body.error.code, 'already_authorized')
    await call('POST', `/orders/${order.id}/close`)
    assert.equal((await start([{ line_id: '2' }])).body.error.code, 'order_not_open')
    assert.deepEqual((await call('GET', `/orders/${order.id}/sessions`)).body, { sessions: [] })
  })

  test('start: the same Idempotency-Key gets the session that it made, another body is refused', async () => {
    const { call, createOrder } = shop(account)
    const order = await createOrder()
    const start = (line_id: string) =>
      call(
        'POST',
        `/orders/${order.id}/sessions`,
        { items: [{ line_id }], profile_id: 'default', url },
        { 'idempotency-key': `k-${order.id}` },
      )
    const first = await start('1')
    assert.equal(first.status, 200, JSON.stringify(first.body))
    assert.deepEqual((await start('1')).body, first.body)
    assert.equal((await start('2')).body.error.code, 'idempotency_key_reused')
    assert.equal((await call('GET', `/orders/${order.id}`)).body.sessions.length, 1)
  })
})

describe('sessions with the checkout service on another server', () => {
  let remote: Server
  let server: TestServer
  let account: TestAccount
  const seen: { path: string | undefined; authorization: string | undefined; body: Record<string, unknown> }[] = []
  let answer: { status: number; body: unknown } = { status: 200, body: {} }
  let refuse_token_once = false

  before(async () => {
    remote = createServer(async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      seen.push({ path: request.url, authorization: request.headers.authorization, body: JSON.parse(text) })
      const token = request.url?.endsWith('/auth/token')
      if (!token && refuse_token_once) {
        refuse_token_once = false
        response.writeHead(401).end('{}')
        return
      }
      const { status, body } = token ? { status: 200, body: { access_token: 'abc', expires_in: 3600 } } : answer
      if (status === 0) return void request.socket.destroy()
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
    await new Promise<void>((resolve) => remote.listen(0, '127.0.0.1', resolve))
    const { port } = remote.address() as AddressInfo
    const env = { CHECKOUT_URL: `http://127.0.0.1:${port}/`, CHECKOUT_CLIENT_ID: 'me', CHECKOUT_CLIENT_SECRET: 'secret' }
    server = await startServer({ role: 'orders', work: false, env })
    account = await createTestAccount(server)
  })
  after(async () => {
    await server.close()
    remote.closeAllConnections()
    remote.close()
  })

  test('start: asks with a token of the configured client, and asks for a new one when that is refused', async () => {
    const { call, createOrder } = shop(account)
    const order = await createOrder()
    answer = { status: 200, body: { id: 'T12345678.remote', url: 'https://checkout.example/v1/view/T12345678.remote' } }
    refuse_token_once = true
    const splits = [{ payout_destination_id: 'seller', amount: 900 }]
    const fee_split = { type: 'proportional', destinations: ['seller'] }
    const body = { items: [{ line_id: 1, amount: 1000, splits }], profile_id: 'default', url, fee_split }
    const started = await call('POST', `/orders/${order.id}/sessions`, body)
    assert.equal(started.status, 200, JSON.stringify(started.body))
    assert.deepEqual(
      [started.body.id, started.body.url],
      ['T12345678.remote', 'https://checkout.example/v1/view/T12345678.remote'],
    )
    const calls = [`/v1/accounts/${account.account_id}/auth/token`, '/v1/sessions-profile']
    assert.deepEqual(
      seen.map(({ path }) => path),
      [...calls, ...calls],
    )
    assert.equal(seen[0]!.authorization, `Basic ${Buffer.from('me:secret').toString('base64')}`)
    assert.equal(seen[3]!.authorization, 'Bearer abc')
    const sent = seen[3]!.body as { order: { items: object[]; amount: number }; customer: object }
    assert.deepEqual(sent.customer, { customer_id: 7, email: 'kari@example.com' })
    assert.deepEqual(sent.order.items, [
      { id: 'sku-1', line_id: '1', description: 'Stol', quantity: 2, amount: 1000, vat_amount: 200, vat: 25, splits, fee_split },
    ])
  })

  for (const [title, given, status, code] of [
    ['cuts the line', { status: 0, body: {} }, 503, 'checkout_unavailable'],
    ['fails', { status: 500, body: {} }, 503, 'checkout_unavailable'],
    ['refuses', { status: 400, body: { error: { message: 'No such profile.' } } }, 400, 'checkout_refused'],
    ['answers nonsense', { status: 200, body: [] }, 503, 'checkout_unavailable'],
  ] as const) {
    test(`start: ${status} ${code} when the other server ${title}; nothing is recorded`, async () => {
      const { call, createOrder } = shop(account)
      const order = await createOrder()
      answer = given
      const started = await call('POST', `/orders/${order.id}/sessions`, {
        items: [{ line_id: '1' }],
        profile_id: 'default',
        url,
      })
      assert.deepEqual([started.status, started.body.error.code], [status, code], JSON.stringify(started.body))
      assert.equal((await call('GET', `/orders/${order.id}`)).body.version, 1)
    })
  }

  test('start: 409 and nothing recorded when the order was closed while the other server worked', async () => {
    const { call, createOrder } = shop(account)
    const order = await createOrder()
    answer = { status: 200, body: { id: 'T12345678.late', url: 'https://checkout.example/late' } }
    refuse_token_once = false
    const listener = remote.listeners('request')[0] as (...args: unknown[]) => void
    remote.removeAllListeners('request')
    remote.once('request', async (...args) => {
      await call('POST', `/orders/${order.id}/close`)
      remote.on('request', listener)
      listener(...args)
    })
    const started = await call('POST', `/orders/${order.id}/sessions`, { items: [{ line_id: '1' }], profile_id: 'default', url })
    assert.deepEqual([started.status, started.body.error.code], [409, 'order_not_open'])
    assert.deepEqual((await call('GET', `/orders/${order.id}/sessions`)).body, { sessions: [] })
  })
})
