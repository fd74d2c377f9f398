import { type Db, json, part, plannedForValues } from '../../../lib/db.ts'
import { inRoom, isSmall, newestFirst } from '../../../lib/list-window.ts'
import { type After, startOf } from '../../shared/page.ts'
import type { Filter, Source } from '../list.ts'
import { eventsOf, type FoundOrder, findOrder, foundOrder, type Row } from '../store.ts'

/** A large one comes without its events. */
type ListedRow = Omit<Row, 'events'> & { id: string; events: string | null }

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
 * A page of orders, newest first, each with its events; `undefined` where the page has no more room. It walks one index from where the page
 * starts and stops after `limit` rows; a filter only skips rows on the way. What is searched for is looked for among the newest, and only
 * when these don't fill the page in the index of searches, so that neither a common word nor one that stands nowhere reads the whole
 * account. So is a status or a currency, then in the index of ranges where PostgreSQL expects few. A customer has few.
 */
export async function listOrderRows(db: Db, list: ListOrders): Promise<(FoundOrder | undefined)[]> {
  const { account_id, now, with_events } = list
  const large = ({ id: name }: ListedRow) => findOrder(db, { account_id, name, now, with_events })
  return inRoom(await listRows(db, list), foundOrder, large)
}

async function listRows(db: Db, list: ListOrders): Promise<ListedRow[]> {
  const { account_id, source, filter, limit } = list
  if ('store_id' in source) return rowsOf(db, list)
  if (filter.order_id !== undefined) {
    const named = part`o.id in (select n.order_uuid from orders.names n where n.account_id = ${account_id} and n.name = ${filter.order_id})`
    return rowsOf(db, list, { narrowed: named })
  }
  const newest = (among: number) => rowsOf(db, list, { among })
  if (Object.keys(filter.search).length > 0) {
    return newestFirst(limit, newest, () => rowsOf(db, list, { narrowed: part`o.search @> ${json(filter.search)}` }))
  }
  const ranged = filter.status || filter.payment_status || filter.currency
  if (!ranged || 'customer_id' in source) return rowsOf(db, list)
  const planned = () => rowsOf(db, list, { planned: true })
  return filter.created_at_gte ? planned() : newestFirst(limit, newest, planned)
}

type Fragment = ReturnType<typeof eventsOf>

async function rowsOf(
  db: Db,
  { account_id, source, filter, after, limit, now, with_events }: ListOrders,
  { narrowed, among, planned = false }: { narrowed?: Fragment; among?: number; planned?: boolean } = {},
): Promise<ListedRow[]> {
  const from = part`coalesce(${filter.created_at_gte ?? null}::timestamptz, '-infinity')`
  const start = startOf(after, filter.created_at_lte)
  const seen: { store_id?: string; customer_id?: string } = source
  const of_customer =
    filter.customer_id === seen.customer_id || filter.customer_id === undefined
      ? part``
      : part`and o.customer_id = ${filter.customer_id}`
  const of_store =
    filter.store_id === seen.store_id || filter.store_id === undefined
      ? part``
      : part`and exists (select from orders.order_stores also
          where also.account_id = ${account_id} and also.order_uuid = o.id and also.store_id = ${filter.store_id})`
  // `coalesce` keeps the index of searches out of it: that is for `narrowed`.
  const matches = part`
    (o.expires_at is null or o.expires_at > ${now})
    and (${filter.status ?? null}::text[] is null or o.status = any (${filter.status ?? null}::text[]))
    and (${filter.payment_status ?? null}::text[] is null or o.payment_status = any (${filter.payment_status ?? null}::text[]))
    and (${filter.currency ?? null}::text is null or o.currency = ${filter.currency ?? null})
    and (${filter.order_id ?? null}::text is null or o.order_id = ${filter.order_id ?? null})
    ${Object.keys(filter.search).length === 0 ? part`` : part`and coalesce(o.search, '{}') @> ${json(filter.search)}`}
    ${of_customer} ${of_store}`
  const selected = part`
    o.id, o.version, o.updated_at, o.hash, o.expires_at, o.events_size,
    case when ${isSmall(part`o`, limit)} then ${eventsOf(with_events)} end as events`
  if ('store_id' in source) {
    return db<ListedRow[]>`
      select ${selected}
      from orders.order_stores s
      join orders.orders o on o.account_id = s.account_id and o.id = s.order_uuid
      where s.account_id = ${account_id} and s.store_id = ${source.store_id} and s.created_at >= ${from}
        and (s.created_at, s.order_uuid) < ${start} and ${matches}
      order by s.created_at desc, s.order_uuid desc
      limit ${limit}`
  }
  const customer = 'customer_id' in source ? part`o.customer_id = ${source.customer_id} and` : part``
  const page = part`
    o.account_id = ${account_id} and ${customer} o.created_at >= ${from} and (o.created_at, o.id) < ${start}`
  const ordered = part`order by o.created_at desc, o.id desc`
  if (narrowed) {
    // `offset 0` and `materialized` keep the planner from walking the index of time instead, in the hope of meeting some early.
    return db<ListedRow[]>`
      with found as materialized (
        select o.id, o.created_at
        from (select * from orders.orders o where o.account_id = ${account_id} and ${narrowed} offset 0) o
        where ${page} and ${matches})
      select ${selected}
      from (select id from found order by created_at desc, id desc limit ${limit}) wanted
      join orders.orders o on o.account_id = ${account_id} and o.id = wanted.id
      ${ordered}`
  }
  const among_these = among && part`(select * from orders.orders o where ${page} ${ordered} limit ${among})`
  const asked = db<ListedRow[]>`
    select ${selected} from ${among_these ?? part`orders.orders`} o where ${page} and ${matches} ${ordered} limit ${limit}`
  return planned ? plannedForValues(asked) : asked
}
