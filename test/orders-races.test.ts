import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import {
  applyEvent,
  foldOrder,
  hasRecords,
  type Order,
  type OrderEvent,
  paymentStatus,
  type RecordType,
} from '../src/orders/orders/order.ts'
import { orderSummary } from '../src/orders/orders/summary.ts'
import { decideRecord } from '../src/orders/payments/payment.ts'
import { verify } from '../src/verify/operations.ts'
import { createTestAccount, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let account: TestAccount
before(async () => {
  server = await startServer({ role: 'orders', work: false })
  account = await createTestAccount(server)
})
after(() => server.close())

const call = (method: string, path: string, body?: unknown) =>
  account.call(method, `/v1/accounts/${account.account_id}/shopping${path}`, body)
const item = (line_id: number, gross_amount: number, more = {}) => ({ id: 'a', line_id, gross_amount, tax_lines: [], ...more })
const records = new Set(['authorization', 'capture', 'refund', 'cancellation'])
const kinds = ['authorizations', 'captures', 'refunds', 'cancellations'] as const
const typeOf: Record<(typeof kinds)[number], RecordType> = {
  authorizations: 'authorization',
  captures: 'capture',
  refunds: 'refund',
  cancellations: 'cancellation',
}

async function createOrder(items: object[], options = {}): Promise<string> {
  const answer = await call('POST', '/orders', { order: { currency: 'NOK', items }, options })
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body.id
}

/** The order as its events tell, after checking that they form a legal history, one after the other, and that the columns agree. */
async function checkHistory(id: string): Promise<{ order: Order; events: OrderEvent[] }> {
  const rows = await server.sql<{ version: number; body: OrderEvent; chained: boolean }[]>`
    select version, body, hash = sha256(coalesce(lag(hash) over (order by version), '') || convert_to(body::text, 'UTF8')) as chained
    from orders.order_events where account_id = ${account.account_id} and order_uuid = ${id} order by version`
  const events = rows.map(({ body }) => body)
  assert.deepEqual(
    rows.map(({ version, chained, body }) => [version, chained, body.version]),
    rows.map((_, index) => [index + 1, true, index + 1]),
  )
  let order = foldOrder(events.slice(0, 1))!
  for (const event of events.slice(1)) {
    if (records.has(event.type)) {
      const { type, record } = event as { type: RecordType; record: Order['records'][RecordType][number] }
      assert.deepEqual(decideRecord(order, type, record).refusals, [], `${type} at version ${event.version}`)
    }
    if (event.type === 'lines_added' || event.type === 'replaced') assert.equal(order.status, 'open')
    if (event.type === 'replaced') assert.equal(hasRecords(order), false)
    order = applyEvent(order, event)
  }
  const summary = orderSummary(order)
  const [row] = await server.sql`select * from orders.orders where account_id = ${account.account_id} and id = ${id}`
  for (const column of [
    'version',
    'status',
    'payment_status',
    'due',
    'authorized',
    'cancelled',
    'captured',
    'refunded',
  ] as const) {
    assert.equal(row![column], summary[column], column)
  }
  const lines = await server.sql`
    select line_id, due, authorized, cancelled, captured, refunded from orders.order_lines
    where account_id = ${account.account_id} and order_uuid = ${id} order by line_id`
  assert.deepEqual(
    [...lines],
    summary.lines.toSorted((a, b) => a.line_id - b.line_id),
  )
  const told = await server.sql`
    select sequence from notifications.outbox where account_id = ${account.account_id} and aggregate_id = ${id} order by sequence`
  assert.deepEqual(
    told.map(({ sequence }) => sequence),
    events.slice(1).map(({ version }) => version),
  )
  return { order, events }
}

test('50 racing operations of every kind leave the order equal to a serial history; nobody gets a 500', async () => {
  for (const options of [{}, { multiple_authorizations: true }]) {
    const id = await createOrder([item(1, 1000), item(2, 300)], options)
    const first = options.multiple_authorizations
      ? (await call('POST', `/orders/${id}/authorizations`, { items: [{ line_id: 1, amount: 100 }] })).body.id
      : undefined
    const authorization = first ? { authorization_id: first } : {}
    const into = async (index: number, more: object = {}) => {
      const items = [item(100 + (index % 8), -10, { related_item: { line_id: 1, type: 'reversed' } })]
      const draft = await call('POST', '/draft_orders', { options: { order_id: id, ...more }, order: { currency: 'NOK', items } })
      return draft.status === 200 ? call('PUT', `/draft_orders/${draft.body.id}/complete`) : draft
    }
    const post = (path: string, line_id: number, amount: number) =>
      call('POST', `/orders/${id}/${path}`, { items: [{ line_id, amount }], ...(path === 'authorizations' ? {} : authorization) })
    const racing = Array.from({ length: 50 }, (_, index) => {
      const line_id = (index % 2) + 1
      switch (index % 10) {
        case 0:
        case 1:
          return post('authorizations', line_id, line_id === 1 ? 700 : 300)
        case 2:
        case 3:
          return post('captures', line_id, 60)
        case 4:
          return post('refunds', line_id, 40)
        case 5:
          return post('cancellations', line_id, 30)
        case 6:
          return into(index)
        case 7:
          return into(index, { replace: 'order' })
        case 8:
          return call('POST', `/orders/${id}/${index % 20 === 8 ? 'close' : 'open'}`)
        default:
          return call('POST', `/orders/${id}/events`, { service: 's', service_status: `${index}` })
      }
    })
    const answers = await Promise.all(racing)
    const bad = answers.filter(({ status }) => ![200, 400, 409].includes(status))
    assert.deepEqual(bad, [])
    const { events } = await checkHistory(id)
    assert.ok(events.length > 5)
  }
})

test('racing drafts with the same custom order_id: one gets it', async () => {
  const body = { order: { currency: 'NOK', order_id: 'wanted', items: [item(1, 5)] } }
  const drafts = await Promise.all(Array.from({ length: 10 }, () => call('POST', '/draft_orders', body)))
  const answers = await Promise.all(drafts.map(({ body }) => call('PUT', `/draft_orders/${body.id}/complete`)))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(9).fill(409)])
})

