import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderLine as line, orderOf, recorded } from '../../../test/rows.ts'
import { decideCancel, decideClose, decideOpen } from './status.ts'
import { decideUpdate, type OrderUpdateIn } from './update.ts'

const discount = (amount?: number) => ({ discount_lines: [amount === undefined ? {} : { amount }] })
const lines = [line(1, 500, { id: 'a', ...discount(5) }), line(2, 100)]
const made = { content: { note: 'n', customer: { id: 'c', name: 'x' } } }
const order = orderOf(lines, [], made)
const closed = orderOf(lines, [{ type: 'closed' }], made)
const cancelled = orderOf(lines, [{ type: 'cancelled', reason: 'other' }], made)
const logistics = 'courier_id pickup_at delivery_id external_ids external_links itinerary attachments metadata items'.split(' ')

const updates: [title: string, from: typeof order, body: OrderUpdateIn, content: object, items: object[]][] = [
  ['a new member', order, { courier_id: 'c' }, { courier_id: 'c' }, []],
  ['another value', order, { note: 'm', options: { any: 1 }, status: 'closed' }, { note: 'm' }, []],
  ['one member of several in an object', order, { customer: { id: 'c' } }, { customer: { id: 'c' } }, []],
  [
    'a line, named as text',
    order,
    { items: [{ line_id: '2', status: 'packed', version: 7 }, { line_id: 1 }] } as never,
    {},
    [{ ...line(2, 100), version: 1, status: 'packed' }],
  ],
  [
    'other discounts of the same amount',
    order,
    { items: [{ line_id: 1, discount_lines: [{ amount: 2 }, { amount: 3, description: 'd' }] }] },
    {},
    [{ ...lines[0], version: 1, discount_lines: [{ amount: 2 }, { amount: 3, description: 'd' }] }],
  ],
  [
    'a discount of nothing where there was none',
    order,
    { items: [{ line_id: 2, ...discount() }] },
    {},
    [{ ...line(2, 100), version: 1, ...discount() }],
  ],
  [
    'logistics of a closed order',
    closed,
    Object.fromEntries(logistics.slice(0, -1).map((name) => [name, [{ v: 1 }]])) as never,
    Object.fromEntries(logistics.slice(0, -1).map((name) => [name, [{ v: 1 }]])),
    [],
  ],
]
for (const [title, from, body, content, items] of updates) {
  test(`order update: ${title}`, () => {
    assert.deepEqual(decideUpdate(from, body), { change: { type: 'updated', content, items } })
  })
}
test('order update: the order itself, posted back, changes nothing', () => {
  const copy = { ...order.content, customer: { name: 'x', id: 'c' }, order_id: 'O', currency: 'NOK', items: order.items }
  assert.deepEqual(decideUpdate(order, copy as never), {})
  assert.deepEqual(decideUpdate(closed, copy as never), {})
  assert.deepEqual(decideUpdate(order, {}), {})
})

