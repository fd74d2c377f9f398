import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createTestAccount, send, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let account: TestAccount
let reader: TestAccount
let writer: TestAccount
before(async () => {
  server = await startServer({ role: 'orders', work: false })
  account = await createTestAccount(server)
  reader = await createTestAccount(server, { scopes: ['read:shopping'] })
  writer = await createTestAccount(server, { scopes: ['write:shopping'] })
})
after(() => server.close())

const root = () => `/v1/accounts/${account.account_id}/shopping`
const call = (method: string, path: string, body?: unknown) => account.call(method, root() + path, body)
const item = (line_id: number, gross_amount = 100) => ({ id: 'a', line_id, gross_amount, tax_lines: [] })
const content = (...items: object[]) => ({ currency: 'NOK', items })
const pay = (amount = 10) => ({ items: [{ line_id: 1, amount }] })
async function ok(method: string, path: string, body?: unknown) {
  const answer = await call(method, path, body)
  assert.equal(answer.status, 200, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}

/** An order in the state of a column of orders-api 5.5, with something authorized and captured where that is possible. */
async function orderIn(state: string): Promise<string> {
  const { id } = await ok('POST', '/orders', content(item(1), item(2)))
  if (state.includes('untouched')) return id
  await ok('POST', `/orders/${id}/authorizations`, pay(50))
  await ok('POST', `/orders/${id}/captures`, pay(20))
  if (state === 'closed') await ok('POST', `/orders/${id}/close`)
  if (state !== 'cancelled') return id
  await ok('POST', `/orders/${id}/refunds`, pay(20))
  await ok('POST', `/orders/${id}/cancel`)
  return id
}
async function draftIn(state: string): Promise<string> {
  const { id } = await ok('POST', '/draft_orders', { order: content(item(1)) })
  if (state === 'completed') await ok('PUT', `/draft_orders/${id}/complete`)
  if (state === 'deleted') await ok('DELETE', `/draft_orders/${id}`)
  return id
}
async function completeInto(order_id: string, options = {}) {
  const draft = await ok('POST', '/draft_orders', { options: { order_id, ...options }, order: content(item(7)) })
  return call('PUT', `/draft_orders/${draft.id}/complete`, {})
}

describe('which call is valid where (orders-api 5.5)', () => {
  const draftRows: [title: string, method: string, path: string, body: unknown][] = [
    ['edit the draft', 'PUT', '', { order: content(item(1)) }],
    ['add a line', 'POST', '/items', item(2)],
    ['replace a line', 'PUT', '/items/1', item(1, 5)],
    ['remove a line', 'DELETE', '/items/1', undefined],
    ['delete the draft', 'DELETE', '', undefined],
    ['complete', 'PUT', '/complete', {}],
  ]
  for (const [title, method, path, body] of draftRows) {
    for (const [state, status] of [
      ['open', 200],
      ['completed', 409],
      ['deleted', 409],
    ] as const) {
      test(`${title} of a draft that is ${state}: ${status}`, async () => {
        const answer = await call(method, `/draft_orders/${await draftIn(state)}${path}`, body)
        assert.equal(answer.status, status, JSON.stringify(answer.body))
        if (status === 409) assert.equal(answer.body.error.code, 'draft_not_open')
      })
    }
  }

  const post = (path: string, body: unknown) => (id: string) => call('POST', `/orders/${id}${path}`, body)
  // call: its status on an order that is open, closed, cancelled
  const orderRows: [
    title: string,
    run: (id: string) => ReturnType<typeof call>,
    open: number,
    closed: number,
    cancelled: number,
  ][] = [
    ['complete into the order', (id) => completeInto(id), 200, 409, 409],
    ['complete with replace', (id) => completeInto(id, { replace: 'order' }), 409, 409, 409],
    ['update logistics', (id) => call('PUT', `/orders/${id}`, { courier_id: 'c' }), 200, 200, 409],
    ['update the rest', (id) => call('PUT', `/orders/${id}`, { note: 'c' }), 200, 409, 409],
    [
      'session',
      post('/sessions', { items: [{ line_id: '2' }], profile_id: 'default', url: { return_url: 'https://a.b' } }),
      503,
      409,
      409,
    ],
    ['authorization', post('/authorizations', { items: [{ line_id: 2, amount: 10 }] }), 200, 409, 409],
    ['capture', post('/captures', pay()), 200, 200, 409],
    ['cancellation', post('/cancellations', pay()), 200, 200, 200],
    ['event', post('/events', { service: 's', service_status: 'x' }), 200, 200, 200],
    ['comment', post('/comments', { comment: 'x' }), 200, 200, 200],
    ['close', post('/close', undefined), 200, 200, 409],
    ['open', post('/open', undefined), 200, 200, 409],
    ['cancel while captured', post('/cancel', undefined), 409, 409, 409],
  ]
  for (const [title, run, ...statuses] of orderRows) {
    for (const [index, state] of ['open', 'closed', 'cancelled'].entries()) {
      test(`${title} on an order that is ${state}: ${statuses[index]}`, async () => {
        const answer = await run(await orderIn(state))
        assert.equal(answer.status, statuses[index], JSON.stringify(answer.body))
      })
    }
  }
  test('refund: 200 also on an order that was closed', async () => {
    for (const state of ['open', 'closed']) await ok('POST', `/orders/${await orderIn(state)}/refunds`, pay(20))
  })
  test('refund on an order that was cancelled: no longer refused for the status, but nothing is left to refund', async () => {
    const answer = await call('POST', `/orders/${await orderIn('cancelled')}/refunds`, pay(20))
    assert.equal(answer.body.error.code, 'amount_exceeds_refundable')
  })
  test('complete into an order, twice: 409, and nothing comes to the order', async () => {
    const id = await orderIn('open')
    const draft = await ok('POST', '/draft_orders', { options: { order_id: id }, order: content(item(7)) })
    await ok('PUT', `/draft_orders/${draft.id}/complete`, {})
    const { items } = await ok('GET', `/orders/${id}`)
    const again = await call('PUT', `/draft_orders/${draft.id}/complete`, {})
    assert.deepEqual([again.status, again.body.error?.code], [409, 'draft_not_open'])
    assert.deepEqual((await ok('GET', `/orders/${id}`)).items, items)
  })
  test('complete with replace: 200 while nothing is recorded, 409 when closed', async () => {
    const id = await orderIn('untouched')
    assert.equal((await completeInto(id, { replace: 'order' })).status, 200)
    await ok('POST', `/orders/${id}/close`)
    const draft = { options: { order_id: id, replace: 'order' }, order: content(item(1)) }
    const { id: draft_id } = await ok('POST', '/draft_orders', draft)
    assert.equal((await call('PUT', `/draft_orders/${draft_id}/complete`)).body.error.code, 'order_not_open')
  })
})

describe('the 39 operations (orders-api 2)', () => {
  const operations =
    `GET /draft_orders, POST /draft_orders, GET /draft_orders/{id}, PUT /draft_orders/{id}, DELETE /draft_orders/{id},
    PUT /draft_orders/{id}/complete, POST /draft_orders/{id}/items, PUT /draft_orders/{id}/items/{line_id},
    DELETE /draft_orders/{id}/items/{line_id}, GET /orders, POST /orders, GET /orders/{order_id}, PUT /orders/{id},
    POST /orders/{id}/cancel, POST /orders/{id}/close, POST /orders/{id}/open, POST /orders/{id}/comments,
    DELETE /orders/{id}/comments/{comment_id}, GET /orders/{order_id}/authorizations, POST /orders/{order_id}/authorizations,
    GET /orders/{order_id}/authorizations/{authorization_id}, GET /orders/{order_id}/captures, POST /orders/{order_id}/captures,
    GET /orders/{order_id}/captures/{capture_id}, GET /orders/{order_id}/refunds, POST /orders/{order_id}/refunds,
    GET /orders/{order_id}/refunds/{refund_id}, GET /orders/{order_id}/cancellations, POST /orders/{order_id}/cancellations,
    GET /orders/{order_id}/cancellations/{cancellation_id}, GET /orders/{order_id}/events, POST /orders/{order_id}/events,
    GET /orders/{order_id}/sessions, POST /orders/{order_id}/sessions, GET /orders/{order_id}/sessions/{session_id},
    GET /stores/{store_id}/orders, GET /stores/{store_id}/orders/{order_id}, GET /customers/{customer_id}/orders,
    GET /customers/{customer_id}/orders/{order_id}`
      .split(',')
      .map((line) => line.trim().split(' ') as [method: string, path: string])

  // A body that each of them takes, so that only the id in the path is at fault.
  const bodies: Record<string, unknown> = {
    '/draft_orders': { order: content() },
    '/orders': content(item(1)),
    '/draft_orders/{id}': { order: content() },
    '/draft_orders/{id}/items': item(1),
    '/draft_orders/{id}/items/{line_id}': item(1),
    '/orders/{id}/comments': { comment: 'x' },
    '/orders/{order_id}/events': { service: 's', service_status: 'x' },
    '/orders/{order_id}/sessions': { items: [{ line_id: 1 }], profile_id: 'p', url: { return_url: 'https://a.b' } },
  }

  test('OpenAPI has each of them, with its published shape of path, an operation id of its own, an example, and no others', () => {
    const { paths } = server.app.swagger() as unknown as { paths: Record<string, Record<string, { operationId: string }>> }
    const prefix = '/v1/accounts/{aid}/shopping'
    const listed = Object.entries(paths)
      .filter(([path]) => path.startsWith(prefix))
      .flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, { operationId }]) => ({
          name: `${method.toUpperCase()} ${path.slice(prefix.length)}`,
          operationId,
        })),
      )
    const shape = (name: string) => name.replaceAll(/\{[a-z_]+\}/g, '{}')
    assert.equal(operations.length, 39)
    assert.deepEqual(listed.map(({ name }) => shape(name)).sort(), operations.map((parts) => shape(parts.join(' '))).sort())
    assert.equal(new Set(listed.map(({ operationId }) => operationId)).size, 39)
    for (const [path, methods] of Object.entries(paths).filter(([path]) => path.startsWith(prefix))) {
      for (const [method, operation] of Object.entries(methods))
        assert.match(JSON.stringify(operation), /"examples?":/, `${method} ${path}`)
    }
  })

  for (const [method, path] of operations) {
    test(`${method} ${path}: 401 without a token, 403 on another account or without the scope, 404 for unknown ids; never 500`, async () => {
      const filled = path.replaceAll(/\{[a-z_]+\}/g, "no'pe%20")
      const body = method === 'GET' || method === 'DELETE' ? undefined : (bodies[path] ?? pay())
      assert.equal((await send(server.url, method, root() + filled, { body })).status, 401)
      assert.equal((await account.call(method, `/v1/accounts/T99999999/shopping${filled}`, body)).status, 403)
      const weak = method === 'GET' ? writer : reader
      assert.equal((await weak.call(method, `/v1/accounts/${weak.account_id}/shopping${filled}`, body)).status, 403)
      const answer = await call(method, filled, body)
      const found = !path.includes('{') || /^\/(stores|customers)\/[^/]+\/orders$/.test(path)
      assert.equal(answer.status, found ? 200 : 404, JSON.stringify(answer.body))
      if (!found) assert.equal(typeof answer.body.error.message, 'string')
    })
  }
})

test('ids with any text in them are just not found', async () => {
  for (const id of ['a%00b', '%F0%9F%A6%8A', "'; drop schema orders", 'x'.repeat(255), '%2e%2e', 'null', '-1']) {
    for (const path of [`/orders/${id}`, `/draft_orders/${id}`, `/orders/${id}/captures/${id}`, `/stores/${id}/orders/${id}`]) {
      const { status } = await call('GET', path)
      assert.ok(status === 404 || status === 400, `${path}: ${status}`)
    }
  }
  for (const query of [
    'store_id=a%00b',
    'currency=a%00b',
    'external_id=a%00b',
    'limit=0',
    'created_at.gte=yesterday',
    'status=lost',
  ]) {
    assert.equal((await call('GET', `/orders?${query}`)).status, 400, query)
  }
  await ok('GET', '/orders?created_at.gte=0000-01-01T00:00:00Z&created_at.lte=9999-12-31T23:59:59-12:00')
  const cursor = Buffer.from('0000-01-01T00:00:00.000Z 00000000-0000-4000-8000-000000000000').toString('base64url')
  assert.equal((await call('GET', `/draft_orders?starting_after=${cursor}`)).status, 400)
})
