import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderLine as line } from '../../../test/rows.ts'
import { limits } from '../../lib/limits.ts'
import { completeItems, dueOf, type ItemIn, parseLineId, totalsOf } from './item.ts'
import { payoutOf, splitAmount } from './payout.ts'

const ids: [value: unknown, line_id: number | undefined][] = [
  [1, 1],
  ['1', 1],
  ['-12', -12],
  ['0', 0],
  [1e15, 1e15],
  [-1e15, -1e15],
  [1e15 + 1, undefined],
  [-1e15 - 1, undefined],
  ['1000000000000000', 1e15],
  ['01000000000000000', undefined],
  ['1.0', undefined],
  ['1x', undefined],
  ['x1', undefined],
  ['', undefined],
  [1.5, undefined],
  [null, undefined],
  [undefined, undefined],
  [true, undefined],
]
for (const [value, line_id] of ids) {
  test(`line id: ${JSON.stringify(value)} is ${line_id}`, () => assert.equal(parseLineId(value), line_id))
}

test('due: net, and the tax that is not in the price', () => {
  const tax_lines = [{ amount: 5, included_in_price: false }, { amount: 7 }, { amount: 9, included_in_price: true }]
  assert.equal(dueOf(line(1, 100, { net_amount: 80, tax_lines })), 85)
  assert.equal(dueOf(line(1, 100, { tax_lines: [{ included_in_price: false }] })), 100)
})

test('totals: of gross, net and discounts made by hand', () => {
  const discount_lines = [
    { amount: 5, discount_type: 'manual' },
    { amount: 7, discount_type: 'loyalty' },
    { discount_type: 'manual' },
  ]
  const items = [
    line(1, 100, { net_amount: 80, discount_lines }),
    line(2, -30, { discount_lines: [{ amount: 2, discount_type: 'manual' }] }),
  ]
  assert.deepEqual(totalsOf(items), { gross_amount: 70, net_amount: 50, total_discount: 20, total_manual_discount_amount: 7 })
  assert.deepEqual(totalsOf([]), { gross_amount: 0, net_amount: 0, total_discount: 0, total_manual_discount_amount: 0 })
})

const at = (index: number) => `/order/items/${index}`
const complete = (items: ItemIn[], taken: number[] = []) => completeItems(items, taken, at)
const discounts = [{ amount: 5 }, { amount: 10 }, {}]
// what came in | the line
const completed: [ItemIn, object][] = [
  [{ gross_amount: 100 }, line(1, 100)],
  [{ amount: 100 }, { ...line(1, 100), amount: 100 }],
  [
    { amount: 100, gross_amount: 90 },
    { ...line(1, 90), amount: 100 },
  ],
  [{ net_amount: 100 }, line(1, 100)],
  [{ net_amount: 100, discount_lines: discounts }, line(1, 115, { net_amount: 100, discount_lines: discounts })],
  [{ gross_amount: 100, discount_lines: discounts }, line(1, 100, { net_amount: 85, discount_lines: discounts })],
  [{ gross_amount: 100, net_amount: 80 }, line(1, 100, { net_amount: 80 })],
  [{ gross_amount: 100, tax_lines: [{ amount: 20 }] }, line(1, 100, { tax_lines: [{ amount: 20 }] })],
  [
    { gross_amount: 0, line_id: '7', id: 'a', more: 1 },
    { ...line(7, 0), id: 'a', more: 1 },
  ],
  [
    { gross_amount: -5, related_item: { line_id: '7', type: 'reversed' } },
    line(1, -5, { related_item: { line_id: 7, type: 'reversed' } }),
  ],
  [{ gross_amount: limits.amount_max }, line(1, limits.amount_max)],
]
for (const [incoming, item] of completed) {
  test(`line: ${JSON.stringify(incoming).slice(0, 80)}`, () => {
    assert.deepEqual(complete([incoming]), { items: [item], refusals: [] })
  })
}
test('lines: those without a number get the next ones, above all that are named or taken', () => {
  const numbers = (items: ItemIn[], taken?: number[]) => complete(items, taken).items.map(({ line_id }) => line_id)
  const one = { gross_amount: 1 }
  assert.deepEqual(numbers([one, one]), [1, 2])
  assert.deepEqual(numbers([one, { ...one, line_id: '7' }, one]), [8, 7, 9])
  assert.deepEqual(numbers([one, { ...one, line_id: 3 }], [5]), [6, 3])
  assert.deepEqual(numbers([one, { ...one, line_id: -3 }], [-5]), [1, -3])
})

