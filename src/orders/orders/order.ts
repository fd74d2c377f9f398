/*
 * Terminology
 *
 * - order: a list of events, and nothing else; `foldOrder` is its state, `orderView` is what clients see of it
 * - content: what the client wrote about the order (customer, addresses, store, unknown members); echoed, never interpreted
 * - sums: what has been authorized, cancelled, captured, refunded on a line, signed like the line; failed records don't count
 * - record: one authorization, capture, refund or cancellation, as it was recorded
 */
import { invariant } from '../../lib/errors.ts'
import { dueOf, type Item, totalsOf } from '../items/item.ts'

/** Per line, or per line of one authorization. Minor units. */
export type Sums = { authorized: number; cancelled: number; captured: number; refunded: number }
export type RecordType = 'authorization' | 'capture' | 'refund' | 'cancellation'
export type RecordItem = { line_id: number; amount: number; [member: string]: unknown }
/** orders-api §3.6 */
export type PaymentRecord = {
  id: string
  items: RecordItem[]
  amount: number
  success: boolean
  created_at: string
  created_by: string
  authorization_id?: string
  [member: string]: unknown
}
export type Comment = { id: string; comment: string; created_at: string; created_by: string }
/** A payment session that was started for the order (orders-api §2.11). */
export type Session = {
  id: string
  url: string
  items: { line_id: string; amount: number }[]
  amount: number
  /** The `Idempotency-Key` that made it; never shown. */
  idempotency?: { key: string; client_id: string; hash: string }
  [member: string]: unknown
}
/** A status that some service reported (orders-api §3.8). */
export type ServiceStatus = { state: string; service: string; service_status: string; [member: string]: unknown }
export type Content = { [member: string]: unknown }

/** What every event of an order or a draft has. `version` counts the events, from 1. */
export type EventBase = { id: string; version: number; created_at: string; created_by: string; draft_id?: string }
/** The request that made an event. `body` is text, as published. */
export type RequestRecord = { path: string; method: string; body: string }

/** What happened to an order. */
export type OrderChange =
  | {
      type: 'created'
      order_id: string
      order_uuid: string
      currency: string
      options: OrderOptions
      content: Content
      items: Item[]
    }
  | { type: 'lines_added'; items: Item[] }
  | { type: 'replaced'; content: Content; items: Item[]; options: OrderOptions }
  | { type: 'updated'; content: Content; items: Item[] }
  | { type: 'opened' }
  | { type: 'closed' }
  | { type: 'cancelled'; reason: string }
  | { type: 'comment_added'; comment: Comment }
  | { type: 'comment_deleted'; comment_id: string }
  | { type: RecordType; record: PaymentRecord }
  | { type: 'session'; session: Session }
  | { type: 'service'; service_event: ServiceStatus }
export type OrderEvent = EventBase & OrderChange

/** The options of the draft that stay with the order. */
export type OrderOptions = { multiple_authorizations?: boolean; payout?: unknown; order_time_to_live?: number }

export type Order = {
  id: string
  order_id: string
  version: number
  status: 'open' | 'closed' | 'cancelled'
  currency: string
  options: OrderOptions
  content: Content
  items: Item[]
  sums: Map<number, Sums>
  /** By authorization id and line id; kept only with `multiple_authorizations`. */
  authorizations: Map<string, Map<number, Sums>>
  records: Record<RecordType, PaymentRecord[]>
  sessions: Session[]
  comments: Comment[]
  created_at: string
  created_by: string
  updated_at: string
  closed?: { at: string; by: string }
  cancelled?: { at: string; by: string; reason: string }
}

const none = (): Sums => ({ authorized: 0, cancelled: 0, captured: 0, refunded: 0 })
const counted = { authorization: 'authorized', cancellation: 'cancelled', capture: 'captured', refund: 'refunded' } as const

/** The state of an order is a fold over its events. Undefined for an order without any. */
export function foldOrder(events: readonly OrderEvent[]): Order | undefined {
  const [first, ...more] = events
  if (first === undefined) return undefined
  const order = createdOrder(first)
  // In place: a thousand lines paid one by one would be copied a thousand times.
  for (const event of more) apply(order, event)
  return order
}

function createdOrder(event: OrderEvent): Order {
  invariant(event.type === 'created', `the first event of an order is ${event.type}`)
  return {
    id: event.order_uuid,
    order_id: event.order_id,
    version: event.version,
    status: 'open',
    currency: event.currency,
    options: event.options,
    content: event.content,
    items: event.items.map((item) => ({ ...item, version: event.version })),
    sums: new Map(event.items.map((item) => [item.line_id, none()])),
    authorizations: new Map(),
    records: { authorization: [], capture: [], refund: [], cancellation: [] },
    sessions: [],
    comments: [],
    created_at: event.created_at,
    created_by: event.created_by,
    updated_at: event.created_at,
  }
}

/** The order after one more event. Leaves the given order as it was; a line that the event does not touch is the same in both. */
export function applyEvent(order: Order, event: OrderEvent): Order {
  const { authorization, capture, refund, cancellation } = order.records
  const next: Order = {
    ...order,
    sums: new Map(order.sums),
    authorizations: new Map([...order.authorizations].map(([id, sums]) => [id, new Map(sums)])),
    records: { authorization: [...authorization], capture: [...capture], refund: [...refund], cancellation: [...cancellation] },
    sessions: [...order.sessions],
    comments: [...order.comments],
  }
  apply(next, event)
  return next
}

