import type { Db } from '../../lib/db.ts'

/**
 * Removes a batch of orders whose `order_time_to_live` has passed, with all that belongs to them, and writes `shopping_order_delete`
 * for each: one statement, so an order is either there with everything or gone and announced. Rows that another process is removing
 * are skipped. Returns how many.
 */
export async function deleteExpiredOrders(db: Db, now: string, batch: number): Promise<number> {
  const rows = await db`
    with expired as (
      select account_id, id, order_id, currency, status, version from orders.orders
      where expires_at <= ${now} order by expires_at limit ${batch} for update skip locked),
    events as (delete from orders.order_events e using expired x where e.account_id = x.account_id and e.order_uuid = x.id),
    lines as (delete from orders.order_lines l using expired x where l.account_id = x.account_id and l.order_uuid = x.id),
    authorizations as (delete from orders.order_authorizations a using expired x where a.account_id = x.account_id and a.order_uuid = x.id),
    stores as (delete from orders.order_stores s using expired x where s.account_id = x.account_id and s.order_uuid = x.id),
    names as (
      delete from orders.names n using expired x
      where n.account_id = x.account_id and n.name in (x.order_id, x.id::text) and n.order_uuid = x.id),
    changed as (
      delete from orders.orders o using expired x where o.account_id = x.account_id and o.id = x.id
      returning o.account_id, o.id, o.order_id, o.currency, o.status, o.version)
    insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event, details)
    select account_id, 'order', id::text, version + 1, 'shopping_order_delete',
           jsonb_build_object('id', id, 'order_id', order_id, 'currency', currency, 'status', status, 'deleted_at', ${now}::text)
    from changed
    returning 1`
  return rows.length
}

/** Removes a batch of drafts whose orders have expired, or expire now. Returns how many. */
export async function deleteExpiredDrafts(db: Db, now: string, batch: number): Promise<number> {
  const rows = await db`
    with expired as (
      select account_id, id from orders.drafts
      where expires_at <= ${now} order by expires_at limit ${batch} for update skip locked),
    events as (delete from orders.draft_events e using expired x where e.account_id = x.account_id and e.draft_id = x.id)
    delete from orders.drafts d using expired x where d.account_id = x.account_id and d.id = x.id
    returning 1`
  return rows.length
}
