import type { Db } from '../../lib/db.ts'
import { ApiError, type Refusal, refused, throwRefusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import type { DraftIn } from '../drafts/draft.ts'
import { createAndComplete } from '../drafts/operations.ts'
import { type EventKinds, eventViews } from '../events/event.ts'
import { assertRoom, assertVersion, attemptWrite, type Caller, nextEvent, type Service } from '../shared/operations.ts'
import { pageOf, whole } from '../shared/page.ts'
import { type ListQuery, listFilter, type Source } from './list.ts'
import { listOrderRows } from './listing/store.ts'
import { orderNotification, unknownOrder } from './notice.ts'
import { applyEvent, type EventBase, foldOrder, type Order, type OrderChange, orderView } from './order.ts'
import { appendOrderEvent, type FoundOrder, findEventsUntil, findOrder, lockOrder } from './store.ts'
import { orderSummary } from './summary.ts'

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
  const { sql, clock, memory } = service
  const attempt = async (db: Db, known?: FoundOrder): Promise<FoundOrder | undefined> => {
    const found = known ?? (await findOrder(db, { account_id, name, now: clock.now().toISOString(), with_events }))
    if (!found) throw unknownOrder(name)
    const { order: before } = found
    assertVersion(before.version, caller)
    const base = nextEvent(service, caller, before.version)
    const decision = decide(before, base)
    if ('refusals' in decision) throw refused(decision.refusals)
    // That nothing needs to change no guard confirms: it counts only for what the database says.
    if (!decision.change) return known ? undefined : found
    const event = { ...base, ...(decision.event_id ? { id: decision.event_id } : {}), ...decision.change }
    assertRoom(found.size, event)
    const after = applyEvent(before, event)
    const notification = orderNotification(after, event)
    const written = await appendOrderEvent(db, { account_id, before: found, after, event, request: caller.request, notification })
    if (written && db === sql) memory.orders.keep(account_id, name, written, written.size)
    return written
  }
  // Events of services are kept back unless asked for, so what was read with them is another thing than what was read without.
  const known = with_events ? undefined : memory.orders.take(account_id, name)
  const fresh = known?.expires_at && known.expires_at <= clock.now() ? undefined : known
  return attemptWrite(sql, attempt, (db) => lockOrder(db, account_id, name), fresh)
}

/**
 * The order as it was at one of its versions, by its `id`: what a webhook about that version carries. Undefined when the order
 * has expired and is gone.
 */
export async function orderAt(
  db: Db,
  account_id: string,
  id: string,
  version: number,
): Promise<Record<string, unknown> | undefined> {
  const order = foldOrder(await findEventsUntil(db, account_id, id, version))
  return order && orderView(order)
}

/** One page of orders, newest first, in one statement. */
export async function listOrders(service: Service, account_id: string, source: Source, query: ListQuery) {
  const { kinds, size, ...rest } = listFilter(query)
  throwRefusal(rest.refusals)
  const now = service.clock.now().toISOString()
  const { filter, after } = rest
  const rows = await listOrderRows(service.sql, {
    account_id,
    source,
    filter,
    after,
    limit: size + 1,
    now,
    with_events: kinds !== undefined,
  })
  const page = pageOf(rows, size, ({ order }) => order)
  const starting_after = page.starting_after === undefined ? {} : { starting_after: page.starting_after }
  return { orders: page.rows.map((found) => withEvents(found, kinds)), ...starting_after }
}

/**
 * All orders that match, for as long as the caller reads: page by page, so that memory stays flat, no database connection is held
 * between pages, and what is made meanwhile is left out.
 */
export async function* exportOrders(
  service: Service,
  account_id: string,
  source: Source,
  query: ListQuery,
): AsyncGenerator<Order> {
  const { filter, refusals, ...start } = listFilter(query)
  throwRefusal(refusals)
  let { after } = start
  while (true) {
    const now = service.clock.now().toISOString()
    const limit = limits.export_page_size
    const rows = await listOrderRows(service.sql, { account_id, source, filter, after, limit, now, with_events: false })
    const read = whole(rows)
    for (const { order } of read) yield order
    const last = read.at(-1)
    if (!last || (rows.length < limit && rows.length === read.length)) return
    after = { created_at: last.order.created_at, id: last.order.id }
  }
}

/** The order as clients see it, with its events when some kinds of them were asked for. */
export function withEvents({ order, events }: FoundOrder, kinds: EventKinds | undefined): Record<string, unknown> {
  return kinds ? { ...orderView(order), events: eventViews(events, kinds) } : orderView(order)
}

/** An order as one store or one customer may see it; of another's it is not found (orders-api §4.8). */
export async function getOrderOf(service: Service, account_id: string, source: Source, name: string): Promise<FoundOrder> {
  const found = await getOrder(service, account_id, name, true)
  const { stores, customer_id } = orderSummary(found.order)
  const theirs =
    'store_id' in source ? stores.includes(source.store_id) : 'customer_id' in source && customer_id === source.customer_id
  if (!theirs) throw unknownOrder(name)
  return found
}

/** Creates an order without a draft of the client's: a draft is made and completed in one go (orders-api §2, no. 11). */
export async function createOrder(service: Service, caller: Caller, body: DraftIn): Promise<Order> {
  if (body.options?.split_draft) {
    const message = 'One call creates one order. To split, create a draft and complete it.'
    throwRefusal({ code: 'invalid_request', path: '/options/split_draft', message })
  }
  const [order] = await createAndComplete(service, caller, body)
  return order!
}

/** Adds a comment; it is shown on the order. */
export function addComment(service: Service, caller: Caller, name: string, text: string): Promise<FoundOrder> {
  const decide = (_: Order, { id, created_at, created_by }: EventBase): Decision => ({
    change: { type: 'comment_added', comment: { id, comment: text, created_at, created_by } },
  })
  return changeOrder(service, caller, name, decide, true)
}

/** Removes a comment, or 404. */
export function deleteComment(service: Service, caller: Caller, name: string, comment_id: string): Promise<FoundOrder> {
  const decide = ({ comments, order_id }: Order): Decision => {
    if (!comments.some(({ id }) => id === comment_id))
      throw new ApiError('not_found', `Order ${order_id} has no comment ${comment_id}.`)
    return { change: { type: 'comment_deleted', comment_id } }
  }
  return changeOrder(service, caller, name, decide, true)
}
