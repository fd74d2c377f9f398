import assert from 'node:assert/strict'
import { test } from 'node:test'
import { now } from '../../test/rows.ts'
import {
  about,
  calls,
  capture,
  captured,
  event,
  first,
  type Given,
  open,
  operation,
  paid,
  part,
  read,
  told_late,
  toldOfCapture,
  whole,
} from '../../test/transaction-read.ts'
import type { Told } from './difference.ts'
import { verifyTransaction } from './transaction.ts'

const toldOfRefund: Told[] = [
  [4, 'checkout_transaction'],
  [4, 'session_callback', { ...toldOfCapture[4]![2], event: 'REFUND', event_id: '4' }],
]

/** What stands beside the money: notifications, columns, stored cards, settlements. */
const cases: [title: string, given: Given, differences: unknown[][]][] = [
  [
    'told of another session',
    {
      rest: {
        told: [
          [1, 'checkout_transaction'],
          [2, 'checkout_transaction'],
          [2, 'checkout_authorization', { ...about, session_id: 'x' }],
        ],
      },
    },
    [['notification 2 checkout_authorization details', about, { ...about, session_id: 'x' }]],
  ],
  [
    'not told of its authorization after the automatic capture',
    { ...whole, row: { ...part, data: { ...calls, auto_capture: true } }, rest: { told: [...toldOfCapture] } },
    [['notification 2 session_callback', 'a row of the outbox', null]],
  ],
  [
    'told of its authorization after the automatic capture, at the wrong address',
    {
      ...whole,
      row: { ...part, data: { ...calls, auto_capture: true } },
      rest: { told: [...toldOfCapture, [2, 'session_callback', { ...told_late, url: 'https://x.example' }]] },
    },
    [['notification 2 session_callback details', told_late, { ...told_late, url: 'https://x.example' }]],
  ],
  [
    'to be told of its authorization yet',
    { row: { data: { ...calls, auto_capture: true, callback_due: 2 }, auto_capture_at: now } },
    [],
  ],
  [
    'told of its authorization after the automatic capture, and moved again',
    {
      row: {
        ...{ ...part, refunded: 10, status: 'PARTIALLY_CAPTURED_REFUNDED', data: { ...calls, auto_capture: true } },
      },
      events: [captured, event(4, 'REFUND', { amount: 10, operation_id: 'op3' })],
      operations: [capture, operation('op3', { kind: 'refund', amount: 10 })],
      rest: { told: [...toldOfCapture, ...toldOfRefund, [2, 'session_callback', told_late]] },
    },
    [],
  ],
  [
    'to be captured by itself, and never authorized',
    {
      row: { authorized: 0, authorized_at: null, status: 'AUTHORIZED', data: { auto_capture: true }, event_count: 1 },
      rest: {
        ...{ events: [event(1, 'INITIALIZE')], hash: 'h1', told: [[1, 'checkout_transaction']] },
        operations: [operation('op1', { kind: 'authorize', amount: 100, state: 'unknown' })],
      },
    },
    [],
  ],
  [
    'other columns than its data',
    {
      row: {
        data: { card: { brand: 'Visa', recurrence_token_id: 'r' }, customer: { customer_id: 'kari' }, store: { terminal_id: 5 } },
        ...{ card_brand: 'x', token_id: 'x', customer_id: 'x', terminal_id: 'x', auto_capture_at: now },
      },
    },
    [
      ['card_brand', 'Visa', 'x'],
      ['token_id', 'r', 'x'],
      ['customer_id', 'kari', 'x'],
      ['terminal_id', '5', 'x'],
      ['auto_capture_at', null, now.toISOString()],
    ],
  ],
  [
    'columns without their data',
    { row: { customer_id: 'x', data: { customer: { customer_id: 5 } } } },
    [['customer_id', null, 'x']],
  ],
  [
    'being changed by an operation that is over',
    { row: { data: { updating: 'op1' } } },
    [['updating', 'an operation that is open', 'op1']],
  ],
  [
    'being changed by another operation than the one that is open',
    { row: { data: { updating: 'op9' } }, operations: [open('update_authorization')] },
    [['updating', 'an operation that is open', 'op9']],
  ],
  ['being changed', { row: { data: { updating: 'op2' } }, operations: [open('update_authorization')] }, []],
  [
    'a stored card that is gone, and one that is there',
    {
      row: {
        data: {
          card: { payment_token_id: 'p', recurrence_token_id: 'r' },
          tokens: { payment_token: 'P', recurrence_token: 'R' },
        },
        token_id: 'p',
      },
      rest: { cards: ['r'] },
    },
    [['payment_token p', 'a stored card', null]],
  ],
  [
    'settlements that have no item of it',
    {
      row: { settlement_status: 'SETTLED' },
      events: [
        event(3, 'SETTLEMENT', {
          data: { settlements: { events: [{ settlement_id: 'b' }, { settlement_id: 'a' }], settlement_status: 'SETTLED' } },
        }),
      ],
      rest: {
        items: [
          [4, 'b'],
          [3, 'a'],
        ],
      },
    },
    [['event 3: settlements with its items', ['a', 'b'], ['a']]],
  ],
  [
    'settlements whose items came in another order, and an item that another event tells of',
    {
      row: { settlement_status: 'SETTLED' },
      events: [
        event(3, 'SETTLEMENT', {
          data: { settlements: { events: [{ settlement_id: 'a' }, { settlement_id: 'b' }], settlement_status: 'SETTLED' } },
        }),
      ],
      rest: {
        items: [
          [3, 'b'],
          [3, 'a'],
          [2, 'c'],
        ],
      },
    },
    [['event 2: settlements with its items', [], ['c']]],
  ],
  [
    'paid with nothing, of which the simulator holds nothing',
    {
      row: { ...{ amount: 0, authorized: 0, gateway: 'simulator', gateway_reference: null }, authorized_at: now },
      operations: [],
      rest: {
        events: [first[0]!, { ...first[1]!, amount: 0 }],
        operations: [{ ...paid, amount: 0, gateway: 'simulator' }],
        simulator: {
          ...{ authorized: 0, captured: 0, refunded: 0, voided: 0, references: [], currencies: [] },
          movements: [{ key: paid.id, kind: 'authorize', amount: 0 }],
        },
      },
    },
    [],
  ],
]

for (const [title, given, differences] of cases) {
  test(`verify a transaction: ${title}`, () => {
    const list = verifyTransaction(read(given))
    assert.deepEqual(
      list.map(({ what, expected, found }) => [what, expected, found]),
      differences,
    )
    for (const { account_id, aggregate_type, aggregate_id } of list) {
      assert.deepEqual([account_id, aggregate_type, aggregate_id], ['T12345678', 'transaction', 'T12345678.t'])
    }
  })
}
