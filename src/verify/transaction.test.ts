import assert from 'node:assert/strict'
import { test } from 'node:test'
import { later, now } from '../../test/rows.ts'
import {
  about,
  book,
  capture,
  captured,
  event,
  failed,
  first,
  type Given,
  open,
  operation,
  paid,
  part,
  read,
  refused,
  session_of,
  settles,
  simulated,
  whole,
} from '../../test/transaction-read.ts'
import type { Told } from './difference.ts'
import { verifyTransaction } from './transaction.ts'

const cases: [title: string, given: Given, differences: unknown[][]][] = [
  ['authorized', {}, []],
  ['captured in part', whole, []],
  ['another total', { ...whole, row: { ...part, captured: 41 } }, [['captured', 40, 41]]],
  ['another status', { ...whole, row: { captured: 40 } }, [['status', 'PARTIALLY_CAPTURED', 'AUTHORIZED']]],
  [
    'captured, refunded, and the rest voided',
    {
      row: { captured: 40, refunded: 10, voided: 60, status: 'PARTIALLY_REFUNDED' },
      events: [
        captured,
        event(4, 'VOID', { amount: 60, operation_id: 'op3' }),
        event(5, 'REFUND', { amount: 10, operation_id: 'op4' }),
      ],
      operations: [capture, operation('op3', { kind: 'void', amount: 0 }), operation('op4', { kind: 'refund', amount: 10 })],
    },
    [],
  ],
  ['what failed moved nothing', { events: [failed], operations: [refused] }, []],
  [
    'settled, and moved again',
    {
      ...whole,
      row: { ...part, settlement_status: 'PARTIALLY_SETTLED', event_count: 4 },
      events: [
        event(3, 'SETTLEMENT', { data: { settlements: { events: [], settlement_status: 'SETTLED' } } }),
        { ...captured, sequence: 4, hash: 'h4' },
      ],
    },
    [],
  ],
  [
    'a larger amount, a smaller one, one that was refused',
    {
      row: { amount: 70, authorized: 70 },
      events: [
        event(3, 'AUTHORIZE', { amount: 130, operation_id: 'op2', data: { update: 'amount' } }),
        event(4, 'AUTHORIZE', { amount: 70, operation_id: 'op3', data: { update: 'pre_authorization' } }),
        event(5, 'AUTHORIZE', { amount: 70, operation_id: 'op4', data: { update: 'amount' }, success: false }),
      ],
      operations: [
        operation('op2', { kind: 'update_authorization' }),
        operation('op3', { kind: 'update_authorization' }),
        operation('op4', { kind: 'update_authorization', state: 'failed', outcome: { error: { message: 'no' } } }),
      ],
    },
    [],
  ],
  [
    'refused by the provider: nothing is authorized, and the amount is that of the payment',
    {
      row: { amount: 99, authorized: 0, status: 'DECLINED' },
      rest: {
        events: [
          event(1, 'INITIALIZE'),
          event(2, 'AUTHORIZE', { amount: 100, operation_id: 'op1', success: false, transaction_status: 'DECLINED' }),
        ],
        operations: [open('void', { amount: 7 }), { ...paid, state: 'failed', outcome: { error: { message: 'no' } } }],
        told: [
          [1, 'checkout_transaction'],
          [2, 'checkout_transaction'],
          [2, 'checkout_authorization', { ...about, error: 'authorization' }],
        ],
      },
    },
    [['amount', 100, 99]],
  ],
  [
    'of a payment that is nowhere recorded, what the row says',
    { row: { status: 'INITIATED', authorized: 0, event_count: 0 }, rest: { events: [], operations: [], hash: '', told: [] } },
    [],
  ],
  [
    'of an amount of 0, the events say the status',
    {
      row: { amount: 0, authorized: 0, status: 'CAPTURED', event_count: 3, authorized_at: now, captured_at: now },
      rest: {
        events: [
          first[0]!,
          event(2, 'AUTHORIZE', { amount: 0, operation_id: 'op1' }),
          event(3, 'CAPTURE', { amount: 0, operation_id: 'op2', transaction_status: 'CAPTURED' }),
        ],
        operations: [
          { ...paid, amount: 0 },
          { ...capture, amount: 0 },
        ],
        hash: 'h3',
        told: [1, 2, 3].flatMap((sequence): Told[] => [
          [sequence, 'checkout_transaction'],
          [sequence, 'checkout_authorization', about],
        ]),
      },
    },
    [],
  ],
  [
    'a capture under way',
    { row: { pending_capture: 40, pending_void: 60 }, operations: [open('capture', { request: { void_amount: 60 } })] },
    [],
  ],
  [
    'a refund under way',
    {
      ...whole,
      row: { ...part, pending_refund: 5 },
      operations: [capture, operation('op3', { kind: 'refund', amount: 5, state: 'pending' })],
    },
    [],
  ],
  [
    'nothing under way',
    { row: { pending_capture: 1, pending_refund: 2, pending_void: 3 } },
    [
      ['pending_capture', 0, 1],
      ['pending_refund', 0, 2],
      ['pending_void', 0, 3],
    ],
  ],
  ['an operation without its event', { operations: [capture] }, [[settles('capture', 'succeeded'), 1, 0]]],
  [
    'an operation with two events',
    {
      row: { captured: 80, status: 'PARTIALLY_CAPTURED' },
      events: [captured, { ...captured, sequence: 4, hash: 'h4' }],
      operations: [capture],
    },
    [[settles('capture', 'succeeded'), 1, 2]],
  ],
  [
    'an open operation with its event',
    { ...whole, row: { ...part, pending_capture: 40 }, operations: [open('capture')] },
    [[settles('capture', 'unknown'), 0, 1]],
  ],
  [
    'an announcement settles nothing',
    {
      row: { pending_capture: 40 },
      events: [event(3, 'INITIATE_CAPTURE', { amount: 40, operation_id: 'op2' })],
      operations: [open('capture')],
    },
    [],
  ],
  [
    'another amount than the operation',
    { ...whole, operations: [{ ...capture, amount: 41 }] },
    [['operation op2: amount', 41, 40]],
  ],
  [
    'another amount than the refund',
    {
      row: { ...part, refunded: 5, status: 'PARTIALLY_CAPTURED_REFUNDED' },
      events: [captured, event(4, 'REFUND', { amount: 5, operation_id: 'op3' })],
      operations: [capture, operation('op3', { kind: 'refund', amount: 6 })],
    },
    [['operation op3: amount', 6, 5]],
  ],
  ['a success without an outcome', { ...whole, operations: [{ ...capture, outcome: null }] }, []],
  [
    'a payment without its event',
    { operations: [operation('op2', { kind: 'authorize' })] },
    [['operation op2 (authorize, succeeded): events that settle it', 1, 0]],
  ],
  ['a failed capture without its event', { operations: [refused] }, [[settles('capture', 'failed'), 1, 0]]],
  [
    'a refused payment with two events',
    {
      events: [
        event(3, 'AUTHORIZE', { amount: 100, operation_id: 'op2', success: false }),
        event(4, 'AUTHORIZE', { amount: 100, operation_id: 'op2', success: false }),
      ],
      operations: [operation('op2', { kind: 'authorize', amount: 100, state: 'failed', outcome: { error: { message: 'no' } } })],
    },
    [[settles('authorize', 'failed'), 1, 2]],
  ],
  ['another outcome than the operation', { events: [failed], operations: [capture] }, [['operation op2: success', true, false]]],
  [
    'a failure without a reason',
    { events: [failed], operations: [{ ...refused, outcome: null }] },
    [['operation op2: outcome', 'why it failed', null]],
  ],
  [
    'an event of another kind',
    { ...whole, operations: [operation('op2', { kind: 'void' })] },
    [['operation op2: event', 'VOID', 'CAPTURE']],
  ],
  [
    'an authorization that another event settles',
    { ...whole, operations: [operation('op2', { kind: 'update_authorization' })] },
    [['operation op2: event', 'AUTHORIZE', 'CAPTURE']],
  ],
  [
    'a payment that was refused before anything was published',
    { operations: [operation('op2', { kind: 'authorize', state: 'failed' })] },
    [],
  ],
  ['an event of no operation', { ...whole, operations: [] }, [['event 3 operation_id', 'an operation', 'op2']]],
  ['no session', { rest: { session: null } }, [['session_id', 'a session', 'T12345678.s']]],
  [
    'the session of another',
    { rest: { session: { ...session_of, transaction_id: 'x' } } },
    [['transaction_id of the session', 'T12345678.t', 'x']],
  ],
  ['a broken chain', { rest: { hash: 'x' } }, [['hash', 'h2', 'x']]],
  ['an event too few', { row: { event_count: 3 } }, [['number of events', 3, 2]]],
  [
    'not told',
    {
      rest: {
        told: [
          [1, 'checkout_transaction'],
          [2, 'checkout_transaction'],
        ],
      },
    },
    [['notification 2 checkout_authorization', 'a row of the outbox', null]],
  ],
  ['told so long ago that it is forgotten', { rest: { told: [], told_since: later(1) } }, []],
  ['as large as it may count', { row: { events_size: 5 }, rest: { size_max: 5 } }, []],
  ['counted as larger than it is', { row: { events_size: 6 }, rest: { size_max: 5 } }, [['events_size', 'at most 5', 6]]],
  ['the same in the book of the simulator', { ...simulated, rest: { simulator: book } }, []],
  [
    'something else there',
    {
      ...simulated,
      rest: { simulator: { ...book, authorized: 1, captured: 2, refunded: 3, voided: 4, currencies: ['SEK'] } },
    },
    [
      ["authorized in the simulator's book", 100, 1],
      ["captured in the simulator's book", 40, 2],
      ["refunded in the simulator's book", 0, 3],
      ["voided in the simulator's book", 0, 4],
      ["currency in the simulator's book", ['NOK'], ['SEK']],
    ],
  ],
  [
    'another movement there, of the same amount',
    { ...simulated, rest: { simulator: { ...book, movements: [book.movements[0]!, { ...book.movements[1]!, key: 'op3' }] } } },
    [
      ['movement capture op2', { amount: 40 }, null],
      ['movement capture op3', null, { amount: 40 }],
    ],
  ],
  [
    'a movement of another amount there',
    { ...simulated, rest: { simulator: { ...book, movements: [book.movements[0]!, { ...book.movements[1]!, amount: 39 }] } } },
    [['movement capture op2 amount', 40, 39]],
  ],
  ['something else there, of another gateway', { ...whole, rest: { simulator: { ...book, captured: 2 } } }, []],
  [
    'something else there, while an operation is open',
    { row: { gateway: 'simulator', pending_capture: 40 }, operations: [open('capture')], rest: { simulator: book } },
    [],
  ],
  ['not in the book at all', simulated, []],
  [
    'another name at the provider than the money has',
    { ...simulated, row: { ...simulated.row, gateway_reference: 'x' }, rest: { simulator: book } },
    [['gateway_reference', ['ref'], ['x']]],
  ],
  [
    'other times than its events',
    { ...whole, row: { ...part, created_at: later(1), authorized_at: null, captured_at: later(3), refunded_at: later(4) } },
    [
      ['created_at', now.toISOString(), later(1).toISOString()],
      ['authorized_at', now.toISOString(), null],
      ['captured_at', now.toISOString(), later(3).toISOString()],
      ['refunded_at', null, later(4).toISOString()],
    ],
  ],
  [
    'other than its session',
    { rest: { session: { ...session_of, payout_destination_id: 'mine', store_id: 's', merchant_reference: 'r' } } },
    [
      ['merchant_reference', 'r', 'R'],
      ['store_id', 's', null],
      ['payout_destination_id', 'mine', null],
    ],
  ],
  [
    'final, though nobody made it so',
    { rest: { session: { ...session_of, final_authorization: false } } },
    [['final_authorization', false, true]],
  ],
  [
    'made final',
    {
      events: [event(3, 'AUTHORIZE', { amount: 100, operation_id: 'op2', data: { update: 'pre_authorization' } })],
      operations: [operation('op2', { kind: 'update_authorization', request: { final_authorization: true } })],
      rest: { session: { ...session_of, final_authorization: false } },
    },
    [],
  ],
  [
    'not made final, as that was refused',
    {
      row: { final_authorization: false },
      events: [
        event(3, 'AUTHORIZE', { amount: 100, operation_id: 'op2', success: false, data: { update: 'pre_authorization' } }),
      ],
      operations: [
        operation('op2', {
          kind: 'update_authorization',
          state: 'failed',
          request: { final_authorization: true, new_amount: 90 },
        }),
      ],
      rest: { session: { ...session_of, final_authorization: false } },
    },
    [],
  ],
  [
    'another currency than its operations, and not found by its references',
    { row: { currency: 'SEK', merchant_reference_2: 'Two' } },
    [
      ['operation op1: currency', 'SEK', 'NOK'],
      ['search_terms', 'T12345678/two', ['T12345678/r']],
    ],
  ],
  [
    'another amount than the change, and than the void',
    {
      row: { voided: 100, status: 'AUTHORIZATION_VOIDED' },
      events: [
        event(3, 'AUTHORIZE', { amount: 100, operation_id: 'op2', data: { update: 'amount' } }),
        event(4, 'VOID', { amount: 100, operation_id: 'op3' }),
      ],
      operations: [
        operation('op2', { kind: 'update_authorization', request: { new_amount: 101 } }),
        operation('op3', { kind: 'void', amount: 0, request: { void_amount: 99 } }),
      ],
    },
    [
      ['operation op2: amount', 101, 100],
      ['operation op3: amount', 99, 100],
    ],
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
