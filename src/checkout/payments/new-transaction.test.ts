import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, now, operationRow, sessionRow, transactionRow } from '../../../test/rows.ts'
import type { SessionData, SessionRow } from '../sessions/session.ts'
import { newTransaction, tickedOf } from './new-transaction.ts'

const operation = operationRow({ kind: 'authorize', amount: 100 })
const order = { amount: 100, currency: 'NOK', merchant_reference: 'R' }
const session = (data: Partial<SessionData>, changes: Partial<SessionRow> = {}): SessionRow =>
  sessionRow({ data: { url: {}, order, configuration: {}, ...data }, ...changes })
const made = (data: Partial<SessionData>, changes: Partial<SessionRow> = {}) =>
  newTransaction(session(data, changes), operation, now)

test('new transaction: of a session that says no more than it must', () => {
  assert.deepEqual(
    made({}),
    transactionRow({
      ...{ status: 'INITIATED', event_count: 0, authorized: 0, authorized_at: null, created_at: now, updated_at: now },
      search_terms: ['T12345678/t12345678.t', 'T12345678/t12345678.s', 'T12345678/r'],
      data: { items: [], url: {}, metadata: {} },
    }),
  )
})

test('new transaction: of a session that says everything', () => {
  const address = { first_name: 'Ada', last_name: 'Byron', email: 'Ada@example.com', phone_number: '+47 1' }
  const full: SessionData = {
    url: { return_url: 'https://r', callback_url: 'https://c', merchant_terms_url: 'https://t' },
    order: {
      ...order,
      merchant_reference_2: 'R2',
      event_reference: 'E',
      partial_payment: true,
      payout_destination_id: 'P',
      items: [{ line_id: '1', amount: 90 }],
      shipping_option: { id: 'post', line_id: 'post-1', amount: 10, vat: 25, vat_amount: 2, title: 'Posten' },
      shipping_address: { ...address, first_name: 'Bo' },
      billing_address: address,
      store: { id: 7, terminal_id: 'till', payout_destination_id: 'other' },
      gift_cards: [{ card_id: 'g' }],
    },
    configuration: { channel: 'in_store', auto_capture: true, pre_authorization: true },
    customer: { customer_id: 'C', email: 'c@example.com', tokens: { secret: {} } },
    merchant: { name: 'Shop', country: 'NO', merchant_category_code: 5, platform_type: 'woo' },
    checkboxes: [{ id: 'news', checked: true }],
    metadata: { ext_a: 'A', merchant_name: 'theirs' },
  }
  const row = { customer_ip: '::1', user_agent: 'x', payment_operation: 'recurring_purchase' } as const
  const request_headers = { 'user-agent': 'x' }
  assert.deepEqual(newTransaction(session(full, row), { ...operation, request: { request_headers } }, now), {
    ...made({}),
    payment_operation: 'recurring_purchase',
    merchant_reference_2: 'R2',
    customer_id: 'C',
    store_id: '7',
    terminal_id: 'till',
    payout_destination_id: 'P',
    channel: 'in_store',
    final_authorization: false,
    search_terms: ['t12345678.t', 't12345678.s', 'r', 'r2', '+47 1', 'ada@example.com', 'ada byron', 'bo byron', 'c@example.com']
      .map((term) => `T12345678/${term}`)
      .concat('T12345678|payout_destination_id:P'),
    data: {
      items: [
        { line_id: '1', amount: 90 },
        {
          ...{ id: 'post', line_id: 'post-1', description: 'Posten', quantity: 1, amount: 10, vat: 25, vat_amount: 2 },
          type: 'shipping',
        },
      ],
      url: { return_url: 'https://r', callback_url: 'https://c' },
      event_reference: 'E',
      partial_payment: true,
      customer: { customer_id: 'C', email: 'c@example.com' },
      shipping_address: { ...address, first_name: 'Bo' },
      billing_address: address,
      shipping_option: { id: 'post', line_id: 'post-1', amount: 10, vat: 25, vat_amount: 2, title: 'Posten' },
      store: { id: 7, terminal_id: 'till', payout_destination_id: 'other' },
      gift_cards: [{ card_id: 'g' }],
      checkboxes: [{ id: 'news', checked: true }],
      metadata: { merchant_name: 'theirs', merchant_country: 'NO', ext_a: 'A' },
      customer_ip: '::1',
      user_agent: 'x',
      platform_type: 'woo',
      request_headers,
      auto_capture: true,
    },
  })
})

