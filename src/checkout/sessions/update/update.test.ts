import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredOption } from '../order.ts'
import type { SessionData } from '../session.ts'
import { answeredData, isChanged, type SessionUpdate, updateDetails, updatedData, updateRefusal, withOption } from './update.ts'

const post: StoredOption = { id: 'post', line_id: 'post', amount: 50 }
const bike: StoredOption = { id: 'bike', line_id: 'bike', amount: 90 }
const order = {
  amount: 150,
  currency: 'NOK',
  merchant_reference: 'R',
  items: [{ line_id: '1', amount: 100 }],
  shipping_option: post,
}
const data: SessionData = { url: {}, order, configuration: {}, metadata: { a: 1 } }
const express: SessionData = { ...data, express: { shipping_mode: 'shipping_required', shipping_options: [post, bike] } }
const { shipping_option: _, ...unshipped } = order

const updates: [title: string, before: SessionData, update: SessionUpdate, after: SessionData][] = [
  ['nothing', data, {}, data],
  [
    'members of the order; the rest stays',
    data,
    { order: { amount: 90, items: [{ line_id: 2, id: 3, amount: 90 }] } },
    { ...data, order: { ...order, amount: 90, items: [{ line_id: '2', id: '3', amount: 90 }] } },
  ],
  ['no shipping any more', data, { order: { shipping_option: null } }, { ...data, order: unshipped }],
  [
    'another shipping option',
    data,
    { order: { shipping_option: { id: 1, line_id: 2, amount: 3 } } },
    { ...data, order: { ...order, shipping_option: { id: '1', line_id: '2', amount: 3 } } },
  ],
  ['where the money goes stays', data, { order: { payout_destination_id: 'mine' } }, data],
  ['an empty list does not make it express', data, { express: { shipping_options: [] } }, data],
  ['no list does not make it express', data, { express: { shipping_mode: 'shipping_required' } }, data],
  [
    'a list makes it express',
    data,
    { express: { shipping_options: [{ id: 1, line_id: 2, amount: 3 }] } },
    { ...data, express: { shipping_options: [{ id: '1', line_id: '2', amount: 3 }] } },
  ],
  [
    'of an express session, what is given',
    express,
    { express: { shipping_mode: 'shipping_not_required' } },
    { ...express, express: { shipping_mode: 'shipping_not_required', shipping_options: [post, bike] } },
  ],
  [
    'of an express session, an empty list',
    express,
    { express: { shipping_options: [] } },
    { ...express, express: { shipping_mode: 'shipping_required', shipping_options: [] } },
  ],
  [
    'how to reach the customer, but no token',
    { ...data, customer: { email: 'old', tokens: { a: 1 } } },
    { customer: { email: 'e', phone_number: 'p', customer_id: 7, tokens: { b: 1 } } },
    { ...data, customer: { email: 'e', phone_number: 'p', customer_id: '7', tokens: { a: 1 } } },
  ],
  [
    'a customer of whom nothing is said',
    { ...data, customer: { email: 'old' } },
    { customer: {} },
    { ...data, customer: { email: 'old' } },
  ],
]
for (const [title, before, update, after] of updates) {
  test(`session update: ${title}`, () => {
    const copy = structuredClone(before)
    const next = updatedData(before, update)
    assert.deepEqual(next, after)
    assert.deepEqual(before, copy)
    assert.equal(isChanged(before, next), after !== before && JSON.stringify(after) !== JSON.stringify(before))
  })
}

