import { byKey, type Db, json, part } from '../../lib/db.ts'
import { isUuid } from '../../lib/ids.ts'
import { chainHash, jsonbText } from '../../lib/jsonb.ts'
import { type Form, rowForm } from '../../lib/memory.ts'
import { insertNotifications, type Notification } from '../../lib/outbox.ts'
import { together } from '../../lib/together.ts'
import { type DraftWrite, insertDraftEvent, updateDraft } from '../drafts/store.ts'
import { foldOrder, type Order, type OrderEvent, type RequestRecord, type Sums } from './order.ts'
import { orderSummary } from './summary.ts'

export type StoredEvent = OrderEvent & { request?: RequestRecord }
/**
 * An order, its events, and the hash of the last of them. `request` and service events are there only when asked for. `size`: characters
 * of all events and their requests, whether they are there or not.
 */
export type FoundOrder = { order: Order; events: StoredEvent[]; hash: Uint8Array; expires_at: Date | null; size: number }
export type Row = {
  version: number
  updated_at: Date
  hash: Uint8Array
  expires_at: Date | null
  events_size: number
  events: string
}

/** Folds a row of a query that selects the columns of `Row`. */
export function foundOrder({ version, updated_at, hash, expires_at, events_size, events: text }: Row): FoundOrder {
  const events = JSON.parse(text) as StoredEvent[]
  const order = foldOrder(events)!
  const size = Math.max(events_size, text.length)
  return { order: { ...order, version, updated_at: updated_at.toISOString() }, events, hash, expires_at, size }
}

const keptForm = rowForm<Omit<FoundOrder, 'order'> & Pick<Order, 'version' | 'updated_at'>>(['expires_at'])
/** An order as it is remembered: its events, which it is folded from. */
export const orderForm: Form<FoundOrder> = {
  pack: ({ order: { version, updated_at }, ...kept }) => keptForm.pack({ version, updated_at, ...kept }),
  unpack(packed) {
    const { version, updated_at, ...kept } = keptForm.unpack(packed)
    return { order: { ...foldOrder(kept.events)!, version, updated_at }, ...kept }
  },
}

/**
 * All events of an order `o` as the text of a JSON array: to build it as JSON takes PostgreSQL twice as long. Many service events would
 * slow every read down, so they come on demand.
 */
export function eventsOf(with_events: boolean) {
  return part`(
    select '[' || string_agg((case when ${with_events} then e.body || jsonb_build_object('request', e.request) else e.body end)::text, ','
      order by e.version) || ']'
    from orders.order_events e
    where e.account_id = o.account_id and e.order_uuid = o.id and (${with_events} or e.type <> 'service'))`
}

/** One order by any of its names. One that has expired is not found, also while its rows are still there. */
export async function findOrder(
  db: Db,
  { account_id, name, now, with_events = false }: { account_id: string; name: string; now: string; with_events?: boolean },
): Promise<FoundOrder | undefined> {
  const [row] = await byKey(db)<Row[]>`
    select o.version, o.updated_at, o.hash, o.expires_at, o.events_size, ${eventsOf(with_events)} as events
    from orders.names n
    join orders.orders o on o.account_id = n.account_id and o.id = n.order_uuid
    where n.account_id = ${account_id} and n.name = ${name} and (o.expires_at is null or o.expires_at > ${now})`
  return row && foundOrder(row)
}

/** The events of an order up to a version, by its id, without their requests. One that is no UUID finds nothing. */
export async function findEventsUntil(db: Db, account_id: string, id: string, version: number): Promise<OrderEvent[]> {
  if (!isUuid(id)) return []
  const rows = await db<{ body: OrderEvent }[]>`
    select e.body from orders.order_events e
    where e.account_id = ${account_id} and e.order_uuid = ${id} and e.version <= ${version}
    order by e.version`
  return rows.map(({ body }) => body)
}

/** Waits for the order's row, so that the next write on it is ours. */
export async function lockOrder(db: Db, account_id: string, name: string): Promise<void> {
  await db`
    select from orders.orders o
    where o.account_id = ${account_id} and o.id = (
      select n.order_uuid from orders.names n where n.account_id = ${account_id} and n.name = ${name})
    for update`
}