const one = { gross_amount: 1 }
const too_large = (at: string) => ({
  code: 'invalid_request',
  path: at,
  message: 'The amount is too large.',
  allowed: limits.amount_max,
})
const refused: [title: string, ItemIn[], taken: number[], refusals: object[]][] = [
  [
    'a line id that is no number',
    [one, { ...one, line_id: 'x' }],
    [],
    [{ code: 'invalid_request', path: '/order/items/1/line_id', message: '/order/items/1/line_id must be a whole number.' }],
  ],
  [
    'a line id that is taken',
    [{ ...one, line_id: 5 }],
    [5],
    [{ code: 'duplicate_line_id', path: '/order/items/0/line_id', message: 'There is already a line 5.' }],
  ],
  [
    'a line id twice',
    [
      { ...one, line_id: 5 },
      { ...one, line_id: '5' },
    ],
    [],
    [{ code: 'duplicate_line_id', path: '/order/items/1/line_id', message: 'There is already a line 5.' }],
  ],
  [
    'no amount',
    [{}],
    [],
    [{ code: 'missing_field', path: '/order/items/0/gross_amount', message: '/order/items/0/gross_amount is required.' }],
  ],
  [
    'related to no line',
    [{ ...one, related_item: { line_id: 'x' } }],
    [],
    [{ code: 'invalid_request', path: '/order/items/0/related_item/line_id', message: 'line_id must be a whole number.' }],
  ],
  ['too large', [{ gross_amount: limits.amount_max + 1 }], [], [too_large('/order/items/0')]],
  ['too large below zero', [{ gross_amount: -limits.amount_max - 1 }], [], [too_large('/order/items/0')]],
  [
    'too large with its tax',
    [{ gross_amount: limits.amount_max, tax_lines: [{ amount: 1, included_in_price: false }] }],
    [],
    [too_large('/order/items/0')],
  ],
  [
    'too large before its tax',
    [{ gross_amount: limits.amount_max + 1, tax_lines: [{ amount: -1, included_in_price: false }] }],
    [],
    [too_large('/order/items/0')],
  ],
  [
    'discounts that are too large together, though the net amount is given',
    [{ net_amount: 1, discount_lines: [{ amount: limits.amount_max }, { amount: 1 }] }],
    [],
    [too_large('/order/items/0')],
  ],
  [
    'too large before its discounts',
    [{ net_amount: 1, discount_lines: [{ amount: limits.amount_max }] }],
    [],
    [too_large('/order/items/0')],
  ],
  [
    'too many, with those there are',
    [one, one],
    Array.from({ length: 999 }, (_, index) => index),
    [{ code: 'too_many_items', path: '/order/items/1', message: 'An order has at most 1000 lines.', allowed: 1_000 }],
  ],
]
for (const [title, items, taken, refusals] of refused) {
  test(`line: refused: ${title}`, () => assert.deepEqual(complete(items, taken).refusals, refusals))
}
test('lines: as many as an order may have', () => {
  assert.deepEqual(
    complete(
      [one],
      Array.from({ length: 999 }, (_, index) => index),
    ).refusals,
    [],
  )
})

const splits: [amount: number, weights: number[], parts: number[]][] = [
  [100, [1, 1], [50, 50]],
  [5, [1, 1], [2, 3]],
  [-5, [1, 1], [-2, -3]],
  [10, [3, 1], [7, 3]],
  [10, [0, 0], [5, 5]],
  [10, [0, 1], [0, 10]],
  [10, [-3, 1], [7, 3]],
  [0, [1, 1], [0, 0]],
  [-1, [1, 1], [0, -1]],
  [1, [], []],
  [999_999_999_999, [2 ** 52, 2 ** 52 - 1], [499_999_999_999, 500_000_000_000]],
]
for (const [amount, weights, parts] of splits) {
  test(`split: ${amount} by ${weights}`, () => assert.deepEqual(splitAmount(amount, weights), parts))
}

const payout = (manual_payout: unknown, more: object = {}) =>
  payoutOf({ ...line(1, 100), ...(manual_payout ? { manual_payout } : {}), ...more } as never, 100)
const to = (...amounts: [destination: string, amount: number][]) => ({
  destinations: amounts.map(([destination, amount]) => ({ destination, amount })),
})
const rules: [title: string, payout: unknown, expected: object | undefined][] = [
  ['none', payout(undefined), undefined],
  ['no destinations', payout({}), undefined],
  ['no list', payout({ destinations: { length: 1 } }), undefined],
  ['an empty list', payout({ destinations: [] }), undefined],
  ['one', payout({ destinations: [{ destination: 'a' }] }), to(['a', 100])],
  ['by its other name', payout({ destinations: [{ payout_destination_id: 'a' }] }), to(['a', 100])],
  ['named by both', payout({ destinations: [{ destination: 'a', payout_destination_id: 'b' }] }), to(['a', 100])],
  ['without a name', payout({ destinations: [{ destination: 'a' }, {}] }), undefined],
  ['nothing', payout({ destinations: [{ destination: 'a' }, null] }), undefined],
  [
    'by percent, to four decimals',
    payout({
      destinations: [
        { destination: 'a', percentage: 33.3333 },
        { destination: 'b', percentage: 66.6667 },
      ],
    }),
    to(['a', 33], ['b', 67]),
  ],
  [
    'less than a percent',
    payout({
      destinations: [
        { destination: 'a', percentage: 0.3 },
        { destination: 'b', percentage: 0.1 },
      ],
    }),
    to(['a', 75], ['b', 25]),
  ],
  [
    'by percent rather than amount',
    payout({
      destinations: [
        { destination: 'a', percentage: 25, amount: 9 },
        { destination: 'b', percentage: 75 },
      ],
    }),
    to(['a', 25], ['b', 75]),
  ],
  [
    'by amount',
    payout({
      destinations: [
        { destination: 'a', amount: 3 },
        { destination: 'b', amount: 1 },
      ],
    }),
    to(['a', 75], ['b', 25]),
  ],
  [
    'by neither',
    payout({
      destinations: [
        { destination: 'a', amount: '3' },
        { destination: 'b', percentage: '1' },
      ],
    }),
    to(['a', 50], ['b', 50]),
  ],
  ['by no number', payout({ destinations: [{ destination: 'a', amount: Number.NaN }] }), undefined],
  [
    'the rule is named',
    payout({ rule_id: 7, rule_type: 'fixed', destinations: [{ destination: 'a' }] }),
    { rule_id: '7', rule_type: 'fixed', ...to(['a', 100]) },
  ],
  ['what it carries already', payout(undefined, { payout: { destinations: [{ destination: 'c' }] } }), to(['c', 100])],
  [
    'by hand before what it carries',
    payout({ destinations: [{ destination: 'a' }] }, { payout: { destinations: [{ destination: 'c' }] } }),
    to(['a', 100]),
  ],
]
for (const [title, actual, expected] of rules) test(`payout: ${title}`, () => assert.deepEqual(actual, expected))
