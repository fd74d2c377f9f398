import { type Db, json } from '../../lib/db.ts'
import { newestLookedAt } from '../../lib/list-window.ts'
import { insertNotifications, type Notification } from '../../lib/outbox.ts'
import { type DraftWrite, insertDraftEvent, updateDraft } from '../drafts/store.ts'
import type { After } from '../shared/page.ts'
import type { Filter, Source } from './list.ts'
import { foldOrder, type Order, type OrderEvent, type RequestRecord } from './order.ts'
import { orderSummary } from './summary.ts'

export type StoredEvent = OrderEvent & { request?: RequestRecord }
/** An order and its events; `request` and service events are there only when asked for. */
export type FoundOrder = { order: Order; events: StoredEvent[] }
type Row = { version: number; updated_at: Date; events: string }

/** Folds a row of a query that selects `version`, `updated_at` and `events`. */
function foundOrder(row: Row): FoundOrder {
  const events = JSON.parse(row.events) as StoredEvent[]
  const order = foldOrder(events)!
  return { order: { ...order, version: row.version, updated_at: row.updated_at.toISOString() }, events }
}

/**
 * All events of an order `o` as the text of a JSON array: to build it as JSON takes PostgreSQL twice as long. Many service events would
 * slow every read down, so they come on demand.
 */
function eventsOf(db: Db, with_events: boolean) {
  return db`(
    select '[' || string_agg((case when ${with_events} then e.body || jsonb_build_object('request', e.request) else e.body end)::text, ','
      order by e.version) || ']'
    from orders.order_events e
    where e.account_id = o.account_id and e.order_uuid = o.id and (${with_events} or e.type <> 'service')) as events`
}

/** One order by any of its names. One that has expired is not found, also while its rows are still there. */
export async function findOrder(
  db: Db,
  { account_id, name, now, with_events = false }: { account_id: string; name: string; now: string; with_events?: boolean },
): Promise<FoundOrder | undefined> {
  const [row] = await db<Row[]>`
    select o.version, o.updated_at, ${eventsOf(db, with_events)}
    from orders.names n
    join orders.orders o on o.account_id = n.account_id and o.id = n.order_uuid
    where n.account_id = ${account_id} and n.name = ${name} and (o.expires_at is null or o.expires_at > ${now})`
  return row && foundOrder(row)
}

/** The events of an order up to a version, by its id. */
export async function findEventsUntil(db: Db, account_id: string, id: string, version: number): Promise<StoredEvent[]> {
  const rows = await db<{ event: StoredEvent }[]>`
    select e.body || jsonb_build_object('request', e.request) as event from orders.order_events e
    where e.account_id = ${account_id} and e.order_uuid::text = ${id} and e.version <= ${version}
    order by e.version`
  return rows.map(({ event }) => event)
}

const uuid_max = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

export type ListOrders = {
  account_id: string
  source: Source
  filter: Filter
  after: After | undefined
  limit: number
  now: string
  with_events: boolean
}

/**
 * A page of orders, newest first, each with its events. It walks one index from where the page starts and stops after `limit` rows; a
 * filter only skips rows on the way. What is searched for is looked for among the newest, and only when these don't fill the page in the
 * index of searches, so that neither a common word nor one that stands nowhere reads the whole account.
 */
export async function listOrderRows(db: Db, list: ListOrders): Promise<FoundOrder[]> {
  const { account_id, source, filter, limit } = list
  if ('store_id' in source) return rowsOf(db, list)
  if (filter.order_id !== undefined) {
    const named = db`o.id in (select n.order_uuid from orders.names n where n.account_id = ${account_id} and n.name = ${filter.order_id})`
    return rowsOf(db, list, { narrowed: named })
  }
  if (Object.keys(filter.search).length === 0) return rowsOf(db, list)
  const newest = await rowsOf(db, list, { among: newestLookedAt(limit) })
  return newest.length === limit ? newest : rowsOf(db, list, { narrowed: db`o.search @> ${json(db, filter.search)}` })
}

type Fragment = ReturnType<typeof eventsOf>

