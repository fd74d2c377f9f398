import type { Db } from '../../lib/db.ts'
import type { Refusal } from '../../lib/errors.ts'
import { ApiError, throwRefusal } from '../../lib/errors.ts'
import type { Notification } from '../../lib/outbox.ts'
import { assertVersion, attemptWrite, type Caller, nextEvent, type Service } from '../shared/operations.ts'
import { applyEvent, type EventBase, foldOrder, type Order, type OrderChange, orderView } from './order.ts'
import { appendOrderEvent, type FoundOrder, findEventsUntil, findOrder, lockOrder } from './store.ts'

/** What a core decides about an order: what changes, that nothing needs to change, or why not. */
export type Decision = { change: OrderChange; event_id?: string } | { change?: undefined } | { refusals: readonly Refusal[] }

/** One order by `order_id` or `id`, or 404. */
export async function getOrder(
  { sql, clock }: Service,
  account_id: string,
  name: string,
  with_events = false,
): Promise<FoundOrder> {
  const found = await findOrder(sql, { account_id, name, now: clock.now().toISOString(), with_events })
  if (!found) throw unknownOrder(name)
  return found
}

export function unknownOrder(name: string): ApiError {
  return new ApiError('not_found', `There is no order ${name} on this account.`)
}

/** How a change of an order is announced; its sequence is the order's version. */
export function orderNotification(order: Order, event: EventBase & OrderChange): Notification {
  const told = event.type === 'service' ? 'shopping_order_event_add' : 'shopping_order_update'
  const details = { order_id: order.order_id, event_id: event.id, type: event.type }
  return { event: told, aggregate_type: 'order', aggregate_id: order.id, sequence: event.version, details }
}

/**
 * Changes one order: reads it, lets `decide` say what happens, and writes that as one event. Answers the order after it (and its
 * events, when `with_events`). Nothing is written when there is nothing to change.
 * @throws not_found, precondition_failed, and whatever `decide` refuses
 */
export async function changeOrder(
  service: Service,
  caller: Caller,
  name: string,
  decide: (order: Order, event: EventBase) => Decision,
  with_events = false,
): Promise<FoundOrder> {
  const { account_id } = caller
  const attempt = async (db: Db): Promise<FoundOrder | undefined> => {
    const now = service.clock.now().toISOString()
    const found = await findOrder(db, { account_id, name, now, with_events })
    if (!found) throw unknownOrder(name)
    const { order: before } = found
    assertVersion(before.version, caller)
    const base = nextEvent(service, caller, before.version)
    const decision = decide(before, base)
    if ('refusals' in decision) throwRefusal(decision.refusals)
    if (!('change' in decision) || !decision.change) return found
    const event = {
      ...base,
      ...('event_id' in decision && decision.event_id ? { id: decision.event_id } : {}),
      ...decision.change,
    }
    const after = applyEvent(before, event)
    const notification = orderNotification(after, event)
    const written = await appendOrderEvent(db, { account_id, before, after, event, request: caller.request, notification })
    return written
      ? { order: after, events: [...found.events, { ...event, ...(caller.request ? { request: caller.request } : {}) }] }
      : undefined
  }
  return attemptWrite(service.sql, attempt, (db) => lockOrder(db, account_id, name))
}

/**
 * The order as it was at one of its versions, by its `id`: what a webhook about that version carries. Undefined when the order
 * has expired and is gone.
 */
export async function orderAt(db: Db, account_id: string, id: string, version: number) {
  const events = await findEventsUntil(db, account_id, id, version)
  const order = foldOrder(events)
  return order && { order: orderView(order), event: events.at(-1)! }
}
