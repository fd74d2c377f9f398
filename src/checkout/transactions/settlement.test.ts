import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, chance, later, now, operationRow, transactionRow } from '../../../test/rows.ts'
import type { OperationOutcome } from '../../gateways/gateway.ts'
import type { OperationRow } from '../operations-log/operation.ts'
import { auto_capture_ms, reserve, settle } from './settlement.ts'
import type { TransactionRow } from './transaction.ts'

const succeeded: OperationOutcome = { outcome: 'succeeded', gateway_reference: 'r' }
const failed: OperationOutcome = { outcome: 'failed', error: { message: 'no', code: 'c' } }
const unknown: OperationOutcome = { outcome: 'unknown' }
const pending: OperationOutcome = { outcome: 'pending' }

/** What differs between two rows. */
function changes<T extends object>(from: T, to: T): Partial<T> {
  return Object.fromEntries(Object.entries(to).filter(([name, value]) => from[name as keyof T] !== value)) as Partial<T>
}

/** The columns of an event that every event of one operation has in common, for the operation `op` at its first attempt. */
const first = { request_id: 'op', correlation_request_id: null, operation_id: 'op' }
const common = { created_at: now.toISOString(), created_by: 'client' }

type Case = [
  title: string,
  state: Partial<TransactionRow>,
  operation: Partial<OperationRow>,
  outcome: OperationOutcome,
  changed: Partial<TransactionRow>,
  events: object[],
  operation_changed: Partial<OperationRow>,
]
const done = { state: 'succeeded', next_attempt_at: null, outcome: {}, updated_at: now } as const
const refused = {
  state: 'failed',
  next_attempt_at: null,
  outcome: { error: { message: 'no', code: 'c' } },
  updated_at: now,
} as const

