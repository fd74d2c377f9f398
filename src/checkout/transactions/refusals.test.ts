import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transactionRow } from '../../../test/rows.ts'
import type { PaymentProduct } from '../../gateways/gateway.ts'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import {
  assertTotals,
  type CaptureRequest,
  type EventRow,
  mayCapture,
  mayRefund,
  mayStillCapture,
  mayVoid,
  paymentProduct,
  type Reservation,
  restOf,
  settlementStatusOf,
  type TransactionRow,
} from './transaction.ts'

const whole = { partial_capture: false, partial_refund: false, void_remainder: false } as PaymentProduct
const able = { partial_capture: true, partial_refund: true, void_remainder: true } as PaymentProduct

const busy = (kind: string) => ({
  code: 'operation_pending' as const,
  message: `A ${kind} of this transaction is not settled yet. Read the transaction and try again.`,
})
const open = ['AUTHORIZED', 'PARTIALLY_CAPTURED', 'PARTIALLY_CAPTURED_REFUNDED']
const allowedTo: Record<string, string[]> = {
  captured: open,
  voided: open,
  refunded: ['CAPTURED', 'PARTIALLY_CAPTURED', 'PARTIALLY_REFUNDED', 'PARTIALLY_CAPTURED_REFUNDED'],
  cancelled: ['INITIATED', 'ON_HOLD', 'UNKNOWN', 'AUTHORIZED'],
}
const state = (status: string, verb: string): Refusal => ({
  code: 'transaction_status_conflict',
  message: `A transaction that is ${status} can't be ${verb}.`,
  path: 'id',
  allowed: allowedTo[verb]!,
})
const required = (allowed: number): Refusal => ({
  code: 'amount_required',
  message: '/amount must be above zero.',
  path: '/amount',
  allowed,
})
const above = (limit: 'authorized' | 'captured', verb: string, allowed: number, amount: number): Refusal => ({
  code: `amount_exceeds_${limit}`,
  message: `/amount: at most ${allowed} can be ${verb}, not ${amount}.`,
  path: '/amount',
  allowed,
})

type Case = [
  title: string,
  row: Partial<TransactionRow>,
  request: CaptureRequest,
  verdict: Reservation | Refusal,
  product?: PaymentProduct,
]

