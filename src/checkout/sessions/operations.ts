import type { Parts } from '../../app.ts'
import { type Db, inTransaction } from '../../lib/db.ts'
import { ApiError, invariant, refused, throwRefusal } from '../../lib/errors.ts'
import { failpoint } from '../../lib/failpoints.ts'
import { accountIn } from '../../lib/ids.ts'
import { limits } from '../../lib/limits.ts'
import type { Notification } from '../../lib/outbox.ts'
import { tokenId } from '../card-tokens/operations.ts'
import { availableProducts, findSessionDefaults, type SessionDefaults } from '../profiles/operations.ts'
import {
  expiry,
  givenTokens,
  newSessionData,
  newTokenSessionData,
  type SessionRequest,
  type TokenSessionRequest,
} from './create.ts'
import {
  cancelledNotifications,
  mayCancel,
  mayLock,
  nextUpdate,
  type SessionData,
  type SessionEvent,
  type SessionRow,
  sessionEvent,
  sessionView,
} from './session.ts'
import * as store from './store.ts'

export type SessionParts = Pick<Parts, 'sql' | 'clock' | 'ids' | 'gateways' | 'config' | 'memory'>

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
  const { profile, account } = await defaultsOf(parts, account_id, body.profile_id, '/profile_id')
  const made = newSessionData(body, {
    profile: profile?.data,
    merchant: account?.configuration?.merchant,
    products: offeredProducts(parts, account_id, account),
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

/**
 * Creates a session whose page only collects a card: its payment makes a token and reserves nothing (checkout-api §3.8). Of the
 * profile only the looks are used. Errors: profile_unknown, token_not_supported, invalid_request for `expires_at`.
 */
export async function createTokenSession(
  parts: SessionParts,
  caller: Caller,
  body: TokenSessionRequest,
): Promise<CreatedSession> {
  const { account_id } = caller
  const now = parts.clock.now()
  const { profile, account } = await defaultsOf(parts, account_id, body.session.profile_id, '/session/profile_id')
  const products = offeredProducts(parts, account_id, account)
  const made = newTokenSessionData(body, { profile: profile?.data, merchant: account?.configuration?.merchant, products })
  if ('refusal' in made) throw refused(made.refusal)
  const until = expiry(body.session.expires_at, now, '/session/expires_at')
  if ('refusal' in until) throw refused(until.refusal)
  return insert(parts, caller, {
    data: made.data,
    expires_at: until.expires_at,
    profile_id: profile?.profile_id ?? null,
    payment_operation: 'generate_payment_token',
    now,
  })
}

async function defaultsOf(parts: SessionParts, account_id: string, profile_id: string | undefined, path: string) {
  const defaults = await findSessionDefaults(parts, account_id, profile_id)
  if (profile_id !== undefined && !defaults.profile) {
    const message = `The account has no profile ${profile_id.slice(0, 100)}.`
    throw new ApiError('profile_unknown', message, { details: [{ path, message }] })
  }
  return defaults
}

/** What the account can take payments with. That it has a gateway and offers nothing of it is another fault than having none. */
function offeredProducts(parts: SessionParts, account_id: string, account: SessionDefaults['account']) {
  const products = parts.gateways.products(account_id)
  const offered = availableProducts(products, account)
  if (products.length > 0 && offered.length === 0) {
    const message =
      'The payment_options of this account (PUT /v1/admin/checkout) name nothing that its gateway has, so nothing can be paid.'
    throw new ApiError('no_payment_product', message)
  }
  return offered
}

type Prepared = {
  data: SessionData
  expires_at: Date
  profile_id: string | null
  payment_operation: SessionRow['payment_operation']
  now: Date
}

async function insert(parts: SessionParts, caller: Caller, prepared: Prepared): Promise<CreatedSession> {
  const { sql, ids, memory } = parts
  const { account_id, subject = null } = caller
  const { now, expires_at, profile_id, payment_operation } = prepared
  const id = ids.short(account_id)
  const data = withTokenIds(prepared.data, account_id)
  const events = [newEvent(parts, caller, 'INITIATED', now)]
  if (payment_operation === 'generate_payment_token') events.push(newEvent(parts, caller, 'PAYMENT_TOKEN_FLOW_START', now))
  const row = { account_id, id, profile_id, payment_operation, data, expires_at, created_at: now, created_by: subject }
  const { hash, size } = await store.insertSession(sql, row, events)
  const session = { ...blank, ...row, updated_at: now, event_count: events.length, hash, events }
  memory.sessions.keep(account_id, id, session, size)
  return { id, url: sessionUrl(parts, id), session }
}

/** Where the customer pays; without a query, which one plugin can't read (clients §4.4). */
export function sessionUrl({ config }: Pick<SessionParts, 'config'>, id: string): string {
  return `${config.public_url}/v1/view/${id}`
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
export function withTokenIds(data: SessionData, account_id: string): SessionData {
  const given = givenTokens(data.customer)
  if (given.length === 0) return data
  const tokens = given.map(({ type, token, value }) => {
    return [type, { ...token, payment_token_id: tokenId(account_id, type, value) }]
  })
  return { ...data, customer: { ...data.customer, tokens: Object.fromEntries(tokens) } }
}

/** The session with its events; 404 when the account has none with this id. */
export async function readSession({ sql }: SessionParts, account_id: string, id: string): Promise<store.FoundSession> {
  return (await store.findSession(sql, account_id, id, { events: true })) ?? sessionNotFound(id)
}

/** The account in a session's id, before the dot: customers have no token that says it. Errors: session_not_found. */
export function accountOf(session_id: string): string {
  return accountIn(session_id) ?? sessionNotFound(session_id)
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

/** Runs the last write of a request; `request.effect` commits it together with the answer to an `Idempotency-Key`. */
export type Effect = <T>(work: () => Promise<T>) => Promise<T>
/** Nothing is to be committed with it. */
export const plainly: Effect = (work) => work()

/** What is written to a session that was read: changed columns, events, and what the merchant is told. */
export type Change = { change: store.SessionChange; events: SessionEvent[]; notifications?: Notification[] }

/**
 * Reads the session, asks `decide`, writes; again when another write was first, and then with the row locked, so that a crowd on one
 * session makes progress. `decide` throws its refusals, and returns nothing when there is nothing to write.
 */
export async function changeSession(
  { sql }: Pick<SessionParts, 'sql'>,
  { account_id, id }: { account_id: string; id: string },
  decide: (session: store.FoundSession) => Change | undefined,
): Promise<store.FoundSession> {
  const attempt = async (db: Db): Promise<store.FoundSession | undefined> => {
    const session = (await store.findSession(db, account_id, id, { events: true })) ?? sessionNotFound(id)
    const decided = decide(session)
    if (!decided) return session
    return store.updateSession(db, session, decided.change, decided.events, decided.notifications)
  }
  for (let attempts = 0; attempts < limits.optimistic_attempts; attempts += 1) {
    const session = await attempt(sql)
    if (!session) continue
    await failpoint('sessions.written')
    return session
  }
  const session = await inTransaction(sql, async (tx) => {
    await store.lockSession(tx, account_id, id)
    return attempt(tx)
  })
  invariant(session, 'a locked session can be changed')
  return session
}

/** What a change sets when the pay lock ends. */
export const released = { pay_lock_id: null, pay_lock_expires_at: null } as const

/** Takes the pay lock (checkout-api §3.10.3): until it is released, or `limits.pay_lock_s` pass, the session can't be paid. */
export async function takePayLock(parts: SessionParts, caller: Caller, id: string): Promise<string> {
  const pay_lock_id = parts.ids.uuid()
  await changeSession(parts, { account_id: caller.account_id, id }, (session) => {
    const now = parts.clock.now()
    throwRefusal(mayLock(session, now))
    const pay_lock_expires_at = new Date(now.getTime() + limits.pay_lock_s * 1000)
    return {
      change: { pay_lock_id, pay_lock_expires_at },
      events: [newEvent(parts, caller, 'PAY_LOCK_START', now, { pay_lock_id })],
    }
  })
  return pay_lock_id
}

/** Voids the transaction of a session that is being cancelled; says whether it is voided by now. */
export type VoidTransaction = (transaction_id: string) => Promise<boolean>

/**
 * Cancels a session (checkout-api §3.7): one without a payment is marked, a payment that is not captured is voided first. Cancelling
 * again changes nothing. The merchant is told only with `tell`: mostly it was him.
 * Errors: session_not_found, session_finished, session_payment_in_progress, those of the void.
 */
export async function cancelSession(
  parts: SessionParts,
  caller: Caller,
  id: string,
  voidTransaction: VoidTransaction,
  options: { tell?: boolean; effect?: Effect } = {},
): Promise<store.FoundSession> {
  const { account_id, subject = null } = caller
  const mark = (session: store.FoundSession, voided: boolean): Change | undefined => {
    const verdict = mayCancel(session)
    if ('refusal' in verdict) throw refused(verdict.refusal)
    if (verdict.step === 'done') return undefined
    if (verdict.step === 'void' && !voided) {
      throw new ApiError('session_payment_in_progress', 'A payment of this session is under way; wait for its outcome.')
    }
    const now = parts.clock.now()
    const ended = { outcome: 'CANCELLED', operation_id: null, cancelled_at: now, cancelled_by: subject } as const
    return {
      change: { ...ended, ...released, updated_at: nextUpdate(session, now) },
      events: [newEvent(parts, caller, 'CANCELLED', now)],
      ...(options.tell ? { notifications: cancelledNotifications(session) } : {}),
    }
  }
  const session = await readSession(parts, account_id, id)
  const { transaction_id } = session
  const toVoid = transaction_id !== null && session.outcome !== 'CANCELLED'
  const voided = toVoid && (await voidTransaction(transaction_id))
  const { effect = plainly } = options
  return effect(() => changeSession(parts, { account_id, id }, (current) => mark(current, voided)))
}

/** A page of sessions, newest first (checkout-api §3.4). */
export function listSessions(
  { sql }: SessionParts,
  account_id: string,
  filter: store.SessionFilter,
): Promise<store.FoundSession[]> {
  return store.listSessions(sql, account_id, filter)
}

/** Records that a merchant callback about the payment was delivered (checkout-api §3.12). A session that is gone is no error. */
export async function recordCallbackSent(
  parts: SessionParts,
  sent: {
    account_id: string
    session_id: string
    name: 'AUTH_CALLBACK_SENT' | 'ON_HOLD_CALLBACK_SENT'
    transaction_event_id: string
  },
): Promise<void> {
  const { account_id, session_id, name, transaction_event_id } = sent
  if (!(await store.findSession(parts.sql, account_id, session_id))) return
  await changeSession(parts, { account_id, id: session_id }, ({ events = [] }) => {
    const told = events.some((event) => event.name === name && event.details?.transaction_event_id === transaction_event_id)
    if (told) return undefined
    const caller = { account_id, request_id: parts.ids.uuid() }
    return { change: {}, events: [newEvent(parts, caller, name, parts.clock.now(), { transaction_event_id })] }
  })
}
