import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, later, now, transactionRow } from '../../../test/rows.ts'
import { limits } from '../../lib/limits.ts'
import { filterOf, searchTerm } from './list.ts'
import type { EventRow, Item } from './transaction.ts'
import { asLeftBy, asOf, eventView, transactionView } from './view.ts'

const event: EventRow = {
  ...{ sequence: 2, event: 'AUTHORIZE', transaction_status: 'AUTHORIZED', success: true, request_id: 'r', data: {} },
  ...{ created_at: '2026-11-23 09:00:00+00', correlation_request_id: null, created_by: null, amount: null },
}
const shown_event = {
  ...{ id: '2', event: 'AUTHORIZE', transaction_status: 'AUTHORIZED', success: true, items: [], metadata: {}, request_id: 'r' },
  created_at: before.toISOString(),
}
const shown = {
  ...{ id: 'T12345678.t', account_id: 'T12345678', session_id: 'T12345678.s', payment_product: 'dintero_psp' },
  ...{ payment_product_type: 'dintero_psp.creditcard', payment_operation: 'unscheduled_purchase', amount: 100, currency: 'NOK' },
  ...{
    status: 'AUTHORIZED',
    settlement_status: 'NOT_SETTLED',
    merchant_reference: 'R',
    channel: 'ecommerce',
    items: [],
    url: {},
  },
  ...{ metadata: {}, version: 2, created_at: before.toISOString(), updated_at: before.toISOString() },
}

test('transaction: shown with no more than it has', () => {
  assert.deepEqual(transactionView({ ...transactionRow(), events: [event] }), { ...shown, events: [shown_event] })
})
test('transaction: shown with everything', () => {
  const data = {
    items: [{ line_id: '1' }],
    url: { return_url: 'https://r' },
    platform_type: 'woo',
    customer: { email: 'a' },
    customer_ip: '::1',
    user_agent: 'x',
    shipping_address: { country: 'NO' },
    billing_address: { country: 'SE' },
    shipping_option: { id: 'o' },
    store: { id: 's' },
    gift_cards: [{}],
    checkboxes: [{}],
    metadata: { a: 1 },
  }
  const card = { brand: 'visa' }
  const secret = { request_headers: { h: '1' }, tokens: { payment_token: 'p', recurrence_token: 'r' }, auto_capture: true }
  const row = transactionRow({ merchant_reference_2: 'R2', payout_destination_id: 'P', data: { ...data, ...secret, card } })
  const failed = { ...event, success: false }
  const all = { ...shown, merchant_reference_2: 'R2', payout_destination_id: 'P', ...data }
  const view = (includes?: string[]) => transactionView({ ...row, events: [event, failed] }, includes, { session: { id: 's' } })
  const events = [shown_event, { ...shown_event, success: false }]
  assert.deepEqual(view(), { ...all, session: { id: 's' }, events, card })
  assert.deepEqual(view(['events.success.true']), { ...all, session: { id: 's' }, events: [shown_event], card })
  assert.deepEqual(view(['initiating_system_request_headers', 'card.payment_token']), {
    ...{ ...all, session: { id: 's' }, events, card: { ...card, payment_token: 'p' } },
    initiating_system_request_headers: { h: '1' },
  })
  const untold = transactionView({ ...transactionRow({ data: { card } }), events: [] }, ['card.payment_token'])
  assert.deepEqual(untold.card, card)
})
test('event: shown with everything', () => {
  const data = {
    ...{ items: [{ line_id: '1', amount: 125, vat: 25 }], error: { message: 'no' }, metadata: { a: 1 }, event_reference: 'E' },
    ...{ reason: 'why', correction: { a: 1 }, request_headers: { h: '1' } },
    settlements: { events: [], settlement_status: 'SETTLED' as const },
  }
  const columns = { amount: 0, correlation_request_id: 'c', created_by: 'me', operation_id: 'o' }
  const { operation_id: _, ...told } = columns
  const full = { ...shown_event, ...told, ...data, calculated_vat_amount: 25 }
  assert.deepEqual(eventView({ ...event, ...columns, data: { ...data, update: 'extend' } }), full)
})

const vats: [items: Item[] | undefined, vat: number | undefined][] = [
  [undefined, undefined],
  [[], undefined],
  [[{ amount: 100 }], undefined],
  [[{ amount: 100 }, { amount: 125, vat: 25 }], 25],
  [[{ amount: 125, vat: 25, vat_amount: 3.6 }, { amount: 112, vat: 12 }, { vat: 25 }], 16],
  [[{ vat_amount: 2 }, { vat_amount: -1 }], 1],
  [[{ amount: 100, vat: 25 }], 20],
  [
    [
      { amount: 14, vat: 12 },
      { amount: 14, vat: 12 },
    ],
    4,
  ],
  [
    [
      { amount: -14, vat: 12 },
      { amount: 14, vat: 12 },
    ],
    0,
  ],
  [[{ vat_amount: -1.5 }, { vat_amount: 1.5 }], 0],
]
for (const [items, vat] of vats) {
  test(`event: VAT of ${JSON.stringify(items)} is ${vat}`, () => {
    assert.equal(eventView({ ...event, data: items ? { items } : {} }).calculated_vat_amount, vat)
  })
}

