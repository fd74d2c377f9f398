/** A transaction as `kvitt verify` reads it, for the tables of cases beside `src/verify/transaction.ts`. */
import type { OperationRow } from '../src/checkout/operations-log/operation.ts'
import type { EventRow, TransactionRow } from '../src/checkout/transactions/transaction.ts'
import type { Told } from '../src/verify/difference.ts'
import type { TransactionRead } from '../src/verify/store.ts'
import { before, now, operationRow, transactionRow } from './rows.ts'

type Event = TransactionRead['events'][number]
export const event = (sequence: number, name: EventRow['event'], more: Partial<Event> = {}): Event => ({
  ...{ sequence, event: name, transaction_status: 'AUTHORIZED', success: true, request_id: 'r', data: {}, operation_id: null },
  ...{ created_at: now.toISOString(), hash: `h${sequence}`, linked: true, ...more },
})
export const operation = (id: string, changes: Partial<OperationRow>) =>
  operationRow({ id, state: 'succeeded', outcome: {}, ...changes })
export const session_of = {
  ...{ transaction_id: 'T12345678.t', merchant_reference: 'R', payment_operation: 'unscheduled_purchase' },
  ...{ store_id: null, payout_destination_id: null, final_authorization: true },
}
export const paid = operation('op1', { kind: 'authorize', amount: 100 })
export const first = [event(1, 'INITIALIZE'), event(2, 'AUTHORIZE', { amount: 100, operation_id: 'op1' })]

export type Given = {
  row?: Partial<TransactionRow>
  events?: Event[]
  operations?: OperationRow[]
  rest?: Partial<TransactionRead>
}
export const about = { session_id: 'T12345678.s', transaction_id: 'T12345678.t', merchant_reference: 'R' }
/** Everything about a transaction, as it must be: with its notifications, its chain and its session. */
export function read({ row = {}, events = [], operations = [], rest = {} }: Given): TransactionRead {
  const all = [...first, ...events]
  const told = all.flatMap(({ sequence, event, data, success }): Told[] => [
    [sequence, 'checkout_transaction'],
    ...(event === 'AUTHORIZE' && !data.update && success ? [[sequence, 'checkout_authorization', about] as const] : []),
  ])
  const at = (amount?: number) => (amount ? now : null)
  const { authorized = 100, captured, refunded } = row
  const times = { created_at: now, authorized_at: at(authorized), captured_at: at(captured), refunded_at: at(refunded) }
  const base = { event_count: all.length, search_terms: ['T12345678/r'], ...times }
  return {
    ...{ account_id: 'T12345678', id: 'T12345678.t', row: transactionRow({ ...base, ...row }) },
    ...{
      hash: `h${all.length}`,
      events: all,
      operations: [paid, ...operations].map((one) => ({ ...one, gateway: row.gateway ?? one.gateway })),
      session: session_of,
    },
    ...{ told, told_since: before, simulator: null, size_max: null, cards: [], items: [], ...rest },
  }
}
export const calls = { url: { callback_url: 'https://shop.example/callback' } }
export const told_late = {
  ...{ url: calls.url.callback_url, ...about, time: now.toISOString() },
  ...{ reason: 'authorized', transaction_sequence: 3 },
}
export const capture = operation('op2', { kind: 'capture', amount: 40 })
export const captured = event(3, 'CAPTURE', { amount: 40, operation_id: 'op2', transaction_status: 'PARTIALLY_CAPTURED' })
export const part = { captured: 40, status: 'PARTIALLY_CAPTURED' } as const
export const whole: Given = { row: part, events: [captured], operations: [capture] }
export const open = (kind: OperationRow['kind'], changes: Partial<OperationRow> = {}) =>
  operation('op2', { kind, state: 'unknown', ...changes })
export const refused = operation('op2', { kind: 'capture', state: 'failed', outcome: { error: { message: 'no' } } })
export const failed = event(3, 'CAPTURE', { amount: 40, operation_id: 'op2', success: false })
const movements = [
  { key: 'op1', kind: 'authorize', amount: 100 },
  { key: 'op2', kind: 'capture', amount: 40 },
]
const totals = { authorized: 100, captured: 40, refunded: 0, voided: 0 }
export const book = { ...totals, references: ['ref'], currencies: ['NOK'], movements }
export const simulated: Given = { ...whole, row: { ...part, gateway: 'simulator', gateway_reference: 'ref' } }
export const toldOfCapture: Told[] = [
  [1, 'checkout_transaction'],
  [2, 'checkout_transaction'],
  [2, 'checkout_authorization', about],
  [3, 'checkout_transaction'],
  [3, 'session_callback', { ...told_late, reason: 'event', event: 'CAPTURE', event_id: '3', transaction_sequence: undefined }],
]
export const settles = (kind: string, state: string) => `operation op2 (${kind}, ${state}): events that settle it`
