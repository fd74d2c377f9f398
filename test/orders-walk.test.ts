import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createTestAccount, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let account: TestAccount
before(async () => {
  server = await startServer({ role: 'orders', work: false })
  account = await createTestAccount(server)
})
after(() => server.close())

const shopping = (path: string) => `/v1/accounts/${account.account_id}/shopping${path}`
const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
  account.call(method, shopping(path), body, headers)

// The published request body, unchanged.
const published = {
  options: { generate_order_id: 'ALPHANUMERIC_9' },
  order: {
    currency: 'NOK',
    items: [
      {
        id: '175938',
        line_id: 1,
        quantity: 2,
        gross_amount: 39800,
        tax_lines: [{ amount: 7960, percentage: 25 }],
        description: 'Stablestol for utendørsbruk',
        description_alias: 'Stablestol',
      },
    ],
  },
}

async function createOrder(body: unknown = published) {
  const draft = await call('POST', '/draft_orders', body)
  assert.equal(draft.status, 200, JSON.stringify(draft.body))
  const completed = await call('PUT', `/draft_orders/${draft.body.id}/complete`, {})
  assert.equal(completed.status, 200, JSON.stringify(completed.body))
  return completed.body.orders[0]
}

describe('the published walk', () => {
  test('draft, complete, authorize, capture, refund: the order is refunded', async () => {
    const draft = await call('POST', '/draft_orders', published)
    assert.equal(draft.status, 200)
    assert.equal(draft.body.status, 'open')
    assert.equal(draft.body.order.gross_amount, 39800)
    assert.equal(draft.body.order.items[0].description, 'Stablestol for utendørsbruk')
    assert.deepEqual(draft.body.options, published.options)
    assert.equal((await call('GET', `/draft_orders/${draft.body.id}`)).body.id, draft.body.id)

    const completed = await call('PUT', `/draft_orders/${draft.body.id}/complete`, {})
    const [order] = completed.body.orders
    assert.match(order.order_id, /^[A-Z0-9]{9}$/)
    assert.equal(order.payment_status, 'pending')
    assert.equal(order.net_amount, 39800)

    const payment = { items: [{ amount: 39800, line_id: 1 }], payment_details: { payment_id: 'T12345678.abc' }, success: true }
    const steps = [
      ['authorizations', 'pending'],
      ['captures', 'paid'],
      ['refunds', 'refunded'],
    ] as const
    for (const [path, payment_status] of steps) {
      const answer = await call('POST', `/orders/${order.order_id}/${path}`, payment)
      assert.equal(answer.status, 200, JSON.stringify(answer.body))
      assert.equal(answer.body.amount, 39800)
      assert.equal(answer.body.success, true)
      assert.deepEqual(answer.body.payment_details, payment.payment_details)
      assert.deepEqual((await call('GET', `/orders/${order.order_id}/${path}`)).body[path], [answer.body])
      assert.deepEqual((await call('GET', `/orders/${order.id}/${path}/${answer.body.id}`)).body, answer.body)
      const after = await call('GET', `/orders/${order.id}`)
      assert.equal(after.body.payment_status, payment_status)
      assert.equal(after.body[path].length, 1)
    }
    const more = await call('POST', `/orders/${order.order_id}/refunds`, { items: [{ amount: 1, line_id: 1 }] })
    assert.equal(more.status, 409)
    assert.deepEqual(more.body.error.errors, [
      {
        path: '/items/0/amount',
        message: 'At most 0 of line 1 can be refunded, not 1.',
        code: 'amount_exceeds_refundable',
        allowed: 0,
      },
    ])
  })

  test('complete: one notification for the draft, none for the new order; every event has one and the chain holds', async () => {
    const order = await createOrder()
    await call('POST', `/orders/${order.id}/authorizations`, { items: [{ amount: 39800, line_id: 1 }] })
    const rows = await server.sql<{ version: number; chained: boolean }[]>`
      select e.version, e.hash = sha256(coalesce(lag(e.hash) over (order by e.version), '') || convert_to(e.body::text, 'UTF8')) as chained
      from orders.order_events e where e.account_id = ${account.account_id} and e.order_uuid = ${order.id} order by version`
    assert.deepEqual(
      [...rows],
      [1, 2].map((version) => ({ version, chained: true })),
    )
    const outbox = await server.sql`
      select event, sequence from notifications.outbox where account_id = ${account.account_id} and aggregate_id = ${order.id}`
    assert.deepEqual([...outbox], [{ event: 'shopping_order_update', sequence: 2 }])
  })
})