/** Changes the order itself, with the maps and lists it has. */
function apply(order: Order, event: OrderEvent): void {
  const { version } = event
  order.version = version
  order.updated_at = event.created_at
  switch (event.type) {
    case 'created':
      invariant(false, 'an order is created once')
      return
    case 'lines_added':
      order.items = [...order.items, ...event.items.map((item) => ({ ...item, version }))]
      for (const { line_id } of event.items) order.sums.set(line_id, none())
      return
    case 'replaced':
      order.content = event.content
      order.options = event.options
      order.items = event.items.map((item) => ({ ...item, version }))
      order.sums = new Map(event.items.map(({ line_id }) => [line_id, none()]))
      order.authorizations = new Map()
      return
    case 'updated': {
      const changed = new Map(event.items.map((item) => [item.line_id, { ...item, version }]))
      order.content = { ...order.content, ...event.content }
      order.items = order.items.map((item) => changed.get(item.line_id) ?? item)
      return
    }
    case 'opened':
      order.status = 'open'
      delete order.closed
      return
    case 'closed':
      order.status = 'closed'
      order.closed = { at: event.created_at, by: event.created_by }
      return
    case 'cancelled':
      order.status = 'cancelled'
      order.cancelled = { at: event.created_at, by: event.created_by, reason: event.reason }
      return
    case 'comment_added':
      order.comments.push(event.comment)
      return
    case 'comment_deleted':
      order.comments = order.comments.filter(({ id }) => id !== event.comment_id)
      return
    case 'session':
      order.sessions.push(event.session)
      return
    case 'service':
      return
    default:
      record(order, event.type, event.record)
  }
}

/** Adds a record; one that failed is kept beside the others and moves nothing. */
function record(order: Order, type: RecordType, record: PaymentRecord): void {
  order.records[type].push(record)
  if (!record.success) return
  const column = counted[type]
  const add = (sums: Map<number, Sums>) => {
    for (const { line_id, amount } of record.items) {
      const line = sums.get(line_id) ?? none()
      sums.set(line_id, { ...line, [column]: line[column] + amount })
    }
  }
  add(order.sums)
  if (!order.options.multiple_authorizations) return
  const authorization_id = type === 'authorization' ? record.id : record.authorization_id
  invariant(authorization_id !== undefined, `a ${type} names no authorization`)
  const sums = order.authorizations.get(authorization_id) ?? new Map()
  add(sums)
  order.authorizations.set(authorization_id, sums)
}

/** Signed sums over all lines. Numbers by themselves: adding up in an object takes many times as long, and each write asks three times. */
export function orderSums({ items, sums }: Order): Sums & { due: number } {
  let due = 0
  let authorized = 0
  let cancelled = 0
  let captured = 0
  let refunded = 0
  for (const item of items) due += dueOf(item)
  for (const line of sums.values()) {
    authorized += line.authorized
    cancelled += line.cancelled
    captured += line.captured
    refunded += line.refunded
  }
  return { authorized, cancelled, captured, refunded, due }
}

export type PaymentStatus = 'pending' | 'partially_paid' | 'paid' | 'partially_refunded' | 'refunded'

/** orders-api §5.4: derived, never stored from input. An order whose lines add up to nothing is paid. */
export function paymentStatus(order: Order): PaymentStatus {
  const { due, captured, refunded } = orderSums(order)
  if (refunded !== 0) return refunded === captured ? 'refunded' : 'partially_refunded'
  if (captured === 0) return due === 0 && order.items.length > 0 ? 'paid' : 'pending'
  return Math.abs(captured) < Math.abs(due) ? 'partially_paid' : 'paid'
}

/** True once any authorization, capture, refund or cancellation has been recorded, failed ones included. */
export function hasRecords({ records }: Order): boolean {
  return Object.values(records).some((list) => list.length > 0)
}

/** What clients see of a session. */
export function sessionView({ idempotency: _, ...session }: Session): Record<string, unknown> {
  return session
}

/** What clients see of an order (orders-api §3.3). Absent members are left out; totals and statuses are derived. */
export function orderView(order: Order): Record<string, unknown> {
  const { content, closed, cancelled, records } = order
  return {
    ...content,
    currency: order.currency,
    id: order.id,
    order_id: order.order_id,
    version: order.version,
    created_at: order.created_at,
    created_by: order.created_by,
    updated_at: order.updated_at,
    ...(cancelled ? { cancelled_reason: cancelled.reason, cancelled_by: cancelled.by, cancelled_at: cancelled.at } : {}),
    ...(closed ? { closed_by: closed.by, closed_at: closed.at } : {}),
    status: order.status,
    payment_status: paymentStatus(order),
    ...totalsOf(order.items),
    items: order.items,
    authorizations: records.authorization,
    captures: records.capture,
    refunds: records.refund,
    cancellations: records.cancellation,
    sessions: order.sessions.map(sessionView),
    comments: order.comments,
  }
}
