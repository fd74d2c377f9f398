import assert from 'node:assert/strict'
import { test } from 'node:test'
import { now } from '../../test/rows.ts'
import {
  about,
  calls,
  event,
  type Given,
  open,
  part,
  read,
  told_late,
  toldOfCapture,
  whole,
} from '../../test/transaction-read.ts'
import { verifyTransaction } from './transaction.ts'

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
  ['to be told of its authorization yet', { row: { data: { ...calls, auto_capture: true, callback_due: 2 } } }, []],
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