const part = { status: 'PARTIALLY_CAPTURED', captured: 40 } as const
const collector = { payment_product_type: 'collector.invoice', data: { items: [{ line_id: 1 }, { line_id: '2' }] } }
const instabank = { payment_product_type: 'instabank.finance', data: { items: [{ line_id: 1 }, { line_id: '2' }] } }
const full = { events_size: limits.events_size_max }
const overfull = { events_size: limits.events_size_max * 2 }
const items = [{ line_id: 'x' }]
const no_room: Refusal = { code: 'events_full', message: 'The events of the transaction take all the room they may.' }
const no_room_for_items: Refusal = { ...no_room, message: `${no_room.message} Leave out the items.`, path: '/items' }
const captures: Case[] = [
  ['lines, of one that has no room', { ...part, ...full }, { items }, no_room_for_items],
  ['no lines, of one that has no room', { ...part, ...full }, { items: [] }, { amount: 60, void_amount: 0 }],
  ['anything, of one that has twice as much', { ...part, ...overfull }, {}, no_room],
  ['all that is left', part, {}, { amount: 60, void_amount: 0 }],
  ['all that is left and free', { ...part, pending_capture: 10 }, {}, { amount: 50, void_amount: 0 }],
  ['a part, the last one', part, { amount: 20, final_capture: true }, { amount: 20, void_amount: 40 }],
  ['a voided one', { status: 'AUTHORIZATION_VOIDED' }, { amount: 1 }, state('AUTHORIZATION_VOIDED', 'captured')],
  ['one that is being voided', { pending_void: 100 }, { amount: 1 }, busy('void')],
  ['one that is being changed', { pending_void: 1, data: { updating: 'o' } }, { amount: 1 }, busy('change')],
  [
    'one that is not final',
    { final_authorization: false },
    { amount: 1_000 },
    {
      code: 'transaction_status_conflict',
      message: 'The authorization is not final: update it with final_authorization true first.',
    },
  ],
  [
    'the last one, of a product that has none',
    { payment_product_type: 'swish.swish' },
    { amount: 1_000, final_capture: true },
    { code: 'operation_unsupported', message: "final_capture can't be used with swish.swish.", path: '/final_capture' },
  ],
  [
    'the last one, while another is not settled',
    { ...part, pending_capture: 10 },
    { amount: 20, final_capture: true },
    { ...busy('capture'), path: '/final_capture' },
  ],
  [
    'the last one, while the authorization is changed',
    { data: { updating: 'o' } },
    { amount: 20, final_capture: true },
    { ...busy('change'), path: '/final_capture' },
  ],
  ['nothing', {}, { amount: 0 }, required(100)],
  ['less than nothing', {}, { amount: -1 }, required(100)],
  ['less than nothing of nothing', { amount: 0, authorized: 0 }, { amount: -1 }, required(0)],
  ['nothing of a payment of nothing', { amount: 0, authorized: 0 }, { amount: 0 }, { amount: 0, void_amount: 0 }],
  [
    'nothing when all of it is reserved',
    { pending_capture: 100 },
    { amount: 0 },
    { ...busy('capture'), path: '/amount', allowed: 0 },
  ],
  [
    'nothing, once the amount was lowered to nothing',
    { amount: 0, authorized: 100 },
    { amount: 0 },
    { amount: 0, void_amount: 0 },
  ],
  ['exactly what is left', part, { amount: 60 }, { amount: 60, void_amount: 0 }],
  ['more than is left', part, { amount: 61 }, above('authorized', 'captured', 60, 61)],
  [
    'more than is free, while another is under way',
    { ...part, pending_capture: 10 },
    { amount: 60 },
    { ...busy('capture'), path: '/amount', allowed: 50 },
  ],
  ['more than could ever be free', { ...part, pending_capture: 10 }, { amount: 61 }, above('authorized', 'captured', 50, 61)],
  [
    'a part, of a product that is captured whole',
    {},
    { amount: 99 },
    {
      code: 'operation_unsupported',
      message: 'dintero_psp.creditcard can only be captured in full.',
      path: '/amount',
      allowed: 100,
    },
    whole,
  ],
  ['all of a product that is captured whole', {}, { amount: 100 }, { amount: 100, void_amount: 0 }, whole],
  ['a part, of a product that can', {}, { amount: 99 }, { amount: 99, void_amount: 0 }, able],
  ['lines that nobody knows, of a card', {}, { amount: 5, items: [{ line_id: 'x' }] }, { amount: 5, void_amount: 0 }],
  ['no lines, of Collector', collector, { amount: 5 }, { amount: 5, void_amount: 0 }],
  ['an empty list, of Collector', collector, { amount: 5, items: [] }, { amount: 5, void_amount: 0 }],
  [
    'no lines, of Instabank',
    instabank,
    { amount: 5 },
    { code: 'items_invalid', message: '/items is required for Instabank.', path: '/items' },
  ],
  [
    'an empty list, of Instabank',
    instabank,
    { amount: 5, items: [] },
    { code: 'items_invalid', message: '/items is required for Instabank.', path: '/items' },
  ],
  [
    'known lines, named as text or as a number',
    instabank,
    {
      amount: 5,
      items: [
        { line_id: '1', amount: 2 },
        { line_id: 2, amount: 3 },
      ],
    },
    { amount: 5, void_amount: 0 },
  ],
  [
    'an unknown line',
    collector,
    {
      amount: 5,
      items: [
        { line_id: '1', amount: 2 },
        { line_id: 3, amount: 3 },
      ],
    },
    { code: 'items_invalid', message: '/items/1/line_id is not a line of this transaction.', path: '/items/1/line_id' },
  ],
  [
    'a line of a payment that has none',
    { ...collector, data: {} },
    { amount: 5, items: [{ line_id: '1', amount: 5 }] },
    { code: 'items_invalid', message: '/items/0/line_id is not a line of this transaction.', path: '/items/0/line_id' },
  ],
  [
    'lines that add up to something else; one without an amount counts as nothing',
    collector,
    { amount: 5, items: [{ line_id: '1', amount: 2 }, { line_id: 2 }] },
    { code: 'items_invalid', message: '/items add up to 2, not to 5.', path: '/items' },
  ],
]
for (const [title, row, request, verdict, product] of captures) {
  test(`capture: ${title}`, () => assert.deepEqual(mayCapture(transactionRow(row), product, request), verdict))
}

