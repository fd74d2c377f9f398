import { isSettled } from '../checkout/operations-log/operation.ts'
import { searchTerm } from '../checkout/transactions/list.ts'
import { notificationsOf } from '../checkout/transactions/tell.ts'
import { type EventRow, settlementStatusOf, statusOf, type TransactionRow } from '../checkout/transactions/transaction.ts'
import {
  compareChain,
  compareNotifications,
  type Difference,
  Findings,
  type Link,
  moment,
  stillKept,
  type Told,
} from './difference.ts'
import type { OperationRead, PaidSession, SessionRead, TransactionRead } from './store.ts'

const settling = ['AUTHORIZE', 'CAPTURE', 'REFUND', 'VOID']
const eventNames: Record<string, string> = { capture: 'CAPTURE', refund: 'REFUND', void: 'VOID' }

/** A transaction against its events, its operations, its session, and the simulator's book. */
export function verifyTransaction(read: TransactionRead): Difference[] {
  const { account_id, id, row, hash, events, operations, session, told, told_since, simulator } = read
  const findings = new Findings(account_id, 'transaction', id)
  compareChain(findings, events, row.event_count, hash)
  const totals = totalsOf(row, events, operations)
  for (const [name, value] of Object.entries(totals)) findings.compare(name, value, row[name as keyof TransactionRow])
  for (const [name, value] of Object.entries(pendingOf(operations)))
    findings.compare(name, value, row[name as keyof TransactionRow])
  for (const [name, value] of Object.entries(timesOf(events)))
    findings.compare(name, moment(value), moment(row[name as keyof TransactionRow]))
  for (const operation of operations) verifyOperation(findings, operation, events)
  const known = new Map(operations.map((operation) => [operation.id, operation]))
  for (const { sequence, operation_id } of events) {
    if (operation_id && !known.has(operation_id)) findings.add(`event ${sequence} operation_id`, 'an operation', operation_id)
  }
  if (!session) findings.add('session_id', 'a session', row.session_id)
  else verifyOrigin(findings, read, session)
  const tellable = { ...row, created_at: new Date(row.created_at) }
  const due = notificationsOf(tellable, events).map(({ sequence, event }): Told => [sequence, event])
  const times = events.map(({ sequence, created_at }) => ({ sequence, at: created_at }))
  compareNotifications(findings, stillKept(due, times, told_since), told)
  if (row.gateway === 'simulator' && simulator && operations.every(isSettled)) {
    for (const name of ['authorized', 'captured', 'refunded', 'voided'] as const) {
      findings.compare(`${name} in the simulator's book`, row[name], simulator[name])
    }
    if (row.authorized > 0) findings.compare('gateway_reference', simulator.references, [row.gateway_reference])
  }
  return findings.list
}

/** What was taken over from the session when it was paid, and what of it each operation repeats. */
function verifyOrigin(
  findings: Findings,
  { id, row, operations }: TransactionRead,
  session: PaidSession & { transaction_id: unknown },
) {
  const { transaction_id, final_authorization, ...taken_over } = session
  findings.compare('transaction_id of the session', id, transaction_id)
  for (const [name, value] of Object.entries(taken_over)) findings.compare(name, value, row[name as keyof TransactionRow])
  const made_final = operations.some(({ state, request }) => state === 'succeeded' && request.final_authorization === true)
  findings.compare('final_authorization', final_authorization || made_final, row.final_authorization)
  for (const operation of operations) {
    for (const name of ['session_id', 'gateway', 'payment_product_type', 'currency'] as const)
      findings.compare(`operation ${operation.id}: ${name}`, row[name], operation[name])
  }
  for (const reference of [row.merchant_reference, row.merchant_reference_2]) {
    if (!reference || row.search_terms.includes(searchTerm(row.account_id, reference))) continue
    findings.add('search_terms', searchTerm(row.account_id, reference), row.search_terms)
  }
}

/** When the transaction began, and when money first was reserved, taken and given back. */
function timesOf(events: readonly EventRow[]) {
  const first = (name: string) => events.find(({ event, success }) => success && event === name)?.created_at
  const created_at = events[0] ? { created_at: events[0].created_at } : {}
  return { ...created_at, authorized_at: first('AUTHORIZE'), captured_at: first('CAPTURE'), refunded_at: first('REFUND') }
}

