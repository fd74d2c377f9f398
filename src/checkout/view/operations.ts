import { ApiError, refused, throwRefusal } from '../../lib/errors.ts'
import { payableProducts } from '../profiles/configuration.ts'
import {
  accountOf,
  type Caller,
  type Change,
  changeSession,
  newEvent,
  readSession,
  released,
  type SessionParts,
  sessionNotFound,
  takePayLock,
} from '../sessions/operations.ts'
import {
  type Cause,
  cancelledNotifications,
  causeOf,
  isUnmodified,
  mayChange,
  nextUpdate,
  payableOrder,
  refuseFull,
  returnUrl,
  type SessionData,
  type SessionEventName,
  type SessionRow,
} from '../sessions/session.ts'
import { type FoundSession, findSession, updateSession } from '../sessions/store.ts'
import { type AskMerchant, askMerchant, assertNotNegative, writeAnswered } from '../sessions/update/operations.ts'
import { answeredData, type CallbackAnswer, isChanged, withOption } from '../sessions/update/update.ts'
import * as express from './express.ts'

/** Who is at the page. Knowing the session's id is the capability. */
export type Customer = {
  sid: string
  ip: string
  user_agent: string | undefined
  request_id: string
  unmodified_since?: string | undefined
}

function callerOf({ sid, request_id }: Customer): Caller {
  return { account_id: accountOf(sid), request_id }
}

/**
 * The session for the page. The first time from this browser it is a visit: `customer_ip`, `user_agent` and `VISITED` are recorded.
 * Throws session_gone (404 with a cause) when it is over.
 */
export async function viewSession(parts: SessionParts, customer: Customer): Promise<Record<string, unknown>> {
  const session = await read(parts, customer)
  assertOpen(parts, session)
  return showOpen(parts, customer, session)
}

/** An open session as its customer sees it; the first time from this browser is a visit. */
export async function showOpen(parts: SessionParts, customer: Customer, session: FoundSession): Promise<Record<string, unknown>> {
  return show(parts, (await recordVisit(parts, customer, session)) ?? session)
}

async function recordVisit(parts: SessionParts, customer: Customer, session: FoundSession): Promise<FoundSession | undefined> {
  const { ip, user_agent = null } = customer
  if (session.customer_ip === ip && session.user_agent === user_agent) return undefined
  if (refuseFull(session)) return undefined
  const event = newEvent(parts, callerOf(customer), 'VISITED', parts.clock.now())
  // When another write was first, this visit goes unrecorded: nobody waits for it.
  return updateSession(parts.sql, session, { customer_ip: ip, user_agent }, [event])
}

function assertOpen({ clock }: SessionParts, session: FoundSession): void {
  const cause = causeOf(session, clock.now())
  if (cause) throw gone(session, cause)
}

/** 404 with the cause: what a session that is over tells its customer (checkout-api §3.10.2). */
export function gone(session: SessionRow, cause: Cause): ApiError {
  const message = `The session can no longer be paid: ${cause}.`
  return new ApiError('session_gone', message, { extra: { cause, session_details: express.sessionDetails(session) } })
}

function show(parts: SessionParts, session: FoundSession): Record<string, unknown> {
  const products = parts.gateways.products(session.account_id)
  const types = payableProducts(session.data.configuration, payableOrder(session), products)
  const operations = express.payOperations(types, payUrl(parts, session.id), 'view')
  return express.customerView(session, { products, events: session.events, now: parts.clock.now(), operations })
}

const payUrl = ({ config }: SessionParts, sid: string) => `${config.public_url}/v1/sessions/${sid}/pay`

/** How to pay with one product (checkout-api §3.10.7). */
export async function paymentOperations(parts: SessionParts, customer: Customer, type: string): Promise<express.Operation[]> {
  const { sid } = customer
  const session = (await findSession(parts.sql, accountOf(sid), sid)) ?? sessionNotFound(sid)
  assertOpen(parts, session)
  const { configuration } = session.data
  const allowed = payableProducts(configuration, payableOrder(session), parts.gateways.products(session.account_id))
  if (!allowed.includes(type)) {
    const message = `${type.slice(0, 100)} can't pay this session.`
    throw new ApiError('payment_product_not_payable', message, { details: [{ path: 'payment_product_type', message, allowed }] })
  }
  return express.payOperations([type], payUrl(parts, sid), 'pay')
}

/** Takes the pay lock for the shop behind the page. Errors: session_not_found, session_lock_refused. */
export function lockSession(parts: SessionParts, customer: Customer): Promise<string> {
  return takePayLock(parts, callerOf(customer), customer.sid)
}

/** One change by the customer: the data it leads to, and the events that tell of it. */
type Edit = { data: SessionData; events: [SessionEventName, Record<string, unknown>][] }