const captured = { status: 'CAPTURED', captured: 100 } as const
const refunds: Case[] = [
  ['lines, of one that has no room', { ...captured, ...full }, { amount: 1, items }, no_room_for_items],
  ['no lines, of one that has no room', { ...captured, ...full }, { amount: 1 }, { amount: 1, void_amount: 0 }],
  ['anything, of one that has twice as much', { ...captured, ...overfull }, { amount: 1 }, no_room],
  ['a part', captured, { amount: 1 }, { amount: 1, void_amount: 0 }],
  ['what is only authorized', {}, { amount: 1 }, state('AUTHORIZED', 'refunded')],
  [
    'without an amount',
    { ...captured, refunded: 20, pending_refund: 10 },
    {},
    { code: 'amount_required', message: '/amount is required.', path: '/amount', allowed: 70 },
  ],
  ['nothing', captured, { amount: 0 }, required(100)],
  ['less than nothing', captured, { amount: -1 }, required(100)],
  ['exactly what is left', { ...captured, refunded: 20 }, { amount: 80 }, { amount: 80, void_amount: 0 }],
  ['more than is left', { ...captured, refunded: 20 }, { amount: 81 }, above('captured', 'refunded', 80, 81)],
  [
    'more than is free, while another is under way',
    { ...captured, pending_refund: 10 },
    { amount: 100 },
    { ...busy('refund'), path: '/amount', allowed: 90 },
  ],
  ['more than could ever be free', { ...captured, pending_refund: 10 }, { amount: 101 }, above('captured', 'refunded', 90, 101)],
  [
    'a part, of a product that is refunded whole',
    captured,
    { amount: 99 },
    {
      code: 'operation_unsupported',
      message: 'dintero_psp.creditcard can only be refunded in full.',
      path: '/amount',
      allowed: 100,
    },
    whole,
  ],
  ['all of a product that is refunded whole', captured, { amount: 100 }, { amount: 100, void_amount: 0 }, whole],
  ['a part, of a product that can', captured, { amount: 99 }, { amount: 99, void_amount: 0 }, able],
  [
    'no lines, of Instabank',
    { ...instabank, ...captured },
    { amount: 5 },
    { code: 'items_invalid', message: '/items is required for Instabank.', path: '/items' },
  ],
]
for (const [title, row, request, verdict, product] of refunds) {
  test(`refund: ${title}`, () => assert.deepEqual(mayRefund(transactionRow(row), product, request), verdict))
}

const voids: [title: string, row: Partial<TransactionRow>, verdict: Reservation | Refusal, product?: PaymentProduct][] = [
  ['all', {}, { amount: 0, void_amount: 100 }],
  ['the rest', part, { amount: 0, void_amount: 60 }],
  ['the rest, of a product that can', part, { amount: 0, void_amount: 60 }, able],
  [
    'the rest, of a product that can not',
    part,
    { code: 'operation_unsupported', message: "The rest of a part-captured dintero_psp.creditcard payment can't be voided." },
    whole,
  ],
  ['all, of a product that can not void a rest', {}, { amount: 0, void_amount: 100 }, whole],
  ['what is captured', captured, state('CAPTURED', 'voided')],
  ['what is being captured', { pending_capture: 1 }, busy('capture')],
  ['what is being voided', { pending_void: 1, pending_capture: 1 }, busy('void')],
]
for (const [title, row, verdict, product] of voids) {
  test(`void: ${title}`, () => assert.deepEqual(mayVoid(transactionRow(row), product), verdict))
}
test('void: by the cancellation of a session, what the customer has not finished too, but not what is captured', () => {
  assert.deepEqual(mayVoid(transactionRow({ status: 'INITIATED', authorized: 0 }), undefined, true), {
    amount: 0,
    void_amount: 0,
  })
  assert.deepEqual(mayVoid(transactionRow(part), undefined, true), state('PARTIALLY_CAPTURED', 'cancelled'))
})

