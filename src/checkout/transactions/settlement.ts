import type { GatewayError, OperationOutcome } from '../../gateways/gateway.ts'
import { nextAttempt, type OperationKind, type OperationRow } from '../operations-log/operation.ts'
import { withDestinationTerms } from './list.ts'
import {
  assertTotals,
  type EventData,
  type EventName,
  type EventRow,
  paymentProduct,
  restOf,
  statusOf,
  type TransactionRow,
  unfinished,
} from './transaction.ts'

/** What one statement writes: the transaction as it will be, its new events, and the operation. */
export type Change = { next: TransactionRow; events: EventRow[]; operation: OperationRow }
/** Time and chance, passed in. */
export type Chance = { now: Date; uuid: () => string }

const eventOf = { capture: 'CAPTURE', refund: 'REFUND', void: 'VOID' } as const

/** The intent: reserves the amounts of the operation, so that no other request can move them meanwhile. No event yet. */
export function reserve(row: TransactionRow, operation: OperationRow): TransactionRow {
  const next = { ...row, updated_at: operation.updated_at }
  addPending(next, operation, 1)
  // Somebody captures by hand: the automatic capture has nothing more to do (checkout-api §5.5).
  if (operation.kind === 'capture' || operation.kind === 'void') next.auto_capture_at = null
  if (operation.request.automatic) next.auto_capture_at = operation.next_attempt_at
  if (operation.kind === 'update_authorization') next.data = { ...row.data, updating: operation.id }
  assertTotals(next)
  return next
}

/** The outcome: what the gateway answered, as events and totals. Only for operations on a transaction that exists. */
export function settle(row: TransactionRow, operation: OperationRow, outcome: OperationOutcome, chance: Chance): Change {
  if (outcome.outcome === 'unknown' || outcome.outcome === 'pending') return announce(row, operation, chance)
  if (operation.kind === 'update_authorization') return settleUpdate(row, operation, outcome, chance)
  const next = { ...row, data: row.data, updated_at: chance.now }
  addPending(next, operation, -1)
  if (operation.request.automatic)
    next.auto_capture_at = outcome.outcome === 'succeeded' ? null : nextAutoCapture(row, chance.now)
  const events: EventRow[] = []
  const kind = operation.kind as keyof typeof eventOf
  const add = (event: EventName, amount: number, data: EventData, success = true) => {
    next.event_count += 1
    events.push({
      ...identity(operation, events.length, chance),
      sequence: next.event_count,
      event,
      transaction_status: next.status,
      success,
      amount,
      data: { ...data, ...correctionOf(next, operation) },
      created_by: operation.created_by,
    })
  }
  if (outcome.outcome === 'failed') {
    add(eventOf[kind], kind === 'void' ? voidAmount(next, operation) : operation.amount, eventData(operation, outcome), false)
  } else if (kind === 'void') {
    const amount = voidAmount(next, operation)
    next.voided += amount
    next.status = next.captured > 0 ? statusOf(next) : 'AUTHORIZATION_VOIDED'
    add('VOID', amount, eventData(operation, outcome))
  } else if (kind === 'capture') {
    next.captured += operation.amount
    next.captured_at ??= chance.now
    next.status = next.amount === 0 ? 'CAPTURED' : statusOf(next)
    add('CAPTURE', operation.amount, eventData(operation, outcome))
    const rest = operation.request.void_amount ?? 0
    if (rest > 0) {
      next.voided += rest
      next.status = statusOf(next)
      add('VOID', rest, {})
    }
  } else {
    next.refunded += operation.amount
    next.refunded_at ??= chance.now
    next.status = next.amount === 0 ? 'REFUNDED' : statusOf(next)
    add('REFUND', operation.amount, eventData(operation, outcome))
  }
  // More money moved than the settlements so far know of.
  const moved = next.captured > row.captured || next.refunded > row.refunded
  if (moved && row.settlement_status === 'SETTLED') next.settlement_status = 'PARTIALLY_SETTLED'
  assertTotals(next)
  return { next, events, operation: settled(operation, outcome, chance) }
}

/** How long an automatic capture is tried (checkout-api §5.5). */
export const auto_capture_ms = 48 * 3_600_000

/** When a refused automatic capture is tried again: after as long as it has been tried, 10 seconds to an hour; `null` after 48 hours. */
export function nextAutoCapture({ auto_capture_until: until }: TransactionRow, now: Date): Date | null {
  if (!until) return null
  const tried_ms = now.getTime() - (until.getTime() - auto_capture_ms)
  const next = new Date(now.getTime() + Math.min(Math.max(tried_ms, 10_000), 3_600_000))
  return next <= until ? next : null
}

/** No answer yet: the first time an INITIATE_ event tells so; afterwards there is nothing new to tell. */
function announce(row: TransactionRow, operation: OperationRow, { now }: Chance): Change {
  const waiting: OperationRow = {
    ...operation,
    state: 'unknown',
    next_attempt_at: nextAttempt(now, operation.attempts),
    updated_at: now,
  }
  if (operation.state !== 'pending' || operation.kind === 'update_authorization') {
    return { next: row, events: [], operation: waiting }
  }
  const next = { ...row, event_count: row.event_count + 1, updated_at: now }
  const event: EventRow = {
    sequence: next.event_count,
    event: `INITIATE_${eventOf[operation.kind as keyof typeof eventOf]}`,
    transaction_status: row.status,
    success: true,
    amount: operation.kind === 'void' ? voidAmount(row, operation) : operation.amount,
    request_id: operation.id,
    operation_id: operation.id,
    data: eventData(operation, undefined),
    created_at: now.toISOString(),
    created_by: operation.created_by,
  }
  return { next, events: [event], operation: waiting }
}

