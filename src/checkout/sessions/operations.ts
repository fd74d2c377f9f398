import { createHash } from 'node:crypto'
import type { Parts } from '../../app.ts'
import { ApiError, type Refusal } from '../../lib/errors.ts'
import { availableProducts, findSessionDefaults } from '../profiles/operations.ts'
import { expiry, givenTokens, newSessionData, type SessionRequest } from './create.ts'
import { type SessionData, type SessionEvent, type SessionRow, sessionEvent, sessionView } from './session.ts'
import * as store from './store.ts'

export type SessionParts = Pick<Parts, 'sql' | 'clock' | 'ids' | 'gateways' | 'config'>

/** Who asks, and what of the request is kept with the events. */
export type Caller = {
  account_id: string
  /** The API client; absent for the customer's side. */
  subject?: string | undefined
  /** A UUID. */
  request_id: string
  /** See `systemHeaders`. */
  request_headers?: Record<string, string> | undefined
}

export type CreatedSession = { id: string; url: string; session: store.FoundSession }

/**
 * Creates a session from a profile, or from the configuration of the request alone. One read (often from memory), one insert.
 * Throws what the core refuses: unknown profile, nothing to pay with, amounts, expiry.
 */
export async function createSession(
  parts: SessionParts,
  caller: Caller,
  request: { body: SessionRequest; toggles?: ReadonlySet<string> },
): Promise<CreatedSession> {
  const { account_id } = caller
  const { body, toggles = new Set() } = request
  const now = parts.clock.now()
  const { profile, account } = await findSessionDefaults(parts, account_id, body.profile_id)
  if (body.profile_id !== undefined && !profile) {
    const message = `The account has no profile ${body.profile_id}.`
    throw new ApiError('profile_unknown', message, { details: [{ path: '/profile_id', message }] })
  }
  const made = newSessionData(body, {
    profile: profile?.data,
    merchant: account?.configuration?.merchant,
    products: availableProducts(parts.gateways.products(account_id), account),
    toggles,
  })
  if ('refusal' in made) throw refused(made.refusal)
  const until = expiry(body.expires_at, now)
  if ('refusal' in until) throw refused(until.refusal)
  return insert(parts, caller, {
    data: made.data,
    expires_at: until.expires_at,
    profile_id: profile?.profile_id ?? null,
    payment_operation: 'unscheduled_purchase',
    now,
  })
}

type Prepared = {
  data: SessionData
  expires_at: Date
  profile_id: string | null
  payment_operation: SessionRow['payment_operation']
  now: Date
}

async function insert(parts: SessionParts, caller: Caller, prepared: Prepared): Promise<CreatedSession> {
  const { sql, ids, config } = parts
  const { account_id, subject = null } = caller
  const { now, expires_at, profile_id, payment_operation } = prepared
  const id = ids.short(account_id)
  const data = withTokenIds(prepared.data, account_id)
  const events = [newEvent(parts, caller, 'INITIATED', now)]
  if (payment_operation === 'generate_payment_token') events.push(newEvent(parts, caller, 'PAYMENT_TOKEN_FLOW_START', now))
  const row = { account_id, id, profile_id, payment_operation, data, expires_at, created_at: now, created_by: subject }
  await store.insertSession(sql, row, events)
  return {
    id,
    url: `${config.public_url}/v1/view/${id}`,
    session: { ...blank, ...row, updated_at: now, event_count: events.length, events },
  }
}

const blank = {
  version: 1,
  operation_id: null,
  transaction_id: null,
  outcome: null,
  pay_lock_id: null,
  pay_lock_expires_at: null,
  customer_ip: null,
  user_agent: null,
  cancelled_at: null,
  cancelled_by: null,
} as const

/** An event of this request. */
export function newEvent(
  { ids }: Pick<SessionParts, 'ids'>,
  { request_id, request_headers }: Caller,
  name: SessionEvent['name'],
  at: Date,
  details?: Readonly<Record<string, unknown>>,
): SessionEvent {
  return sessionEvent(name, { id: ids.uuid(), request_id, request_headers, at }, details)
}

/** Beside each token value stands the id by which it is shown: 40 hex digits, the same whenever the account gives this token again. */
function withTokenIds(data: SessionData, account_id: string): SessionData {
  const given = givenTokens(data.customer)
  if (given.length === 0) return data
  const tokens = given.map(({ type, token, value }) => {
    const payment_token_id = createHash('sha1').update(`${account_id}\n${type}\n${value}`).digest('hex')
    return [type, { ...token, payment_token_id }]
  })
  return { ...data, customer: { ...data.customer, tokens: Object.fromEntries(tokens) } }
}

/** The error that is sent for what the core refused. */
export function refused(refusal: Refusal): ApiError {
  return new ApiError(refusal.code, refusal.message, { details: [refusal] })
}

/** The session with its events; 404 when the account has none with this id. */
export async function readSession({ sql }: SessionParts, account_id: string, id: string): Promise<store.FoundSession> {
  return (await store.findSession(sql, account_id, id, { events: true })) ?? sessionNotFound(id)
}

export function sessionNotFound(id: string): never {
  throw new ApiError('session_not_found', `There is no session ${id.slice(0, 100)}.`)
}

/** The session as the API shows it, with what can be paid now. */
export function showSession(
  { gateways, clock }: SessionParts,
  session: store.FoundSession,
  includes: readonly string[] = [],
): Record<string, unknown> {
  const products = gateways.products(session.account_id)
  return sessionView(session, { products, events: session.events, includes, now: clock.now() })
}