const none = new Set<string>()
const strict = new Set(['strict-session-amounts'])
const unknown = (line_id: string, allowed: string[], path = '/order/shipping_option/line_id') => ({
  ...{ code: 'shipping_option_unknown', path, allowed },
  message: `${line_id} is not one of the shipping options: ${allowed.join(', ') || 'there are none'}.`,
})
const options = [
  { id: 1, line_id: 2, amount: 3 },
  { id: 1, line_id: 'b', amount: 3 },
]
const long = 'x'.repeat(150)
const refusals: [title: string, update: SessionUpdate, amount: number, toggles: Set<string>, refusal: object | undefined][] = [
  ['nothing', {}, 1, none, undefined],
  ['an option, none offered with it', { order: { shipping_option: bike } }, 1, none, undefined],
  [
    'an option that is offered',
    { order: { shipping_option: { ...bike, line_id: 2 } }, express: { shipping_options: options } },
    1,
    none,
    undefined,
  ],
  [
    'none of them',
    { order: { shipping_option: { ...bike, line_id: long } }, express: { shipping_options: options } },
    1,
    strict,
    unknown(long.slice(0, 100), ['2', 'b']),
  ],
  [
    'an option that is offered, but amounts that do not add up',
    { order: { shipping_option: { ...bike, line_id: 2 } }, express: { shipping_options: options } },
    149,
    strict,
    {
      ...{ code: 'session_amount_mismatch', path: '/order/amount', allowed: 150 },
      message: 'order.amount is 149, but it must be 150: the items and the shipping option added up.',
    },
  ],
  ['no option', { order: { shipping_option: null }, express: { shipping_options: options } }, 1, none, undefined],
  ['amounts that add up', {}, 150, strict, undefined],
  [
    'amounts that do not',
    {},
    149,
    strict,
    {
      ...{ code: 'session_amount_mismatch', path: '/order/amount', allowed: 150 },
      message: 'order.amount is 149, but it must be 150: the items and the shipping option added up.',
    },
  ],
]
for (const [title, update, amount, toggles, refusal] of refusals) {
  test(`session update: ${refusal ? 'refused' : 'taken'}: ${title}`, () => {
    assert.deepEqual(updateRefusal(update, { ...data, order: { ...order, amount } }, toggles), refusal)
  })
}

const invoiced = { auto_capture: true, collector: { invoice: { enabled: true } } }
const twice = [
  { line_id: '1', amount: 100 },
  { line_id: '1', amount: 50 },
]
for (const [title, before, order, refused] of [
  ['a line that stands twice on an invoice', invoiced, { items: twice }, '/order/items/1/line_id'],
  ['a line that stands twice, for a card', { payex: { creditcard: { enabled: true } } }, { items: twice }, undefined],
  ['splits to come, captured at once', invoiced, { items: [{ line_id: '1', amount: 1, splits: [] }] }, '/order/items/0/splits'],
  ['splits to come', {}, { items: [{ line_id: '1', amount: 1, splits: [] }] }, undefined],
  ['one shipment', {}, { shipping_option: { ...post, shipments: [{}] } }, '/order/shipping_option/shipments'],
  ['a gift card that adds', {}, { gift_cards: [{ amount: -1 }] }, '/order/gift_cards/0/amount'],
  ['nothing of the order, which would be refused today', invoiced, undefined, undefined],
] as const) {
  test(`session update: ${refused ? 'refused' : 'taken'} as when it is created: ${title}`, () => {
    const session = {
      ...data,
      configuration: before,
      ...(order ? {} : { order: { ...data.order, items: twice } }),
    } as SessionData
    const update = (order ? { order } : { customer: { email: 'e' } }) as SessionUpdate
    assert.equal(updateRefusal(update, updatedData(session, update), none)?.path, refused)
  })
}

test('session update: what its event says', () => {
  const after = { ...express, order: { ...order, amount: 90 } }
  assert.deepEqual(updateDetails(express, after, {}), {})
  assert.deepEqual(updateDetails(express, after, { order: {}, express: {} }), {
    ...{ previous_order: order, updated_order: after.order, updated_express_result: { status: 'NOT_MODIFIED' } },
  })
  const changed = { ...express, express: { shipping_options: [] } }
  assert.deepEqual(updateDetails(express, changed, { order: {}, express: {} }), {
    ...{ updated_order_result: { status: 'NOT_MODIFIED' }, previous_express: express.express, updated_express: changed.express },
  })
})

test('express: choosing an option changes the amount by the difference', () => {
  assert.deepEqual(withOption(express, 'bike'), { data: { ...express, order: { ...order, amount: 190, shipping_option: bike } } })
  const free = { ...express, order: { ...unshipped, amount: 100 } }
  assert.deepEqual(withOption(free, 'post'), { data: { ...express, order } })
  assert.deepEqual(withOption(express, 'sea'), { refusal: unknown('sea', ['post', 'bike'], '/line_id') })
  assert.deepEqual(withOption(data, 'post'), { refusal: unknown('post', [], '/line_id') })
})

