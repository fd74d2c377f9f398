import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventBase, orderLine as line, orderOf, recorded } from '../../../test/rows.ts'
import {
  applyEvent,
  foldOrder,
  hasRecords,
  type Order,
  type OrderChange,
  type OrderEvent,
  orderSums,
  orderView,
  paymentStatus,
  sessionView,
} from './order.ts'

const none = { authorized: 0, cancelled: 0, captured: 0, refunded: 0 }
const at = (version: number) => eventBase(version).created_at

test('order: as it is created', () => {
  const made = { content: { note: 'n' }, options: { order_time_to_live: 9 } }
  assert.deepEqual(orderOf([line(1, 500), line(2, -200)], [], made), {
    ...{ id: 'u', order_id: 'O', version: 1, status: 'open', currency: 'NOK' },
    ...{ options: { order_time_to_live: 9 }, content: { note: 'n' } },
    items: [
      { ...line(1, 500), version: 1 },
      { ...line(2, -200), version: 1 },
    ],
    sums: new Map([
      [1, none],
      [2, none],
    ]),
    authorizations: new Map(),
    records: { authorization: [], capture: [], refund: [], cancellation: [] },
    ...{ sessions: [], comments: [], created_at: at(1), created_by: 'c1', updated_at: at(1) },
  })
  assert.equal(foldOrder([]), undefined)
})
test('order: begins with its creation, once', () => {
  const closed: OrderEvent = { ...eventBase(1), type: 'closed' }
  assert.throws(() => foldOrder([closed]), /the first event of an order is closed/)
  const names = { order_uuid: 'u', order_id: 'O' }
  const created: OrderChange = { ...names, currency: 'NOK', options: {}, content: {}, items: [], type: 'created' }
  assert.throws(() => applyEvent(orderOf([]), { ...eventBase(2), ...created }), /an order is created once/)
})

const comment = (id: string) => ({ id, comment: 'c', created_at: 't', created_by: 'c' })
const session = (id: string) => ({ id, url: 'https://u', items: [], amount: 1 })
const failed = recorded('capture', { 1: 5 }, { success: false })
const capture = recorded('capture', { 1: 5, 2: -7 })
const more = recorded('capture', { 1: 2 })
const refund = recorded('refund', { 1: 1 })
const authorization = recorded('authorization', { 1: 10 })
const cancellation = recorded('cancellation', { 1: 3 })
const records = { authorization: [], capture: [], refund: [], cancellation: [] }