const cases: Case[] = [
  [
    'capture of a part',
    {},
    {},
    succeeded,
    { captured: 40, captured_at: now, status: 'PARTIALLY_CAPTURED', event_count: 3, updated_at: now },
    [{ ...first, sequence: 3, event: 'CAPTURE', transaction_status: 'PARTIALLY_CAPTURED', success: true, amount: 40, data: {} }],
    done,
  ],
  [
    'second capture keeps the time of the first, and leaves the reservation of others',
    { captured: 40, captured_at: before, status: 'PARTIALLY_CAPTURED', pending_capture: 20 },
    { amount: 20 },
    succeeded,
    { captured: 60, event_count: 3, updated_at: now },
    [{ ...first, sequence: 3, event: 'CAPTURE', transaction_status: 'PARTIALLY_CAPTURED', success: true, amount: 20, data: {} }],
    done,
  ],
  [
    'final capture voids the rest; only the first event names the operation',
    {},
    { request: { void_amount: 60, final_capture: true, event_reference: 'E' } },
    succeeded,
    { captured: 40, captured_at: now, voided: 60, status: 'CAPTURED', event_count: 4, updated_at: now },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'CAPTURE', transaction_status: 'PARTIALLY_CAPTURED', success: true, amount: 40 },
        data: { event_reference: 'E' },
      },
      {
        ...{ request_id: 'u1', correlation_request_id: null, operation_id: null },
        ...{ sequence: 4, event: 'VOID', transaction_status: 'CAPTURED', success: true, amount: 60, data: {} },
      },
    ],
    done,
  ],
  [
    'capture of nothing',
    { amount: 0, authorized: 0 },
    { amount: 0 },
    succeeded,
    { captured_at: now, status: 'CAPTURED', event_count: 3, updated_at: now },
    [{ ...first, sequence: 3, event: 'CAPTURE', transaction_status: 'CAPTURED', success: true, amount: 0, data: {} }],
    done,
  ],
  [
    'capture after all was settled',
    { captured: 40, captured_at: before, status: 'PARTIALLY_CAPTURED', settlement_status: 'SETTLED' },
    { amount: 60 },
    succeeded,
    { captured: 100, status: 'CAPTURED', settlement_status: 'PARTIALLY_SETTLED', event_count: 3, updated_at: now },
    [{ ...first, sequence: 3, event: 'CAPTURE', transaction_status: 'CAPTURED', success: true, amount: 60, data: {} }],
    done,
  ],
  [
    'capture refused',
    { settlement_status: 'SETTLED' },
    { request: { void_amount: 60 } },
    failed,
    { event_count: 3, updated_at: now },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'CAPTURE', transaction_status: 'AUTHORIZED', success: false, amount: 40 },
        data: { error: { message: 'no', code: 'c' } },
      },
    ],
    refused,
  ],
  [
    'capture refused without a word',
    {},
    {},
    { outcome: 'failed', error: { message: '' } },
    { event_count: 3, updated_at: now },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'CAPTURE', transaction_status: 'AUTHORIZED', success: false, amount: 40 },
        data: { error: { message: 'The provider refused the capture.' } },
      },
    ],
    { ...refused, outcome: { error: { message: '' } } },
  ],
  [
    'refund of a part: what the request said, and what the provider answered',
    { captured: 100, captured_at: before, status: 'CAPTURED', settlement_status: 'SETTLED' },
    {
      kind: 'refund',
      request: {
        items: [{ line_id: '1', amount: 40 }],
        metadata: { ext_a: 'asked', ext_b: 'kept' },
        event_reference: 'E',
        reason: 'broken',
        request_headers: { 'user-agent': 'x' },
        request_hash: 'secret',
      },
    },
    { ...succeeded, metadata: { ext_a: 'answered' } },
    {
      refunded: 40,
      refunded_at: now,
      status: 'PARTIALLY_REFUNDED',
      settlement_status: 'PARTIALLY_SETTLED',
      event_count: 3,
      updated_at: now,
    },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'REFUND', transaction_status: 'PARTIALLY_REFUNDED', success: true, amount: 40 },
        data: {
          items: [{ line_id: '1', amount: 40 }],
          metadata: { ext_a: 'answered', ext_b: 'kept' },
          event_reference: 'E',
          reason: 'broken',
          request_headers: { 'user-agent': 'x' },
        },
      },
    ],
    done,
  ],
  [
    'refund of the rest keeps the time of the first',
    { captured: 100, refunded: 60, refunded_at: before, status: 'PARTIALLY_REFUNDED', settlement_status: 'PENDING_SETTLEMENT' },
    { kind: 'refund', request: { items: [], metadata: {} } },
    succeeded,
    { refunded: 100, status: 'REFUNDED', event_count: 3, updated_at: now },
    [{ ...first, sequence: 3, event: 'REFUND', transaction_status: 'REFUNDED', success: true, amount: 40, data: {} }],
    done,
  ],
  [
    'refund of nothing',
    { amount: 0, authorized: 0, status: 'CAPTURED' },
    { kind: 'refund', amount: 0 },
    succeeded,
    { refunded_at: now, status: 'REFUNDED', event_count: 3, updated_at: now },
    [{ ...first, sequence: 3, event: 'REFUND', transaction_status: 'REFUNDED', success: true, amount: 0, data: {} }],
    done,
  ],
  [
    'refund refused',
    { captured: 100, status: 'CAPTURED' },
    { kind: 'refund' },
    failed,
    { event_count: 3, updated_at: now },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'REFUND', transaction_status: 'CAPTURED', success: false, amount: 40 },
        data: { error: { message: 'no', code: 'c' } },
      },
    ],
    refused,
  ],
  [
    'void of everything',
    { settlement_status: 'SETTLED' },
    { kind: 'void', amount: 0, request: { void_amount: 100 } },
    succeeded,
    { voided: 100, status: 'AUTHORIZATION_VOIDED', event_count: 3, updated_at: now },
    [{ ...first, sequence: 3, event: 'VOID', transaction_status: 'AUTHORIZATION_VOIDED', success: true, amount: 100, data: {} }],
    done,
  ],
  [
    'void of the rest',
    { captured: 30, status: 'PARTIALLY_CAPTURED' },
    { kind: 'void', amount: 0, request: { void_amount: 70 } },
    succeeded,
    { voided: 70, status: 'CAPTURED', event_count: 3, updated_at: now },
    [{ ...first, sequence: 3, event: 'VOID', transaction_status: 'CAPTURED', success: true, amount: 70, data: {} }],
    done,
  ],
  [
    'void refused',
    {},
    { kind: 'void', amount: 0, request: { void_amount: 100 } },
    { outcome: 'failed', error: { message: '' } },
    { event_count: 3, updated_at: now },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'VOID', transaction_status: 'AUTHORIZED', success: false, amount: 100 },
        data: { error: { message: 'The provider refused the void.' } },
      },
    ],
    { ...refused, outcome: { error: { message: '' } } },
  ],
  [
    'void of a payment that nobody finished',
    { status: 'INITIATED', authorized: 0 },
    { kind: 'void', amount: 0, request: { cancelling: true, void_amount: 0 } },
    succeeded,
    { status: 'AUTHORIZATION_VOIDED', event_count: 3, updated_at: now },
    [{ ...first, sequence: 3, event: 'VOID', transaction_status: 'AUTHORIZATION_VOIDED', success: true, amount: 0, data: {} }],
    done,
  ],
  ...(['ON_HOLD', 'UNKNOWN'] as const).map(
    (status): Case => [
      `void of a payment that is ${status}, though some is authorized`,
      { status },
      { kind: 'void', amount: 0, request: { cancelling: true, void_amount: 0 } },
      succeeded,
      { status: 'AUTHORIZATION_VOIDED', event_count: 3, updated_at: now },
      [{ ...first, sequence: 3, event: 'VOID', transaction_status: 'AUTHORIZATION_VOIDED', success: true, amount: 0, data: {} }],
      done,
    ],
  ),
  [
    'void of a payment that was authorized meanwhile takes what is left',
    { captured: 10, status: 'PARTIALLY_CAPTURED' },
    { kind: 'void', amount: 0, request: { cancelling: true, void_amount: 0 } },
    succeeded,
    { voided: 90, status: 'CAPTURED', event_count: 3, updated_at: now },
    [{ ...first, sequence: 3, event: 'VOID', transaction_status: 'CAPTURED', success: true, amount: 90, data: {} }],
    done,
  ],
  [
    'void of a part, though the session is being cancelled: the amount that was reserved',
    {},
    { kind: 'void', amount: 0, request: { cancelling: true, void_amount: 60 } },
    failed,
    { event_count: 3, updated_at: now },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'VOID', transaction_status: 'AUTHORIZED', success: false, amount: 60 },
        data: { error: { message: 'no', code: 'c' } },
      },
    ],
    refused,
  ],
  [
    'a first time without an answer is announced, and stays reserved',
    {},
    { attempts: 2, request: { reason: 'sent' } },
    unknown,
    { pending_capture: 40, event_count: 3, updated_at: now },
    [
      {
        ...{ request_id: 'op', operation_id: 'op', sequence: 3, event: 'INITIATE_CAPTURE', transaction_status: 'AUTHORIZED' },
        ...{ success: true, amount: 40, data: { reason: 'sent' } },
      },
    ],
    { state: 'unknown', next_attempt_at: later(2_000), updated_at: now },
  ],
  [
    'accepted for later',
    { captured: 100, status: 'CAPTURED' },
    { kind: 'refund' },
    pending,
    { pending_refund: 40, event_count: 3, updated_at: now },
    [
      {
        ...{ request_id: 'op', operation_id: 'op', sequence: 3, event: 'INITIATE_REFUND', transaction_status: 'CAPTURED' },
        ...{ success: true, amount: 40, data: {} },
      },
    ],
    { state: 'unknown', next_attempt_at: later(1_000), updated_at: now },
  ],
  [
    'a void without an answer tells the amount that is reserved',
    {},
    { kind: 'void', amount: 0, request: { void_amount: 100 } },
    unknown,
    { pending_void: 100, event_count: 3, updated_at: now },
    [
      {
        ...{ request_id: 'op', operation_id: 'op', sequence: 3, event: 'INITIATE_VOID', transaction_status: 'AUTHORIZED' },
        ...{ success: true, amount: 100, data: {} },
      },
    ],
    { state: 'unknown', next_attempt_at: later(1_000), updated_at: now },
  ],
  [
    'no answer again is no news',
    {},
    { state: 'unknown', attempts: 3 },
    unknown,
    { pending_capture: 40 },
    [],
    { next_attempt_at: later(5_000), updated_at: now },
  ],
  [
    'the late outcome refers to what was announced',
    { event_count: 3 },
    { state: 'unknown', request: { void_amount: 60 } },
    succeeded,
    { captured: 40, captured_at: now, voided: 60, status: 'CAPTURED', event_count: 5, updated_at: now },
    [
      {
        ...{ request_id: 'u1', correlation_request_id: 'op', operation_id: 'op' },
        ...{ sequence: 4, event: 'CAPTURE', transaction_status: 'PARTIALLY_CAPTURED', success: true, amount: 40, data: {} },
      },
      {
        ...{ request_id: 'u2', correlation_request_id: 'op', operation_id: null },
        ...{ sequence: 5, event: 'VOID', transaction_status: 'CAPTURED', success: true, amount: 60, data: {} },
      },
    ],
    done,
  ],
  [
    'a changed amount moves the authorization with it',
    { data: { event_reference: 'kept' } },
    { kind: 'update_authorization', request: { update: 'amount', new_amount: 70, new_items: [{ line_id: '1', amount: 70 }] } },
    succeeded,
    {
      amount: 70,
      authorized: 70,
      data: { event_reference: 'kept', items: [{ line_id: '1', amount: 70 }] },
      event_count: 3,
      updated_at: now,
    },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'AUTHORIZE', transaction_status: 'AUTHORIZED', success: true, amount: 70 },
        data: { update: 'amount' },
      },
    ],
    done,
  ],
  [
    'a lower amount of a part-captured payment may be captured whole',
    { captured: 60, status: 'PARTIALLY_CAPTURED' },
    { kind: 'update_authorization', request: { update: 'amount', new_amount: 60 } },
    succeeded,
    { amount: 60, authorized: 60, status: 'CAPTURED', event_count: 3, updated_at: now },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'AUTHORIZE', transaction_status: 'CAPTURED', success: true, amount: 60 },
        data: { update: 'amount' },
      },
    ],
    done,
  ],
  [
    'an authorization becomes final',
    { final_authorization: false },
    { kind: 'update_authorization', request: { update: 'pre_authorization', final_authorization: true } },
    succeeded,
    { final_authorization: true, event_count: 3, updated_at: now },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'AUTHORIZE', transaction_status: 'AUTHORIZED', success: true, amount: 100 },
        data: { update: 'pre_authorization' },
      },
    ],
    done,
  ],
  [
    'an authorization is extended, and is as final as it was',
    { final_authorization: false },
    { kind: 'update_authorization', request: { update: 'extend' } },
    succeeded,
    { event_count: 3, updated_at: now },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'AUTHORIZE', transaction_status: 'AUTHORIZED', success: true, amount: 100 },
        data: { update: 'extend' },
      },
    ],
    done,
  ],
  [
    'a change that is refused changes nothing',
    { final_authorization: false },
    { kind: 'update_authorization', request: { new_amount: 70, final_authorization: true, new_items: [] } },
    { outcome: 'failed', error: { message: '' } },
    { event_count: 3, updated_at: now },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'AUTHORIZE', transaction_status: 'AUTHORIZED', success: false, amount: 100 },
        data: { error: { message: 'The provider refused the update_authorization.' } },
      },
    ],
    { ...refused, outcome: { error: { message: '' } } },
  ],
  [
    'a change without an answer is not announced, so that its event has the id of the operation',
    {},
    { kind: 'update_authorization', request: { update: 'amount', new_amount: 70 } },
    unknown,
    {},
    [],
    { state: 'unknown', next_attempt_at: later(1_000), updated_at: now },
  ],
  [
    'a late change',
    {},
    { kind: 'update_authorization', state: 'unknown', request: { update: 'extend' } },
    succeeded,
    { event_count: 3, updated_at: now },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'AUTHORIZE', transaction_status: 'AUTHORIZED', success: true, amount: 100 },
        data: { update: 'extend' },
      },
    ],
    done,
  ],
]
for (const [title, state, intent, outcome, changed, events, operation_changed] of cases) {
  test(`settle: ${title}`, () => {
    const operation = operationRow(intent)
    const row = transactionRow(state)
    const change = settle(reserve(row, operation), operation, outcome, chance())
    assert.deepEqual(changes(row, change.next), changed)
    assert.deepEqual(
      change.events,
      events.map((event) => ({ ...event, ...common })),
    )
    assert.deepEqual(changes(operation, change.operation), operation_changed)
  })
}

