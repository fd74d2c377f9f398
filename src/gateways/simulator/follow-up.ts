import type { CaptureCall, GatewayError, UpdateAuthorizationCall } from '../gateway.ts'
import { refusalOf } from './cards.ts'
import type { Rule } from './faults.ts'
import type { Movement, Payment } from './payment.ts'
import { findProduct } from './products.ts'

/** A capture, refund, void or update, as the gateway is asked for it. */
export type FollowUpCall = CaptureCall & Partial<Pick<UpdateAuthorizationCall, 'update' | 'final_authorization'>>
export type FollowUpKind = Exclude<Movement['kind'], 'authorize'>

type Judged =
  | { error: GatewayError }
  /** `settles`: the call also decides an authorization that was undecided. */
  | { payment: Payment; released: number; settles?: 'approved' | 'cancelled' }

/** The provider's own rules, kept without looking at checkout's: what may be taken, given back and released. */
function judgeFollowUp(kind: FollowUpKind, call: FollowUpCall, payment: Payment | undefined): Judged {
  const refused = (code: string, message: string): Judged => ({ error: { code, message, type: ['INVALID_TRANSACTION'] } })
  if (!payment) return refused('payment_not_found', 'There is no payment for this transaction.')
  if (payment.currency !== call.currency)
    return refused('currency_mismatch', `The payment is in ${payment.currency}, not ${call.currency}.`)
  const product = findProduct(payment.payment_product_type)!
  if (payment.state === 'failed') return refused('payment_failed', 'The payment failed; there is nothing to do with it.')
  if (payment.state === 'undecided') {
    const voided = { ...payment, state: 'failed' as const }
    if (kind === 'void') return { payment: voided, released: 0, settles: 'cancelled' }
    if (
      kind === 'update_authorization' &&
      call.update === 'release_hold' &&
      product.authorization_update.includes('release_hold')
    ) {
      const approved = { ...payment, state: 'authorized' as const, authorized: payment.amount }
      return call.amount === payment.amount
        ? { payment: approved, released: 0, settles: 'approved' }
        : refused('amount_mismatch', `The amount on hold is ${payment.amount}.`)
    }
    return refused('payment_undecided', 'The payment is not authorized yet.')
  }
  const rest = payment.authorized - payment.captured - payment.voided
  const { amount } = call
  if (kind === 'update_authorization') return judgeUpdate(call, payment, rest)
  if (amount < 0 || (amount === 0 && payment.authorized > 0))
    return refused('amount_too_small', 'The amount must be more than 0.')
  if (kind === 'refund') {
    const left = payment.captured - payment.refunded
    if (amount > left) return refused('amount_exceeds_captured', `Of what was captured ${left} is left to refund.`)
    if (!product.partial_refund && amount < left)
      return refused('partial_refund_not_supported', 'Only all of it can be refunded.')
    return { payment: { ...payment, refunded: payment.refunded + amount }, released: 0 }
  }
  if (amount > rest) return refused('amount_exceeds_authorized', `Of the authorization ${rest} is left.`)
  if (kind === 'void') {
    if (product.direct_capture) return refused('void_not_supported', 'The money is taken at once; refund it instead.')
    if (payment.captured > 0 && !product.void_remainder)
      return refused('partial_void_not_supported', 'A part is captured already.')
    if (amount < rest) return refused('amount_mismatch', `A void releases all that is left: ${rest}.`)
    return { payment: { ...payment, voided: payment.voided + amount }, released: 0 }
  }
  if (!payment.is_final)
    return refused('authorization_not_final', 'A pre-authorization must be made final before it is captured.')
  if (!product.partial_capture && amount < rest)
    return refused('partial_capture_not_supported', 'Only all of it can be captured.')
  const released = call.final_capture ? rest - amount : 0
  return { payment: { ...payment, captured: payment.captured + amount, voided: payment.voided + released }, released }
}

function judgeUpdate(call: FollowUpCall, payment: Payment, rest: number): Judged {
  const refused = (code: string, message: string): Judged => ({ error: { code, message, type: ['INVALID_TRANSACTION'] } })
  const product = findProduct(payment.payment_product_type)!
  const update = call.update ?? 'extend'
  if (!product.authorization_update.includes(update)) {
    return refused('authorization_update_not_supported', `${payment.payment_product_type} has no ${update}.`)
  }
  const changed = { ...payment, authorized: call.amount, amount: call.amount }
  switch (update) {
    case 'extend':
      return { payment, released: 0 }
    case 'release_hold':
      return refused('payment_not_held', 'The payment is not on hold.')
    case 'amount':
      if (rest === 0) return refused('payment_captured', 'All of it is captured or released already.')
      if (call.amount < payment.captured + payment.voided || call.amount <= 0) {
        return refused('amount_too_small', `At least ${payment.captured + payment.voided} is captured or released already.`)
      }
      return { payment: changed, released: 0 }
    case 'pre_authorization':
      if (payment.is_final) return refused('authorization_final', 'The authorization is final already.')
      if (call.final_authorization) {
        return call.amount > 0
          ? { payment: { ...changed, is_final: true }, released: 0 }
          : refused('amount_too_small', 'The amount must be more than 0.')
      }
      if (call.amount <= payment.authorized)
        return refused('amount_too_small', `The amount must be more than ${payment.authorized}.`)
      return { payment: changed, released: 0 }
  }
}

