/*
 * Terminology
 *
 * - session: one attempt to pay for one order, before money. It has no status: events, transaction_id and expires_at tell
 * - outcome: why it can no longer be paid; absent while it is open. Expiry is read from the clock
 * - pay lock: the merchant is changing the order; until it ends, or five minutes pass, the session can't be paid
 * - operation_id: a payment attempt is under way at a gateway
 */
import type { PaymentProduct } from '../../gateways/gateway.ts'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { isObject } from '../../lib/object.ts'
import type { Notification } from '../../lib/outbox.ts'
import {
  type PayableOrder,
  payability,
  payableProducts,
  productSettings,
  type Tree,
  withPayability,
} from '../profiles/configuration.ts'
import { asciiUrl } from '../profiles/url.ts'
import { amountToPay, isAddress, type StoredOption, type StoredOrder } from './order.ts'

/** Every event a session can have (checkout-api §3.12). */
const sessionEventNames = [
  'INITIATED',
  'VISITED',
  'SET_SHIPPING_ADDRESS',
  'SET_BILLING_ADDRESS',
  'SET_SHIPPING_OPTION',
  'SET_DISCOUNT_CODES',
  'SET_GIFT_CARD',
  'SET_MY_DINTERO',
  'ADD_PAYMENT_INFORMATION',
  'PUSH_NOTIFICATION_SENT',
  'SECRET_CONFIRMATION_CODE_SENT',
  'PAYMENT_TOKEN_FLOW_START',
  'PAY_LOCK_START',
  'PAY_LOCK_META',
  'PAY_LOCK_END',
  'UPDATE_SESSION',
  'PAY_FAILED',
  'AUTHORIZED',
  'DECLINED',
  'FAILED',
  'UNKNOWN',
  'CANCELLED',
  'COMPLETED',
  'ON_HOLD_CALLBACK_SENT',
  'AUTH_CALLBACK_SENT',
] as const
export type SessionEventName = (typeof sessionEventNames)[number]

/** An event as it is stored and shown; `request_headers` only on request. Ids are UUIDs, `created_at` is ISO 8601. */
export type SessionEvent = {
  id: string
  name: SessionEventName
  created_at: string
  request_id: string
  request_headers?: Readonly<Record<string, string>>
  details?: Readonly<Record<string, unknown>>
}

/** Builds an event. Absent members are left out, so that the stored text is the same however it was built. */
export function sessionEvent(
  name: SessionEventName,
  from: { id: string; request_id: string; at: Date; request_headers?: Readonly<Record<string, string>> | undefined },
  details?: Readonly<Record<string, unknown>>,
): SessionEvent {
  const { id, request_id, at, request_headers } = from
  return {
    id,
    name,
    created_at: at.toISOString(),
    request_id,
    ...(request_headers ? { request_headers } : {}),
    ...(details ? { details } : {}),
  }
}

export type Outcome = 'PAYMENT_INITIATED' | 'AUTHORIZED' | 'ON_HOLD' | 'DECLINED' | 'FAILED' | 'UNKNOWN' | 'CANCELLED'
/** What the page is told of a session that is over (checkout-api §3.10.2). */
export type Cause = Exclude<Outcome, 'UNKNOWN'> | 'EXPIRED'

export type Express = {
  shipping_options?: StoredOption[]
  shipping_mode?: 'shipping_required' | 'shipping_not_required'
  shipping_address_callback_url?: string
  discount_codes?: { max_count?: number; callback_url?: string }
  customer_types?: string[]
  [other: string]: unknown
}

/** What was asked for, with the profile merged in. */
export type SessionData = {
  url: { return_url?: string; callback_url?: string; merchant_terms_url?: string }
  order: StoredOrder
  configuration: Tree
  customer?: Tree
  express?: Express
  merchant?: Tree
  checkboxes?: readonly Tree[]
  metadata?: Tree
  token_provider?: { payment_product_type: string; token_types: readonly string[] }
}

export type SessionRow = {
  account_id: string
  id: string
  version: number
  event_count: number
  /** Of the last event. */
  hash: Uint8Array
  profile_id: string | null
  payment_operation: 'unscheduled_purchase' | 'recurring_purchase' | 'generate_payment_token'
  data: SessionData
  operation_id: string | null
  transaction_id: string | null
  outcome: Outcome | null
  pay_lock_id: string | null
  pay_lock_expires_at: Date | null
  customer_ip: string | null
  user_agent: string | null
  expires_at: Date
  created_at: Date
  created_by: string | null
  updated_at: Date
  cancelled_at: Date | null
  cancelled_by: string | null
}