test('transaction: as it was after an event', () => {
  const settlements = { events: [], settlement_status: 'SETTLED' as const }
  const events: EventRow[] = [
    { ...event, sequence: 1, transaction_status: 'INITIATED' },
    { ...event, sequence: 2, event: 'SETTLEMENT', created_at: now.toISOString(), data: { settlements } },
    { ...event, sequence: 3, event: 'REFUND', amount: 1, transaction_status: 'REFUNDED' },
  ]
  const row = { ...transactionRow({ event_count: 3, status: 'REFUNDED', updated_at: later(1) }), events }
  assert.equal(asOf(row, 3), row)
  assert.equal(asOf(row, 9), row)
  assert.equal(asOf(row, 0), row)
  assert.equal(asOf(row, 1).status, 'INITIATED')
  assert.deepEqual(asOf(row, 2), {
    ...row,
    ...{ events: events.slice(0, 2), event_count: 2, status: 'AUTHORIZED', settlement_status: 'SETTLED', updated_at: now },
  })
})

// number of the event -> the amount as it was
const amounts: [sequence: number, amount: number][] = [
  [1, 100],
  [2, 100],
  [3, 150],
  [4, 150],
  [5, 150],
  [6, 80],
]
for (const [sequence, amount] of amounts) {
  test(`transaction: as it was after event ${sequence}: the amount was ${amount}`, () => {
    const authorize = (number: number, of: number, success = true): EventRow => ({
      ...event,
      sequence: number,
      amount: of,
      success,
    })
    const events: EventRow[] = [
      { ...event, sequence: 1, event: 'INITIALIZE', transaction_status: 'INITIATED' },
      authorize(2, 100),
      authorize(3, 150),
      authorize(4, 150, false),
      { ...event, sequence: 5, event: 'CAPTURE', amount: 20 },
      authorize(6, 80),
      { ...event, sequence: 7, event: 'CAPTURE', amount: 20 },
    ]
    assert.equal(asOf({ ...transactionRow({ amount: 80 }), events }, sequence).amount, amount)
  })
}
test('transaction: as an operation left it, with what a final capture voided', () => {
  const events: EventRow[] = [
    { ...event, operation_id: 'a' },
    { ...event, sequence: 3, event: 'CAPTURE', operation_id: 'c' },
    { ...event, sequence: 4, event: 'VOID' },
    { ...event, sequence: 5, event: 'CAPTURE', operation_id: 'd' },
    { ...event, sequence: 6, event: 'VOID', operation_id: 'v' },
    { ...event, sequence: 7, event: 'REFUND', operation_id: 'r' },
    { ...event, sequence: 8, event: 'CAPTURE', operation_id: 'e' },
    { ...event, sequence: 9, event: 'SETTLEMENT' },
    { ...event, sequence: 10, event: 'REFUND', operation_id: 's' },
  ]
  const row = { ...transactionRow(), events: [{ ...event, sequence: 1 }, ...events] }
  // operation | final capture? | the last event of it
  for (const [id, final_capture, sequence] of [
    ['a', false, 2],
    ['c', true, 4],
    ['c', false, 3],
    ['d', true, 5],
    ['r', true, 7],
    ['e', true, 8],
    ['s', true, 10],
    ['none', false, 10],
  ] as const) {
    assert.deepEqual(asLeftBy(row, { id, request: { final_capture } }), asOf(row, sequence))
  }
})
test('transaction: as it was before it was authorized, or failed: the amount it has', () => {
  const initialized: EventRow = { ...event, sequence: 1, event: 'INITIALIZE', transaction_status: 'INITIATED' }
  const events = [initialized, { ...event, sequence: 2, event: 'VOID' as const, amount: 0 }]
  assert.equal(asOf({ ...transactionRow({ amount: 80 }), events }, 1).amount, 80)
})

const day = 86_400_000
test('list: search terms stand under their account, whatever the case', () => {
  assert.equal(searchTerm('T12345678', 'Ada'), 'T12345678/ada')
})

