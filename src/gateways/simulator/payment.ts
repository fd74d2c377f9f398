import { isObject } from '../../lib/object.ts'
import type { AuthorizeCall, CardDetails, FoundOutcome, GatewayError, UpdateAuthorizationCall } from '../gateway.ts'
import { type CardVerdict, defaultCard, type Habit, judgeGiftCard, refusalOf } from './cards.ts'
import type { Kind, Rule } from './faults.ts'
import { findProduct } from './products.ts'

/*
 * Terminology
 *
 * - payment: what the provider knows of one attempt to pay, with its totals; a row of simulator.payments
 * - movement: one call, once for each idempotency key; a row of simulator.movements, the book
 * - truth and answer: what the movement's `state` says, and what the caller was told. A fault makes the two differ until `known_at`
 */

export type Payment = {
  account_id: string
  transaction_id: string
  id: string
  session_id: string
  merchant_reference: string
  payment_product_type: string
  currency: string
  amount: number
  authorized: number
  captured: number
  refunded: number
  voided: number
  state: 'undecided' | 'authorized' | 'failed'
  is_final: boolean
  habit: Habit | null
  masked_pan: string | null
}

export type Detail = {
  card?: CardDetails
  payment_token?: string
  recurrence_token?: string
  captured?: boolean
  error?: GatewayError
  reason?: 'rejected' | 'declined' | 'cancelled' | 'failed'
  return_url?: string
  language?: string
  /** What comes of a hold, or of a call that arrives late. */
  then?: Verdict
  /** Which update was asked for, with its switch. */
  update?: UpdateAuthorizationCall['update']
  final?: boolean
  /** Until when an authorization was extended, ISO 8601. */
  extended_until?: string
  /** The key was given up before the call arrived. */
  called_off?: boolean
}

export type Movement = {
  account_id: string
  idempotency_key: string
  transaction_id: string
  payment_id: string
  kind: Kind
  amount: number
  currency: string
  state: 'waiting' | 'held' | 'late' | 'lost' | 'succeeded' | 'failed'
  answered: string
  known_at: Date | null
  released: number
  detail: Detail
}

/** What the provider makes of an authorization, faults apart. */
export type Verdict = {
  is: 'approved' | 'waiting' | 'held' | 'refused'
  error?: GatewayError
  reason?: Detail['reason']
  card?: CardDetails
  habit?: Habit
  /** No answer at first, whatever it is. */
  times_out?: boolean
  token_times_out?: boolean
}

/** Judges an authorization. `card` is the judged card of this payment: typed now, or kept with a token; absent for anything else. */
export function judgeAuthorization(call: AuthorizeCall, card: CardVerdict | undefined, now: Date): Verdict {
  const reason = call.operation === 'purchase' || call.operation === 'generate_payment_token' ? 'rejected' : 'failed'
  const refused = (code: string, message: string): Verdict => ({
    is: 'refused',
    reason,
    error: { code, message, type: ['INVALID_TRANSACTION'] },
  })
  const type = call.payment_product_type
  const product = findProduct(type)
  if (!product) return refused('payment_product_unknown', `The simulator has no payment product type ${type}.`)
  if (product.currencies !== 'any' && !product.currencies.includes(call.currency)) {
    return refused('currency_not_supported', `${type} takes ${product.currencies.join(', ')}, not ${call.currency}.`)
  }
  const free = type === 'dintero.zero' || call.operation === 'generate_payment_token'
  if (call.amount < 0 || (call.amount === 0 && !free)) return refused('amount_too_small', 'The amount must be more than 0.')
  if (type === 'dintero.zero' && call.amount > 0) return refused('amount_too_large', 'dintero.zero is for amounts of 0.')
  if (type === 'instabank.invoice' && call.amount <= 50_000) {
    return refused('amount_too_small', 'instabank.invoice is for amounts above 500 NOK.')
  }
  const tokens = product.token_types as readonly string[]
  if (call.generate_payment_token && !tokens.includes('payment_token'))
    return refused('token_not_supported', `${type} has no payment tokens.`)
  if (call.generate_recurrence_token && !tokens.includes('recurrence_token')) {
    return refused('token_not_supported', `${type} has no recurrence tokens.`)
  }
  const { simulate } = call.payment
  const shown = card?.card ?? (isCard(type) ? defaultCard(now) : undefined)
  switch (simulate) {
    case 'approve':
      return { is: 'approved', ...(shown ? { card: shown } : {}) }
    case 'decline':
      return { is: 'refused', reason: 'declined', error: refusalOf('05', now), ...(shown ? { card: shown } : {}) }
    case 'cancel':
      return { is: 'refused', reason: 'cancelled', error: cancelled }
    case 'hold':
      if (!product.may_hold) return refused('hold_not_supported', `${type} is never held for review.`)
      return { is: 'held', ...(shown ? { card: shown } : {}) }
  }
  if (card) return judgeByCard(call, card, reason)
  if (call.operation === 'unscheduled_purchase' || call.operation === 'recurring_purchase') {
    return refused('token_required', `A ${call.operation} needs a token.`)
  }
  if (type === 'dintero.wallets' && isObject(call.payment.gift_card)) {
    const error = judgeGiftCard(call.payment.gift_card.number)
    return error ? { is: 'refused', reason, error } : { is: 'approved' }
  }
  if (type === 'dintero.zero') return { is: 'approved' }
  if (type === 'dintero.external') return { is: 'held' }
  return { is: 'waiting', ...(shown ? { card: shown } : {}) }
}

