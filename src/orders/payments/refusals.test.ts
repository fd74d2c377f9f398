import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderLine as line, orderOf, recorded } from '../../../test/rows.ts'
import type { RecordType } from '../orders/order.ts'
import { decideRecord, type RecordIn, room } from './payment.ts'

const lines = [line(1, 500), line(2, -200), line(3, 0)]
const order = orderOf(lines)
const closed = orderOf(lines, [{ type: 'closed' }])
const cancelled = orderOf(lines, [{ type: 'cancelled', reason: 'other' }])
const multiple = orderOf(lines, [recorded('authorization', { 1: 300 }, { id: 'A' })], {
  options: { multiple_authorizations: true },
})
const types: RecordType[] = ['authorization', 'capture', 'refund', 'cancellation']

const sign = (line_id: number | string, direction: string) => ({
  ...{ code: 'amount_sign', path: '/items/0/amount' },
  message: `The amount of line ${line_id} must be ${direction}, like the line.`,
})
const unknown = (line_id: number | string) => ({
  ...{ code: 'unknown_line_id', path: '/items/0/line_id', message: `The order has no line ${line_id}.`, allowed: [1, 2, 3] },
})
const pay = (line_id: number | string, amount: number) => ({ items: [{ line_id, amount }] })

const cases: [title: string, from: typeof order, RecordType, RecordIn, refusals: object[]][] = [
  [
    'no lines',
    order,
    'authorization',
    { items: [] },
    [{ code: 'missing_field', path: '/items', message: 'Name at least one line of the order.' }],
  ],
  ['an unknown line', order, 'authorization', pay(9, 1), [unknown(9)]],
  ['no line', order, 'authorization', pay('x', 1), [unknown('x')]],
  [
    'a line twice, once as text',
    order,
    'authorization',
    {
      items: [
        { line_id: 1, amount: 1 },
        { line_id: '1', amount: 1 },
      ],
    },
    [{ code: 'duplicate_line_id', path: '/items/1/line_id', message: 'Line 1 stands in the request twice.' }],
  ],
  ['negative', order, 'authorization', pay(1, -1), [sign(1, 'positive')]],
  ['positive on a reversed line', order, 'authorization', pay('2', 1), [sign(2, 'negative')]],
  [
    'zero, even of a line that costs nothing',
    order,
    'authorization',
    {
      items: [
        { line_id: 1, amount: 0 },
        { line_id: 3, amount: 0 },
      ],
    },
    [
      { code: 'amount_sign', path: '/items/0/amount', message: 'The amount of line 1 is zero.' },
      { code: 'amount_sign', path: '/items/1/amount', message: 'The amount of line 3 is zero.' },
    ],
  ],
  [
    'too much, of two lines at once',
    order,
    'authorization',
    {
      items: [
        { line_id: 1, amount: 501 },
        { line_id: 2, amount: -201 },
      ],
    },
    [
      {
        ...{ code: 'amount_exceeds_authorizable', path: '/items/0/amount', allowed: 500 },
        message: 'At most 500 of line 1 can be authorized, not 501.',
      },
      {
        ...{ code: 'amount_exceeds_authorizable', path: '/items/1/amount', allowed: -200 },
        message: 'At most -200 of line 2 can be authorized, not -201.',
      },
    ],
  ],
  [
    'less than nothing, of a line that costs nothing',
    order,
    'authorization',
    pay(3, -1),
    [
      {
        ...{ code: 'amount_exceeds_authorizable', path: '/items/0/amount', allowed: 0 },
        message: 'At most 0 of line 3 can be authorized, not -1.',
      },
    ],
  ],
  [
    'uncaptured',
    order,
    'refund',
    pay(1, 1),
    [
      {
        ...{ code: 'amount_exceeds_refundable', path: '/items/0/amount', allowed: 0 },
        message: 'At most 0 of line 1 can be refunded, not 1.',
      },
    ],
  ],
  [
    'unauthorized',
    order,
    'cancellation',
    pay(1, 1),
    [
      {
        ...{ code: 'amount_exceeds_capturable', path: '/items/0/amount', allowed: 0 },
        message: 'At most 0 of line 1 can be cancelled, not 1.',
      },
    ],
  ],
  [
    'authorized already',
    orderOf(lines, [recorded('authorization', { 1: 1 })]),
    'authorization',
    pay(1, 1),
    [
      {
        ...{ code: 'already_authorized', path: '/items/0/amount', allowed: 0 },
        message: 'Line 1 is already authorized. Several authorizations need the option multiple_authorizations.',
      },
    ],
  ],
  [
    'authorization on a closed order',
    closed,
    'authorization',
    pay(1, 1),
    [{ code: 'order_not_open', message: 'Order O is closed. Open it before recording an authorization.' }],
  ],
  ...(['authorization', 'capture'] as const).map((type): [string, typeof order, RecordType, RecordIn, object[]] => [
    `${type} on a cancelled order, though nothing moved`,
    cancelled,
    type,
    { ...pay(1, 1), success: false },
    [
      {
        code: 'order_cancelled',
        message: `Order O is cancelled: nothing more can be ${type === 'capture' ? 'captured' : 'authorized'}.`,
      },
    ],
  ]),
  [
    'which of several authorizations',
    multiple,
    'capture',
    pay(1, 1),
    [
      {
        ...{ code: 'authorization_id_required', path: '/authorization_id', allowed: ['A'] },
        message: 'The order has multiple authorizations: say which one is captured.',
      },
    ],
  ],
  [
    'an unknown authorization, and an unknown line',
    multiple,
    'refund',
    { ...pay(9, 1), authorization_id: 'B' },
    [
      unknown(9),
      {
        ...{ code: 'unknown_authorization', path: '/authorization_id', allowed: ['A'] },
        message: 'The order has no successful authorization B.',
      },
    ],
  ],
  [
    'a line that the authorization is not about',
    multiple,
    'capture',
    { ...pay(2, -1), authorization_id: 'A' },
    [
      {
        ...{ code: 'amount_exceeds_capturable', path: '/items/0/amount', allowed: 0 },
        message: 'At most 0 of line 2 can be captured, not -1.',
      },
    ],
  ],
]
for (const [title, from, type, body, refusals] of cases) {
  test(`${type}: refused: ${title}`, () => assert.deepEqual(decideRecord(from, type, body), { items: [], refusals }))
}

