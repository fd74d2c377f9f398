import { cardTokensOf } from '../checkout/card-tokens/card-token.ts'
import { isSettled } from '../checkout/operations-log/operation.ts'
import { searchTerm } from '../checkout/transactions/list.ts'
import { delayedCallback, notificationsOf } from '../checkout/transactions/tell.ts'
import { type EventRow, settlementStatusOf, statusOf, type TransactionRow } from '../checkout/transactions/transaction.ts'
import { asText } from '../lib/object.ts'
import {
  compareChain,
  compareNotifications,
  compareRows,
  compareSize,
  type Difference,
  Findings,
  type Link,
  moment,
  stillKept,
  type Told,
  toldOf,
} from './difference.ts'
import type { OperationRead, PaidSession, TransactionRead } from './store.ts'

const settling = ['AUTHORIZE', 'CAPTURE', 'REFUND', 'VOID']
const eventNames: Record<string, string> = { capture: 'CAPTURE', refund: 'REFUND', void: 'VOID' }

/** A transaction against its events, its operations, its session, and the simulator's book. */
export function verifyTransaction(read: TransactionRead): Difference[] {
  const { account_id, id, row, hash, events, operations, session, told, told_since, simulator, cards, items } = read
  const findings = new Findings(account_id, 'transaction', id)
  compareChain(findings, events, row.event_count, hash)
  compareSize(findings, row.events_size, read.size_max)
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
  const times = events.map(({ sequence, created_at }) => ({ sequence, at: created_at }))
  compareNotifications(findings, stillKept(tellingOf(row, events, told), times, told_since), told)
  verifyColumns(findings, row, operations)
  for (const card of cardTokensOf(row))
    if (!cards.includes(card.id)) findings.add(`${card.type} ${card.id}`, 'a stored card', null)
  for (const { sequence, data } of events) {
    const settlements = (data.settlements?.events ?? []).map(({ settlement_id }) => settlement_id)
    const settled = items.filter(([told_in]) => told_in === sequence).map(([, settlement_id]) => settlement_id)
    findings.compare(`event ${sequence}: settlements with its items`, settlements.sort(), settled.sort())
  }
  if (row.gateway === 'simulator' && simulator && operations.every(isSettled)) {
    for (const name of ['authorized', 'captured', 'refunded', 'voided'] as const) {
      findings.compare(`${name} in the simulator's book`, row[name], simulator[name])
    }
    if (row.authorized > 0) {
      findings.compare('gateway_reference', simulator.references, [row.gateway_reference])
      findings.compare("currency in the simulator's book", [row.currency], simulator.currencies)
    }
    const done = operations.filter(({ state }) => state === 'succeeded')
    compareRows(
      findings,
      'movement',
      new Map(done.map(({ id, kind, amount }) => [`${kind} ${id}`, kind === 'void' ? {} : { amount }])),
      new Map(simulator.movements.map(({ key, kind, amount }) => [`${kind} ${key}`, { amount }])),
    )
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

/** What was told of its events. Of a callback that waited for an automatic capture only the row knows up to which event it told. */
function tellingOf(row: TransactionRow, events: readonly EventRow[], told: readonly Told[]): Told[] {
  const tellable = { ...row, created_at: new Date(row.created_at) }
  const due = notificationsOf(tellable, events).map(toldOf)
  if (!row.data.auto_capture || row.data.callback_due) return due
  const authorized = events.find(({ event, success }) => event === 'AUTHORIZE' && success)
  if (!authorized) return due
  const { sequence } = authorized
  const row_told = told.find(([number, event]) => number === sequence && event === 'session_callback')
  const event_count = Number(row_told?.[2]?.transaction_sequence ?? row.event_count)
  return [...due, ...delayedCallback({ ...tellable, event_count }, sequence).map(toldOf)]
}

/** Columns that repeat what the transaction's data says, and what may stand there only for a reason. */
function verifyColumns(findings: Findings, row: TransactionRow, operations: readonly OperationRead[]): void {
  const { card, customer, store, updating, auto_capture } = row.data
  if (card) {
    findings.compare('card_brand', card.brand, row.card_brand)
    findings.compare('token_id', card.payment_token_id ?? card.recurrence_token_id, row.token_id)
  }
  const customer_id = customer?.customer_id
  findings.compare('customer_id', typeof customer_id === 'string' ? customer_id || null : null, row.customer_id)
  findings.compare('terminal_id', asText(store?.terminal_id) || null, row.terminal_id)
  if (!auto_capture) findings.compare('auto_capture_at', null, moment(row.auto_capture_at))
  if (updating && !operations.some((operation) => operation.id === updating && !isSettled(operation)))
    findings.add('updating', 'an operation that is open', updating)
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