const fixed = [
  'id',
  'gross_amount',
  'net_amount',
  'amount',
  'quantity',
  'tax_lines',
  'related_item',
  'payout',
  'manual_payout',
  'store',
]
const no_edit = (member: string, path = `/items/0/${member}`) => ({
  code: 'member_not_editable',
  path,
  message: `${member} of a line can't be edited; add lines that reverse and replace it.`,
})
const unknown = (line_id: string | number) => ({
  ...{ code: 'unknown_line_id', path: '/items/0/line_id', message: `The order has no line ${line_id}.`, allowed: [1, 2] },
})
const refused: [title: string, from: typeof order, body: OrderUpdateIn, refusals: object[]][] = [
  ['a cancelled order', cancelled, {}, [{ code: 'order_cancelled', message: 'Order O is cancelled.' }]],
  [
    'another name',
    order,
    { order_id: 'P', courier_id: 'c' },
    [{ code: 'member_not_editable', path: '/order_id', message: 'The order_id of an order stays.' }],
  ],
  [
    'another currency',
    order,
    { currency: 'SEK' },
    [{ code: 'currency_mismatch', path: '/currency', message: 'The currency of an order stays.', allowed: ['NOK'] }],
  ],
  [
    'content of a closed order',
    closed,
    { note: 'm' },
    [
      {
        ...{ code: 'order_not_open', path: '/note', message: "Order O is closed: note can't change any more." },
        allowed: logistics,
      },
    ],
  ],
  ['an unknown line', order, { items: [{ line_id: 9 }] }, [unknown(9)]],
  [
    'a line twice',
    order,
    {
      items: [
        { line_id: 1, status: 'packed' },
        { line_id: '1', external_id: 'x' },
      ],
    } as never,
    [{ code: 'duplicate_line_id', path: '/items/1/line_id', message: 'Line 1 stands in the request twice.' }],
  ],
  ['no line', order, { items: [{ line_id: 'x' }] }, [unknown('x')]],
  ...fixed.map((member): [string, typeof order, OrderUpdateIn, object[]] => [
    `${member} of a line`,
    order,
    { items: [{ line_id: 1, [member]: 'other' }] } as never,
    [no_edit(member)],
  ]),
  ['another discount', order, { items: [{ line_id: 1, ...discount(6) }] }, [no_edit('discount_lines')]],
  ['a discount where there was none', order, { items: [{ line_id: 2, ...discount(1) }] }, [no_edit('discount_lines')]],
]
for (const [title, from, body, refusals] of refused) {
  test(`order update: refused: ${title}`, () => assert.deepEqual(decideUpdate(from, body), { refusals }))
}

const gone = { refusals: [{ code: 'order_cancelled', message: 'Order O is cancelled for good.' }] }
test('order status: open, close', () => {
  assert.deepEqual([decideOpen(order), decideOpen(closed), decideOpen(cancelled)], [{}, { change: { type: 'opened' } }, gone])
  assert.deepEqual([decideClose(order), decideClose(closed), decideClose(cancelled)], [{ change: { type: 'closed' } }, {}, gone])
})
test('order status: cancel', () => {
  for (const reason of ['customer', 'fraud', 'inventory', 'declined', 'other']) {
    assert.deepEqual(decideCancel(order, reason), { change: { type: 'cancelled', reason } })
    assert.deepEqual(decideCancel(closed, reason), { change: { type: 'cancelled', reason } })
  }
  const allowed = ['customer', 'fraud', 'inventory', 'declined', 'other']
  const message = 'whim is no reason for a cancellation: customer, fraud, inventory, declined, other.'
  assert.deepEqual(decideCancel(order, 'whim'), { refusals: [{ code: 'invalid_request', path: '/reason', message, allowed }] })
  const already = { code: 'order_cancelled', message: 'Order O is cancelled already.' }
  assert.deepEqual(decideCancel(cancelled, 'other'), { refusals: [already] })
})
test('order status: what is captured must be refunded before a cancellation', () => {
  const captured = orderOf(lines, [recorded('capture', { 1: 50 }), recorded('refund', { 1: 20 })])
  const message = 'Order O has 30 captured and not refunded. Refund it first.'
  assert.deepEqual(decideCancel(captured, 'other'), { refusals: [{ code: 'order_captured', message, allowed: 0 }] })
  const refunded = orderOf(lines, [recorded('capture', { 1: 50 }), recorded('refund', { 1: 50 })])
  assert.deepEqual(decideCancel(refunded, 'other'), { change: { type: 'cancelled', reason: 'other' } })
})

test('order update: of many lines, the first hundred are named', () => {
  const many = orderOf(Array.from({ length: 101 }, (_, index) => line(index + 1, 1)))
  const decided = decideUpdate(many, { items: [{ line_id: 999 }] })
  assert.equal('refusals' in decided && (decided.refusals[0]!.allowed as number[]).length, 100)
})