// kind | request | what is reserved
const reservations: [Partial<OperationRow>, Partial<TransactionRow>][] = [
  [{}, { pending_capture: 40, auto_capture_at: null }],
  [{ request: { void_amount: 60 } }, { pending_capture: 40, pending_void: 60, auto_capture_at: null }],
  [{ request: { automatic: true } }, { pending_capture: 40, auto_capture_at: before }],
  [
    { kind: 'void', amount: 0, request: { void_amount: 100 } },
    { pending_void: 100, auto_capture_at: null },
  ],
  [{ kind: 'update_authorization' }, {}],
  [{ kind: 'refund', amount: 0 }, {}],
]
for (const [intent, changed] of reservations) {
  test(`reserve: ${JSON.stringify(intent)}`, () => {
    const row = transactionRow({ auto_capture_at: now })
    const operation = operationRow({ ...intent, updated_at: now })
    assert.deepEqual(changes(row, reserve(row, operation)), { updated_at: now, ...changed })
  })
}
test('reserve: of a transaction that can not give it, nothing', () => {
  assert.throws(() => reserve(transactionRow(), operationRow({ amount: 101 })), /captured and voided more than authorized/)
  assert.throws(() => reserve(transactionRow(), operationRow({ kind: 'refund' })), /refunded more than captured/)
})
test('settle: money that is not there is a fault, never a number', () => {
  const reserved = transactionRow({ pending_refund: 40, captured: 30 })
  assert.throws(() => settle(reserved, operationRow({ kind: 'refund' }), succeeded, chance()), /refunded more than captured/)
  const update = operationRow({ kind: 'update_authorization', request: { new_amount: 70 } })
  assert.throws(() => settle(transactionRow({ captured: 80 }), update, succeeded, chance()), /captured and voided more than/)
})

