import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperationRow } from '../src/checkout/operations-log/operation.ts'
import { reserve, settle } from '../src/checkout/transactions/settlement.ts'
import type { TransactionRow } from '../src/checkout/transactions/transaction.ts'
import type { OperationOutcome } from '../src/gateways/gateway.ts'
import { chance, changesOf, now, operationRow, transactionRow } from './rows.ts'

export const succeeded = { outcome: 'succeeded', gateway_reference: 'r' } as const satisfies OperationOutcome
export const failed = { outcome: 'failed', error: { message: 'no', code: 'c' } } as const satisfies OperationOutcome
export const unknown = { outcome: 'unknown' } as const satisfies OperationOutcome

/** The columns of an event that every event of one operation has in common, for the operation `op` at its first attempt. */
export const first = { request_id: 'op', correlation_request_id: null, operation_id: 'op' }
const common = { created_at: now.toISOString(), created_by: 'client' }

/** What an outcome changes about the transaction, which events it appends, and what it changes about the operation. */
export type Case = [
  title: string,
  state: Partial<TransactionRow>,
  operation: Partial<OperationRow>,
  outcome: OperationOutcome,
  changed: Partial<TransactionRow>,
  events: object[],
  operation_changed: Partial<OperationRow>,
]
export const done = { state: 'succeeded', next_attempt_at: null, outcome: {}, updated_at: now } as const
export const refused = {
  state: 'failed',
  next_attempt_at: null,
  outcome: { error: { message: 'no', code: 'c' } },
  updated_at: now,
} as const

/** Reserves and settles one operation, and compares everything that has changed. */
export function testSettle(of: string, [title, state, intent, outcome, changed, events, operation_changed]: Case): void {
  test(`${of}: ${title}`, () => {
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
