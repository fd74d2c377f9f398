import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { limits } from '../src/lib/limits.ts'
import { draftAt } from '../src/orders/drafts/operations.ts'
import { orderAt } from '../src/orders/orders/operations.ts'
import { createTestAccount, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let account: TestAccount
let clock_asked = 0
const clock = {
  now() {
    clock_asked += 1
    return new Date()
  },
}
before(async () => {
  server = await startServer({ role: 'orders', work: false, clock })
  account = await createTestAccount(server)
})
after(() => server.close())

const call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
  account.call(method, `/v1/accounts/${account.account_id}/shopping${path}`, body, headers)
type Line = { line_id?: number; gross_amount: number; [member: string]: unknown }
const line = (line_id: number, gross_amount: number, more: object = {}): Line => ({
  id: `sku-${line_id}`,
  line_id,
  gross_amount,
  tax_lines: [],
  ...more,
})

async function ok(method: string, path: string, body?: unknown) {
  const answer = await call(method, path, body)
  assert.equal(answer.status, 200, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}
async function refused(method: string, path: string, body: unknown, status: number, code: string) {
  const answer = await call(method, path, body)
  assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  assert.equal(answer.body.error.code, code)
  return answer.body.error
}
const createOrder = (items: Line[] = [line(1, 500)], more: object = {}, options: object = {}) =>
  ok('POST', '/orders', { order: { currency: 'NOK', items, ...more }, options })
async function complete(body: object) {
  const draft = await ok('POST', '/draft_orders', body)
  return (await ok('PUT', `/draft_orders/${draft.id}/complete`)).orders
}
const record = (id: string, path: string, amounts: Record<number, number>, more: object = {}) =>
  ok('POST', `/orders/${id}/${path}`, {
    items: Object.entries(amounts).map(([line_id, amount]) => ({ line_id: Number(line_id), amount })),
    success: true,
    ...more,
  })

describe('drafts', () => {
  test('lines: added, replaced, removed; each answers the whole draft with its totals', async () => {
    const draft = await ok('POST', '/draft_orders', { order: { currency: 'NOK' } })
    const path = `/draft_orders/${draft.id}/items`
    assert.equal((await ok('POST', path, line(1, 1000))).order.gross_amount, 1000)
    const discounted = line(2, 400, {
      discount_lines: [
        { amount: 50, discount_type: 'manual' },
        { amount: 20, discount_type: 'loyalty' },
      ],
    })
    const two = await ok('POST', path, discounted)
    assert.deepEqual(
      [two.order.gross_amount, two.order.net_amount, two.order.total_discount, two.order.total_manual_discount_amount],
      [1400, 1330, 70, 50],
    )
    assert.equal((await ok('PUT', `${path}/1`, { id: 'b', gross_amount: 700, tax_lines: [] })).order.gross_amount, 1100)
    await refused('PUT', `${path}/1`, line(2, 1), 400, 'invalid_request')
    await refused('POST', path, line(2, 1), 400, 'duplicate_line_id')
    await refused('DELETE', `${path}/9`, undefined, 404, 'not_found')
    const one = await ok('DELETE', `${path}/1`)
    assert.deepEqual(
      one.order.items.map((item: Line) => item.line_id),
      [2],
    )
    assert.deepEqual(
      one.events.map(({ version, request }: { version: number; request: { method: string } }) => [version, request.method]),
      [
        [1, 'POST'],
        [2, 'POST'],
        [3, 'POST'],
        [4, 'PUT'],
        [5, 'DELETE'],
      ],
    )
  })

  test('update: replaces what it says, keeps lines that it does not mention; unknown members are echoed', async () => {
    const draft = await ok('POST', '/draft_orders', {
      order: { currency: 'NOK', items: [line(1, 10)], shelf: { row: 7 }, merchant_reference: 'a' },
    })
    const updated = await ok('PUT', `/draft_orders/${draft.id}`, {
      order: { currency: 'SEK', merchant_reference: 'b', customer: { id: 'c1', shoe_size: 43 } },
    })
    assert.equal(updated.order.currency, 'SEK')
    assert.equal(updated.order.shelf, undefined)
    assert.equal(updated.order.items.length, 1)
    assert.deepEqual(updated.order.customer, { id: 'c1', shoe_size: 43 })
  })

  test('delete: stays readable as deleted, and takes nothing more', async () => {
    const draft = await ok('POST', '/draft_orders', { order: { currency: 'NOK', items: [line(1, 10)] } })
    const deleted = await ok('DELETE', `/draft_orders/${draft.id}`)
    assert.equal(deleted.status, 'deleted')
    assert.ok(deleted.deleted_at && deleted.deleted_by)
    assert.equal((await ok('GET', `/draft_orders/${draft.id}`)).status, 'deleted')
    for (const [method, path] of [
      ['PUT', ''],
      ['DELETE', ''],
      ['PUT', '/complete'],
      ['POST', '/items'],
      ['PUT', '/items/1'],
      ['DELETE', '/items/1'],
    ]) {
      const body = path === '' && method === 'PUT' ? { order: { currency: 'NOK' } } : line(1, 5)
      await refused(method!, `/draft_orders/${draft.id}${path}`, method === 'DELETE' ? undefined : body, 409, 'draft_not_open')
    }
  })

  test('list: filters and cursor', async () => {
    const own = await createTestAccount(server)
    const list = async (query: string) =>
      (await own.call('GET', `/v1/accounts/${own.account_id}/shopping/draft_orders?${query}`)).body
    for (const currency of ['NOK', 'SEK', 'NOK', 'NOK']) {
      await own.call('POST', `/v1/accounts/${own.account_id}/shopping/draft_orders`, { order: { currency } })
    }
    const first = await list('currency=NOK&limit=2')
    assert.equal(first.draft_orders.length, 2)
    const second = await list(`currency=NOK&limit=2&starting_after=${first.starting_after}`)
    assert.equal(second.draft_orders.length, 1)
    assert.equal(second.starting_after, undefined)
    assert.equal((await list('status=completed')).draft_orders.length, 0)
    assert.equal((await list('status=completed,open')).draft_orders.length, 4)
    assert.deepEqual((await list('status=open,bogus')).error.errors[0].allowed, ['open', 'completed', 'deleted'])
    assert.equal((await list('starting_after=x')).error.code, 'invalid_request')
  })
})

describe('options', () => {
  test('ALPHANUMERIC_9_RESERVE: the id is there from the start and stays', async () => {
    const draft = await ok('POST', '/draft_orders', {
      options: { generate_order_id: 'ALPHANUMERIC_9_RESERVE' },
      order: { currency: 'NOK', items: [line(1, 5)] },
    })
    assert.match(draft.order.order_id, /^[A-Z0-9]{9}$/)
    await refused('GET', `/orders/${draft.order.order_id}`, undefined, 404, 'not_found')
    const same = { currency: 'NOK', order_id: draft.order.order_id, items: [line(1, 5)] }
    const taken = await refused('POST', '/orders', same, 409, 'order_id_exists')
    assert.deepEqual([taken.message, taken.errors[0].path], [`The order_id ${same.order_id} is taken.`, '/order_id'])
    // What it holds stays: neither another name nor several orders can take its place, and what was answered may be sent back.
    const { order_id } = draft.order
    for (const [path, order, options] of [
      ['/order/order_id', { order_id: 'mine' }, {}],
      ['/options/split_draft', {}, { split_draft: true }],
    ] as const) {
      const error = await refused(
        'PUT',
        `/draft_orders/${draft.id}`,
        { order: { currency: 'NOK', ...order }, options },
        400,
        'invalid_request',
      )
      assert.deepEqual([error.errors[0].path, error.errors[0].allowed], [path, [order_id]])
    }
    await ok('PUT', `/draft_orders/${draft.id}`, { order: draft.order, options: draft.options })
    const [order] = (await ok('PUT', `/draft_orders/${draft.id}/complete`)).orders
    assert.equal(order.order_id, order_id)
  })

  test('a draft for an order: its lines take the numbers that are free there, whenever they come', async () => {
    const target = await createOrder([line(1, 500), line(2, 5)])
    const { id } = await ok('POST', '/draft_orders', { options: { order_id: target.id }, order: { currency: 'NOK', items: [] } })
    const added = await ok('POST', `/draft_orders/${id}/items`, { id: 'x', gross_amount: 5, tax_lines: [] })
    assert.deepEqual(
      added.order.items.map(({ line_id }: Line) => line_id),
      [3],
    )
    const both = [{ gross_amount: 5 }, { gross_amount: 6, line_id: 4 }]
    const put = await ok('PUT', `/draft_orders/${id}`, { order: { currency: 'NOK', items: both } })
    assert.deepEqual(
      put.order.items.map(({ line_id }: Line) => line_id),
      [5, 4],
    )
    await refused('POST', `/draft_orders/${id}/items`, line(2, 5), 400, 'duplicate_line_id')
    await refused('PUT', `/draft_orders/${id}`, { order: { currency: 'SEK' } }, 400, 'currency_mismatch')
    const nowhere = { order: { currency: 'NOK' }, options: { order_id: 'nowhere' } }
    await refused('PUT', `/draft_orders/${id}`, nowhere, 404, 'not_found')
    await ok('PUT', `/draft_orders/${id}/complete`)
    assert.equal((await ok('GET', `/orders/${target.id}`)).items.length, 4)
  })

  test('what says nothing is nothing: "" and [] of PHP clients; what can be no number is refused', async () => {
    const made = await ok('POST', '/orders', {
      options: [],
      order: { currency: 'NOK', customer: [], metadata: [], store: '', items: [line(1, 500, { quantity: '', store: [] })] },
    })
    const members = ['customer', 'metadata', 'store'].filter((member) => member in made)
    assert.deepEqual([members, 'quantity' in made.items[0]], [[], false])
    await record(made.id, 'authorizations', { 1: 500 })
    const captured = await record(made.id, 'captures', { 1: 500 }, { processed_at: '', metadata: [], authorization_id: '' })
    assert.equal('authorization_id' in captured, false)
    await record(made.id, 'refunds', { 1: 500 })
    assert.equal((await ok('POST', `/orders/${made.id}/cancel`, { reason: '' })).cancelled_reason, 'customer')
    const other = await createOrder()
    const whim = await refused('POST', `/orders/${other.id}/cancel`, { cancelled_reason: 'whim' }, 400, 'invalid_request')
    assert.equal(whim.errors[0].path, '/cancelled_reason')
    const body = JSON.stringify({ order: { currency: 'NOK', items: [line(1, 5, { tax_lines: [{ percentage: 7 }] })] } })
    for (const number of ['1e400', '-1E400', `${'9'.repeat(310)}`, `${'9'.repeat(300)}e9`]) {
      const answer = await account.call(
        'POST',
        `/v1/accounts/${account.account_id}/shopping/orders`,
        body.replace('"percentage":7', `"percentage":${number}`),
      )
      assert.equal(answer.status, 400, number)
      assert.equal(answer.body.error.errors[0].path, '/order/items/0/tax_lines/0/percentage')
    }
    const nothing = await refused('POST', '/orders', { currency: 'NOK' }, 400, 'draft_empty')
    assert.deepEqual([nothing.errors[0].path, nothing.message], ['/items', '/items must have at least one line.'])
  })

  test('custom order_id: used as it is, once, and found like the id', async () => {
    const order_id = 'Bestilling/æøå 1'
    for (const name of [order_id, '🦊'.repeat(255)]) {
      const [order] = await complete({ order: { currency: 'NOK', order_id: name, items: [line(1, 5)] } })
      assert.equal((await ok('GET', `/orders/${encodeURIComponent(name)}`)).id, order.id)
    }
    const draft = await ok('POST', '/draft_orders', { order: { currency: 'NOK', order_id, items: [line(1, 5)] } })
    await refused('PUT', `/draft_orders/${draft.id}/complete`, undefined, 409, 'order_id_exists')
    const both = { options: { generate_order_id: 'ALPHANUMERIC_9' }, order: { currency: 'NOK', order_id: 'x' } }
    await refused('POST', '/draft_orders', both, 400, 'invalid_request')
    await refused(
      'POST',
      '/draft_orders',
      { options: { generate_order_id: 'ROMAN' }, order: { currency: 'NOK' } },
      400,
      'invalid_request',
    )
  })

  test('split_draft: one order per store, with own totals; serial numbers with their suffix', async () => {
    const store = (id: string) => ({ store: { id } })
    const orders = await complete({
      options: { split_draft: true, generate_order_id: 'ALPHANUMERIC_9', serial_order_number_suffix: '-N' },
      order: {
        currency: 'NOK',
        customer: { id: 'cu' },
        items: [line(1, 100, store('a')), line(2, 30, store('b')), line(3, 5, store('a'))],
      },
    })
    assert.deepEqual(
      orders.map(({ gross_amount, store }: { gross_amount: number; store: { id: string } }) => [gross_amount, store.id]),
      [
        [105, 'a'],
        [30, 'b'],
      ],
    )
    assert.notEqual(orders[0].order_id, orders[1].order_id)
    assert.deepEqual(
      orders.map(({ serial_order_number }: { serial_order_number: string }) => serial_order_number),
      ['1-N', '2-N'],
    )
    assert.equal(orders[1].customer.id, 'cu')
  })

  test('multiple_authorizations: every authorization has limits of its own (orders-api 7.4)', async () => {
    const [order] = await complete({
      options: { multiple_authorizations: true },
      order: { currency: 'NOK', items: [line(1, 50000)] },
    })
    const first = await record(order.id, 'authorizations', { 1: 30000 })
    await record(order.id, 'authorizations', { 1: 20000 })
    const body = (amount: number, more = {}) => ({ items: [{ line_id: 1, amount }], ...more })
    await refused('POST', `/orders/${order.id}/captures`, body(1), 400, 'authorization_id_required')
    const one = { authorization_id: first.id }
    await refused('POST', `/orders/${order.id}/captures`, body(30001, one), 409, 'amount_exceeds_capturable')
    assert.equal((await ok('POST', `/orders/${order.id}/captures`, body(30000, one))).authorization_id, first.id)
  })

  test('payout: an operation is split like its line, to the last unit', async () => {
    const manual_payout = {
      rule_id: 'r',
      rule_type: 'manual',
      destinations: [
        { destination: 'a', percentage: 33.3 },
        { destination: 'b', percentage: 66.7 },
      ],
    }
    const order = await createOrder([line(1, 101, { manual_payout })], {}, { payout: {} })
    assert.deepEqual(order.items[0].payout.destinations, [
      { destination: 'a', amount: 33 },
      { destination: 'b', amount: 68 },
    ])
    const authorization = await record(order.id, 'authorizations', { 1: 50 })
    assert.deepEqual(authorization.items[0].payout, {
      rule_id: 'r',
      rule_type: 'manual',
      destinations: [
        { destination: 'a', amount: 16 },
        { destination: 'b', amount: 34 },
      ],
    })
  })

  test('order_id appends, replace replaces while nothing is recorded', async () => {
    const order = await createOrder([line(1, 500)], { note: 'old' })
    const replace = {
      options: { order_id: order.id, replace: 'order' },
      order: { currency: 'NOK', note: 'new', items: [line(1, 700)] },
    }
    const [replaced] = await complete(replace)
    assert.deepEqual([replaced.id, replaced.note, replaced.net_amount, replaced.version], [order.id, 'new', 700, 2])
    const [appended] = await complete({
      options: { order_id: order.order_id },
      order: { currency: 'NOK', items: [{ id: 'x', amount: 5 }] },
    })
    assert.deepEqual(
      appended.items.map(({ line_id, version }: { line_id: number; version: number }) => [line_id, version]),
      [
        [1, 2],
        [2, 3],
      ],
    )
    const again = await ok('POST', '/draft_orders', replace)
    await record(order.id, 'authorizations', { 1: 700 }, { success: false })
    await refused('PUT', `/draft_orders/${again.id}/complete`, undefined, 409, 'replace_not_allowed')
    const into = { options: { order_id: order.id }, order: { currency: 'SEK', items: [line(9, 5)] } }
    await refused('POST', '/draft_orders', into, 400, 'currency_mismatch')
    await refused('POST', '/draft_orders', { ...into, options: { order_id: 'nope' } }, 404, 'not_found')
  })
})

describe('webhooks', () => {
  test('an order and its draft are told as they were at each version', async () => {
    const draft = await ok('POST', '/draft_orders', { order: { currency: 'NOK', items: [line(1, 500)] } })
    const [order] = (await ok('PUT', `/draft_orders/${draft.id}/complete`)).orders
    await record(order.id, 'authorizations', { 1: 500 })
    await record(order.id, 'captures', { 1: 500 })
    const event = await ok('POST', `/orders/${order.id}/events`, { service: 'kitchen', service_status: 'ready' })
    const at = (version: number) => orderAt(server.sql, account.account_id, order.id, version)
    assert.deepEqual(await at(1), order)
    assert.deepEqual([(await at(2))?.payment_status, (await at(2))?.captures], ['pending', []])
    assert.equal((await at(3))?.payment_status, 'paid')
    assert.equal((await draftAt(server.sql, account.account_id, draft.id, 1))?.status, 'open')
    assert.equal((await draftAt(server.sql, account.account_id, draft.id, 2))?.status, 'completed')
    assert.equal(await orderAt(server.sql, account.account_id, 'gone', 1), undefined)
    const [told] = await server.sql<{ details: { order_event: Record<string, unknown> } }[]>`
      select details from notifications.outbox
      where account_id = ${account.account_id} and aggregate_id = ${order.id} and event = 'shopping_order_event_add'`
    const { request: _, ...shown } = event
    assert.deepEqual(told!.details.order_event, shown)
  })

  test('POST orders with options.order_id adds the lines to that order', async () => {
    const order = await createOrder()
    const added = await createOrder([line(2, 30)], {}, { order_id: order.id })
    assert.deepEqual([added.id, added.net_amount, added.version], [order.id, 530, 2])
    // `If-Match` is about the order: the client has seen no draft.
    const more = { currency: 'NOK', options: { order_id: order.id }, items: [line(3, 1)] }
    const statuses = []
    for (const seen of ['"1"', '"2"']) statuses.push((await call('POST', '/orders', more, { 'if-match': seen })).status)
    assert.deepEqual(statuses, [412, 200])
  })
})

describe('reversal (orders-api 4.3, 7.3)', () => {
  test('a captured line is reversed and replaced by a dearer one: paid', async () => {
    const order = await createOrder([line(1, 50000)])
    await record(order.id, 'authorizations', { 1: 50000 })
    await record(order.id, 'captures', { 1: 50000 })
    const reversed = line(2, -50000, { reversed_reason: 'Replace item', related_item: { line_id: 1, type: 'reversed' } })
    const items = [reversed, line(3, 60000)]
    const [changed] = await complete({ options: { order_id: order.id }, order: { currency: 'NOK', items } })
    assert.deepEqual([changed.net_amount, changed.payment_status], [60000, 'partially_paid'])
    for (const path of ['authorizations', 'captures']) {
      await record(order.id, path, { 2: -50000 })
      await record(order.id, path, { 3: 60000 })
    }
    const paid = await ok('GET', `/orders/${order.id}`)
    assert.equal(paid.payment_status, 'paid')
    const more = {
      options: { order_id: order.id },
      order: { currency: 'NOK', items: [{ ...reversed, line_id: 4, gross_amount: -1 }] },
    }
    const draft = await ok('POST', '/draft_orders', more)
    await refused('PUT', `/draft_orders/${draft.id}/complete`, undefined, 409, 'reversal_exceeds_line')
  })

  test('replaced by a cheaper one: the difference is a refund line that is captured and refunded', async () => {
    const order = await createOrder([line(1, 500)])
    await record(order.id, 'authorizations', { 1: 500 })
    await record(order.id, 'captures', { 1: 500 })
    const items = [line(2, -500, { related_item: { line_id: 1, type: 'reversed' } }), line(3, 300), line(4, 200)]
    await complete({ options: { order_id: order.id }, order: { currency: 'NOK', items } })
    for (const path of ['authorizations', 'captures']) await record(order.id, path, { 2: -500, 3: 300, 4: 200 })
    await record(order.id, 'refunds', { 4: 200 })
    assert.equal((await ok('GET', `/orders/${order.id}`)).payment_status, 'partially_refunded')
  })
})

describe('orders', () => {
  test('refusal: the pointer is into the body that was sent, with or without `order` around it', async () => {
    const order = { currency: 'NOK', items: [line(1, 5), line(1, 5)] }
    for (const [body, path] of [
      [{ order }, '/order/items/1/line_id'],
      [order, '/items/1/line_id'],
    ] as const) {
      assert.equal((await refused('POST', '/orders', body, 400, 'duplicate_line_id')).errors[0].path, path)
    }
  })
  test('update: merges, ignores what it says already, refuses what changes money', async () => {
    const order = await createOrder([line(1, 500, { colour: 'red' })], { courier_id: 'a' })
    const path = `/orders/${order.id}`
    const updated = await ok('PUT', path, {
      courier_id: 'b',
      pickup_at: '2026-01-02T15:00:00Z',
      items: [{ line_id: 1, status: 'packed' }],
    })
    assert.deepEqual(
      [updated.courier_id, updated.version, updated.items[0].status, updated.items[0].colour, updated.items[0].version],
      ['b', 2, 'packed', 'red', 2],
    )
    assert.deepEqual(
      updated.events.map(({ event_type, version }: Record<string, unknown>) => [event_type, version]),
      [
        ['api-event', 1],
        ['api-event', 2],
      ],
    )
    assert.equal(typeof updated.events[1].request.body, 'string')
    const { events: _, ...whole } = updated
    assert.equal((await ok('PUT', path, whole)).version, 2)
    // As when it was made: an amount that PHP has reckoned is rounded, and what is text stays text.
    assert.equal((await ok('PUT', path, { items: [{ line_id: '1', gross_amount: 499.99999999999994, store: '' }] })).version, 2)
    const text = await refused('PUT', path, { items: [{ line_id: 1, description: { a: 1 } }] }, 400, 'invalid_request')
    assert.equal(text.errors[0].path, '/items/0/description')
    const error = await refused('PUT', path, { items: [{ line_id: 1, gross_amount: 1 }] }, 400, 'member_not_editable')
    assert.equal(error.errors[0].path, '/items/0/gross_amount')
    await refused('PUT', path, { items: [{ line_id: 2 }] }, 400, 'unknown_line_id')
    await refused('PUT', path, { currency: 'SEK' }, 400, 'currency_mismatch')
    await ok('POST', `${path}/close`)
    assert.equal((await ok('PUT', path, { delivery_id: 'd' })).delivery_id, 'd')
    await refused('PUT', path, { customer: { id: 'x' } }, 409, 'order_not_open')
  })

  test('status: close, open, cancel, and the calls that change nothing', async () => {
    const { id } = await createOrder()
    const closed = await ok('POST', `/orders/${id}/close`)
    assert.deepEqual([closed.status, closed.version, typeof closed.closed_at], ['closed', 2, 'string'])
    assert.equal((await ok('POST', `/orders/${id}/close`)).version, 2)
    const opened = await ok('POST', `/orders/${id}/open`)
    assert.deepEqual([opened.status, opened.closed_at], ['open', undefined])
    await refused('POST', `/orders/${id}/cancel`, { reason: 'mood' }, 400, 'invalid_request')
    const cancelled = await ok('POST', `/orders/${id}/cancel`)
    assert.deepEqual([cancelled.status, cancelled.cancelled_reason], ['cancelled', 'customer'])
    for (const path of ['cancel', 'open', 'close'])
      await refused('POST', `/orders/${id}/${path}`, undefined, 409, 'order_cancelled')
  })

  test('cancel: refused while captured money is not refunded', async () => {
    const { id } = await createOrder()
    await record(id, 'authorizations', { 1: 500 })
    await record(id, 'captures', { 1: 200 })
    await refused('POST', `/orders/${id}/cancel`, {}, 409, 'order_captured')
    await record(id, 'refunds', { 1: 200 })
    assert.equal((await ok('POST', `/orders/${id}/cancel`, { reason: 'fraud' })).cancelled_reason, 'fraud')
    await record(id, 'cancellations', { 1: 300 })
  })

  test('comments: added and deleted', async () => {
    const { id } = await createOrder()
    const { comments } = await ok('POST', `/orders/${id}/comments`, { comment: 'Ring på' })
    assert.equal(comments[0].comment, 'Ring på')
    await refused('DELETE', `/orders/${id}/comments/nope`, undefined, 404, 'not_found')
    assert.deepEqual((await ok('DELETE', `/orders/${id}/comments/${comments[0].id}`)).comments, [])
    await refused('POST', `/orders/${id}/comments`, {}, 400, 'missing_field')
  })

  test('events: service events, combined state, include_events', async () => {
    const { id } = await createOrder()
    const event = (state: string, service: string) =>
      ok('POST', `/orders/${id}/events`, { state, service, service_status: 's', metadata: { a: 1 } })
    const state = async () => (await ok('GET', `/orders/${id}/events`)).state
    assert.equal(await state(), 'pending')
    assert.equal((await event('pending', 'kitchen')).event_type, 'service-event')
    assert.equal(await state(), 'pending')
    await event('success', 'kitchen')
    assert.equal(await state(), 'success')
    await event('error', 'courier')
    await event('success', 'courier')
    assert.equal(await state(), 'failure')
    const types = async (query: string) =>
      (await ok('GET', `/orders/${id}${query}`)).events?.map((event: Record<string, unknown>) => event.event_type)
    assert.equal(await types(''), undefined)
    assert.deepEqual(await types('?include_events=api-event'), ['api-event'])
    assert.equal((await types('?include_events=service-event')).length, 4)
    assert.equal((await types('?include_events=true')).length, 5)
    assert.equal((await ok('GET', `/orders/${id}`)).version, 5)
  })

  test('events-only scopes: post and list events, nothing else', async () => {
    const limited = await createTestAccount(server, {
      scopes: ['write:shopping:/orders/ANY/events', 'read:shopping:/orders/ANY/events', 'write:shopping'],
    })
    const root = `/v1/accounts/${limited.account_id}/shopping`
    const order = await limited.call('POST', `${root}/orders`, { currency: 'NOK', items: [line(1, 5)] })
    const { id } = order.body
    assert.equal((await limited.call('GET', `${root}/orders/${id}/events`)).status, 200)
    assert.equal((await limited.call('GET', `${root}/orders/${id}`)).status, 403)
  })
})

describe('lists', () => {
  test('filters, cursor, store and customer views, exports', async () => {
    const own = await createTestAccount(server)
    const root = `/v1/accounts/${own.account_id}/shopping`
    const get = async (path: string, headers = {}) => (await own.call('GET', `${root}${path}`, undefined, headers)).body
    const place = (name: string) => ({ itinerary: [{ travel_mode: 'TRAIN', departure_address: { id: name } }] })
    for (const [index, more] of [
      { store: { id: 's1' } },
      { customer: { id: 'c 1' } },
      place('Oslo S'),
      { external_ids: [{ id: 'e1' }] },
      {},
    ].entries()) {
      const discount_lines = index === 4 ? [{ amount: 1, discount_type: 'manual' }] : []
      await own.call('POST', `${root}/orders`, {
        currency: index === 0 ? 'SEK' : 'NOK',
        items: [line(1, 100 + index, { discount_lines })],
        ...more,
      })
    }
    const amounts = async (path: string) => (await get(path)).orders.map(({ gross_amount }: Line) => gross_amount)
    assert.deepEqual(await amounts('/orders'), [104, 103, 102, 101, 100])
    assert.deepEqual(await amounts('/orders?currency=SEK'), [100])
    assert.deepEqual(await amounts('/orders?itinerary_departure_address=Oslo%20S&itinerary_travel_mode=TRAIN'), [102])
    assert.deepEqual(await amounts('/orders?external_id=e1'), [103])
    assert.deepEqual(await amounts('/orders?items_discount_lines_discount_type=manual'), [104])
    assert.deepEqual(await amounts('/orders?status=closed'), [])
    assert.deepEqual(await amounts('/orders?status=closed,cancelled'), [])
    assert.deepEqual(await amounts('/orders?status=closed,open&status=cancelled'), [104, 103, 102, 101, 100])
    assert.deepEqual(await amounts('/customers/c%201/orders?status=closed,open'), [101])
    assert.deepEqual(await amounts('/orders?payment_status=pending&status=open&unheard_of=1'), [104, 103, 102, 101, 100])
    assert.deepEqual(await amounts('/orders?customer.id=c%201'), [101])
    assert.deepEqual(await amounts('/stores/s1/orders'), [100])
    assert.deepEqual(await amounts('/customers/c%201/orders'), [101])
    for (const [path, other] of [
      ['/stores/s1/orders', '/orders?store_id=s1'],
      ['/customers/c%201/orders', '/orders?customer_id=c%201'],
    ] as const) {
      const all = await amounts(path)
      assert.deepEqual(await amounts(other), all)
      for (const query of ['store_id=s1', 'store_id=s2', 'customer_id=c%201', 'customer.id=c2']) {
        const fits = path.includes(query.split('=')[1]!)
        assert.deepEqual(await amounts(`${path}?${query}`), fits ? all : [], `${path}?${query}`)
      }
    }
    assert.equal((await get('/stores/s1/orders?status=open,bogus')).error.code, 'invalid_request')
    const wrong = await get('/orders?status=bogus')
    assert.deepEqual([wrong.error.errors[0].path, wrong.error.errors[0].allowed], ['?status', ['open', 'closed', 'cancelled']])
    assert.match((await get('/orders?created_at.gte=2026-01-01T00:00:00+01:00')).error.message, /%2B01:00/)
    assert.deepEqual(await amounts('/orders?created_at.gte=2100-01-01T00:00:00Z'), [])

    const seen: number[] = []
    let query = '?limit=2'
    for (let pages = 0; pages < 5; pages++) {
      const page = await get(`/orders${query}`)
      seen.push(...page.orders.map(({ gross_amount }: Line) => gross_amount))
      if (!page.starting_after) break
      query = `?limit=2&starting_after=${page.starting_after}`
    }
    assert.deepEqual(seen, [104, 103, 102, 101, 100])

    const [order] = (await get('/stores/s1/orders?include_events=true')).orders
    assert.deepEqual(order.events, [])
    assert.deepEqual((await get(`/stores/s1/orders/${order.id}`)).events, [])
    assert.equal((await get(`/stores/s2/orders/${order.id}`)).error.code, 'not_found')
    assert.equal((await get(`/customers/c%201/orders/${order.id}`)).error.code, 'not_found')

    const csv = await get('/orders', { accept: 'text/csv' })
    assert.match(csv, /^id,order_id,/)
    assert.equal(csv.trim().split('\r\n').length, 6)
    const response = await fetch(`${server.url}${root}/orders?currency=NOK`, {
      headers: { accept: 'application/x-ndjson', authorization: `Bearer ${own.token}` },
    })
    const lines = (await response.text())
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text))
    assert.deepEqual(
      lines.map(({ gross_amount }) => gross_amount),
      [104, 103, 102, 101],
    )
    // Each page of an export asks for the time. A HEAD reads none: nobody would get it.
    const asked = async (method: string) => {
      const before = clock_asked
      assert.equal((await own.call(method, `${root}/orders`, undefined, { accept: 'text/csv' })).status, 200)
      return clock_asked - before
    }
    assert.equal(await asked('HEAD'), (await asked('GET')) - 1)
  })
})

