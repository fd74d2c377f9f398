import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, chance, changesOf, later, now, operationRow, transactionRow } from '../../../test/rows.ts'
import type { OperationOutcome } from '../../gateways/gateway.ts'
import type { OperationRow } from '../operations-log/operation.ts'
import { reserve, settle } from './settlement.ts'
import type { TransactionRow } from './transaction.ts'

const succeeded: OperationOutcome = { outcome: 'succeeded', gateway_reference: 'r' }
const failed: OperationOutcome = { outcome: 'failed', error: { message: 'no', code: 'c' } }
const unknown: OperationOutcome = { outcome: 'unknown' }
const pending: OperationOutcome = { outcome: 'pending' }

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
  ...(['INITIATED', 'ON_HOLD', 'UNKNOWN'] as const).map(
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
]
for (const [title, state, intent, outcome, changed, events, operation_changed] of cases) {
  test(`settle: ${title}`, () => {
    const operation = operationRow(intent)
    const row = transactionRow(state)
    const change = settle(reserve(row, operation), operation, outcome, chance())
    assert.deepEqual(changesOf(row, change.next), changed)
    assert.deepEqual(
      change.events,
      events.map((event) => ({ ...event, ...common })),
    )
    assert.deepEqual(changesOf(operation, change.operation), operation_changed)
  })
}
