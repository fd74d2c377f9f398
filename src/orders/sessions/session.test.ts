import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderLine as line, orderOf, recorded } from '../../../test/rows.ts'
import type { Item } from '../items/item.ts'
import { type Decided, decideSession, type SessionIn } from './session.ts'

const url = { return_url: 'https://r' }
const ask = (items: { line_id: string | number; amount?: number; splits?: unknown }[], more: object = {}): SessionIn =>
  ({ items, profile_id: 'default', url, ...more }) as SessionIn
const item = (line_id: string, amount: number, more: object = {}) => ({
  ...{ id: line_id, line_id, quantity: 1, amount, vat_amount: 0, ...more },
})

test('session of an order: what is left of the lines that were asked for', () => {
  const order = orderOf(
    [line(1, 500), line(2, -200), line(3, 7)],
    [recorded('authorization', { 1: 500 }), recorded('cancellation', { 1: 500 })],
  )
  assert.deepEqual(decideSession(order, ask([{ line_id: 1 }, { line_id: '2' }])), {
    items: [
      { line_id: '1', amount: 500 },
      { line_id: '2', amount: -200 },
    ],
    amount: 300,
    body: {
      url,
      profile_id: 'default',
      order: { amount: 300, currency: 'NOK', merchant_reference: 'O', items: [item('1', 500), item('2', -200)] },
    },
  })
  const part = decideSession(order, ask([{ line_id: 1, amount: 100 }]))
  assert.equal('amount' in part && part.amount, 100)
})

test('session of an order: a free line goes along, shipping is paid beside the lines', () => {
  const tax_lines = [{ amount: 2, percentage: 25 }]
  const order = orderOf([line(1, 500), line(2, 10, { net_amount: 0, tax_lines })])
  const shipping_option = { id: 's', line_id: 's', title: 'Post', amount: 50 }
  const decided = decideSession(order, ask([{ line_id: 1 }, { line_id: 2 }], { shipping_option })) as Decided
  const items = [
    { line_id: '1', amount: 500 },
    { line_id: '2', amount: 0 },
  ]
  assert.deepEqual([decided.items, decided.amount], [items, 550])
  assert.deepEqual(decided.body.order, {
    ...{ amount: 550, currency: 'NOK', merchant_reference: 'O', shipping_option },
    items: [item('1', 500), item('2', 0, { vat: 25 })],
  })
  const zero = { code: 'amount_sign', path: '/items/0/amount', message: 'The amount of line 1 is zero.' }
  assert.deepEqual(decideSession(order, ask([{ line_id: 1, amount: 0 }])), { refusals: [zero] })
})

test('session of an order: says what the order says', () => {
  const tax_lines = [{ amount: 20, percentage: 25 }]
  const lines = [
    line(1, 100, { id: 7, quantity: 2, description: 'Chair', description_alias: 'C', tax_lines }),
    line(2, 50, { description_alias: 'D' }),
  ]
  const content = {
    ...{ merchant_reference: 'R2', store: { id: 's' }, shipping_address: { country: 'NO' }, billing_address: { country: 'SE' } },
    customer: { id: 'c', email: 'e', phone_number: 'p', name: 'n' },
  }
  const fee_split = { type: 'x' }
  const request = ask([{ line_id: 1, amount: 60, splits: ['s'] }, { line_id: 2 }], {
    fee_split,
    express: { a: 1 },
    metadata: { b: 2 },
  })
  const decided = decideSession(orderOf(lines, [], { content }), request)
  assert.deepEqual('body' in decided && decided.body, {
    ...{ url, profile_id: 'default', express: { a: 1 }, metadata: { b: 2 } },
    customer: { customer_id: 'c', email: 'e', phone_number: 'p' },
    order: {
      ...{ amount: 110, currency: 'NOK', merchant_reference: 'O', merchant_reference_2: 'R2', store: { id: 's' } },
      ...{ shipping_address: { country: 'NO' }, billing_address: { country: 'SE' } },
      items: [
        item('1', 60, { id: '7', description: 'Chair', quantity: 2, vat_amount: 12, vat: 25, splits: ['s'], fee_split }),
        item('2', 50, { description: 'D' }),
      ],
    },
  })
})

