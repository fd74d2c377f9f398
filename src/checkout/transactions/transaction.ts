/*
 * Terminology
 *
 * - transaction: one payment by one customer, held as its list of events; the totals are a fold over the events
 * - operation: one call to a gateway. While its outcome is not known, its amount stands in a `pending_…` total
 * - rest: what is left of the authorization and not reserved by an operation
 */
import type { GatewayError, PaymentProduct } from '../../gateways/gateway.ts'
import { invariant, type Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'

export type TransactionStatus =
  | 'INITIATED'
  | 'ON_HOLD'
  | 'AUTHORIZED'
  | 'AUTHORIZATION_VOIDED'
  | 'PARTIALLY_CAPTURED'
  | 'CAPTURED'
  | 'PARTIALLY_CAPTURED_REFUNDED'
  | 'PARTIALLY_REFUNDED'
  | 'REFUNDED'
  | 'DECLINED'
  | 'FAILED'
  | 'UNKNOWN'

export type EventName =
  | 'INITIALIZE'
  | 'AUTHORIZE'
  | 'INITIATE_CAPTURE'
  | 'CAPTURE'
  | 'INITIATE_REFUND'
  | 'REFUND'
  | 'INITIATE_VOID'
  | 'VOID'
  | 'SETTLEMENT'

export type SettlementStatus = 'NOT_SETTLED' | 'PENDING_SETTLEMENT' | 'PARTIALLY_SETTLED' | 'SETTLED'

/** The amounts of a transaction, in minor units of its currency, and the status that follows from them. */
export type Totals = {
  status: TransactionStatus
  /** What the customer agreed to, constant on the wire; `authorized` is what was really reserved. */
  amount: number
  authorized: number
  captured: number
  refunded: number
  voided: number
  pending_capture: number
  pending_refund: number
  pending_void: number
}

/** An item as clients send and read it; unknown members are kept. */
export type Item = { line_id?: string | number; amount?: number; quantity?: number } & Record<string, unknown>

/** What the transaction carries besides its amounts. What is here is shown on the wire under the same name, if at all. */
export type TransactionData = {
  items?: Item[]
  url?: { return_url?: string; callback_url?: string; redirect_url?: string }
  event_reference?: string
  partial_payment?: boolean
  customer?: Record<string, unknown>
  shipping_address?: Record<string, unknown>
  billing_address?: Record<string, unknown>
  shipping_option?: Record<string, unknown>
  store?: Record<string, unknown>
  gift_cards?: Record<string, unknown>[]
  checkboxes?: Record<string, unknown>[]
  card?: Record<string, string>
  /** Shown in `card` only when `includes` asks for them. */
  tokens?: { payment_token?: string; recurrence_token?: string }
  metadata?: Record<string, string | number>
  customer_ip?: string
  user_agent?: string
  platform_type?: string
  /** The text on the customer's statement. */
  dynamic_descriptor?: string
  request_headers?: Record<string, string>
  auto_capture?: boolean
  /** The number of the AUTHORIZE event whose callback waits for the first attempt of the automatic capture (checkout-api §5.5). */
  callback_due?: number
  /** The operation that is changing the authorization: until its outcome is known nobody else may, and nothing is voided. Not shown. */
  updating?: string
}

/** A row of `checkout.transactions`. */
export type TransactionRow = Totals & {
  account_id: string
  id: string
  session_id: string
  version: number
  event_count: number
  /** Characters of its data, its events and the requests that made them. */
  events_size: number
  hash: Uint8Array
  settlement_status: SettlementStatus
  gateway: string
  gateway_reference: string | null
  payment_product_type: string
  payment_operation: string
  currency: string
  merchant_reference: string
  merchant_reference_2: string | null
  customer_id: string | null
  store_id: string | null
  terminal_id: string | null
  payout_destination_id: string | null
  channel: string
  card_brand: string | null
  token_id: string | null
  auto_capture_at: Date | null
  auto_capture_until: Date | null
  final_authorization: boolean
  search_terms: string[]
  data: TransactionData
  authorized_at: Date | null
  captured_at: Date | null
  refunded_at: Date | null
  created_at: Date
  updated_at: Date
}

/** What an event carries besides its columns. */
export type EventData = {
  items?: Item[]
  error?: GatewayError
  metadata?: Record<string, string | number>
  event_reference?: string
  /** Why, in the merchant's words; `cancelled` when the customer turned back. */
  reason?: string
  /** Of an AUTHORIZE event that changed an authorization: how. */
  update?: string
  correction?: Record<string, unknown>
  settlements?: { events: Record<string, unknown>[]; settlement_status: SettlementStatus }
  request_headers?: Record<string, string>
}

/** A row of `checkout.transaction_events`, times as text. */
export type EventRow = {
  sequence: number
  event: EventName
  transaction_status: TransactionStatus
  success: boolean
  amount?: number | null
  request_id: string
  correlation_request_id?: string | null
  operation_id?: string | null
  data: EventData
  created_at: string
  created_by?: string | null
}

/** The statuses in which there is an authorization that can still be captured or voided. */
export const open: readonly TransactionStatus[] = ['AUTHORIZED', 'PARTIALLY_CAPTURED', 'PARTIALLY_CAPTURED_REFUNDED']
const refundable: readonly TransactionStatus[] = [
  'CAPTURED',
  'PARTIALLY_CAPTURED',
  'PARTIALLY_REFUNDED',
  'PARTIALLY_CAPTURED_REFUNDED',
]
/** The statuses in which the customer has not finished paying; only a session's cancellation voids these. */
export const unfinished: readonly TransactionStatus[] = ['INITIATED', 'ON_HOLD', 'UNKNOWN']
/** The statuses in which a session's cancellation voids the payment. */
export const cancellable: readonly TransactionStatus[] = [...unfinished, 'AUTHORIZED']

/** Status by the closed form of checkout-api §5.3, for a transaction whose authorization succeeded. */
export function statusOf(totals: Pick<Totals, 'authorized' | 'captured' | 'refunded' | 'voided'>): TransactionStatus {
  const { authorized, captured, refunded, voided } = totals
  const left = authorized - captured - voided
  if (captured === 0) return voided > 0 ? 'AUTHORIZATION_VOIDED' : 'AUTHORIZED'
  if (left > 0) return refunded === 0 ? 'PARTIALLY_CAPTURED' : 'PARTIALLY_CAPTURED_REFUNDED'
  if (refunded === 0) return 'CAPTURED'
  return refunded < captured ? 'PARTIALLY_REFUNDED' : 'REFUNDED'
}

/** The settlement status after these events: money that moves after all was settled makes it `PARTIALLY_SETTLED`. */
export function settlementStatusOf(events: readonly Pick<EventRow, 'event' | 'success' | 'amount' | 'data'>[]): SettlementStatus {
  let status: SettlementStatus = 'NOT_SETTLED'
  for (const { event, success, amount, data } of events) {
    status = data.settlements?.settlement_status ?? status
    const moved = success && (amount ?? 0) > 0 && (event === 'CAPTURE' || event === 'REFUND')
    if (moved && status === 'SETTLED') status = 'PARTIALLY_SETTLED'
  }
  return status
}

/** What is left to capture or void: not captured, not voided, and not reserved by an operation under way. */
export function restOf({ authorized, captured, voided, pending_capture, pending_void }: Totals): number {
  return authorized - captured - voided - pending_capture - pending_void
}

/** Like `invariant` for the sums that the check constraints guard too: a broken one is a 500 and an alarm, never a clamp. */
export function assertTotals(totals: Totals): void {
  const { authorized, captured, refunded, voided, pending_capture, pending_refund, pending_void } = totals
  const all = [authorized, captured, refunded, voided, pending_capture, pending_refund, pending_void]
  invariant(
    all.every((amount) => Number.isSafeInteger(amount) && amount >= 0),
    'a total is negative or not a whole number',
  )
  invariant(captured + voided + pending_capture + pending_void <= authorized, 'captured and voided more than authorized')
  invariant(refunded + pending_refund <= captured, 'refunded more than captured')
}

/** A capture as asked for; without `amount`, everything that is left. */
export type CaptureRequest = { amount?: number; final_capture?: boolean; items?: Item[] }
/** What the operation will move: `amount`, and with `final_capture` also the voided rest. */
export type Reservation = { amount: number; void_amount: number }

/**
 * Whether this may be captured now (checkout-api §4.5.4). Precedence: status, void under way, size, final authorization, product, other
 * operation under way, amount, items.
 */
export function mayCapture(
  row: TransactionRow,
  product: PaymentProduct | undefined,
  request: CaptureRequest,
): Reservation | Refusal {
  const rest = restOf(row)
  const refusal = refusedByState(row, open, 'captured') ?? voidPending(row) ?? full(row, request)
  if (refusal) return refusal
  if (!row.final_authorization) {
    return refuse('transaction_status_conflict', 'The authorization is not final: update it with final_authorization true first.')
  }
  if (request.final_capture && paymentProduct(row.payment_product_type) !== 'dintero_psp') {
    return refuse('operation_unsupported', `final_capture can't be used with ${row.payment_product_type}.`, '/final_capture')
  }
  // It releases all the rest at the provider, also what a capture under way has reserved, if that arrives later.
  const other = request.final_capture ? (updatePending(row) ?? capturePending(row)) : undefined
  if (other) return { ...other, path: '/final_capture' }
  const amount = request.amount ?? rest
  const refused = refusedAmount(row, amount, rest, rest + row.pending_capture, 'authorized')
  if (refused) return refused
  if (product?.partial_capture === false && amount !== rest) {
    return refuse('operation_unsupported', `${row.payment_product_type} can only be captured in full.`, '/amount', rest)
  }
  const items = refusedItems(row, request.items, amount)
  if (items) return items
  return { amount, void_amount: request.final_capture ? rest - amount : 0 }
}

/** True while something is, or may be made, ready to be captured. */
export function mayStillCapture(row: TransactionRow): boolean {
  return open.includes(row.status) && (restOf(row) > 0 || row.amount === 0)
}

/** Whether this may be refunded now (checkout-api §4.5.6). Precedence: status, size, amount, items. */
export function mayRefund(
  row: TransactionRow,
  product: PaymentProduct | undefined,
  request: CaptureRequest,
): Reservation | Refusal {
  const refusal = refusedByState(row, refundable, 'refunded') ?? full(row, request)
  if (refusal) return refusal
  const left = row.captured - row.refunded - row.pending_refund
  if (request.amount === undefined) return refuse('amount_required', '/amount is required.', '/amount', left)
  const refused = refusedAmount(row, request.amount, left, left + row.pending_refund, 'captured')
  if (refused) return refused
  if (product?.partial_refund === false && request.amount !== left) {
    return refuse('operation_unsupported', `${row.payment_product_type} can only be refunded in full.`, '/amount', left)
  }
  return refusedItems(row, request.items, request.amount) ?? { amount: request.amount, void_amount: 0 }
}

/**
 * Whether what is left may be voided now (checkout-api §4.5.7). `cancelling`: the session is being cancelled, which also
 * reaches payments that the customer has not finished. Precedence: status, operation under way, product.
 */
export function mayVoid(row: TransactionRow, product: PaymentProduct | undefined, cancelling = false): Reservation | Refusal {
  const statuses = cancelling ? cancellable : open
  const refusal = refusedByState(row, statuses, cancelling ? 'cancelled' : 'voided')
  if (refusal) return refusal
  const other = voidPending(row) ?? updatePending(row) ?? capturePending(row)
  if (other) return other
  if (row.captured > 0 && product && !product.void_remainder) {
    return refuse('operation_unsupported', `The rest of a part-captured ${row.payment_product_type} payment can't be voided.`)
  }
  return { amount: 0, void_amount: restOf(row) }
}

/** True when a `may…` function said no. */
export function isRefusal(verdict: Reservation | Refusal): verdict is Refusal {
  return 'code' in verdict
}

/** The gateway of a payment product type: the part before the dot (checkout-api §9.1). */
export function paymentProduct(payment_product_type: string): string {
  return payment_product_type.split('.')[0]!
}

function refusedByState(row: TransactionRow, allowed: readonly TransactionStatus[], verb: string): Refusal | undefined {
  if (allowed.includes(row.status)) return undefined
  return refuseStatus(`A transaction that is ${row.status} can't be ${verb}.`, allowed)
}

function voidPending(row: TransactionRow): Refusal | undefined {
  return row.pending_void > 0 ? pending(row.data.updating ? 'change' : 'void') : undefined
}

/** A change of the authorization that is under way: what will be left to release only its outcome tells. */
export function updatePending({ data }: TransactionRow): Refusal | undefined {
  return data.updating ? pending('change') : undefined
}

/** Of another change, or a void. */
export const change_pending: Refusal = {
  code: 'operation_pending',
  message: 'A void or a change of the authorization is not settled yet.',
}

/** Whoever reads the transaction reads its events. What is under way is recorded whatever its size, and voids have none to speak of. */
function full({ events_size }: TransactionRow, { items }: CaptureRequest): Refusal | undefined {
  const with_items = items !== undefined && items.length > 0
  if (events_size < limits.events_size_max * (with_items ? 1 : 2)) return undefined
  const message = `The events of the transaction take all the room they may.${with_items ? ' Leave out the items.' : ''}`
  return refuse('events_full', message, with_items ? '/items' : undefined)
}

function capturePending(row: TransactionRow): Refusal | undefined {
  return row.pending_capture > 0 ? pending('capture') : undefined
}

function pending(kind: string): Refusal {
  return {
    code: 'operation_pending',
    message: `A ${kind} of this transaction is not settled yet. Read the transaction and try again.`,
  }
}

/** `left` is free now; `in_total` would be, if every operation under way failed. Between the two only time can tell: 409. */
function refusedAmount(
  row: TransactionRow,
  amount: number,
  left: number,
  in_total: number,
  limit: 'authorized' | 'captured',
): Refusal | undefined {
  if (amount < 0 || (amount === 0 && row.amount > 0 && left > 0)) {
    return refuse('amount_required', '/amount must be above zero.', '/amount', left)
  }
  if (amount <= left && (left > 0 || in_total === 0)) return undefined
  if (amount <= in_total) return { ...pending(limit === 'authorized' ? 'capture' : 'refund'), path: '/amount', allowed: left }
  const verb = limit === 'authorized' ? 'captured' : 'refunded'
  return refuse(`amount_exceeds_${limit}`, `/amount: at most ${left} can be ${verb}, not ${amount}.`, '/amount', left)
}

/** Instabank wants lines, Collector wants lines it knows; everybody else sends what they like (checkout-api §12 Q6). */
function refusedItems(row: TransactionRow, items: readonly Item[] | undefined, amount: number): Refusal | undefined {
  const product = paymentProduct(row.payment_product_type)
  if (product !== 'instabank' && product !== 'collector') return undefined
  if (!items?.length) {
    return product === 'instabank' ? refuse('items_invalid', '/items is required for Instabank.', '/items') : undefined
  }
  const known = new Set(row.data.items?.map((item) => String(item.line_id)))
  for (const [index, item] of items.entries()) {
    if (known.has(String(item.line_id))) continue
    return refuse('items_invalid', `/items/${index}/line_id is not a line of this transaction.`, `/items/${index}/line_id`)
  }
  const sum = items.reduce((total, item) => total + (item.amount ?? 0), 0)
  return sum === amount ? undefined : refuse('items_invalid', `/items add up to ${sum}, not to ${amount}.`, '/items')
}

/** The fault is not in the body: the transaction that the path names is in none of the statuses that would do. */
export function refuseStatus(message: string, allowed: readonly TransactionStatus[]): Refusal {
  return { code: 'transaction_status_conflict', message, path: 'id', allowed }
}

export function refuse(code: Refusal['code'], message: string, path?: string, allowed?: number): Refusal {
  return { code, message, ...(path === undefined ? {} : { path }), ...(allowed === undefined ? {} : { allowed }) }
}