describe('bodies of the marketplace client', () => {
  test('draft without gross_amount, line_id, tax_lines; complete without body; captures with splits', async () => {
    const draft = await call('POST', '/draft_orders', {
      order: {
        merchant_reference: 'm-1',
        currency: 'NOK',
        items: [{ id: 'p', external_id: 'x-1', description: 'D', quantity: 1, amount: 500 }],
      },
      options: { split_draft: true },
    })
    assert.equal(draft.status, 200, JSON.stringify(draft.body))
    const completed = await call('PUT', `/draft_orders/${draft.body.id}/complete`)
    const [order] = completed.body.orders
    assert.equal(order.order_id, order.id)
    assert.equal(order.merchant_reference, 'm-1')
    assert.equal(order.items[0].line_id, 1)
    assert.equal(order.items[0].external_id, 'x-1')
    const body = {
      items: [{ line_id: '1', amount: 500, splits: [{ payout_destination_id: 'seller', amount: 400 }] }],
      fee_split: { type: 'proportional', destinations: ['seller'] },
    }
    assert.equal((await call('POST', `/orders/${order.id}/authorizations`, body)).status, 200)
    const capture = await call('POST', `/orders/${order.id}/captures`, body)
    assert.deepEqual(capture.body.items[0].splits, body.items[0]!.splits)
    assert.deepEqual(capture.body.fee_split, body.fee_split)
    assert.equal(capture.body.items[0].line_id, 1)
  })
})

describe('races', () => {
  for (const [path, before] of [
    ['captures', ['authorizations']],
    ['refunds', ['authorizations', 'captures']],
  ] as const) {
    test(`${path}: of 24 at once, the sum never exceeds what is there`, async () => {
      const order = await createOrder()
      const record = (path: string, amount: number) =>
        call('POST', `/orders/${order.id}/${path}`, { items: [{ amount, line_id: 1 }] })
      for (const step of before) await record(step, 39800)
      const answers = await Promise.all(Array.from({ length: 24 }, () => record(path, 5000)))
      assert.deepEqual(
        answers.map(({ status }) => status).sort(),
        Array.from({ length: 24 }, (_, index) => (index < 7 ? 200 : 409)),
      )
      const listed = (await call('GET', `/orders/${order.id}/${path}`)).body[path]
      assert.equal(listed.length, 7)
      const [line] = await server.sql<{ captured: number; refunded: number }[]>`
        select captured, refunded from orders.order_lines where account_id = ${account.account_id} and order_uuid = ${order.id}`
      assert.equal(path === 'captures' ? line!.captured : line!.refunded, 35000)
    })
  }

  test('complete: of 10 at once exactly one makes an order', async () => {
    const draft = await call('POST', '/draft_orders', published)
    const answers = await Promise.all(Array.from({ length: 10 }, () => call('PUT', `/draft_orders/${draft.body.id}/complete`)))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(9).fill(409)])
    assert.ok(answers.every(({ status, body }) => status === 200 || body.error.code === 'draft_not_open'))
  })
})

describe('refusals', () => {
  test('every line at fault is named, and nothing is stored', async () => {
    const order = await createOrder({
      order: {
        currency: 'NOK',
        items: [1, 2, 3].map((line_id) => ({ id: 'a', line_id, gross_amount: 100 * line_id, tax_lines: [] })),
      },
    })
    const items = [
      { line_id: 1, amount: 101 },
      { line_id: 2, amount: 200 },
      { line_id: 3, amount: 999 },
    ]
    const answer = await call('POST', `/orders/${order.id}/authorizations`, { items })
    assert.equal(answer.status, 409)
    assert.deepEqual(
      answer.body.error.errors.map(({ path, allowed }: { path: string; allowed: number }) => [path, allowed]),
      [
        ['/items/0/amount', 100],
        ['/items/2/amount', 300],
      ],
    )
    assert.deepEqual((await call('GET', `/orders/${order.id}/authorizations`)).body, { authorizations: [] })
  })

  for (const [title, path, body, status, code] of [
    ['malformed JSON', '/draft_orders', '{"order":', 400, 'invalid_json'],
    ['no order', '/draft_orders', {}, 400, 'invalid_request'],
    ['amount as text', '/draft_orders', { order: { currency: 'NOK', items: [{ gross_amount: '1' }] } }, 400, 'invalid_request'],
    ['unknown currency', '/draft_orders', { order: { currency: 'kr' } }, 400, 'invalid_request'],
    ['line without amount', '/draft_orders', { order: { currency: 'NOK', items: [{ id: 'a' }] } }, 400, 'missing_field'],
    [
      'line id that is no number',
      '/draft_orders',
      { order: { currency: 'NOK', items: [{ line_id: 'a', gross_amount: 1 }] } },
      400,
      'invalid_request',
    ],
    ['order that is not there', '/orders/nope/captures', { items: [{ line_id: 1, amount: 1 }] }, 404, 'not_found'],
  ] as const) {
    test(`${title}: ${status} ${code}`, async () => {
      const answer = await call('POST', path, body)
      assert.equal(answer.status, status, JSON.stringify(answer.body))
      assert.equal(answer.body.error.code, code)
    })
  }

  test('another account sees nothing, and a token without the scope may not write', async () => {
    const order = await createOrder()
    const other = await createTestAccount(server)
    assert.equal((await other.call('GET', shopping(`/orders/${order.id}`))).status, 403)
    assert.equal((await other.call('GET', `/v1/accounts/${other.account_id}/shopping/orders/${order.id}`)).status, 404)
    const reader = await createTestAccount(server, { scopes: ['read:shopping'] })
    const path = `/v1/accounts/${reader.account_id}/shopping/draft_orders`
    assert.equal((await reader.call('POST', path, published)).status, 403)
    assert.equal((await reader.call('GET', `${path}/nope`)).status, 404)
  })

  test('If-Match: 412 when the order has moved on', async () => {
    const order = await createOrder()
    const body = { items: [{ amount: 100, line_id: 1 }] }
    const first = await call('POST', `/orders/${order.id}/authorizations`, body, { 'if-match': '"1"' })
    assert.equal(first.status, 200)
    assert.equal(first.headers.get('etag'), '"2"')
    const second = await call('POST', `/orders/${order.id}/captures`, body, { 'if-match': '"1"' })
    assert.equal(second.status, 412)
    assert.equal(second.body.error.code, 'precondition_failed')
  })
})

