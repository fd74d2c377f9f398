import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, chance, changesOf, later, now, operationRow, transactionRow } from '../../../test/rows.ts'
import { type Case, done, failed, first, refused, succeeded, testSettle, unknown } from '../../../test/settle-cases.ts'
import type { OperationOutcome } from '../../gateways/gateway.ts'
import type { OperationRow } from '../operations-log/operation.ts'
import { auto_capture_ms, reserve, settle } from './settlement.ts'
import type { TransactionRow } from './transaction.ts'

const cases: Case[] = [
  [
    'a changed amount moves the authorization with it',
    { data: { event_reference: 'kept' } },
    {
      kind: 'update_authorization',
      request: { update: 'amount', new_amount: 70, void_amount: 30, new_items: [{ line_id: '1', amount: 70 }] },
    },
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
    { kind: 'update_authorization', request: { update: 'amount', new_amount: 60, void_amount: 40 } },
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
    'an authorization becomes final, and is captured at once where that was to be',
    { final_authorization: false, auto_capture_at: before },
    { kind: 'update_authorization', request: { update: 'pre_authorization', final_authorization: true } },
    succeeded,
    { final_authorization: true, auto_capture_at: now, event_count: 3, updated_at: now },
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
    'changed items bring the destinations that they are split on',
    { search_terms: ['T12345678/r', 'T12345678|payout_destination_id:old'] },
    {
      kind: 'update_authorization',
      request: { update: 'amount', new_amount: 100, void_amount: 0, new_items: [{ splits: [{ payout_destination_id: 'new' }] }] },
    },
    succeeded,
    {
      data: { items: [{ splits: [{ payout_destination_id: 'new' }] }] },
      search_terms: ['T12345678/r', 'T12345678|payout_destination_id:old', 'T12345678|payout_destination_id:new'],
      event_count: 3,
      updated_at: now,
    },
    [
      {
        ...first,
        ...{ sequence: 3, event: 'AUTHORIZE', transaction_status: 'AUTHORIZED', success: true, amount: 100 },
        data: { update: 'amount' },
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
    'an authorization becomes final, and is captured when that is asked for',
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
    'a change that is refused changes nothing',
    { final_authorization: false },
    { kind: 'update_authorization', request: { new_amount: 70, void_amount: 30, final_authorization: true, new_items: [] } },
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
    { data: { updating: 'op' } },
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
for (const one of cases) testSettle('update of an authorization', one)

// kind | request | what is reserved
const reservations: [Partial<OperationRow>, Partial<TransactionRow>][] = [
  [{}, { pending_capture: 40, auto_capture_at: null }],
  [{ request: { void_amount: 60 } }, { pending_capture: 40, pending_void: 60, auto_capture_at: null }],
  [{ request: { automatic: true } }, { pending_capture: 40, auto_capture_at: before }],
  [
    { kind: 'void', amount: 0, request: { void_amount: 100 } },
    { pending_void: 100, auto_capture_at: null },
  ],
  [{ kind: 'update_authorization' }, { data: { updating: 'op' } }],
  [{ kind: 'refund', amount: 0 }, {}],
]
for (const [intent, changed] of reservations) {
  test(`reserve: ${JSON.stringify(intent)}`, () => {
    const row = transactionRow({ auto_capture_at: now })
    const operation = operationRow({ ...intent, updated_at: now })
    assert.deepEqual(changesOf(row, reserve(row, operation)), { updated_at: now, ...changed })
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

// What was asked for with an extension | what the provider answered | the metadata of its event
const extensions: [Partial<OperationRow['request']>, OperationOutcome, metadata: object | undefined][] = [
  [{}, succeeded, undefined],
  [{ reason: 'late' }, succeeded, { 'klarna:authorization_expiration_reason': 'late' }],
  [{ reference: 'R' }, succeeded, { 'klarna:authorization_expiration_reference': 'R' }],
  [{ reason: 'late' }, failed, undefined],
  [
    { reason: 'late', metadata: { ext_a: 'A' } },
    { ...succeeded, metadata: { 'klarna:authorization_expiration_date': 'D' } },
    {
      ext_a: 'A',
      'klarna:authorization_expiration_date': 'D',
      'klarna:authorization_expiration_reason': 'late',
    },
  ],
]
for (const [asked, outcome, metadata] of extensions) {
  test(`extension: ${JSON.stringify(asked)}, ${outcome.outcome}`, () => {
    const request = { ...asked, update: 'extend' as const }
    const operation = operationRow({ kind: 'update_authorization', payment_product_type: 'klarna.klarna', request })
    const [event] = settle(transactionRow(), operation, outcome, chance()).events
    assert.deepEqual(event!.data.metadata, metadata)
    assert.equal(event!.data.reason, asked.reason)
  })
}
test('extension: only of an extension the event says why and until when', () => {
  const request = { update: 'amount' as const, new_amount: 100, reason: 'late', reference: 'R' }
  const operation = operationRow({ kind: 'update_authorization', request })
  assert.equal(settle(transactionRow(), operation, succeeded, chance()).events[0]!.data.metadata, undefined)
})

// A person said what came of it | what is left to do then
const corrections: [Partial<OperationRow>, OperationOutcome, correction: object | undefined][] = [
  [{ request: {} }, succeeded, undefined],
  [{ request: { metadata: { ext_a: 'A' } } }, succeeded, undefined],
  [
    { request: { metadata: { resolved_by: 'me' } } },
    succeeded,
    {
      status: 'PARTIALLY_CAPTURED_REFUNDED',
      remaining_capture_amount: 10,
      remaining_refund_amount: 75,
      remaining_void_amount: 10,
    },
  ],
  [
    { kind: 'refund', amount: 5, request: { metadata: { resolved_by: 'me' } } },
    succeeded,
    {
      status: 'PARTIALLY_CAPTURED_REFUNDED',
      remaining_capture_amount: 50,
      remaining_refund_amount: 30,
      remaining_void_amount: 50,
    },
  ],
  [
    { request: { metadata: { resolved_by: 'me' } } },
    failed,
    {
      status: 'PARTIALLY_CAPTURED_REFUNDED',
      remaining_capture_amount: 50,
      remaining_refund_amount: 35,
      remaining_void_amount: 50,
    },
  ],
]
for (const [intent, outcome, correction] of corrections) {
  test(`correction: ${JSON.stringify(intent)}, ${outcome.outcome}`, () => {
    const row = transactionRow({ status: 'PARTIALLY_CAPTURED_REFUNDED', captured: 50, refunded: 10, pending_refund: 5 })
    const operation = operationRow({ state: 'unknown', ...intent })
    const [event] = settle(reserve(row, operation), operation, outcome, chance()).events
    assert.deepEqual(event!.data.correction, correction)
  })
}