async function rowsOf(
  db: Db,
  { account_id, source, filter, after, limit, now, with_events }: ListOrders,
  { narrowed, among }: { narrowed?: Fragment; among?: number } = {},
): Promise<FoundOrder[]> {
  const from = db`coalesce(${filter.created_at_gte ?? null}::timestamptz, '-infinity')`
  const until = db`coalesce(${filter.created_at_lte ?? null}::timestamptz, 'infinity')`
  const start = db`(coalesce(${after?.created_at ?? null}::timestamptz, 'infinity'), ${after?.id ?? uuid_max}::uuid)`
  // `coalesce` keeps the index of searches out of it: that is for `narrowed`.
  const matches = db`
    (o.expires_at is null or o.expires_at > ${now})
    and (${filter.status ?? null}::text[] is null or o.status = any (${filter.status ?? null}::text[]))
    and (${filter.payment_status ?? null}::text[] is null or o.payment_status = any (${filter.payment_status ?? null}::text[]))
    and (${filter.currency ?? null}::text is null or o.currency = ${filter.currency ?? null})
    and (${filter.order_id ?? null}::text is null or o.order_id = ${filter.order_id ?? null})
    ${Object.keys(filter.search).length === 0 ? db`` : db`and coalesce(o.search, '{}') @> ${json(db, filter.search)}`}`
  const selected = db`o.version, o.updated_at, ${eventsOf(db, with_events)}`
  if ('store_id' in source) {
    const rows = await db<Row[]>`
      select ${selected}
      from orders.order_stores s
      join orders.orders o on o.account_id = s.account_id and o.id = s.order_uuid
      where s.account_id = ${account_id} and s.store_id = ${source.store_id} and s.created_at >= ${from} and s.created_at <= ${until}
        and (s.created_at, s.order_uuid) < ${start} and ${matches}
        and (${filter.customer_id ?? null}::text is null or o.customer_id = ${filter.customer_id ?? null})
      order by s.created_at desc, s.order_uuid desc
      limit ${limit}`
    return rows.map(foundOrder)
  }
  const customer = 'customer_id' in source ? db`o.customer_id = ${source.customer_id} and` : db``
  const page = db`
    o.account_id = ${account_id} and ${customer} o.created_at >= ${from} and o.created_at <= ${until} and (o.created_at, o.id) < ${start}`
  const ordered = db`order by o.created_at desc, o.id desc`
  if (narrowed) {
    // `offset 0` and `materialized` keep the planner from walking the index of time instead, in the hope of meeting some early.
    const rows = await db<Row[]>`
      with found as materialized (
        select o.id, o.created_at
        from (select * from orders.orders o where o.account_id = ${account_id} and ${narrowed} offset 0) o
        where ${page} and ${matches})
      select ${selected}
      from (select id from found order by created_at desc, id desc limit ${limit}) wanted
      join orders.orders o on o.account_id = ${account_id} and o.id = wanted.id
      ${ordered}`
    return rows.map(foundOrder)
  }
  const among_these = among && db`(select * from orders.orders o where ${page} ${ordered} limit ${among})`
  const rows = await db<Row[]>`
    select ${selected} from ${among_these ?? db`orders.orders`} o where ${page} and ${matches} ${ordered} limit ${limit}`
  return rows.map(foundOrder)
}

/** Waits for the order's row, so that the next write on it is ours. */
export async function lockOrder(db: Db, account_id: string, name: string): Promise<void> {
  await db`
    select from orders.orders o
    where o.account_id = ${account_id} and o.id = (
      select n.order_uuid from orders.names n where n.account_id = ${account_id} and n.name = ${name})
    for update`
}

/** New orders and the completion of the draft they come from, in one statement. False when the draft has moved on meanwhile. */
export async function insertOrders(
  db: Db,
  {
    draft,
    orders,
  }: { draft: DraftWrite; orders: readonly { order: Order; event: OrderEvent; expires_at: string | undefined }[] },
): Promise<boolean> {
  const { account_id, request } = draft
  const reserved = draft.draft.reserved?.id
  const summaries = orders.map(({ order, event, expires_at }) => ({ ...orderSummary(order), body: event, expires_at }))
  const names = orders.flatMap(({ order: { id, order_id } }) =>
    id === reserved ? [] : [...new Set([id, order_id])].map((name) => ({ name, order_uuid: id })),
  )
  const lines = summaries.flatMap(({ id, lines }) => lines.map((line) => ({ ...line, order_uuid: id })))
  const stores = summaries.flatMap(({ id, stores }) => stores.map((store_id) => ({ store_id, order_uuid: id })))
  const rows = await db`
    with changed as (${updateDraft(db, draft)}),
    draft_event as (${insertDraftEvent(db, draft)}),
    input as (
      select o.*, sha256(convert_to(o.body::text, 'UTF8')) as hash
      from jsonb_to_recordset(${json(db, summaries)}) as o (
        id uuid, order_id text, version int, status text, payment_status text, currency text, customer_id text, gross_amount bigint,
        net_amount bigint, due bigint, search jsonb, created_at timestamptz, expires_at timestamptz, body jsonb)
      where exists (select from changed)),
    new_orders as (
      insert into orders.orders (account_id, id, order_id, version, hash, status, payment_status, currency, customer_id, gross_amount,
        net_amount, due, authorized, cancelled, captured, refunded, search, created_at, updated_at, expires_at)
      select ${account_id}, id, order_id, version, hash, status, payment_status, currency, customer_id, gross_amount,
        net_amount, due, 0, 0, 0, 0, search, created_at, created_at, expires_at
      from input),
    events as (
      insert into orders.order_events (account_id, order_uuid, version, type, event_id, body, request, hash)
      select ${account_id}, id, version, 'created', body->>'id', body, ${request ? json(db, request) : null}::jsonb, hash from input),
    names as (
      insert into orders.names (account_id, name, order_uuid)
      select ${account_id}, n.name, n.order_uuid from jsonb_to_recordset(${json(db, names)}) as n (name text, order_uuid uuid)
      where exists (select from changed)),
    lines as (
      insert into orders.order_lines (account_id, order_uuid, line_id, due, authorized, cancelled, captured, refunded)
      select ${account_id}, l.order_uuid, l.line_id, l.due, 0, 0, 0, 0
      from jsonb_to_recordset(${json(db, lines)}) as l (order_uuid uuid, line_id bigint, due bigint)
      where exists (select from changed)),
    stores as (
      insert into orders.order_stores (account_id, store_id, order_uuid, created_at)
      select ${account_id}, s.store_id, s.order_uuid, ${draft.draft.updated_at}
      from jsonb_to_recordset(${json(db, stores)}) as s (store_id text, order_uuid uuid)
      where exists (select from changed)),
    outbox as (${insertNotifications(db, account_id, [draft.notification])})
    select from changed`
  return rows.length === 1
}