// tried for so long | tried again after
const tries: [tried_ms: number, wait_ms: number | null][] = [
  [0, 10_000],
  [10_000, 10_000],
  [10_001, 10_001],
  [3_600_000, 3_600_000],
  [3_600_001, 3_600_000],
  [auto_capture_ms - 3_600_000, 3_600_000],
  [auto_capture_ms - 3_599_999, null],
]
for (const [tried_ms, wait_ms] of tries) {
  test(`automatic capture: refused after ${tried_ms} ms, tried again after ${wait_ms} ms`, () => {
    const row = transactionRow({ auto_capture_until: later(auto_capture_ms - tried_ms) })
    const operation = operationRow({ request: { automatic: true } })
    const { next } = settle(reserve(row, operation), operation, failed, chance())
    assert.deepEqual(next.auto_capture_at, wait_ms === null ? null : later(wait_ms))
  })
}
test('automatic capture: 48 hours at most, done when it succeeded, and not touched by a capture by hand', () => {
  assert.equal(auto_capture_ms, 172_800_000)
  const row = transactionRow({ auto_capture_at: before, auto_capture_until: later(auto_capture_ms) })
  const automatic = operationRow({ request: { automatic: true } })
  assert.equal(settle(reserve(row, automatic), automatic, succeeded, chance()).next.auto_capture_at, null)
  assert.equal(settle(reserve(transactionRow(), automatic), automatic, failed, chance()).next.auto_capture_at, null)
  const refund = operationRow({ kind: 'refund' })
  const captured = { ...row, captured: 100, pending_refund: 40 }
  assert.equal(settle(captured, refund, failed, chance()).next.auto_capture_at, before)
})