// what happened after the creation with the lines 1 and 2 | what it changed, besides version and time
const changes: [title: string, OrderChange[], Partial<Order>][] = [
  [
    'lines added',
    [{ type: 'lines_added', items: [line(3, 1)] }],
    {
      items: [
        { ...line(1, 500), version: 1 },
        { ...line(2, -200), version: 1 },
        { ...line(3, 1), version: 2 },
      ],
      sums: new Map([
        [1, none],
        [2, none],
        [3, none],
      ]),
    },
  ],
  [
    'replaced',
    [authorization, { type: 'replaced', items: [line(3, 1)], content: { b: 2 }, options: { multiple_authorizations: true } }],
    {
      items: [{ ...line(3, 1), version: 3 }],
      content: { b: 2 },
      options: { multiple_authorizations: true },
      sums: new Map([[3, none]]),
      records: { ...records, authorization: [authorization.record] },
    },
  ],
  [
    'updated',
    [{ type: 'updated', items: [line(2, -200, { status: 'packed' })], content: { b: 2 } }],
    {
      items: [
        { ...line(1, 500), version: 1 },
        { ...line(2, -200, { status: 'packed' }), version: 2 },
      ],
      content: { a: 1, b: 2 },
    },
  ],
  ['closed', [{ type: 'closed' }], { status: 'closed', closed: { at: at(2), by: 'c2' } }],
  ['closed and opened', [{ type: 'closed' }, { type: 'opened' }], {}],
  [
    'cancelled',
    [{ type: 'cancelled', reason: 'fraud' }],
    { status: 'cancelled', cancelled: { at: at(2), by: 'c2', reason: 'fraud' } },
  ],
  [
    'comments',
    [
      { type: 'comment_added', comment: comment('a') },
      { type: 'comment_added', comment: comment('b') },
    ],
    { comments: [comment('a'), comment('b')] },
  ],
  [
    'a comment deleted',
    [
      { type: 'comment_added', comment: comment('a') },
      { type: 'comment_added', comment: comment('b') },
      { type: 'comment_deleted', comment_id: 'a' },
    ],
    { comments: [comment('b')] },
  ],
  [
    'sessions',
    [
      { type: 'session', session: session('a') },
      { type: 'session', session: session('b') },
    ],
    { sessions: [session('a'), session('b')] },
  ],
  ['a status of a service', [{ type: 'service', service_event: { state: 's', service: 's', service_status: 's' } }], {}],
  ['a failed capture', [failed], { records: { ...records, capture: [failed.record] } }],
  [
    'captures and a refund',
    [capture, refund, more],
    {
      records: { ...records, capture: [capture.record, more.record], refund: [refund.record] },
      sums: new Map([
        [1, { ...none, captured: 7, refunded: 1 }],
        [2, { ...none, captured: -7 }],
      ]),
    },
  ],
  [
    'an authorization, cancelled in part, and a session',
    [authorization, cancellation, { type: 'session', session: session('a') }],
    {
      sessions: [session('a')],
      records: { ...records, authorization: [authorization.record], cancellation: [cancellation.record] },
      sums: new Map([
        [1, { ...none, authorized: 10, cancelled: 3 }],
        [2, none],
      ]),
    },
  ],
]
for (const [title, happened, changed] of changes) {
  test(`order: ${title}; the order before stays as it was`, () => {
    const lines = [line(1, 500), line(2, -200)]
    const before = orderOf(lines, happened.slice(0, -1), { content: { a: 1 } })
    const copy = structuredClone(before)
    const version = happened.length + 1
    const after = applyEvent(before, { ...eventBase(version), ...happened.at(-1)! })
    assert.deepEqual(after, { ...orderOf(lines, [], { content: { a: 1 } }), version, updated_at: at(version), ...changed })
    assert.deepEqual(before, copy)
  })
}

test('order: with multiple authorizations, sums per authorization too', () => {
  const options = { multiple_authorizations: true }
  const first = recorded('authorization', { 1: 10, 2: -4 }, { id: 'A' })
  const second = recorded('authorization', { 1: 20 }, { id: 'B' })
  const of_a = recorded('capture', { 1: 6 }, { authorization_id: 'A' })
  const again = recorded('capture', { 1: 1, 2: -4 }, { authorization_id: 'A' })
  const before = orderOf([line(1, 500), line(2, -200)], [first, second, of_a], { options })
  const copy = structuredClone(before)
  const order = applyEvent(before, { ...eventBase(5), ...again })
  assert.deepEqual(before, copy)
  assert.deepEqual(
    order.authorizations,
    new Map([
      [
        'A',
        new Map([
          [1, { ...none, authorized: 10, captured: 7 }],
          [2, { ...none, authorized: -4, captured: -4 }],
        ]),
      ],
      ['B', new Map([[1, { ...none, authorized: 20 }]])],
    ]),
  )
  assert.throws(
    () => applyEvent(before, { ...eventBase(5), ...recorded('capture', { 1: 1 }) }),
    /a capture names no authorization/,
  )
  const replaced = applyEvent(order, { ...eventBase(6), type: 'replaced', items: [], content: {}, options })
  assert.equal(replaced.authorizations.size, 0)
  assert.equal(orderOf([line(1, 500)], [first]).authorizations.size, 0)
})

test('order: many lines paid one by one are folded without a copy of all lines for each', () => {
  let made = 0
  const Plain = Map
  class Counted<K, V> extends Plain<K, V> {
    constructor(entries?: Iterable<readonly [K, V]> | null) {
      super(entries)
      made += 1
    }
  }
  const lines = Array.from({ length: 1_000 }, (_, index) => line(index, 1))
  const records = lines.map(({ line_id }) => recorded('capture', { [line_id]: 1 }))
  globalThis.Map = Counted as MapConstructor
  try {
    assert.equal(orderSums(orderOf(lines, records)).captured, lines.length)
  } finally {
    globalThis.Map = Plain
  }
  assert.ok(made < 10, `${made} maps`)
})