function judgeByCard(call: AuthorizeCall, judged: CardVerdict, reason: 'rejected' | 'failed'): Verdict {
  const card = judged.card ? { card: judged.card } : {}
  if (judged.verdict === 'refuse') return { is: 'refused', reason, error: judged.error, ...card }
  if (judged.verdict === 'timeout') return { is: 'refused', reason: 'failed', error: judged.error, times_out: true, ...card }
  const { verdict, habit, token_times_out = false } = judged as Extract<CardVerdict, { verdict: 'approve' | 'challenge' }>
  if (call.operation === 'generate_payment_token' && token_times_out) {
    const error = { code: 'timeout', message: 'The token service did not answer in time.', type: ['ERROR'] }
    return { is: 'refused', reason: 'failed', error, times_out: true, ...card }
  }
  return { is: verdict === 'challenge' ? 'waiting' : 'approved', ...card, ...(habit ? { habit } : {}), token_times_out }
}

const cancelled: GatewayError = { code: 'cancelled', message: 'The customer cancelled.', type: ['DECLINED'] }

/** Card types show a card in the transaction, whatever way they were paid. */
function isCard(payment_product_type: string): boolean {
  return /\.(creditcard|applepay|googlepay|clicktopay)$/.test(payment_product_type)
}

/** The payment and its first movement, as they are written. `tokens` are handed out only when the authorization is approved. */
export function openPayment(
  call: AuthorizeCall,
  {
    verdict,
    fault,
    tokens,
    now,
  }: { verdict: Verdict; fault: Rule | undefined; tokens: Pick<Detail, 'payment_token' | 'recurrence_token'>; now: Date },
): { payment: Payment; movement: Movement } {
  const payment: Payment = {
    account_id: call.account_id,
    transaction_id: call.transaction_id,
    id: call.idempotency_key,
    session_id: call.session_id,
    merchant_reference: call.merchant_reference,
    payment_product_type: call.payment_product_type,
    currency: call.currency,
    amount: call.amount,
    authorized: 0,
    captured: 0,
    refunded: 0,
    voided: 0,
    state: 'undecided',
    is_final: !call.pre_authorization,
    habit: verdict.habit ?? null,
    masked_pan: verdict.card?.masked_pan ?? null,
  }
  const movement: Movement = {
    account_id: call.account_id,
    idempotency_key: call.idempotency_key,
    transaction_id: call.transaction_id,
    payment_id: call.idempotency_key,
    kind: 'authorize',
    amount: call.amount,
    currency: call.currency,
    state: 'waiting',
    answered: '',
    known_at: null,
    released: 0,
    detail: {
      return_url: call.return_url,
      ...(call.language ? { language: call.language } : {}),
      ...(tokens.payment_token && !verdict.token_times_out ? { payment_token: tokens.payment_token } : {}),
      ...(tokens.recurrence_token && !verdict.token_times_out ? { recurrence_token: tokens.recurrence_token } : {}),
    },
  }
  const faced = facing(movement, verdict, { fault, now })
  return applyVerdict(payment, faced.movement, faced.verdict)
}

/** What the fault does to an authorization: another verdict, or a truth that is told, or comes, later. */
function facing(
  movement: Movement,
  verdict: Verdict,
  { fault, now }: { fault: Rule | undefined; now: Date },
): { movement: Movement; verdict: Verdict | 'not yet' } {
  const known_at = new Date(now.getTime() + (fault?.after_s ?? 0) * 1000)
  const error = refusalOf(fault?.result_code ?? '05', now)
  const declined: Verdict = { ...verdict, is: 'refused', reason: verdict.reason ?? 'rejected', error }
  const later = (state: 'held' | 'late', then: Verdict) => ({
    movement: {
      ...movement,
      state,
      known_at,
      answered: state === 'held' ? 'held' : 'unknown',
      detail: { ...movement.detail, then },
    },
    verdict: 'not yet' as const,
  })
  switch (fault?.do) {
    case 'decline':
      return { movement, verdict: declined }
    case 'timeout_before':
      return { movement: { ...movement, state: 'lost', answered: 'unknown' }, verdict: 'not yet' }
    case 'timeout_after':
      return { movement: { ...movement, answered: 'unknown', known_at }, verdict }
    case 'pending':
      return { movement: { ...movement, answered: 'pending', known_at }, verdict }
    case 'pending_then_fail':
      return { movement: { ...movement, answered: 'pending', known_at }, verdict: declined }
    case 'hold_then_approve':
      return later('held', { ...verdict, is: 'approved' })
    case 'hold_then_fail':
      return later('held', { ...declined, reason: 'failed' })
    case 'late':
    case 'succeed_after_expiry':
      return later('late', verdict)
    default:
      return { movement: verdict.times_out ? { ...movement, answered: 'unknown', known_at: now } : movement, verdict }
  }
}

