/*
 * Terminology
 *
 * - operation: one call to a gateway; the row is written before the call, its id is the idempotency key
 * - announced: an INITIATE_ event has told that the outcome is not known yet
 * - settled: the outcome is known and recorded, for good
 */
import type { GatewayError } from '../../gateways/gateway.ts'
import type { Item } from '../transactions/transaction.ts'

export type OperationKind = 'authorize' | 'capture' | 'refund' | 'void' | 'update_authorization'
export type OperationState = 'pending' | 'unknown' | 'action_required' | 'held' | 'succeeded' | 'failed'

/** What the outcome needs to become an event. Never a card number. */
export type OperationRequest = {
  /** Reserved besides `amount`: the rest that is voided together with a final capture, or by a void. */
  void_amount?: number
  /** The provider's name for the authorization. */
  gateway_reference?: string
  items?: Item[]
  metadata?: Record<string, string>
  event_reference?: string
  reason?: string
  request_headers?: Record<string, string>
  /** Of a payment: the ids of the session's checkboxes that the customer ticked. */
  ticked?: string[]
  final_capture?: boolean
  /** Captured because of `auto_capture`, not because somebody asked. */
  automatic?: boolean
  /** The session is being cancelled. */
  cancelling?: boolean
  /** Nobody finished the payment in time: the void takes it back, and the payment stays open until its session has ended too. */
  overdue?: boolean
  /** Of a request with `Idempotency-Key`: tells a repetition from another request with the same key. */
  request_hash?: string
  update?: 'extend' | 'amount' | 'pre_authorization' | 'release_hold'
  final_authorization?: boolean
  /** The new total, of a change of amount. */
  new_amount?: number
  new_items?: Item[]
  /** Of a change of the authorization from before there was one at a time: another one was open. */
  beside_another?: true
  reference?: string
  description?: string
  /** Of an authorization: nobody is there to be redirected (checkout-api §3.9). */
  merchant_initiated?: boolean
  /** The stored card that is charged; its failures are counted when the outcome is known. */
  token_id?: string
  token_type?: 'recurrence_token'
}

/** A row of `checkout.operations`. */
export type OperationRow = {
  account_id: string
  id: string
  kind: OperationKind
  session_id: string
  transaction_id: string
  gateway: string
  payment_product_type: string
  amount: number
  currency: string
  state: OperationState
  attempts: number
  next_attempt_at: Date | null
  request: OperationRequest
  outcome: { error?: GatewayError; reason?: string; redirect_url?: string; gateway_reference?: string } | null
  created_at: Date
  created_by: string | null
  updated_at: Date
}

const seconds = [1, 2, 5, 10, 30, 60, 300, 900]

/** When to ask again after so many attempts without an answer: the published schedule, then hourly, without end. */
export function nextAttempt(now: Date, attempts: number): Date {
  return new Date(now.getTime() + (seconds[Math.max(attempts, 1) - 1] ?? 3_600) * 1_000)
}

/** True when nothing more can happen to the operation. */
export function isSettled({ state }: Pick<OperationRow, 'state'>): boolean {
  return state === 'succeeded' || state === 'failed'
}