/** Why the session can no longer be paid, if so. A payment that was started before expiry may end after it (checkout-api §5.1). */
export function causeOf(session: SessionRow, now: Date): Cause | undefined {
  // Unknown is not failed: the money may have moved, and the resolver asks on.
  if (session.outcome === 'UNKNOWN') return 'PAYMENT_INITIATED'
  if (session.outcome) return session.outcome
  if (session.operation_id) return 'PAYMENT_INITIATED'
  return session.expires_at <= now ? 'EXPIRED' : undefined
}

/** True while the merchant's pay lock holds. */
function isLocked({ pay_lock_id, pay_lock_expires_at }: SessionRow, now: Date): boolean {
  return pay_lock_id !== null && pay_lock_expires_at !== null && pay_lock_expires_at > now
}

const ended: Readonly<Record<Cause, string>> = {
  PAYMENT_INITIATED: 'a payment is under way',
  AUTHORIZED: 'it is paid',
  ON_HOLD: 'its payment is being reviewed',
  DECLINED: 'its payment was declined',
  FAILED: 'its payment failed',
  CANCELLED: 'it is cancelled',
  EXPIRED: 'it has expired',
}

function overRefusal(session: SessionRow, now: Date): Refusal | undefined {
  const cause = causeOf(session, now)
  if (!cause) return undefined
  const code = cause === 'PAYMENT_INITIATED' ? 'session_payment_in_progress' : 'session_finished'
  return { code, message: `Session ${session.id} can't be changed or paid: ${ended[cause]}.` }
}

/** May the customer pay now, with this product? In order: over, locked, express not filled in, product. */
export function mayPay(
  session: SessionRow,
  request: { payment_product_type: string; products: readonly PaymentProduct[]; now: Date },
): Refusal | undefined {
  const { payment_product_type: type, products, now } = request
  const busy = mayChange(session, now)
  if (busy) return busy
  const { order, express, configuration } = session.data
  const payable = payableOrder(session)
  if (express && !isAddress(order.shipping_address)) {
    return {
      code: 'session_incomplete',
      message: 'The shipping address must be set before paying.',
      path: '/order/shipping_address',
    }
  }
  if (express && needsShippingOption(express) && !order.shipping_option) {
    return {
      code: 'session_incomplete',
      message: 'A shipping option must be chosen before paying.',
      path: '/order/shipping_option',
    }
  }
  const product = products.find(({ payment_product_type }) => payment_product_type === type)
  const why = payability(type, payable, product)
  if (why !== 'payable' || productSettings(configuration, type)?.enabled !== true) {
    const allowed = payableProducts(configuration, payable, products)
    const message = `${type} can't pay this session (${why === 'payable' ? 'not enabled' : why}); ${allowed.join(', ') || 'nothing'} can.`
    return { code: 'payment_product_not_payable', path: '/payment_product_type', message, allowed }
  }
}

/** The order as payability sees it. */
export function payableOrder({ data, payment_operation }: Pick<SessionRow, 'data' | 'payment_operation'>): PayableOrder {
  const order = { ...data.order, amount: amountToPay(data.order) }
  return payment_operation === 'generate_payment_token' ? { ...order, token_only: true } : order
}

/** With a shipping callback or options, one must be chosen; unless nothing is shipped (checkout-api §3.2.3). */
function needsShippingOption({ shipping_mode, shipping_options = [], shipping_address_callback_url }: Express): boolean {
  return shipping_mode !== 'shipping_not_required' && (shipping_address_callback_url !== undefined || shipping_options.length > 0)
}

/** May the merchant change the order? It must be locked first, unless the call says `update_without_lock` (checkout-api §3.6). */
export function mayUpdate(session: WithEvents, request: { update_without_lock: boolean; now: Date }): Refusal | undefined {
  const over = overRefusal(session, request.now) ?? fullRefusal(session, limits.events_size_max)
  if (over) return over
  if (request.update_without_lock || isLocked(session, request.now)) return undefined
  const message = 'The session is not locked. Lock it in the page first, or send update_without_lock=true.'
  return { code: 'session_not_locked', message, path: '?update_without_lock' }
}

