import { ApiError, refused } from '../../lib/errors.ts'
import { type IdempotencyKey, keyReused } from '../../lib/idempotency.ts'
import { changeOrder, type Decision, getOrder } from '../orders/operations.ts'
import type { EventBase, Order, Session } from '../orders/order.ts'
import { sessionView } from '../orders/order.ts'
import { assertVersion, type Caller, type Service } from '../shared/operations.ts'
import { type CreateCheckoutSession, decideSession, type SessionIn } from './session.ts'

export type SessionService = Service & { createCheckoutSession: CreateCheckoutSession }

/**
 * Starts a session for lines of an order. The checkout service is called with no database transaction open; only a session that
 * exists is recorded, so a time-out leaves nothing behind here. A repeated `Idempotency-Key` gets the session that it made.
 */
export async function startSession(
  service: SessionService,
  caller: Caller,
  name: string,
  request: SessionIn,
  key?: IdempotencyKey,
) {
  const { order } = await getOrder(service, caller.account_id, name)
  const made = sessionOfKey(order, key)
  if (made) return { session: sessionView(made), version: order.version, repeated: true }
  assertVersion(order.version, caller)
  const decided = decideSession(order, request)
  if ('refusals' in decided) throw refused(decided.refusals)
  const { id, url } = await service.createCheckoutSession(caller, decided.body)

  let session: Session | undefined
  const decide = (current: Order, event: EventBase): Decision => {
    session = sessionOfKey(current, key)
    if (session) return {}
    // Somebody may have closed or authorized the order meanwhile: then its session is no use to anyone, and expires unpaid.
    const still = decideSession(current, request)
    if ('refusals' in still) return still
    const { url: _, items: __, fee_split: ___, ...kept } = request
    session = {
      ...kept,
      items: decided.items,
      amount: decided.amount,
      id,
      url,
      created_at: event.created_at,
      created_by: event.created_by,
      _links: [{ rel: 'session_link', href: url }],
      ...(key ? { idempotency: { key: key.key, client_id: key.client_id, hash: key.hash.toString('hex') } } : {}),
    }
    return { change: { type: 'session', session }, ...(id.length <= 40 ? { event_id: id } : {}) }
  }
  const { if_match: _, ...unguarded } = caller
  const { order: after } = await changeOrder(service, unguarded, name, decide)
  return { session: sessionView(session!), version: after.version, repeated: false }
}

function sessionOfKey(order: Order, key: IdempotencyKey | undefined): Session | undefined {
  if (!key) return undefined
  const found = order.sessions.find(({ idempotency: i }) => i?.key === key.key && i.client_id === key.client_id)
  if (found && found.idempotency!.hash !== key.hash.toString('hex')) throw keyReused()
  return found
}

/** All sessions that were started for an order. */
export async function listSessions(service: Service, account_id: string, name: string) {
  const { order } = await getOrder(service, account_id, name)
  return { sessions: order.sessions.map(sessionView), version: order.version }
}

/** One of them, or 404. */
export async function getSession(service: Service, account_id: string, name: string, id: string) {
  const { sessions, version } = await listSessions(service, account_id, name)
  const session = sessions.find((session) => session.id === id)
  if (!session) throw new ApiError('not_found', `Order ${name} has no session ${id}.`)
  return { session, version }
}
