import { ApiError, throwRefusal } from '../../../lib/errors.ts'
import { dropNulls } from '../../../lib/object.ts'
import { checkOfBody } from '../../../lib/schema.ts'
import {
  type Caller,
  type Change,
  changeSession,
  type Effect,
  newEvent,
  plainly,
  readSession,
  released,
  type SessionParts,
  showSession,
} from '../operations.ts'
import { isAddress } from '../order.ts'
import { mayUpdate, nextUpdate, type SessionData } from '../session.ts'
import type { FoundSession } from '../store.ts'
import {
  answeredData,
  CallbackAnswer,
  isChanged,
  orderRefusalOf,
  type SessionUpdate,
  updateDetails,
  updatedData,
  updateRefusal,
} from './update.ts'

export type UpdateRequest = {
  id: string
  body: SessionUpdate
  update_without_lock?: boolean | undefined
  force_shipping_address_callback?: boolean | undefined
  toggles?: ReadonlySet<string>
}

/**
 * Changes the order of an open session (checkout-api §3.6). An express session whose options are not in the request has them fetched
 * from the merchant first, with no database transaction open.
 * Errors: session_not_found, session_finished, session_payment_in_progress, session_not_locked, shipping_option_unknown,
 * session_amount_mismatch, express_callback_failed, session_changed.
 */
export async function updateSession(
  parts: SessionParts & AskMerchant,
  caller: Caller,
  request: UpdateRequest,
  effect: Effect = plainly,
): Promise<FoundSession> {
  const { id, body, toggles = new Set() } = request
  const { account_id } = caller
  const session = await readSession(parts, account_id, id)
  const asked = updatedData(session.data, body)
  const url = callbackUrl(session.data, asked, body, request.force_shipping_address_callback === true)
  const decide = (current: FoundSession, answer?: CallbackAnswer): Change => {
    const now = parts.clock.now()
    throwRefusal(mayUpdate(current, { update_without_lock: request.update_without_lock === true, now }))
    const updated = updatedData(current.data, body)
    throwRefusal(updateRefusal(body, updated, toggles))
    const data = answer ? answeredData(updated, answer) : updated
    assertNotNegative(data)
    const unlock = body.remove_lock !== false && current.pay_lock_id !== null
    const changed = isChanged(current.data, data)
    const events = [newEvent(parts, caller, 'UPDATE_SESSION', now, updateDetails(current.data, data, body))]
    if (unlock) events.push(newEvent(parts, caller, 'PAY_LOCK_END', now, { pay_lock_id: current.pay_lock_id }))
    return { change: { ...(changed ? { data, updated_at: nextUpdate(current, now) } : {}), ...(unlock ? released : {}) }, events }
  }
  if (url === undefined) return effect(() => changeSession(parts, { account_id, id }, decide))
  decide(session)
  const answer = await askMerchant(parts, session, asked, url)
  return effect(() => writeAnswered(parts, session, (current) => decide(current, answer)))
}

/** Where the options are to be fetched, if they are: always when the update does not bring its own (checkout-api §3.6). */
function callbackUrl(before: SessionData, after: SessionData, { express }: SessionUpdate, forced: boolean): string | undefined {
  if (!before.express || !isAddress(after.order.shipping_address)) return undefined
  return forced || !express?.shipping_options ? after.express?.shipping_address_callback_url : undefined
}

/** Asks a merchant's server; `callMerchant` of the parts. No status: there was no answer. */
export type AskMerchant = {
  callMerchant: (
    account_id: string,
    url: string,
    body: unknown,
  ) => Promise<{ status: number; body: unknown } | { status: undefined; error: string }>
}

const faultOfAnswer = checkOfBody(CallbackAnswer)

/** Sends the session as it would become to the merchant, and reads his answer. Only 200 with the published members counts (§6.4). */
export async function askMerchant(
  parts: SessionParts & AskMerchant,
  session: FoundSession,
  data: SessionData,
  url: string,
  expects: { shipping_options: boolean } = { shipping_options: true },
): Promise<CallbackAnswer> {
  const answer = await parts.callMerchant(session.account_id, url, showSession(parts, { ...session, data }))
  if (answer.status === undefined) throw callbackFailed(`did not answer: ${answer.error.replace(/\.$/, '')}`)
  if (answer.status !== 200) throw callbackFailed(`answered ${answer.status}`)
  const body = storable(answer.body)
  const fault = faultOfAnswer(body)
  if (fault) throw callbackFailed(`answered something else than expected: ${fault.pointer || 'the body'} ${fault.what}`)
  const told = body as CallbackAnswer
  if (expects.shipping_options && !told.shipping_options) throw callbackFailed('answered without shipping_options')
  const unfit = told.order && orderRefusalOf(answeredData(data, told))
  if (unfit) throw callbackFailed(`answered something else than expected: ${unfit.message}`)
  return told
}

/** The answer without nulls. Text that jsonb can't hold, and nesting without end, is not what a shop answers. */
function storable(body: unknown): unknown {
  try {
    if (!/\\u(0000|d[89a-f])/i.test(JSON.stringify(body) ?? '')) return dropNulls(body)
  } catch {
    // Nested deeper than the stack reaches.
  }
  throw callbackFailed('answered with text that is none, or nested too deep')
}

/** Options and an order that the shop answered with may take away more than there was. */
export function assertNotNegative({ order }: SessionData): void {
  if (order.amount < 0) throw new ApiError('express_callback_failed', 'The order would come to a negative amount.')
}

function callbackFailed(what: string): ApiError {
  return new ApiError('express_callback_failed', `The shop's server ${what}. Nothing was changed.`)
}

/** Writes what an answer leads to, unless the content of the session changed while the merchant was asked. */
export async function writeAnswered(
  parts: SessionParts,
  asked: FoundSession,
  decide: (session: FoundSession) => Change,
): Promise<FoundSession> {
  return changeSession(parts, asked, (session) => {
    if (session.updated_at.getTime() !== asked.updated_at.getTime()) {
      throw new ApiError('session_changed', 'The session was changed while the shop was asked. Read it and try again.')
    }
    return decide(session)
  })
}