test('new transaction: several shipments are several items', () => {
  const shipping_option = {
    id: 'o',
    line_id: 'o',
    amount: 10,
    shipments: [
      { id: 'a', amount: 4 },
      { id: 'b', amount: 6 },
    ],
  }
  assert.deepEqual(made({ order: { ...order, shipping_option } }).data.items, [
    { id: 'a', quantity: 1, amount: 4, type: 'shipping' },
    { id: 'b', quantity: 1, amount: 6, type: 'shipping' },
  ])
  const none = { id: 'o', line_id: 'o', amount: 10, shipments: [] }
  const whole = [{ id: 'o', line_id: 'o', quantity: 1, amount: 10, type: 'shipping' }]
  assert.deepEqual(made({ order: { ...order, shipping_option: none } }).data.items, whole)
  const word = { ...none, shipments: 'two' }
  assert.deepEqual(made({ order: { ...order, shipping_option: word } }).data.items, whole)
})

test('new transaction: what is empty, or no text, is no reference', () => {
  const store = { terminal_id: '', payout_destination_id: 'S' }
  const row = made({
    order: { ...order, store },
    configuration: { channel: 7, auto_capture: 'yes' },
    customer: { customer_id: 5 },
  })
  assert.equal(row.store_id, null)
  assert.equal(row.terminal_id, null)
  assert.equal(row.payout_destination_id, 'S')
  assert.equal(row.channel, 'ecommerce')
  assert.equal(row.customer_id, null)
  assert.equal('auto_capture' in row.data, false)
  assert.equal('customer' in made({ customer: { tokens: {} } }).data, false)
})

test('new transaction: only the search terms that are there, each once', () => {
  const row = made({
    order: { ...order, billing_address: { email: 'R' }, merchant_reference_2: '' },
    customer: { first_name: 'Ada' },
  })
  assert.deepEqual(row.search_terms.slice(2), ['T12345678/r', 'T12345678/ada'])
})

// pre_authorization | product | final
const authorizations: [unknown, string, boolean][] = [
  [true, 'dintero_psp.creditcard', false],
  [true, 'dintero_psp', false],
  [true, 'swish.swish', true],
  [false, 'dintero_psp.creditcard', true],
  [undefined, 'dintero_psp.creditcard', true],
  ['true', 'dintero_psp.creditcard', true],
]
for (const [pre_authorization, payment_product_type, final] of authorizations) {
  test(`new transaction: ${payment_product_type}, pre_authorization ${pre_authorization}: ${final ? '' : 'not '}final`, () => {
    const { final_authorization } = newTransaction(
      session({ configuration: { pre_authorization } }),
      { ...operation, payment_product_type },
      before,
    )
    assert.equal(final_authorization, final)
  })
}

test('checkboxes: ticked as the customer said; as configured when he said nothing', () => {
  const checkboxes = [{ id: 'a', checked: true }, { id: 7 }]
  const of = (request: { ticked?: string[] }) =>
    newTransaction(session({ checkboxes }), { ...operation, request }, now).data.checkboxes
  assert.deepEqual(of({}), checkboxes)
  assert.deepEqual(of({ ticked: ['7'] }), [
    { id: 'a', checked: false },
    { id: 7, checked: true },
  ])
  assert.equal(newTransaction(session({}), { ...operation, request: { ticked: ['7'] } }, now).data.checkboxes, undefined)
})

const bodies: [body: Record<string, unknown>, ticked: string[] | undefined][] = [
  [{}, undefined],
  [{ checkboxes: 'all' }, undefined],
  [{ checkboxes: [] }, []],
  [
    {
      checkboxes: [
        { id: 'a', checked: true },
        { id: 'b', checked: false },
        { id: 'c', checked: 'true' },
        null,
        { id: 7, checked: true },
      ],
    },
    ['a', '7'],
  ],
  [{ checkboxes: [{ id: 'x'.repeat(300), checked: true }] }, ['x'.repeat(255)]],
]
for (const [body, ticked] of bodies) {
  test(`checkboxes of ${JSON.stringify(body).slice(0, 60)}`, () => assert.deepEqual(tickedOf(body), ticked))
}