/** May the pay lock be taken? Again by the same merchant it may, and gives a fresh id. */
export function mayLock(session: WithEvents, now: Date): Refusal | undefined {
  const cause = causeOf(session, now)
  if (cause) return { code: 'session_lock_refused', message: `The session can't be locked: ${ended[cause]}.` }
  const full = refuseFull(session)
  return full && { ...full, code: 'session_lock_refused' }
}

type WithEvents = SessionRow & { events?: readonly SessionEvent[] }

/** No more events of the customer's side: whoever reads the session reads them all. Room is left for the shop's changes. */
export function refuseFull(session: WithEvents): Refusal | undefined {
  return fullRefusal(session, limits.events_size_max / 2, limits.session_events_max)
}

function fullRefusal({ event_count, events }: WithEvents, size: number, count = Number.POSITIVE_INFINITY): Refusal | undefined {
  if (event_count < count && JSON.stringify(events ?? []).length < size) return undefined
  return { code: 'session_finished', message: 'The session has too many events, or too large ones; start a new one.' }
}

/** May the customer's side change the session? Not while the shop holds the lock; to give up it may all the same. */
export function mayChange(session: SessionRow, now: Date): Refusal | undefined {
  return overRefusal(session, now) ?? (isLocked(session, now) ? shop_is_changing : undefined)
}

const shop_is_changing: Refusal = {
  code: 'session_locked',
  message: 'The shop is changing the order. Try again when it is done.',
}

/**
 * What a cancel has to do (checkout-api §3.7): nothing (`done`), mark the session (`cancel`), or have the transaction voided
 * first (`void`).
 */
export function mayCancel(session: SessionRow): { step: 'done' | 'cancel' | 'void' } | { refusal: Refusal } {
  if (session.outcome === 'CANCELLED') return { step: 'done' }
  if (session.transaction_id || session.operation_id) return { step: 'void' }
  if (session.outcome === 'UNKNOWN') return { step: 'void' }
  if (session.outcome === null || session.outcome === 'PAYMENT_INITIATED') return { step: 'cancel' }
  const message = `Session ${session.id} can't be cancelled: ${ended[session.outcome]}.`
  return { refusal: { code: 'session_finished', message } }
}

/** `If-Unmodified-Since` names the session's `updated_at`, or its version (checkout-api §3.10.4). Absent: anything goes. */
export function isUnmodified({ updated_at, version }: SessionRow, header: string | undefined): boolean {
  if (header === undefined || header === '') return true
  return header === String(version) || Date.parse(header) === updated_at.getTime()
}

/** When content changes, `updated_at` moves, by a millisecond at least: it is what `If-Unmodified-Since` compares. */
export function nextUpdate({ updated_at }: SessionRow, now: Date): Date {
  return new Date(Math.max(now.getTime(), updated_at.getTime() + 1))
}

/**
 * Where the customer goes when the flow ends (checkout-api §6.1): `return_url` with its own query kept and ours appended, fit for a header.
 * `undefined` when the session has no `return_url` (merchant-initiated).
 */