// customer of the order | customer of the session
const customers: [customer: object | undefined, expected: object | undefined][] = [
  [undefined, undefined],
  [{ name: 'n' }, undefined],
  [{ id: 'c' }, { customer_id: 'c' }],
  [{ email: 'e' }, { email: 'e' }],
  [{ phone_number: 'p' }, { phone_number: 'p' }],
]
for (const [customer, expected] of customers) {
  test(`session of an order: customer ${JSON.stringify(customer)}`, () => {
    const decided = decideSession(orderOf([line(1, 1)], [], { content: { customer } }), ask([{ line_id: 1 }]))
    assert.deepEqual('body' in decided && decided.body.customer, expected)
  })
}

const tax = (amount: number | undefined, more: object = {}) => ({ ...(amount === undefined ? {} : { amount }), ...more })
const taxes: [title: string, Partial<Item>, amount: number, vat_amount: number, vat: number | undefined][] = [
  ['inside the price', { tax_lines: [tax(20, { percentage: 25 })] }, 100, 20, 25],
  ['of a part, rounded', { tax_lines: [tax(20, { percentage: 25 })] }, 33, 7, 25],
  ['outside the price', { tax_lines: [tax(25, { percentage: 25, included_in_price: false })] }, 125, 25, 25],
  ['of two kinds', { tax_lines: [tax(20, { percentage: 25 }), tax(6, { percentage: 6 }), tax(undefined)] }, 50, 13, undefined],
]
for (const [title, more, amount, vat_amount, vat] of taxes) {
  test(`session of an order: tax ${title}`, () => {
    const decided = decideSession(orderOf([line(1, 100, more)]), ask([{ line_id: 1, amount }]))
    const [shown] = 'body' in decided ? decided.body.order.items : []
    assert.deepEqual([shown!.vat_amount, shown!.vat], [vat_amount, vat])
  })
}

test('session of an order: tax of a line and of what takes it back are the same', () => {
  const order = orderOf([line(1, 100, { tax_lines: [tax(10)] }), line(2, -100, { tax_lines: [tax(-10)] }), line(3, 1)])
  const items = [{ line_id: 1, amount: 25 }, { line_id: 2, amount: -25 }, { line_id: 3 }]
  const { body } = decideSession(order, ask(items)) as Decided
  assert.deepEqual(
    body.order.items.map(({ vat_amount }) => vat_amount),
    [3, -3, 0],
  )
})

const over = (line_id: number, allowed: number, amount: number, index = 0) => ({
  ...{ code: 'amount_exceeds_authorizable', path: `/items/${index}/amount`, allowed },
  message: `At most ${allowed} of line ${line_id} can be authorized, not ${amount}.`,
})
const already = {
  ...{ code: 'already_authorized', path: '/items/0/amount', allowed: 0 },
  message: 'Line 1 is already authorized. Several authorizations need the option multiple_authorizations.',
}
const refused: [title: string, decided: unknown, refusals: object[]][] = [
  ['too much', decideSession(orderOf([line(1, 5)]), ask([{ line_id: 1, amount: 6 }])), [over(1, 5, 6)]],
  [
    'a line that is paid',
    decideSession(orderOf([line(1, 5)], [recorded('authorization', { 1: 5 })]), ask([{ line_id: 1 }])),
    [already],
  ],
  [
    'a reversed line that is paid',
    decideSession(orderOf([line(1, -5)], [recorded('authorization', { 1: -5 })]), ask([{ line_id: 1 }])),
    [already],
  ],
  [
    'an unknown line',
    decideSession(orderOf([line(1, 5)]), ask([{ line_id: 'x' }])),
    [{ code: 'unknown_line_id', path: '/items/0/line_id', message: 'The order has no line x.', allowed: [1] }],
  ],
  [
    'lines that add up to nothing',
    decideSession(orderOf([line(1, 5), line(2, -5)]), ask([{ line_id: 1 }, { line_id: 2 }])),
    [{ code: 'amount_sign', path: '/items', message: 'The lines add up to 0: there is nothing to pay.' }],
  ],
]
for (const [title, decided, refusals] of refused) {
  test(`session of an order: refused: ${title}`, () => assert.deepEqual(decided, { refusals }))
}