const correction = (amount: number) => ({
  ...{ id: 'correction', line_id: 'correction', description: 'Correction', quantity: 1, amount, vat: 0, vat_amount: 0 },
  type: 'surcharge',
})
type Answer = Parameters<typeof answeredData>[1]
const answers: [title: string, before: SessionData, answer: Answer, order: object, options?: object[]][] = [
  ['nothing', express, {}, order],
  [
    'other options, the chosen one at a new price',
    express,
    { shipping_options: [{ ...post, amount: 70 }] },
    { ...order, amount: 170, shipping_option: { ...post, amount: 70 } },
    [{ ...post, amount: 70 }],
  ],
  ['other options, without the chosen one', express, { shipping_options: [bike] }, { ...unshipped, amount: 100 }, [bike]],
  [
    'options with numbers',
    express,
    { shipping_options: options },
    { ...unshipped, amount: 100 },
    [
      { id: '1', line_id: '2', amount: 3 },
      { id: '1', line_id: 'b', amount: 3 },
    ],
  ],
  [
    'another amount, with lines that add up',
    express,
    { order: { amount: 170, items: [{ line_id: 1, amount: 120 }] } },
    { ...order, amount: 170, items: [{ line_id: '1', amount: 120 }] },
  ],
  [
    'another amount only: a correction makes up the difference',
    express,
    { order: { amount: 140 } },
    { ...order, amount: 140, items: [...order.items, correction(-10)] },
  ],
  [
    'what is not an answer to change',
    express,
    { order: { ...order, amount: 150, merchant_reference: 'other', store: 5, currency: 'SEK' } as never },
    { ...order, currency: 'SEK' },
  ],
  [
    'the lines alone, and names an option: it is without the chosen one, as Magento answers for a discount code',
    express,
    {
      shipping_options: [post],
      order: { amount: 80, items: [{ line_id: '1', amount: 80 }], shipping_option: { ...post, amount: 40 } },
    },
    { ...order, amount: 130, items: [{ line_id: '1', amount: 80 }] },
    [post],
  ],
  [
    'the lines and the option that it names',
    express,
    { order: { amount: 130, items: [{ line_id: '1', amount: 80 }], shipping_option: post } },
    { ...order, amount: 130, items: [{ line_id: '1', amount: 80 }] },
  ],
  [
    'an option that nobody has chosen',
    { ...express, order: { ...unshipped, amount: 100 } },
    { order: { amount: 80, items: [{ line_id: '1', amount: 80 }], shipping_option: post } },
    { ...unshipped, amount: 80, items: [{ line_id: '1', amount: 80 }] },
  ],
  [
    'other options only: an order that does not add up stays as it is',
    { ...express, order: { ...order, amount: 120 } },
    { shipping_options: [post] },
    { ...order, amount: 120 },
    [post],
  ],
  [
    'another amount again: the correction of before is changed',
    { ...express, order: { ...order, amount: 140, items: [...order.items, correction(-10)] } },
    { order: { amount: 130 } },
    { ...order, amount: 130, items: [...order.items, correction(-20)] },
  ],
  [
    'the first amount again: the correction is gone',
    { ...express, order: { ...order, amount: 140, items: [...order.items, correction(-10)] } },
    { order: { amount: 150 } },
    order,
  ],
  [
    'another amount, and the option gone',
    express,
    { order: { amount: 150, vat_amount: 3 }, shipping_options: [] },
    { ...unshipped, amount: 100, vat_amount: 3 },
    [],
  ],
  [
    'another amount of an order without lines',
    { ...express, order: { amount: 100, currency: 'NOK', merchant_reference: 'R' } },
    { order: { amount: 140 } },
    { amount: 140, currency: 'NOK', merchant_reference: 'R' },
  ],
]
for (const [title, before, answer, answered, shipping_options = [post, bike]] of answers) {
  test(`express: the merchant answers with ${title}`, () => {
    const shipping_mode = 'shipping_required'
    assert.deepEqual(answeredData(before, answer), { ...before, order: answered, express: { shipping_mode, shipping_options } })
  })
}
test('express: an answer about an ordinary session', () => {
  assert.deepEqual(answeredData(data, {}), { ...data, express: {} })
})