describe('retries and versions', () => {
  test('Idempotency-Key: a repeated capture or completion answers the same and happens once', async () => {
    const order = await createOrder()
    await call('POST', `/orders/${order.id}/authorizations`, { items: [{ amount: 39800, line_id: 1 }] })
    const capture = () =>
      call(
        'POST',
        `/orders/${order.id}/captures`,
        { items: [{ amount: 100, line_id: 1 }] },
        { 'idempotency-key': `c-${order.id}` },
      )
    const first = await capture()
    assert.equal(first.status, 200, JSON.stringify(first.body))
    assert.deepEqual((await capture()).body, first.body)
    assert.equal((await call('GET', `/orders/${order.id}`)).body.captures.length, 1)
    const into = {
      options: { order_id: order.id },
      order: { currency: 'NOK', items: [{ id: 'b', gross_amount: 100, tax_lines: [] }] },
    }
    const draft = await call('POST', '/draft_orders', into)
    const complete = () => call('PUT', `/draft_orders/${draft.body.id}/complete`, {}, { 'idempotency-key': `d-${order.id}` })
    const completed = await complete()
    assert.equal(completed.status, 200, JSON.stringify(completed.body))
    assert.deepEqual((await complete()).body, completed.body)
    const direct = () => call('POST', '/orders', published, { 'idempotency-key': `o-${order.id}` })
    assert.equal((await direct()).body.id, (await direct()).body.id)
  })

  test('an id that the client chose is taken once', async () => {
    const order = await createOrder()
    const body = { id: 'my-authorization', items: [{ amount: 100, line_id: 1 }], success: false }
    assert.equal((await call('POST', `/orders/${order.id}/authorizations`, body)).body.id, 'my-authorization')
    const again = await call('POST', `/orders/${order.id}/authorizations`, body)
    assert.deepEqual([again.status, again.body.error.code], [409, 'operation_id_exists'])
  })

  test('If-Match: any write on a draft or an order is refused with 412 when it has moved on', async () => {
    const order = await createOrder()
    const draft = await call('POST', '/draft_orders', published)
    assert.equal(draft.headers.get('etag'), '"1"')
    const writes: [method: string, path: string, body?: unknown][] = [
      ['PUT', `/draft_orders/${draft.body.id}`, published],
      ['DELETE', `/draft_orders/${draft.body.id}`],
      ['PUT', `/draft_orders/${draft.body.id}/complete`],
      ['POST', `/draft_orders/${draft.body.id}/items`, { id: 'x', gross_amount: 1, tax_lines: [] }],
      ['PUT', `/orders/${order.id}`, { note: 'x' }],
      ['POST', `/orders/${order.id}/cancel`],
      ['POST', `/orders/${order.id}/close`],
      ['POST', `/orders/${order.id}/open`],
      ['POST', `/orders/${order.id}/comments`, { comment: 'x' }],
      ['POST', `/orders/${order.id}/events`, { service: 's', service_status: 'x' }],
      ['POST', `/orders/${order.id}/sessions`, { items: [{ line_id: 1 }], profile_id: 'p', url: { return_url: 'https://a.b' } }],
    ]
    for (const [method, path, body] of writes) {
      assert.equal((await call(method, path, body, { 'if-match': '"7"' })).status, 412, `${method} ${path}`)
    }
    assert.equal((await call('GET', `/orders/${order.id}`)).body.version, 1)
    assert.equal((await call('PUT', `/orders/${order.id}`, { note: 'x' }, { 'if-match': 'W/"9", "1"' })).status, 200)
  })

  test('more lines than allowed are a 400, however many', async () => {
    const answer = await call('POST', '/draft_orders', { order: { currency: 'NOK', items: Array(200_000).fill({}) } })
    assert.equal(answer.status, 400)
    const many = Array.from({ length: 1000 }, () => ({ id: 'x', gross_amount: 1 }))
    const draft = await call('POST', '/draft_orders', { order: { currency: 'NOK', items: many } })
    assert.equal(draft.body.order.gross_amount, 1000)
    const more = await call('POST', `/draft_orders/${draft.body.id}/items`, { id: 'x', gross_amount: 1 })
    assert.deepEqual([more.status, more.body.error.code], [400, 'too_many_items'])
  })
})