test('record: refunds and cancellations can always be written down, captures on a closed order too', () => {
  const happened = recorded('authorization', { 1: 500 })
  const captured = recorded('capture', { 1: 300 })
  for (const end of [{ type: 'closed' }, { type: 'cancelled', reason: 'other' }] as const) {
    const order = orderOf(lines, [happened, captured, end])
    assert.deepEqual(decideRecord(order, 'refund', pay(1, 1)), { items: [{ line_id: 1, amount: 1 }], refusals: [] })
    assert.deepEqual(decideRecord(order, 'cancellation', pay(1, 1)), { items: [{ line_id: 1, amount: 1 }], refusals: [] })
  }
  const order = orderOf(lines, [happened, { type: 'closed' }])
  assert.deepEqual(decideRecord(order, 'capture', pay('1', 1)), { items: [{ line_id: 1, amount: 1 }], refusals: [] })
})
test('record: keeps what else was said of the item; a line with a rule for its payout gets its split', () => {
  const manual_payout = { rule_id: 'r', destinations: [{ destination: 'a' }, { destination: 'b' }] }
  const order = orderOf([line(1, 500, { manual_payout })])
  const body = { items: [{ line_id: '1', amount: 5, splits: ['s'] } as RecordIn['items'][number]] }
  const payout = {
    rule_id: 'r',
    destinations: [
      { destination: 'a', amount: 2 },
      { destination: 'b', amount: 3 },
    ],
  }
  assert.deepEqual(decideRecord(order, 'authorization', body).items, [{ line_id: 1, amount: 5, splits: ['s'], payout }])
})
test('record: of many lines, the first hundred are named', () => {
  const many = orderOf(Array.from({ length: 101 }, (_, index) => line(index + 1, 1)))
  const [refusal] = decideRecord(many, 'authorization', pay(999, 1)).refusals
  assert.deepEqual(
    refusal!.allowed,
    Array.from({ length: 100 }, (_, index) => index + 1),
  )
})

// due 1000; of the line 600 authorized, 100 cancelled, 300 captured, 50 refunded; of the authorization half of each
const sums = { authorized: 600, cancelled: 100, captured: 300, refunded: 50 }
const half = { authorized: 300, cancelled: 50, captured: 150, refunded: 25 }
const rooms = { authorization: [500, 500], capture: [200, 100], cancellation: [200, 100], refund: [250, 125] }
for (const type of types) {
  test(`room: of a line, and of one authorization of it, for a ${type}`, () => {
    assert.deepEqual([room(type, 1_000, sums), room(type, 1_000, sums, half)], rooms[type])
  })
}