export type OrderWrite = {
  account_id: string
  before: Order
  after: Order
  event: OrderEvent
  request: RequestRecord | undefined
  expires_at?: string | undefined
  notification: Notification
}

/** Writes the next version of an order: event, totals, lines and notification, or nothing when another write was first (false). */
export async function appendOrderEvent(db: Db, write: OrderWrite): Promise<boolean> {
  const { account_id, before, after, event, request } = write
  const summary = orderSummary(after)
  const lines = summary.lines.filter(({ line_id }) => after.sums.get(line_id) !== before.sums.get(line_id))
  const rows = await db`
    with changed as (
      update orders.orders o
      set version = ${after.version}, status = ${after.status}, payment_status = ${summary.payment_status},
          customer_id = ${summary.customer_id ?? null}, gross_amount = ${summary.gross_amount}, net_amount = ${summary.net_amount},
          due = ${summary.due}, authorized = ${summary.authorized}, cancelled = ${summary.cancelled}, captured = ${summary.captured},
          refunded = ${summary.refunded}, search = ${json(db, summary.search)}, updated_at = ${after.updated_at},
          expires_at = coalesce(${write.expires_at ?? null}::timestamptz, o.expires_at),
          hash = sha256(o.hash || convert_to(i.body::text, 'UTF8'))
      from (select ${json(db, event)}::jsonb as body) i
      where o.account_id = ${account_id} and o.id = ${after.id} and o.version = ${before.version}
      returning o.hash, o.created_at, i.body),
    event as (
      insert into orders.order_events (account_id, order_uuid, version, type, event_id, body, request, hash)
      select ${account_id}, ${after.id}, ${event.version}, ${event.type}, body->>'id', body,
             ${request ? json(db, request) : null}::jsonb, hash
      from changed),
    lines as (
      insert into orders.order_lines as l (account_id, order_uuid, line_id, due, authorized, cancelled, captured, refunded)
      select ${account_id}, ${after.id}, n.line_id, n.due, n.authorized, n.cancelled, n.captured, n.refunded
      from jsonb_to_recordset(${json(db, lines)}) as n (
        line_id bigint, due bigint, authorized bigint, cancelled bigint, captured bigint, refunded bigint)
      where exists (select from changed)
      on conflict (account_id, order_uuid, line_id) do update set due = excluded.due, authorized = excluded.authorized,
        cancelled = excluded.cancelled, captured = excluded.captured, refunded = excluded.refunded),
    ${after.options.multiple_authorizations ? authorizationsOf(db, write) : db``}
    ${after.content === before.content && after.items === before.items ? db`` : contentOf(db, write, summary)}
    outbox as (${insertNotifications(db, account_id, [write.notification])})
    select from changed`
  return rows.length === 1
}

/** CTEs that bring the totals per authorization up to date. */
function authorizationsOf(db: Db, { account_id, before, after }: OrderWrite) {
  const changed = [...after.authorizations].flatMap(([authorization_id, sums]) =>
    [...sums]
      .filter(([line_id, line]) => before.authorizations.get(authorization_id)?.get(line_id) !== line)
      .map(([line_id, line]) => ({ authorization_id, line_id, ...line })),
  )
  return db`
    authorizations as (
      insert into orders.order_authorizations as a (
        account_id, order_uuid, authorization_id, line_id, authorized, cancelled, captured, refunded)
      select ${account_id}, ${after.id}, n.authorization_id, n.line_id, n.authorized, n.cancelled, n.captured, n.refunded
      from jsonb_to_recordset(${json(db, changed)}) as n (
        authorization_id text, line_id bigint, authorized bigint, cancelled bigint, captured bigint, refunded bigint)
      where exists (select from changed)
      on conflict (account_id, order_uuid, authorization_id, line_id) do update set authorized = excluded.authorized,
        cancelled = excluded.cancelled, captured = excluded.captured, refunded = excluded.refunded),`
}

/** CTEs that drop lines and stores that the order no longer has, and add its new stores. */
function contentOf(db: Db, { account_id, after }: OrderWrite, { stores }: { stores: string[] }) {
  return db`
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