/** A changed, extended or finalised authorization (checkout-api §4.5.5). */
function settleUpdate(row: TransactionRow, operation: OperationRow, outcome: OperationOutcome, chance: Chance): Change {
  const { updating: _, ...data } = row.data
  const next: TransactionRow = { ...row, data, event_count: row.event_count + 1, updated_at: chance.now }
  addPending(next, operation, -1)
  const { request } = operation
  const success = outcome.outcome === 'succeeded'
  if (success) {
    const amount = request.new_amount ?? next.amount
    next.authorized += amount - next.amount
    next.amount = amount
    if (request.final_authorization) {
      next.final_authorization = true
      if (next.auto_capture_at) next.auto_capture_at = chance.now
    }
    if (request.new_items) {
      next.data = { ...next.data, items: request.new_items }
      next.search_terms = withDestinationTerms(next)
    }
    next.status = statusOf(next)
  }
  assertTotals(next)
  const event: EventRow = {
    ...identity(operation, 0, chance),
    sequence: next.event_count,
    event: 'AUTHORIZE',
    transaction_status: next.status,
    success,
    amount: next.amount,
    data: { ...updateData(operation, outcome), ...(request.update ? { update: request.update } : {}) },
    created_by: operation.created_by,
  }
  return { next, events: [event], operation: settled(operation, outcome, chance) }
}

/** Klarna's extension also shows why it was asked for, beside the new end that the provider told (checkout-api §4.6). */
function updateData(operation: OperationRow, outcome: OperationOutcome): EventData {
  const { reason, reference, update } = operation.request
  const data = eventData(operation, outcome)
  if (update !== 'extend' || outcome.outcome !== 'succeeded') return data
  const prefix = `${paymentProduct(operation.payment_product_type)}:authorization_expiration`
  const asked = {
    ...(reason ? { [`${prefix}_reason`]: reason } : {}),
    ...(reference ? { [`${prefix}_reference`]: reference } : {}),
  }
  const metadata = { ...data.metadata, ...asked }
  return Object.keys(metadata).length ? { ...data, metadata } : data
}

function settled(operation: OperationRow, outcome: OperationOutcome, { now }: Chance): OperationRow {
  return {
    ...operation,
    state: outcome.outcome === 'succeeded' ? 'succeeded' : 'failed',
    next_attempt_at: null,
    outcome: outcome.outcome === 'failed' ? { error: outcome.error } : {},
    updated_at: now,
  }
}

/**
 * The ids of the event that settles. When an INITIATE_ event went before, it carries the operation's id and this one refers to it
 * (checkout-api §4.1). Only the first event of a settlement names the operation: a unique index lets that happen once.
 */
function identity(operation: OperationRow, index: number, { now, uuid }: Chance) {
  const announced = operation.state !== 'pending' && operation.kind !== 'update_authorization'
  return {
    request_id: announced || index > 0 ? uuid() : operation.id,
    correlation_request_id: announced ? operation.id : null,
    operation_id: index === 0 ? operation.id : null,
    created_at: now.toISOString(),
  }
}

/** Of a payment that was not finished when its session was cancelled, but is authorized now, everything is voided. */
function voidAmount(row: TransactionRow, { request }: OperationRow): number {
  return request.cancelling && !unfinished.includes(row.status) && !request.void_amount ? restOf(row) : (request.void_amount ?? 0)
}

function addPending(next: TransactionRow, { kind, amount, request }: OperationRow, sign: 1 | -1): void {
  if (kind === 'capture') next.pending_capture += sign * amount
  if (kind === 'refund') next.pending_refund += sign * amount
  next.pending_void += sign * (request.void_amount ?? 0)
}

/** What is left to do after a person corrected what was not known, or had gone wrong, about an operation (checkout-api §4.3). */
function correctionOf(row: TransactionRow, { request }: OperationRow): Pick<EventData, 'correction'> {
  if (!request.metadata?.resolved_by) return {}
  const rest = Math.max(restOf(row), 0)
  const correction = {
    status: row.status,
    remaining_capture_amount: rest,
    remaining_refund_amount: row.captured - row.refunded - row.pending_refund,
    remaining_void_amount: rest,
  }
  return { correction }
}

function eventData({ request, kind }: OperationRow, outcome: OperationOutcome | undefined): EventData {
  const metadata = { ...request.metadata, ...(outcome?.outcome === 'succeeded' ? outcome.metadata : {}) }
  return {
    ...(request.items?.length ? { items: request.items } : {}),
    ...(Object.keys(metadata).length ? { metadata } : {}),
    ...(request.event_reference ? { event_reference: request.event_reference } : {}),
    ...(request.reason ? { reason: request.reason } : {}),
    ...(request.request_headers ? { request_headers: request.request_headers } : {}),
    ...(outcome?.outcome === 'failed' ? { error: publishedError(outcome.error, kind) } : {}),
  }
}

function publishedError(error: GatewayError, kind: OperationKind): GatewayError {
  return { ...error, message: error.message || `The provider refused the ${kind}.` }
}