export type NewOrder = { order: Order; event: OrderEvent; expires_at: string | undefined }

/**
 * New orders and the completion of the draft they come from, in one statement. Undefined when the draft has moved on meanwhile. What
 * there is none of is left out: a part of a statement costs as much when it writes nothing.
 */
export async function insertOrders(
  db: Db,
  { draft, orders }: { draft: DraftWrite; orders: readonly NewOrder[] },
): Promise<FoundOrder[] | undefined> {
  const { account_id } = draft
  const { asked } = draft
  const reserved = draft.draft.reserved?.id
  const made = orders.map(({ order, event, expires_at }) => {
    const body = jsonbText(event)
    const size = body.length + (asked?.length ?? 0)
    return { order, event, body, size, hash: chainHash(new Uint8Array(), body), summary: orderSummary(order), expires_at }
  })
  const names = orders.flatMap(({ order: { id, order_id } }) =>
    id === reserved ? [] : [...new Set([id, order_id])].map((name) => ({ name, order_uuid: id })),
  )
  const lines = made.flatMap(({ summary: { id, lines } }) => lines.map((line) => ({ ...line, order_uuid: id })))
  const stores = made.flatMap(({ summary: { id, stores } }) => stores.map((store_id) => ({ store_id, order_uuid: id })))
  const rows = await together(db)`
    with changed as (${updateDraft(draft)}),
    draft_event as (${insertDraftEvent(draft)}),
    input as (${made.length === 1 ? newOrder(made[0]!) : newOrders(made)}),
    new_orders as (
      insert into orders.orders (account_id, id, order_id, version, hash, status, payment_status, currency, customer_id, gross_amount,
        net_amount, due, authorized, cancelled, captured, refunded, search, created_at, updated_at, expires_at, events_size)
      select ${account_id}, id, order_id, 1, hash, 'open', payment_status, currency, customer_id, gross_amount,
        net_amount, due, 0, 0, 0, 0, search, created_at, created_at, expires_at, events_size
      from input),
    events as (
      insert into orders.order_events (account_id, order_uuid, version, type, event_id, body, request, hash)
      select ${account_id}, id, 1, 'created', event_id, body, ${asked}::text::jsonb, hash from input),
    ${names.length > 0 ? insertNames(account_id, names) : part``}
    ${lines.length > 0 ? insertLines(account_id, lines) : part``}
    ${stores.length > 0 ? insertStores(account_id, stores, draft.draft.updated_at) : part``}
    outbox as (${insertNotifications(account_id, [draft.notification])})
    select from changed`
  if (rows.length === 0) return undefined
  return made.map(({ order, event, size, hash, expires_at }) => {
    return { order, events: [event], hash, expires_at: dateOf(expires_at) ?? null, size }
  })
}

const dateOf = (text: string | undefined) => (text === undefined ? undefined : new Date(text))

type Made = NewOrder & { body: string; size: number; hash: Buffer; summary: ReturnType<typeof orderSummary> }

/** CTE `input` of one new order: its values stand there by themselves. */
function newOrder({ event, body, size, hash, summary, expires_at }: Made) {
  return part`
    select ${summary.id}::uuid as id, ${summary.order_id}::text as order_id, ${hash}::bytea as hash,
      ${summary.payment_status}::text as payment_status, ${summary.currency}::text as currency,
      ${summary.customer_id ?? null}::text as customer_id, ${summary.gross_amount}::bigint as gross_amount,
      ${summary.net_amount}::bigint as net_amount, ${summary.due}::bigint as due, ${json(summary.search)}::jsonb as search,
      ${summary.created_at}::timestamptz as created_at, ${expires_at ?? null}::timestamptz as expires_at, ${event.id}::text as event_id,
      ${body}::text::jsonb as body, ${size}::bigint as events_size
    from changed`
}