/** What every change by the customer has to pass, on the session as it is when it is written. */
function decide(parts: SessionParts, customer: Customer, session: FoundSession, edit: Edit): Change {
  const now = parts.clock.now()
  assertMayEdit(parts, customer, session)
  const { data } = edit
  assertNotNegative(data)
  const events = edit.events.map(([name, details]) => newEvent(parts, callerOf(customer), name, now, details))
  return { change: isChanged(session.data, data) ? { data, updated_at: nextUpdate(session, now) } : {}, events }
}

function assertMayEdit(parts: SessionParts, { unmodified_since }: Customer, session: FoundSession): void {
  assertOpen(parts, session)
  throwRefusal(mayChange(session, parts.clock.now()))
  if (!isUnmodified(session, unmodified_since)) {
    throw new ApiError(
      'precondition_failed',
      `The session was changed: If-Unmodified-Since is not ${session.updated_at.toISOString()}.`,
    )
  }
  throwRefusal(refuseFull(session))
}

function read(parts: SessionParts, { sid }: Customer): Promise<FoundSession> {
  return readSession(parts, accountOf(sid), sid)
}

/**
 * Sets addresses; the merchant is asked what he ships there (checkout-api §6.4), unless the page has asked his site already.
 * Errors: session_not_found, session_gone, session_locked, precondition_failed, invalid_request when it is no express session,
 * express_callback_failed, session_changed.
 */
export async function setAddresses(
  parts: SessionParts & AskMerchant,
  customer: Customer,
  addresses: express.Addresses,
  options: { asked_in_page: boolean },
): Promise<Record<string, unknown>> {
  const session = await read(parts, customer)
  assertMayEdit(parts, customer, session)
  throwRefusal(express.addressesRefusal(session.data))
  const events = express.addressEvents(addresses)
  const edited = (current: FoundSession, answer?: CallbackAnswer): Change => {
    const data = express.withAddresses(current.data, addresses)
    return decide(parts, customer, current, { data: answer ? answeredData(data, answer) : data, events })
  }
  const next = express.withAddresses(session.data, addresses)
  const url = options.asked_in_page ? undefined : express.addressCallbackUrl(session.data, next)
  if (url === undefined) return show(parts, await changeSession(parts, session, edited))
  const answer = await askMerchant(parts, session, next, url)
  return show(parts, await writeAnswered(parts, session, (current) => edited(current, answer)))
}

/** Chooses one of the shipping options offered; the amount changes with it. Errors as {@link setAddresses}, shipping_option_unknown. */
export async function setShippingOption(
  parts: SessionParts,
  customer: Customer,
  line_id: string,
): Promise<Record<string, unknown>> {
  const key = { account_id: accountOf(customer.sid), id: customer.sid }
  const session = await changeSession(parts, key, (current) => {
    assertMayEdit(parts, customer, current)
    const chosen = withOption(current.data, line_id)
    if ('refusal' in chosen) throw refused(chosen.refusal)
    const { shipping_option } = chosen.data.order
    return decide(parts, customer, current, { data: chosen.data, events: [['SET_SHIPPING_OPTION', { shipping_option }]] })
  })
  return show(parts, session)
}

/**
 * Tries discount codes at the merchant (checkout-api §6.5).
 * @returns nothing when he answers without an order: then no discount came of them, and nothing was changed
 */
export async function setDiscountCodes(
  parts: SessionParts & AskMerchant,
  customer: Customer,
  discount_codes: string[],
): Promise<Record<string, unknown> | undefined> {
  const session = await read(parts, customer)
  assertMayEdit(parts, customer, session)
  throwRefusal(express.codesRefusal(session.data, discount_codes))
  const url = session.data.express!.discount_codes!.callback_url!
  const withCodes = (data: SessionData): SessionData => ({ ...data, order: { ...data.order, discount_codes } })
  const answer = await askMerchant(parts, session, withCodes(session.data), url, { shipping_options: false })
  if (!answer.order) return undefined
  const changed = await writeAnswered(parts, session, (current) => {
    const data = answeredData(withCodes(current.data), answer)
    const events: Edit['events'] = [['SET_DISCOUNT_CODES', { discount_codes: data.order.discount_codes ?? [] }]]
    return decide(parts, customer, current, { data, events })
  })
  return show(parts, changed)
}

/**
 * The customer gives up: the session is cancelled and, with `report_error`, the merchant told (checkout-api §3.10.5).
 * @returns where the customer goes
 */
export async function abandonSession(parts: SessionParts, customer: Customer): Promise<string> {
  const { sid } = customer
  const key = { account_id: accountOf(sid), id: sid }
  const session = await changeSession(parts, key, (current) => {
    if (current.outcome === 'CANCELLED') return undefined
    const now = parts.clock.now()
    assertOpen(parts, current)
    return {
      change: { outcome: 'CANCELLED', cancelled_at: now, updated_at: nextUpdate(current, now), ...released },
      events: [newEvent(parts, callerOf(customer), 'CANCELLED', now)],
      notifications: cancelledNotifications(current),
    }
  })
  return returnUrl(session, { error: 'cancelled' }) ?? sessionNotFound(sid)
}