test('generated order ids: a collision is tried again with another id', async () => {
  const { ids } = server
  const original = ids.orderId
  const drawn = ['AAAAAAAAA', 'AAAAAAAAA', 'AAAAAAAAA', 'BBBBBBBBB']
  ids.orderId = () => drawn.shift() ?? original()
  try {
    for (const generate_order_id of ['ALPHANUMERIC_9', 'ALPHANUMERIC_9_RESERVE']) {
      const draft = await call('POST', '/draft_orders', {
        options: { generate_order_id },
        order: { currency: 'NOK', items: [item(1, 5)] },
      })
      const { body } = await call('PUT', `/draft_orders/${draft.body.id}/complete`)
      assert.equal(body.orders[0].order_id, generate_order_id === 'ALPHANUMERIC_9' ? 'AAAAAAAAA' : 'BBBBBBBBB')
    }
  } finally {
    ids.orderId = original
  }
})

test('racing changes of one draft: every one is kept, in some sequence', async () => {
  const { body: draft } = await call('POST', '/draft_orders', { order: { currency: 'NOK' } })
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => call('POST', `/draft_orders/${draft.id}/items`, { id: 'x', amount: 5 })),
  )
  assert.ok(answers.every(({ status }) => status === 200))
  const { order, version } = (await call('GET', `/draft_orders/${draft.id}`)).body
  assert.deepEqual([order.items.length, order.net_amount, version], [20, 100, 21])
})

test('random operations over HTTP answer what the model expects', async () => {
  const step = fc.record({
    kind: fc.constantFrom(...kinds),
    line: fc.constantFrom(1, 2, 9),
    amount: fc.integer({ min: -60, max: 110 }),
    success: fc.nat(7).map((n) => n !== 0),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 14 }), async (steps) => {
      const id = await createOrder([item(1, 100), item(2, -50)])
      const due: Record<number, number> = { 1: 100, 2: -50 }
      const moved = new Map<string, number>()
      const of = (type: RecordType, line: number) => moved.get(`${type} ${line}`) ?? 0
      for (const { kind, line, amount, success } of steps) {
        const type = typeOf[kind]
        const live = of('authorization', line) - of('cancellation', line)
        const open = {
          authorization: live === 0 ? Math.abs(due[line] ?? 0) : 0,
          refund: of('capture', line) - of('refund', line),
        }
        const left = type === 'authorization' || type === 'refund' ? open[type] : live - of('capture', line)
        const shapely = due[line] !== undefined && amount !== 0 && Math.sign(amount) === Math.sign(due[line])
        const status = !shapely ? 400 : success && Math.abs(amount) > left ? 409 : 200
        const answer = await call('POST', `/orders/${id}/${kind}`, { items: [{ line_id: line, amount }], success })
        assert.equal(answer.status, status, JSON.stringify([kind, line, amount, success, answer.body]))
        if (status === 409) assert.equal(Math.abs(answer.body.error.errors[0].allowed), left)
        if (status === 200 && success) moved.set(`${type} ${line}`, of(type, line) + Math.abs(amount))
      }
      const { order } = await checkHistory(id)
      const { body } = await call('GET', `/orders/${id}`)
      assert.equal(body.payment_status, paymentStatus(order))
      for (const kind of kinds) assert.equal(body[kind].length, order.records[typeOf[kind]].length)
    }),
    { numRuns: 12 },
  )
})

test('kvitt verify finds no difference in all that was raced here', async () => {
  const differences: unknown[] = []
  const { checked } = await verify(server.sql, {
    account_id: account.account_id,
    onDifference: (difference) => differences.push(difference),
    onProgress: () => {},
  })
  assert.deepEqual(differences, [])
  assert.ok(checked.orders && checked.orders > 10)
})