/** The amounts and the status, from nothing but the events. */
function totalsOf(row: TransactionRow, events: readonly (EventRow & Link)[], operations: readonly OperationRead[]) {
  const totals = { authorized: 0, captured: 0, refunded: 0, voided: 0 }
  let amount = operations.find(({ kind }) => kind === 'authorize')?.amount ?? row.amount
  let status = events.at(-1)?.transaction_status ?? row.status
  for (const { event, success, amount: moved } of events) {
    const by = moved ?? 0
    if (!success) continue
    if (event === 'AUTHORIZE') {
      totals.authorized = by
      amount = by
    }
    if (event === 'CAPTURE') totals.captured += by
    if (event === 'REFUND') totals.refunded += by
    if (event === 'VOID') totals.voided += by
  }
  // The closed form says the status of money; of an amount of 0 only the events can.
  if (totals.authorized > 0) status = statusOf(totals)
  return { amount, ...totals, status, settlement_status: settlementStatusOf(events) }
}

/** What is reserved: the sums over the operations that are not settled. */
function pendingOf(operations: readonly OperationRead[]) {
  const pending = { pending_capture: 0, pending_refund: 0, pending_void: 0 }
  for (const operation of operations) {
    if (isSettled(operation)) continue
    if (operation.kind === 'capture') pending.pending_capture += operation.amount
    if (operation.kind === 'refund') pending.pending_refund += operation.amount
    pending.pending_void += operation.request.void_amount ?? 0
  }
  return pending
}

/** A settled operation has one event that says so, an open one has none. */
function verifyOperation(findings: Findings, operation: OperationRead, events: readonly EventRow[]): void {
  const { id, kind, state, outcome } = operation
  const settled = events.filter((event) => event.operation_id === id && settling.includes(event.event))
  const what = `operation ${id}`
  if (!isSettled(operation)) {
    findings.compare(`${what} (${kind}, ${state}): events that settle it`, 0, settled.length)
    return
  }
  // An attempt that was refused before anything was published leaves no event; nor does one that its session's void ended.
  if (kind === 'authorize' && state === 'failed' && settled.length === 0) return
  findings.compare(`${what} (${kind}, ${state}): events that settle it`, 1, settled.length)
  const [event] = settled
  if (!event) return
  findings.compare(`${what}: success`, state === 'succeeded', event.success)
  findings.compare(`${what}: event`, eventNames[kind] ?? 'AUTHORIZE', event.event)
  findings.compare(`${what}: amount`, amountOf(operation, event), event.amount)
  if (state === 'failed' && !outcome) findings.add(`${what}: outcome`, 'why it failed', null)
}

/** What the event that settles the operation must say; of a change that was refused, and of a cancel, only the event knows. */
function amountOf({ kind, state, amount, request }: OperationRead, event: EventRow) {
  if (kind === 'void') return request.void_amount || event.amount
  if (kind === 'update_authorization') return state === 'succeeded' ? (request.new_amount ?? event.amount) : event.amount
  return amount
}

/** A session against its events and against what was paid with it. */
export function verifySession({ account_id, id, row, hash, events, transaction, operations }: SessionRead): Difference[] {
  const findings = new Findings(account_id, 'session', id)
  compareChain(findings, events, row.event_count, hash)
  if (row.transaction_id !== null) {
    if (transaction) findings.compare('session_id of the transaction', id, transaction.session_id)
    else findings.add('transaction_id', 'a transaction', row.transaction_id)
  }
  const authorized = operations.filter(({ kind, state }) => kind === 'authorize' && state === 'succeeded')
  if (authorized.length > 1) findings.add('successful payments', 1, authorized.length)
  if (row.outcome === 'AUTHORIZED' && !transaction?.authorized_at)
    findings.add('outcome', 'an authorized transaction', row.outcome)
  if (authorized.length > 0 && row.outcome !== 'AUTHORIZED' && row.outcome !== 'CANCELLED') {
    findings.add('outcome', 'AUTHORIZED', row.outcome)
  }
  const open = operations.filter((operation) => operation.kind === 'authorize' && !isSettled(operation))
  for (const { id: open_id } of open) findings.compare('operation_id', open_id, row.operation_id)
  if (row.operation_id !== null && !operations.some((operation) => operation.id === row.operation_id)) {
    findings.add('operation_id', 'an operation', row.operation_id)
  }
  return findings.list
}