test('order: a record of a line that is no longer there is counted all the same', () => {
  const order = orderOf([line(1, 500)], [recorded('capture', { 9: 5 })])
  assert.deepEqual(order.sums.get(9), { ...none, captured: 5 })
})

test('order: sums over all lines, tax that is not in the price included', () => {
  const tax_lines = [{ amount: 25, included_in_price: false }, { amount: 7 }]
  const order = orderOf(
    [line(1, 100, { tax_lines }), line(2, -30)],
    [
      recorded('authorization', { 1: 125, 2: -30 }),
      recorded('cancellation', { 1: 5 }),
      recorded('capture', { 1: 100, 2: -20 }),
      recorded('refund', { 1: 10, 2: -1 }),
    ],
  )
  assert.deepEqual(orderSums(order), { due: 95, authorized: 95, cancelled: 5, captured: 80, refunded: 9 })
})

// due of the lines | captured | refunded | status
const statuses: [due: number[], captured: Record<number, number>, refunded: Record<number, number>, status: string][] = [
  [[100], {}, {}, 'pending'],
  [[], {}, {}, 'pending'],
  [[0], {}, {}, 'paid'],
  [[50, -50], {}, {}, 'paid'],
  [[100], { 1: 99 }, {}, 'partially_paid'],
  [[100], { 1: 100 }, {}, 'paid'],
  [[-100], { 1: -99 }, {}, 'partially_paid'],
  [[-100], { 1: -100 }, {}, 'paid'],
  [[100], { 1: 100 }, { 1: 1 }, 'partially_refunded'],
  [[100], { 1: 60 }, { 1: 60 }, 'refunded'],
]
for (const [due, captured, refunded, status] of statuses) {
  test(`payment_status: of ${due}, captured ${Object.values(captured)}, refunded ${Object.values(refunded)}: ${status}`, () => {
    const lines = due.map((amount, index) => line(index + 1, amount))
    assert.equal(paymentStatus(orderOf(lines, [recorded('capture', captured), recorded('refund', refunded)])), status)
  })
}

test('order: has records once anything was recorded, failed or not', () => {
  assert.equal(hasRecords(orderOf([line(1, 1)])), false)
  assert.equal(hasRecords(orderOf([line(1, 1)], [failed])), true)
})

test('order: as clients see it', () => {
  const discount_lines = [{ amount: 20, discount_type: 'manual' }]
  const item = { ...line(1, 120), net_amount: 100, discount_lines }
  const shown = {
    ...{ note: 'n', currency: 'NOK', id: 'u', order_id: 'O', version: 1, created_at: at(1), created_by: 'c1', updated_at: at(1) },
    ...{ status: 'open', payment_status: 'pending', gross_amount: 120, net_amount: 100, total_discount: 20 },
    ...{ total_manual_discount_amount: 20, items: [{ ...item, version: 1 }], authorizations: [], captures: [], refunds: [] },
    ...{ cancellations: [], sessions: [], comments: [] },
  }
  const content = { note: 'n' }
  assert.deepEqual(orderView(orderOf([item], [], { content })), shown)
  const idempotency = { key: 'k', client_id: 'c', hash: 'h' }
  const happened: OrderChange[] = [
    ...[authorization, capture, refund, cancellation],
    { type: 'session', session: { ...session('s'), idempotency } },
    { type: 'comment_added', comment: comment('a') },
    { type: 'closed' },
    { type: 'cancelled', reason: 'other' },
  ]
  assert.deepEqual(orderView(orderOf([item], happened, { content })), {
    ...shown,
    ...{ version: 9, updated_at: at(9), status: 'cancelled', payment_status: 'partially_refunded' },
    ...{ closed_by: 'c8', closed_at: at(8), cancelled_reason: 'other', cancelled_by: 'c9', cancelled_at: at(9) },
    ...{ authorizations: [authorization.record], captures: [capture.record], refunds: [refund.record] },
    ...{ cancellations: [cancellation.record], sessions: [session('s')], comments: [comment('a')] },
  })
  assert.deepEqual(sessionView({ ...session('s'), idempotency }), session('s'))
})