/** The same of several. */
function newOrders(made: readonly Made[]) {
  const rows = made.map(({ event, size, hash, summary, expires_at }) => {
    return { ...summary, event_id: event.id, body: event, events_size: size, hash: hash.toString('hex'), expires_at }
  })
  return part`
    select o.id, o.order_id, decode(o.hash, 'hex') as hash, o.payment_status, o.currency, o.customer_id, o.gross_amount, o.net_amount,
      o.due, o.search, o.created_at, o.expires_at, o.event_id, o.body, o.events_size
    from changed, jsonb_to_recordset(${json(rows)}) as o (id uuid, order_id text, hash text, payment_status text, currency text,
      customer_id text, gross_amount bigint, net_amount bigint, due bigint, search jsonb, created_at timestamptz,
      expires_at timestamptz, event_id text, body jsonb, events_size bigint)`
}

function insertNames(account_id: string, names: readonly { name: string; order_uuid: string }[]) {
  return part`
    names as (
      insert into orders.names (account_id, name, order_uuid)
      select ${account_id}, n.name, n.order_uuid
      from changed, unnest(${names.map(({ name }) => name)}::text[], ${names.map(({ order_uuid }) => order_uuid)}::uuid[])
        as n (name, order_uuid)),`
}

type Line = { line_id: number; due: number } & Sums

/** CTE that adds lines nothing was recorded on; one line, as most often, stands there by itself. */
function insertLines(account_id: string, lines: readonly (Line & { order_uuid: string })[]) {
  const [{ order_uuid, line_id, due }] = lines as [Line & { order_uuid: string }]
  const source =
    lines.length === 1
      ? part`select ${account_id}, ${order_uuid}::uuid, ${line_id}::bigint, ${due}::bigint, 0, 0, 0, 0 from changed`
      : part`
        select ${account_id}, l.order_uuid, l.line_id, l.due, 0, 0, 0, 0
        from changed, jsonb_to_recordset(${json(lines)}) as l (order_uuid uuid, line_id bigint, due bigint)`
  return part`
    lines as (
      insert into orders.order_lines (account_id, order_uuid, line_id, due, authorized, cancelled, captured, refunded) ${source}),`
}

function insertStores(account_id: string, stores: readonly { store_id: string; order_uuid: string }[], created_at: string) {
  return part`
    stores as (
      insert into orders.order_stores (account_id, store_id, order_uuid, created_at)
      select ${account_id}, s.store_id, s.order_uuid, ${created_at}
      from changed, jsonb_to_recordset(${json(stores)}) as s (store_id text, order_uuid uuid)),`
}

export type OrderWrite = {
  account_id: string
  /** As it was read, or written last. */
  before: FoundOrder
  after: Order
  event: OrderEvent
  request: RequestRecord | undefined
  expires_at?: string | undefined
  notification: Notification
}

/**
 * Writes the next version of an order: event, totals, lines and notification, in one statement. Nothing when the order is not, or no
 * longer, what it was taken for: then another write was first.
 */
export async function appendOrderEvent(db: Db, write: OrderWrite): Promise<FoundOrder | undefined> {
  const { account_id, before: found, after, event, request, expires_at } = write
  const before = found.order
  const summary = orderSummary(after)
  const body = jsonbText(event)
  const hash = chainHash(found.hash, body)
  const asked = request ? JSON.stringify(request) : null
  const size = found.size + body.length + (asked?.length ?? 0)
  const lines = summary.lines.filter(({ line_id }) => after.sums.get(line_id) !== before.sums.get(line_id))
  const same_content = after.content === before.content && after.items === before.items
  const rows = await together(db)`
    with changed as (
      update orders.orders o
      set version = ${after.version}, hash = ${hash}, status = ${after.status}, payment_status = ${summary.payment_status},
          authorized = ${summary.authorized}, cancelled = ${summary.cancelled}, captured = ${summary.captured},
          refunded = ${summary.refunded}, updated_at = ${after.updated_at}, events_size = ${size}
          ${same_content ? part`` : contentColumns(summary)}
          ${expires_at === undefined ? part`` : part`, expires_at = ${expires_at}`}
      where o.account_id = ${account_id} and o.id = ${after.id} and o.version = ${before.version} and o.hash = ${found.hash}
      returning o.created_at),
    event as (
      insert into orders.order_events (account_id, order_uuid, version, type, event_id, body, request, hash)
      select ${account_id}, ${after.id}, ${event.version}, ${event.type}, ${event.id}, ${body}::text::jsonb,
             ${asked}::text::jsonb, ${hash}
      from changed),
    ${lines.length > 0 ? upsertLines(account_id, after.id, lines) : part``}
    ${after.options.multiple_authorizations ? authorizationsOf(account_id, before, after) : part``}
    ${same_content ? part`` : contentOf(account_id, after, summary)}
    outbox as (${insertNotifications(account_id, [write.notification])})
    select from changed`
  if (rows.length === 0) return undefined
  const stored = request ? { ...event, request } : event
  const events = [...found.events, stored]
  return { order: after, events, hash, expires_at: dateOf(expires_at) ?? found.expires_at, size }
}

