/*
 * Terminology
 *
 * - payment: one attempt of a customer, or of the merchant, to pay a session: an operation of kind `authorize`
 * - published: the payment has a transaction that the merchant can read; then the session has used up its only one
 * - rejected: refused, but the customer may try again or choose another way to pay; the session stays open
 */
import type { AuthorizeOutcome, Failed, FoundOutcome } from '../../gateways/gateway.ts'
import { limits } from '../../lib/limits.ts'
import type { Notification } from '../../lib/outbox.ts'
import { nextAttempt, type OperationRow } from '../operations-log/operation.ts'
import { type Outcome, type SessionEvent, type SessionEventName, type SessionRow, sessionEvent } from '../sessions/session.ts'
import { searchTerm } from '../transactions/list.ts'
import { auto_capture_ms, type Chance } from '../transactions/settlement.ts'
import { notificationsOf } from '../transactions/tell.ts'
import {
  assertTotals,
  type EventData,
  type EventName,
  type EventRow,
  type TransactionRow,
  unfinished,
} from '../transactions/transaction.ts'
import { newTransaction } from './new-transaction.ts'

/** What one statement writes when a payment's outcome, or a step on the way to it, is known. */
export type PaymentChange = {
  session: Pick<SessionRow, 'outcome' | 'transaction_id' | 'operation_id'>
  session_events: SessionEvent[]
  /** The transaction as it becomes; absent when none is published. */
  transaction: TransactionRow | undefined
  events: EventRow[]
  operation: OperationRow
  notifications: Notification[]
}

/** What is known before: the transaction is there when a step on the way was published. */
export type PaymentState = { session: SessionRow; operation: OperationRow; transaction: TransactionRow | undefined }

/** Ids of tokens, which are digests and so are made outside. */
export type TokenIds = { payment_token_id?: string; recurrence_token_id?: string }

/** What an outcome changes; nothing when it says what was known already. Pure: the outcome, the state, time and chance come in. */
export function settlePayment(
  state: PaymentState,
  outcome: FoundOutcome,
  context: Chance & { token_ids?: TokenIds },
): PaymentChange | undefined {
  // The session was cancelled meanwhile and its payment voided: what the provider says now is about a payment that is over.
  if (state.transaction && !unfinished.includes(state.transaction.status)) return undefined
  switch (outcome.outcome) {
    case 'succeeded':
      return approved(state, outcome, context)
    case 'failed':
      return refused(state, outcome, context)
    case 'absent':
      // Nothing reached the provider, so nothing moved.
      return refused(
        state,
        { outcome: 'failed', error: { message: 'The provider never received the payment.' }, reason: 'rejected' },
        context,
      )
    case 'action_required':
      return waiting(state, context, 'action_required', outcome)
    case 'held':
      return waiting(state, context, 'held', outcome)
    default:
      return waiting(state, context, 'unknown', {})
  }
}

function approved(
  state: PaymentState,
  outcome: Extract<AuthorizeOutcome, { outcome: 'succeeded' }>,
  context: Chance & { token_ids?: TokenIds },
): PaymentChange {
  const { operation } = state
  const { now } = context
  const log = openLog(state, context)
  const { next } = log
  next.authorized = next.amount
  next.status = 'AUTHORIZED'
  next.authorized_at = now
  next.gateway_reference = outcome.gateway_reference
  next.data = { ...next.data, ...authorizedData(next, outcome, context.token_ids) }
  next.card_brand = outcome.card?.brand ?? null
  next.token_id = context.token_ids?.payment_token_id ?? context.token_ids?.recurrence_token_id ?? null
  if (next.token_id) next.search_terms = [...next.search_terms, searchTerm(next.account_id, next.token_id)]
  log.add('AUTHORIZE', next.amount, outcome.metadata ? { metadata: outcome.metadata } : {})
  if (outcome.captured) {
    next.captured = next.amount
    next.status = 'CAPTURED'
    next.captured_at = now
    log.add('CAPTURE', next.amount, {})
    delete next.data.auto_capture
  } else if (next.data.auto_capture) {
    next.data.callback_due = next.event_count
    next.auto_capture_at = now
    next.auto_capture_until = new Date(now.getTime() + auto_capture_ms)
  }
  assertTotals(next)
  return {
    session: { outcome: 'AUTHORIZED', transaction_id: next.id, operation_id: null },
    session_events: [
      event('AUTHORIZED', operation, context, { transaction_id: next.id, amount: next.amount }),
      event('COMPLETED', operation, context),
    ],
    transaction: next,
    events: log.events,
    operation: { ...operation, state: 'succeeded', next_attempt_at: null, outcome: {}, updated_at: now },
    notifications: notificationsOf(next, log.events),
  }
}

/** Card, tokens and metadata that the provider answered with. */
function authorizedData(
  { data }: TransactionRow,
  outcome: Extract<AuthorizeOutcome, { outcome: 'succeeded' }>,
  token_ids: TokenIds | undefined,
) {
  const { card, payment_token, recurrence_token, metadata } = outcome
  const tokens = { ...(payment_token ? { payment_token } : {}), ...(recurrence_token ? { recurrence_token } : {}) }
  return {
    ...(card ? { card: { ...card, ...token_ids } } : {}),
    ...(payment_token || recurrence_token ? { tokens } : {}),
    metadata: { ...data.metadata, ...metadata },
  }
}