export function returnUrl(
  session: Pick<SessionRow, 'id' | 'data'>,
  result: { transaction_id?: string | null; error?: 'cancelled' | 'authorization' | 'failed'; payment_return_url?: string },
): string | undefined {
  const { url, order, configuration } = session.data
  if (url.return_url === undefined) return undefined
  const added = new URLSearchParams()
  if (result.transaction_id) added.set('transaction_id', result.transaction_id)
  if (result.error) added.set('error', result.error)
  added.set('merchant_reference', order.merchant_reference)
  if (configuration.channel === 'in_app') added.set('session_id', session.id)
  if (result.payment_return_url) added.set('payment_return_url', result.payment_return_url)
  const [base, fragment] = asciiUrl(url.return_url).split(/#(.*)/) as [string, string?]
  const glue = !base.includes('?') ? '?' : /[?&]$/.test(base) ? '' : '&'
  return `${base}${glue}${added}${fragment === undefined ? '' : `#${fragment}`}`
}

/** Products that are paid in an app of their own; of these, the ones that can't switch to the merchant's. */
const inApps = /(^|\.)(vipps|swish|mobilepay)$/
const backByUs: readonly string[] = ['payex.vipps', 'payex.swish', 'bambora.mobilepay']

/**
 * Does the payment app switch to the merchant's app, and not to us, when the customer is done (checkout-api §6.1)? The merchant asks for it
 * with `initial_recipient=merchant` in the `return_url` of a session in an app.
 */
export function switchesToMerchant({ url, configuration }: SessionData, payment_product_type: string): boolean {
  if (configuration.channel !== 'in_app' || !inApps.test(payment_product_type)) return false
  return !backByUs.includes(payment_product_type) && queryOf(url.return_url).get('initial_recipient') === 'merchant'
}

/** Does the merchant want to hear of payments that ended badly (checkout-api §6.2)? */
function reportsErrors({ url }: SessionData): boolean {
  return queryOf(url.callback_url).get('report_error') === 'true'
}

/** The query of a URL of any scheme. */
function queryOf(url = ''): URLSearchParams {
  return new URLSearchParams(url.split('#')[0]!.split('?')[1])
}

/**
 * What is told when the customer cancelled, or never came back (checkout-api §6.2, §6.6): the webhook, and the callback of merchants
 * who want to hear of errors. No transaction is named.
 */
export function cancelledNotifications({ id, data, created_at, event_count }: SessionRow): Notification[] {
  const about = { session_id: id, merchant_reference: data.order.merchant_reference, error: 'cancelled' }
  const tell = (event: string, details: Record<string, unknown>): Notification => {
    return { event, aggregate_type: 'session', aggregate_id: id, sequence: event_count + 1, details }
  }
  const callback = { ...about, url: data.url.callback_url, time: created_at.toISOString(), reason: 'error' }
  return [tell('checkout_authorization', about), ...(reportsErrors(data) ? [tell('session_callback', callback)] : [])]
}

export type ViewOptions = {
  products: readonly PaymentProduct[]
  events?: readonly SessionEvent[] | undefined
  /** `events.request_headers`, `initiating_system_request_headers` (checkout-api §3.5). */
  includes?: readonly string[]
  now: Date
}

/** The session as it is shown (checkout-api §3.11): everything given, no secrets, no status, absent members left out. */
export function sessionView(session: SessionRow, { products, events, includes = [], now }: ViewOptions): Record<string, unknown> {
  const { data, transaction_id, customer_ip, user_agent, cancelled_by, cancelled_at, profile_id } = session
  const { configuration, customer, ...given } = data
  const initiating = includes.includes('initiating_system_request_headers') ? events?.[0]?.request_headers : undefined
  return {
    id: session.id,
    account_id: session.account_id,
    ...given,
    ...(customer ? { customer: withoutTokens(customer) } : {}),
    configuration: {
      ...withPayability(configuration, payableOrder(session), products),
      merchant: { id: session.account_id, ...pick(data.merchant ?? {}, ['logo_url', 'name', 'country']) },
    },
    ...(profile_id === null ? {} : { profile_id }),
    payment_operation: session.payment_operation,
    ...(transaction_id === null ? {} : { transaction_id }),
    ...(customer_ip === null ? {} : { customer_ip }),
    ...(user_agent === null ? {} : { user_agent }),
    ...(isLocked(session, now) ? { pay_lock: { pay_lock_id: session.pay_lock_id } } : {}),
    ...(cancelled_by === null ? {} : { cancelled_by }),
    ...(cancelled_at === null ? {} : { cancelled_at: cancelled_at.toISOString() }),
    ...(initiating ? { initiating_system_request_headers: initiating } : {}),
    ...(events ? { events: events.map((event) => eventView(event, includes)) } : {}),
    expires_at: session.expires_at.toISOString(),
    created_at: session.created_at.toISOString(),
    updated_at: session.updated_at.toISOString(),
  }
}

function eventView({ request_headers, ...event }: SessionEvent, includes: readonly string[]): SessionEvent {
  return includes.includes('events.request_headers') && request_headers ? { ...event, request_headers } : event
}

/** Of a token only its id is shown (checkout-api §2.7). */
function withoutTokens(customer: Tree): Tree {
  if (!isObject(customer.tokens)) return customer
  const tokens = Object.entries(customer.tokens).map(([type, token]) => {
    const id = isObject(token) ? token.payment_token_id : undefined
    return [type, id === undefined ? {} : { payment_token_id: id }]
  })
  return { ...customer, tokens: Object.fromEntries(tokens) }
}

function pick(object: Tree, names: readonly string[]): Tree {
  return Object.fromEntries(names.flatMap((name) => (object[name] === undefined ? [] : [[name, object[name]]])))
}