/** What of an order's row follows from its content and lines. */
function contentColumns({ customer_id, gross_amount, net_amount, due, search }: ReturnType<typeof orderSummary>) {
  return part`
    , customer_id = ${customer_id ?? null}, gross_amount = ${gross_amount}, net_amount = ${net_amount}, due = ${due},
    search = ${json(search)}`
}

/** CTE that brings the totals of lines up to date; of one, as most often, they stand there by themselves. */
function upsertLines(account_id: string, order_uuid: string, lines: readonly Line[]) {
  const [{ line_id, due, authorized, cancelled, captured, refunded }] = lines as [Line]
  const source =
    lines.length === 1
      ? part`
        select ${account_id}, ${order_uuid}::uuid, ${line_id}::bigint, ${due}::bigint, ${authorized}::bigint, ${cancelled}::bigint,
          ${captured}::bigint, ${refunded}::bigint
        from changed`
      : part`
        select ${account_id}, ${order_uuid}::uuid, n.line_id, n.due, n.authorized, n.cancelled, n.captured, n.refunded
        from changed, jsonb_to_recordset(${json(lines)}) as n (
          line_id bigint, due bigint, authorized bigint, cancelled bigint, captured bigint, refunded bigint)`
  return part`
    lines as (
      insert into orders.order_lines as l (account_id, order_uuid, line_id, due, authorized, cancelled, captured, refunded) ${source}
      on conflict (account_id, order_uuid, line_id) do update set due = excluded.due, authorized = excluded.authorized,
        cancelled = excluded.cancelled, captured = excluded.captured, refunded = excluded.refunded),`
}

/** CTEs that bring the totals per authorization up to date. */
function authorizationsOf(account_id: string, before: Order, after: Order) {
  const changed = [...after.authorizations].flatMap(([authorization_id, sums]) =>
    [...sums]
      .filter(([line_id, line]) => before.authorizations.get(authorization_id)?.get(line_id) !== line)
      .map(([line_id, line]) => ({ authorization_id, line_id, ...line })),
  )
  return part`
    authorizations as (
      insert into orders.order_authorizations as a (
        account_id, order_uuid, authorization_id, line_id, authorized, cancelled, captured, refunded)
      select ${account_id}, ${after.id}, n.authorization_id, n.line_id, n.authorized, n.cancelled, n.captured, n.refunded
      from jsonb_to_recordset(${json(changed)}) as n (
        authorization_id text, line_id bigint, authorized bigint, cancelled bigint, captured bigint, refunded bigint)
      where exists (select from changed)
      on conflict (account_id, order_uuid, authorization_id, line_id) do update set authorized = excluded.authorized,
        cancelled = excluded.cancelled, captured = excluded.captured, refunded = excluded.refunded),`
}

/** CTEs that drop lines and stores that the order no longer has, and add its new stores. */
function contentOf(account_id: string, after: Order, { stores }: { stores: string[] }) {
  return part`
    removed_lines as (
      delete from orders.order_lines l
      where l.account_id = ${account_id} and l.order_uuid = ${after.id} and exists (select from changed)
        and l.line_id <> all (${after.items.map(({ line_id }) => line_id)}::bigint[])),
    removed_stores as (
      delete from orders.order_stores s
      where s.account_id = ${account_id} and s.order_uuid = ${after.id} and exists (select from changed)
        and s.store_id <> all (${stores}::text[])),
    stores as (
      insert into orders.order_stores (account_id, store_id, order_uuid, created_at)
      select ${account_id}, s, ${after.id}, changed.created_at from changed, unnest(${stores}::text[]) s
      on conflict (account_id, order_uuid, store_id) do nothing),`
}
