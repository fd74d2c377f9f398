import { look_back_ms } from '../../checkout/settlements/settlement.ts'
import type { Sql } from '../../lib/db.ts'
import { limits } from '../../lib/limits.ts'
import type { Untold } from '../telling.ts'

/** Rows that belong to no aggregate, or that nothing was made of. */
export type Stray = { account_id: string; aggregate_type: string; aggregate_id: string; what: string }

/**
 * Items without a settlement, and captures and refunds that should have been settled by now: of days so long past that no settlement
 * will look for them again.
 */
export function listSettlementStrays(sql: Sql, account_id: string | null, limit: number): Promise<Stray[]> {
  return sql<Stray[]>`
    select distinct i.account_id, 'settlement' as aggregate_type, i.settlement_id as aggregate_id, 'items' as what
    from checkout.settlement_items i left join checkout.settlements s on s.account_id = i.account_id and s.id = i.settlement_id
    where s.id is null and (${account_id}::text is null or i.account_id = ${account_id})
    union
    select e.account_id, 'transaction', e.transaction_id,
      'event ' || e.sequence || ', a ' || e.event || ' of ' || e.amount || ' that is in no settlement'
    from checkout.settlement_accounts a
    join checkout.transaction_events e on e.account_id = a.account_id
      and e.created_at < a.settled_until - make_interval(secs => ${look_back_ms / 1000})
    join checkout.transactions t on t.account_id = e.account_id and t.id = e.transaction_id
    left join checkout.settlement_items i
      on i.account_id = e.account_id and i.transaction_id = e.transaction_id and i.event_sequence = e.sequence
    where e.success and e.amount > 0 and e.event in ('CAPTURE', 'REFUND') and t.payment_product_type <> 'dintero.zero'
      and i.transaction_id is null and (${account_id}::text is null or e.account_id = ${account_id})
    limit ${limit}`
}

/** Rows of orders that belong to no aggregate; at most `limit`. */
export function listOrderStrays(sql: Sql, account_id: string | null, limit: number): Promise<Stray[]> {
  return sql<Stray[]>`
    select distinct e.account_id, 'order' as aggregate_type, e.order_uuid::text as aggregate_id, 'events' as what
    from orders.order_events e left join orders.orders o on o.account_id = e.account_id and o.id = e.order_uuid
    where o.id is null and (${account_id}::text is null or e.account_id = ${account_id})
    union
    select distinct l.account_id, 'order', l.order_uuid::text, 'lines'
    from orders.order_lines l left join orders.orders o on o.account_id = l.account_id and o.id = l.order_uuid
    where o.id is null and (${account_id}::text is null or l.account_id = ${account_id})
    union
    select distinct e.account_id, 'draft', e.draft_id::text, 'events'
    from orders.draft_events e left join orders.drafts d on d.account_id = e.account_id and d.id = e.draft_id
    where d.id is null and (${account_id}::text is null or e.account_id = ${account_id})
    limit ${limit}`
}

/** Rows of checkout that belong to no aggregate: events, and operations that are settled as if they had one. */
export function listCheckoutStrays(sql: Sql, account_id: string | null, limit: number): Promise<Stray[]> {
  return sql<Stray[]>`
    select distinct e.account_id, 'transaction' as aggregate_type, e.transaction_id as aggregate_id, 'events' as what
    from checkout.transaction_events e left join checkout.transactions t on t.account_id = e.account_id and t.id = e.transaction_id
    where t.id is null and (${account_id}::text is null or e.account_id = ${account_id})
    union
    select distinct e.account_id, 'session', e.session_id, 'events'
    from checkout.session_events e left join checkout.sessions s on s.account_id = e.account_id and s.id = e.session_id
    where s.id is null and (${account_id}::text is null or e.account_id = ${account_id})
    union
    select o.account_id, 'operation', o.id::text, 'a ' || o.kind || ' that is ' || o.state || ' without a transaction'
    from checkout.operations o left join checkout.transactions t on t.account_id = o.account_id and t.id = o.transaction_id
    where t.id is null and (o.kind <> 'authorize' or o.state = 'succeeded')
      and (${account_id}::text is null or o.account_id = ${account_id})
    union
    select o.account_id, 'operation', o.id::text, 'a ' || o.kind || ' that is ' || o.state || ' without a session'
    from checkout.operations o left join checkout.sessions s on s.account_id = o.account_id and s.id = o.session_id
    where s.id is null and (${account_id}::text is null or o.account_id = ${account_id})
    limit ${limit}`
}

/** Payments in the simulator's book that hold money which checkout knows nothing of, and asks nobody about any more. */
export function listSimulatorStrays(sql: Sql, account_id: string | null, limit: number): Promise<Stray[]> {
  return sql<Stray[]>`
    select p.account_id, 'transaction' as aggregate_type, p.transaction_id as aggregate_id,
      'payment ' || p.id || ' in the simulator''s book, of ' || p.authorized as what
    from simulator.payments p
    left join checkout.transactions t on t.account_id = p.account_id and t.id = p.transaction_id
    where t.id is null and p.authorized - p.voided > 0 and (${account_id}::text is null or p.account_id = ${account_id})
      and not exists (select from checkout.operations o where o.account_id = p.account_id and o.transaction_id = p.transaction_id
        and o.next_attempt_at is not null)
    limit ${limit}`
}

/** A day less than deliveries are kept. */
const delivered_kept_s = limits.delivered_kept_s - 86_400

/**
 * Rows of the outbox that were turned into deliveries, without the one to a subscription that was there and has not changed since, or
 * without the one to the callback URL that probably asks for it. At most `limit`.
 */
export function listUntold(sql: Sql, account_id: string | null, limit: number): Promise<Untold[]> {
  return sql<Untold[]>`
    with told as (
      select * from notifications.outbox o
      where o.position is not null and o.created_at > now() - make_interval(secs => ${delivered_kept_s})
        and (${account_id}::text is null or o.account_id = ${account_id}))
    select o.account_id, o.aggregate_type, o.aggregate_id, o.sequence, o.event, s.id as subscription_id, o.details
    from told o join notifications.subscriptions s on s.account_id = o.account_id and o.event = any (s.events)
    where s.active and s.deleted_at is null and s.updated_at < o.created_at and not exists (
      select from notifications.deliveries d
      where d.account_id = o.account_id and d.position = o.position and d.subscription_id = s.id)
    union all
    select o.account_id, o.aggregate_type, o.aggregate_id, o.sequence, o.event, null, o.details
    from told o
    where o.event = 'session_callback' and o.details->>'url' ~* '^https?://'
      and (o.details->>'reason' <> 'error' or o.details->>'url' like '%report_error%')
      and (o.details->>'reason' <> 'event' or o.details->>'url' like '%report_event%')
      and not exists (
        select from notifications.deliveries d
        where d.account_id = o.account_id and d.position = o.position and d.subscription_id is null)
    limit ${limit}`
}