/** True when this payment's card makes this call time out (checkout-api §9.3). It is done all the same. */
function habitTimesOut(kind: FollowUpKind, call: FollowUpCall, payment: Payment | undefined): boolean {
  switch (payment?.habit) {
    case 'timeout_auto_capture':
      return kind === 'capture' && call.automatic === true
    default:
      return payment?.habit === `timeout_${kind}`
  }
}

/** The movement, and the payment after it: the truth by the rules above, and what a fault makes the caller see of it. */
export function openFollowUp(
  kind: FollowUpKind,
  call: FollowUpCall,
  { payment, fault, now }: { payment: Payment | undefined; fault: Rule | undefined; now: Date },
): { movement: Movement; judged: Judged | undefined } {
  const known_at = new Date(now.getTime() + (fault?.after_s ?? 0) * 1000)
  const asked = {
    ...(call.update ? { update: call.update } : {}),
    // Klarna extends by 28 days (checkout-api §4.5.5).
    ...(call.update === 'extend' ? { extended_until: new Date(now.getTime() + 28 * 86_400_000).toISOString() } : {}),
    ...(call.final_authorization || call.final_capture ? { final: true } : {}),
  }
  const movement = {
    account_id: call.account_id,
    idempotency_key: call.idempotency_key,
    transaction_id: call.transaction_id,
    payment_id: payment?.id ?? '',
    kind,
    amount: call.amount,
    currency: call.currency,
    detail: asked,
  }
  if (fault?.do === 'timeout_before' || fault?.do === 'late' || fault?.do === 'succeed_after_expiry') {
    const late = fault.do !== 'timeout_before'
    return {
      movement: {
        ...movement,
        state: late ? 'late' : 'lost',
        answered: 'unknown',
        known_at: late ? known_at : null,
        released: 0,
      },
      judged: undefined,
    }
  }
  const declines =
    fault?.do === 'decline' ||
    fault?.do === 'pending_then_fail' ||
    (fault?.do === 'refuse_partial_void' && kind === 'void' && (payment?.captured ?? 0) > 0)
  const judged = declines ? { error: declined(fault!, now) } : judgeFollowUp(kind, call, payment)
  const product = payment && findProduct(payment.payment_product_type)
  const told =
    fault?.do === 'timeout_after' || habitTimesOut(kind, call, payment)
      ? 'unknown'
      : fault?.do === 'pending' ||
          fault?.do === 'pending_then_fail' ||
          (kind === 'refund' && product?.refund_later && !('error' in judged))
        ? 'pending'
        : undefined
  return { movement: settledBy(movement, judged, { told, known_at }), judged }
}

function settledBy(
  movement: Omit<Movement, 'state' | 'answered' | 'known_at' | 'released'>,
  judged: Judged,
  { told, known_at }: { told: 'unknown' | 'pending' | undefined; known_at: Date },
): Movement {
  const state = 'error' in judged ? 'failed' : 'succeeded'
  return {
    ...movement,
    state,
    answered: told ?? state,
    known_at: told ? known_at : null,
    released: 'error' in judged ? 0 : judged.released,
    detail: { ...movement.detail, ...('error' in judged ? { error: judged.error } : {}) },
  }
}

/** A call that arrives late is judged when it arrives. */
export function arrive(movement: Movement, payment: Payment | undefined): { movement: Movement; judged: Judged } {
  const call: FollowUpCall = {
    ...movement,
    payment_product_type: payment?.payment_product_type ?? '',
    final_capture: movement.detail.final ?? false,
    final_authorization: movement.detail.final ?? false,
    ...(movement.detail.update ? { update: movement.detail.update } : {}),
  }
  const judged = judgeFollowUp(movement.kind as FollowUpKind, call, payment)
  return {
    movement: { ...settledBy(movement, judged, { told: undefined, known_at: new Date(0) }), answered: movement.answered },
    judged,
  }
}

function declined(fault: Rule, now: Date): GatewayError {
  return fault.do === 'refuse_partial_void'
    ? { code: 'partial_void_not_supported', message: 'A part is captured already.', type: ['INVALID_TRANSACTION'] }
    : refusalOf(fault.result_code ?? '05', now)
}