describe('size of the events', () => {
  const { events_size_max: most } = limits
  test('lists: a page ends where it has no more room, after one at least; exports, searches and views too', async () => {
    const own = await createTestAccount(server)
    const root = `/v1/accounts/${own.account_id}/shopping`
    const post = async (path: string, index: number) =>
      (await own.call('POST', root + path, { order: { currency: 'NOK', items: [line(1, index)], store: { id: 's' } } })).status
    for (const index of [1, 2, 3, 4, 5]) assert.equal(await post('/orders', index), 200)
    const [sizes] = await server.sql`
      select min(events_size) as least, (select min(events_size) from orders.drafts where account_id = ${own.account_id}) as draft
      from orders.orders where account_id = ${own.account_id}`
    assert.ok(sizes!.least > 400 && sizes!.draft > 400, JSON.stringify(sizes))
    // The second newest alone fills a page.
    for (const table of ['orders', 'drafts']) {
      await server.sql`
        update orders.${server.sql(table)} set events_size = ${limits.page_events_size_max} where account_id = ${own.account_id}
          and created_at = (select created_at from orders.${server.sql(table)} where account_id = ${own.account_id}
            order by created_at desc offset 1 limit 1)`
    }
    type Entry = { gross_amount?: number; order?: { gross_amount: number } }
    const pages = async (path: string) => {
      const all: (number | undefined)[][] = []
      let after = ''
      do {
        const { body } = await own.call('GET', `${root}${path}${after && `&starting_after=${after}`}`)
        const entries = (body.orders ?? body.draft_orders) as Entry[]
        all.push(entries.map(({ gross_amount, order }) => gross_amount ?? order?.gross_amount))
        after = body.starting_after ?? ''
      } while (after)
      return all
    }
    const cut = [
      [5, 4],
      [3, 2, 1],
    ]
    for (const path of ['/orders?a=b', '/orders?include_events=true', '/stores/s/orders?a=b', '/orders?status=open'])
      assert.deepEqual(await pages(path), cut, path)
    assert.deepEqual(await pages('/draft_orders?a=b'), cut)
    assert.deepEqual(await pages('/draft_orders?status=completed'), cut)
    assert.deepEqual(await pages('/orders?limit=1'), [[5], [4], [3], [2], [1]])
    const { body } = await own.call('GET', `${root}/orders`, undefined, { accept: 'text/csv' })
    assert.equal(String(body).trim().split('\r\n').length, 6)
  })

  test('order: 400 past the limit, for payments past twice as much; what is not read with it counts too', async () => {
    const { id } = await createOrder()
    const sized = (size: number) =>
      server.sql`update orders.orders set events_size = ${size} where id = ${id} returning events_size`
    const report = { service: 's', service_status: 'x', state: 'success', extra: 'e'.repeat(5_000) }
    await ok('POST', `/orders/${id}/events`, report)
    const [counted] = await server.sql`select events_size from orders.orders where id = ${id}`
    assert.ok(counted!.events_size > 10_000, 'the event and its request')
    // As if by another process: this one would take what it remembers.
    const forget = () => ok('POST', `/orders/${id}/events`, { ...report, extra: 'e'.repeat(9_900), more: 'e'.repeat(30_000) })
    await forget()
    await sized(most)
    await refused('POST', `/orders/${id}/events`, report, 400, 'events_full')
    await refused('PUT', `/orders/${id}`, { metadata: { a: 1 } }, 400, 'events_full')
    await record(id, 'authorizations', { 1: 500 })
    await sized(2 * most)
    const capture = { items: [{ line_id: 1, amount: 500 }], success: true }
    await refused('POST', `/orders/${id}/captures`, capture, 400, 'events_full')
    await ok('GET', `/orders/${id}?include_events=true`)
  })

  test('draft: 400 past the limit; it can be completed', async () => {
    const { id } = await ok('POST', '/draft_orders', {
      order: { currency: 'NOK', items: [line(1, 500, { description: 'd'.repeat(9_900) })] },
    })
    for (const line_id of [2, 3])
      await ok('POST', `/draft_orders/${id}/items`, line(line_id, 1, { description: 'd'.repeat(9_900) }))
    await server.sql`
      update orders.draft_events set request = jsonb_build_object('path', '/', 'method', 'POST', 'body', repeat('x', ${most}))
      where draft_id = ${id} and version = 1`
    await refused('POST', `/draft_orders/${id}/items`, line(4, 1), 400, 'events_full')
    await ok('PUT', `/draft_orders/${id}/complete`)
  })
})