test('rest: neither captured nor voided nor reserved', () => {
  assert.equal(
    restOf(transactionRow({ captured: 10, voided: 20, pending_capture: 3, pending_void: 4, refunded: 1, pending_refund: 2 })),
    63,
  )
})
// is something left that may be captured?
const left: [row: Partial<TransactionRow>, expected: boolean][] = [
  [{}, true],
  [{ captured: 99, status: 'PARTIALLY_CAPTURED' }, true],
  [{ captured: 60, pending_capture: 40, status: 'PARTIALLY_CAPTURED' }, false],
  [{ amount: 0, authorized: 0 }, true],
  [{ amount: 0, authorized: 0, status: 'INITIATED' }, false],
  [{ captured: 60, voided: 40, status: 'CAPTURED' }, false],
]
for (const [row, expected] of left) {
  test(`capture: ${expected ? 'may' : "can't"} come of ${JSON.stringify(row)}`, () => {
    assert.equal(mayStillCapture(transactionRow(row)), expected)
  })
}

test('payment product: what stands before the dot', () => {
  assert.equal(paymentProduct('dintero_psp.creditcard'), 'dintero_psp')
  assert.equal(paymentProduct('payex'), 'payex')
})

// The sums of an authorization of 100 that may be, and that may not.
const sums: [Partial<TransactionRow>, fault?: RegExp][] = [
  [{}],
  [{ captured: 40, voided: 30, pending_capture: 20, pending_void: 10, refunded: 15, pending_refund: 25 }],
  [{ captured: 41, voided: 30, pending_capture: 20, pending_void: 10 }, /captured and voided more than authorized/],
  [{ captured: 40, refunded: 15, pending_refund: 26 }, /refunded more than captured/],
  ...(['authorized', 'captured', 'refunded', 'voided', 'pending_capture', 'pending_refund', 'pending_void'] as const).flatMap(
    (name): [Partial<TransactionRow>, RegExp][] => [
      [{ authorized: 100, captured: 50, [name]: -1 }, /a total is negative or not a whole number/],
      [{ authorized: 100, captured: 50, [name]: 0.5 }, /a total is negative or not a whole number/],
    ],
  ),
]
for (const [totals, fault] of sums) {
  test(`totals: ${JSON.stringify(totals)} ${fault ? 'can not be' : 'may be'}`, () => {
    const check = () => assertTotals(transactionRow(totals))
    if (fault) assert.throws(check, fault)
    else check()
  })
}

type Told = Pick<EventRow, 'event' | 'success' | 'amount' | 'data'>
const settled = (settlement_status: 'SETTLED' | 'PARTIALLY_SETTLED'): Told => {
  return { event: 'SETTLEMENT', success: true, data: { settlements: { events: [], settlement_status } } }
}
const moved = (event: EventRow['event'], success = true, amount?: number | null): Told => ({
  event,
  success,
  data: {},
  ...(amount === undefined ? {} : { amount }),
})
// What happened, and what the transaction is then.
const settlements: [title: string, events: Told[], status: string][] = [
  ['nothing', [], 'NOT_SETTLED'],
  ['a capture', [moved('CAPTURE', true, 10)], 'NOT_SETTLED'],
  ['all settled', [moved('CAPTURE', true, 10), settled('SETTLED')], 'SETTLED'],
  ['a part settled', [settled('PARTIALLY_SETTLED')], 'PARTIALLY_SETTLED'],
  ['a capture after all was settled', [settled('SETTLED'), moved('CAPTURE', true, 1)], 'PARTIALLY_SETTLED'],
  ['a refund after all was settled', [settled('SETTLED'), moved('REFUND', true, 1)], 'PARTIALLY_SETTLED'],
  ['a refund that failed', [settled('SETTLED'), moved('REFUND', false, 1)], 'SETTLED'],
  [
    'a refund of nothing',
    [settled('SETTLED'), moved('REFUND', true, 0), moved('REFUND', true, null), moved('REFUND')],
    'SETTLED',
  ],
  ['a void after all was settled', [settled('SETTLED'), moved('VOID', true, 1)], 'SETTLED'],
  ['settled again', [settled('SETTLED'), moved('REFUND', true, 1), settled('SETTLED')], 'SETTLED'],
  ['a settlement that says nothing', [settled('SETTLED'), { event: 'SETTLEMENT', success: true, data: {} }], 'SETTLED'],
]
for (const [title, events, status] of settlements) {
  test(`settlement status: ${title}: ${status}`, () => assert.equal(settlementStatusOf(events), status))
}