type Told = 'unknown' | 'pending' | 'held' | 'action_required' | 'succeeded' | 'failed'

/** Writes a verdict into the payment and the movement; what the caller was told first stays. */
export function applyVerdict(
  payment: Payment,
  movement: Movement,
  verdict: Verdict | 'not yet',
): { payment: Payment; movement: Movement } {
  if (verdict === 'not yet') return { payment, movement }
  const { then: _, ...before } = movement.detail
  const detail: Detail = { ...before, ...(verdict.card ? { card: verdict.card } : {}) }
  const told = (answer: Told) => movement.answered || answer
  switch (verdict.is) {
    case 'waiting':
      return { payment, movement: { ...movement, state: 'waiting', answered: told('action_required'), detail } }
    case 'held':
      return { payment, movement: { ...movement, state: 'held', known_at: null, answered: told('held'), detail } }
    case 'refused': {
      const { payment_token: _, recurrence_token: __, ...rest } = detail
      const why: Detail = { ...rest, error: verdict.error ?? cancelled, reason: verdict.reason ?? 'rejected' }
      return {
        payment: { ...payment, state: 'failed' },
        movement: { ...movement, state: 'failed', answered: told('failed'), detail: why },
      }
    }
    case 'approved': {
      const direct = findProduct(payment.payment_product_type)!.direct_capture
      return {
        payment: { ...payment, state: 'authorized', authorized: payment.amount, captured: direct ? payment.amount : 0 },
        movement: {
          ...movement,
          state: 'succeeded',
          answered: told('succeeded'),
          detail: { ...detail, ...(direct ? { captured: true } : {}) },
        },
      }
    }
  }
}

/** What the customer, or the person who reviews a held payment, decided on the pretend page. */
export const decisions = ['approve', 'decline', 'cancel', 'hold'] as const
export type Decision = (typeof decisions)[number]

/** The verdict that a decision stands for. A challenge that is not passed is a verification that failed. */
export function verdictOf(decision: Decision, now: Date): Verdict {
  switch (decision) {
    case 'approve':
      return { is: 'approved' }
    case 'decline':
      return { is: 'refused', reason: 'declined', error: refusalOf('05', now) }
    case 'cancel':
      return { is: 'refused', reason: 'cancelled', error: cancelled }
    case 'hold':
      return { is: 'held' }
  }
}

/** True when the key was given up before the call arrived: nothing moved, and nothing ever will. */
export function isCalledOff({ state, detail }: Pick<Movement, 'state' | 'detail'>): boolean {
  return state === 'failed' && detail.called_off === true
}

/** True when a held or late movement's time has come. */
export function isDue(movement: Movement, now: Date): boolean {
  return (movement.state === 'held' || movement.state === 'late') && movement.known_at !== null && movement.known_at <= now
}

/** What the caller is told about a movement at this time. A lost call is one the provider knows nothing of. */
export function answerOf(movement: Movement, { now, redirect_url }: { now: Date; redirect_url: string }): FoundOutcome {
  const { detail, payment_id: gateway_reference } = movement
  if (movement.state === 'lost') return { outcome: 'absent' }
  if (movement.state === 'late') return { outcome: 'unknown' }
  if (movement.state === 'held') return { outcome: 'held', gateway_reference }
  if (movement.known_at && movement.known_at > now) return { outcome: movement.answered === 'pending' ? 'pending' : 'unknown' }
  if (movement.state === 'waiting') return { outcome: 'action_required', redirect_url, gateway_reference }
  if (movement.state === 'failed') {
    const reason = movement.kind === 'authorize' ? { reason: detail.reason ?? 'failed' } : {}
    return { outcome: 'failed', error: detail.error!, ...reason }
  }
  const { card, payment_token, recurrence_token, captured } = detail
  return {
    outcome: 'succeeded',
    gateway_reference,
    metadata: detail.extended_until ? { 'klarna:authorization_expiration': detail.extended_until } : {},
    ...(card ? { card } : {}),
    ...(payment_token ? { payment_token } : {}),
    ...(recurrence_token ? { recurrence_token } : {}),
    ...(captured ? { captured } : {}),
  }
}

/** The first answer: a fault may hide the truth even when its time would be now. */
export function firstAnswer(
  movement: Movement,
  context: { now: Date; redirect_url: string },
): Exclude<FoundOutcome, { outcome: 'absent' }> {
  if (movement.answered === 'unknown') return { outcome: 'unknown' }
  if (movement.answered === 'pending') return { outcome: 'pending' }
  const answer = answerOf(movement, context)
  return answer.outcome === 'absent' ? { outcome: 'unknown' } : answer
}