const empty = {
  ...{ created_at_gte: null, created_at_lte: null, captured_at_gte: null, captured_at_lte: null, refunded_at_gte: null },
  ...{ refunded_at_lte: null, limit: limits.page_size_default, starting_after: null, id: null, session_id: null },
  ...{ merchant_reference: null, merchant_reference_2: null, status: null, payment_product: null, payment_product_type: null },
  ...{ card_brand: null, store_id: null, payout_correlation_id: null, currency: null, token_id: null, customer_id: null },
  ...{ payment_operation: null, payout_destination_id: null, terminal_id: null, channel: null, amount: null, amount_gte: null },
  ...{ amount_lte: null, search_terms: null, terms: null, telling: false, ranged: false },
}
test('list: the query as conditions', () => {
  assert.deepEqual(filterOf({}, 'T1'), empty)
  const texts = ['merchant_reference', 'merchant_reference_2', 'customer_id', 'payment_operation', 'payout_destination_id']
  const same = Object.fromEntries([...texts, 'terminal_id', 'channel', 'starting_after'].map((name) => [name, `a ${name}`]))
  const lists = ['id', 'session_id', 'payment_product', 'payment_product_type', 'store_id', 'payout_correlation_id', 'currency']
  const several = Object.fromEntries([...lists, 'token_id'].map((name) => [name, [`a ${name}`, 'b']]))
  const query = {
    ...{ ...same, ...several, limit: 5, amount: 0, 'amount.gte': 1, 'amount.lte': 2, search: 'Ada' },
    ...{
      status: ['captured,Failed'],
      card_brand: ['Visa', 'MC'],
      'created_at.gte': '2026-11-23',
      'created_at.lte': '2026-11-23',
    },
    ...{ 'captured_at.gte': '2026-11-24', 'captured_at.lte': '2026-11-25', 'refunded_at.gte': '2026-11-26' },
    'refunded_at.lte': '2026-11-27',
  }
  const start = new Date('2026-11-23T00:00:00.000Z').getTime()
  assert.deepEqual(filterOf(query, 'T1'), {
    ...{
      ...empty,
      ...same,
      ...several,
      limit: 5,
      amount: 0,
      amount_gte: 1,
      amount_lte: 2,
      search_terms: ['T1/ada'],
      telling: true,
      ranged: true,
    },
    ...{ status: ['CAPTURED', 'FAILED'], card_brand: ['visa', 'mc'] },
    ...{ created_at_gte: new Date(start), created_at_lte: new Date(start + day - 1) },
    ...{ captured_at_gte: new Date(start + day), captured_at_lte: new Date(start + 3 * day - 1) },
    ...{ refunded_at_gte: new Date(start + 3 * day), refunded_at_lte: new Date(start + 5 * day - 1) },
  })
  assert.deepEqual(filterOf({ 'captured_at.lte': 'soon' }, 'T1'), {
    ...{ code: 'invalid_request', path: '?captured_at.lte', message: 'captured_at.lte is not an ISO 8601 date: soon.' },
  })
})

test('list: what the index of terms is asked for is the most telling filter it knows', () => {
  const cases: [query: Parameters<typeof filterOf>[0], terms: string[] | null, telling: boolean][] = [
    [{ status: ['CAPTURED'], 'amount.gte': 5 }, null, false],
    [{ id: ['t'], customer_id: 'c' }, null, true],
    [{ session_id: ['s'] }, null, true],
    [{ search: 'Ada', merchant_reference: 'R' }, ['T1/ada'], true],
    [{ merchant_reference: 'R', customer_id: 'c' }, ['T1/r'], true],
    [{ merchant_reference_2: 'R2' }, ['T1/r2'], true],
    [{ customer_id: 'C', store_id: ['s'] }, ['T1|customer_id:C'], true],
    [{ token_id: ['a,b'], customer_id: 'C' }, ['T1|token_id:a', 'T1|token_id:b'], true],
    [{ currency: ['NOK'], store_id: ['s', 'S'] }, ['T1|store_id:s', 'T1|store_id:S'], false],
    [{ card_brand: ['Visa'], channel: 'in_store' }, ['T1|card_brand:visa'], false],
    [{ amount: 100, currency: ['NOK'] }, ['T1|amount:100'], false],
    [{ payment_operation: 'recurring_purchase' }, ['T1|payment_operation:recurring_purchase'], false],
    [{ customer_id: 'C'.repeat(256) }, [`T1|customer_id:${'C'.repeat(255)}`], true],
    [{ merchant_reference: 'R'.repeat(256) }, [`T1/${'r'.repeat(255)}`], true],
  ]
  for (const [query, terms, telling] of cases) {
    const filter = filterOf(query, 'T1')
    const ranged = 'status' in query
    const expected = [terms, telling, ranged]
    assert.deepEqual('terms' in filter && [filter.terms, filter.telling, filter.ranged], expected, JSON.stringify(query))
  }
})