function refused(state: PaymentState, failure: Failed, context: Chance): PaymentChange {
  const { operation, transaction } = state
  const { error } = failure
  // Without a customer there is nobody who declined: the merchant reads FAILED (checkout-api §3.9).
  const reason = operation.request.merchant_initiated ? 'failed' : (failure.reason ?? 'failed')
  const { now } = context
  const failed: OperationRow = {
    ...operation,
    state: 'failed',
    next_attempt_at: null,
    outcome: { error, reason },
    updated_at: now,
  }
  const retry = reason === 'rejected' || reason === 'cancelled'
  if (!transaction && retry) {
    const details = {
      error: reason === 'cancelled' ? 'Cancelled' : 'Rejected',
      payment_product_type: operation.payment_product_type,
      message: error.message,
    }
    return {
      session: { outcome: null, transaction_id: null, operation_id: null },
      session_events: [event('PAY_FAILED', operation, context, details)],
      transaction: undefined,
      events: [],
      operation: failed,
      notifications: [],
    }
  }
  const log = openLog(state, context)
  const { next } = log
  next.status = reason === 'declined' || reason === 'cancelled' ? 'DECLINED' : 'FAILED'
  const data: EventData = { error, ...(reason === 'cancelled' ? { reason } : {}) }
  log.add('AUTHORIZE', next.amount, data, false)
  const outcome: Outcome & SessionEventName = reason === 'cancelled' ? 'CANCELLED' : reason === 'declined' ? 'DECLINED' : 'FAILED'
  return {
    session: { outcome, transaction_id: next.id, operation_id: null },
    session_events: [event(outcome, operation, context, { transaction_id: next.id, error: error.message })],
    transaction: next,
    events: log.events,
    operation: failed,
    notifications: notificationsOf(next, log.events),
  }
}

const waitingAs = {
  action_required: { status: 'INITIATED', outcome: 'PAYMENT_INITIATED' },
  held: { status: 'ON_HOLD', outcome: 'ON_HOLD' },
  unknown: { status: 'UNKNOWN', outcome: 'UNKNOWN' },
} as const

/** On the way: the customer is at the provider, a person reviews, or nobody knows. Published, so that the merchant can see it. */
function waiting(
  state: PaymentState,
  context: Chance,
  as: keyof typeof waitingAs,
  { redirect_url, gateway_reference }: { redirect_url?: string; gateway_reference?: string },
): PaymentChange | undefined {
  const { operation, transaction } = state
  const { status, outcome } = waitingAs[as]
  if (transaction?.status === status) return undefined
  // Not knowing is no news for a payment that is known to be on its way.
  if (transaction && as === 'unknown') return undefined
  const log = openLog(state, context, status)
  const { next } = log
  next.status = status
  next.gateway_reference = gateway_reference ?? next.gateway_reference
  if (log.events.length === 0) log.add('INITIALIZE', undefined, {})
  return {
    session: { outcome, transaction_id: next.id, operation_id: operation.id },
    session_events: [],
    transaction: next,
    events: log.events,
    operation: {
      ...operation,
      state: as,
      next_attempt_at: nextAttempt(context.now, operation.attempts),
      outcome: { ...(redirect_url ? { redirect_url } : {}), ...(gateway_reference ? { gateway_reference } : {}) },
      updated_at: context.now,
    },
    notifications: notificationsOf(next, log.events),
  }
}

/** The transaction to write on, new with its INITIALIZE event when none is published yet. */
function openLog(
  { session, operation, transaction }: PaymentState,
  { now, uuid }: Chance,
  first: TransactionRow['status'] = 'INITIATED',
) {
  const next = transaction
    ? { ...transaction, data: { ...transaction.data }, updated_at: now }
    : newTransaction(session, operation, now)
  const events: EventRow[] = []
  const announced = transaction !== undefined
  const add = (name: EventName, amount: number | undefined, data: EventData, success = true) => {
    next.event_count += 1
    const { request_headers } = operation.request
    const settles = name === 'AUTHORIZE'
    events.push({
      sequence: next.event_count,
      event: name,
      transaction_status: next.status,
      success,
      ...(amount === undefined ? {} : { amount }),
      request_id: events.length === 0 && !announced ? operation.id : uuid(),
      correlation_request_id: settles ? operation.id : null,
      operation_id: settles ? operation.id : null,
      data: request_headers && !announced ? { ...data, request_headers } : data,
      created_at: now.toISOString(),
      created_by: operation.created_by,
    })
  }
  if (!transaction) {
    next.status = first
    add('INITIALIZE', undefined, {})
  }
  return { next, events, add }
}

function event(
  name: SessionEventName,
  operation: OperationRow,
  { now, uuid }: Chance,
  details?: Record<string, unknown>,
): SessionEvent {
  return sessionEvent(name, { id: uuid(), request_id: operation.id, at: now }, details)
}

/**
 * True when the customer never finished this payment, or nobody learned what came of it, and its session expired longer ago than the
 * grace. A payment that is being reviewed gets `limits.hold_max_s`: a person decides, and that may take days.
 */
export function isOverdue({ session, operation }: Pick<PaymentState, 'session' | 'operation'>, now: Date): boolean {
  if (operation.state === 'held') return now.getTime() >= operation.created_at.getTime() + limits.hold_max_s * 1_000
  if (operation.state !== 'action_required' && operation.state !== 'unknown') return false
  return now.getTime() >= session.expires_at.getTime() + limits.payment_grace_s * 1_000
}
