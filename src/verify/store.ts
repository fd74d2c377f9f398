import type { CardTokenRow } from '../checkout/card-tokens/card-token.ts'
import type { OperationRow } from '../checkout/operations-log/operation.ts'
import type { SessionRow } from '../checkout/sessions/session.ts'
import type { SettlementRow } from '../checkout/settlements/settlement.ts'
import type { EventRow, TransactionRow } from '../checkout/transactions/transaction.ts'
import type { Sql } from '../lib/db.ts'
import { limits } from '../lib/limits.ts'
import type { OrderEvent } from '../orders/orders/order.ts'
import type { Link, Told } from './difference.ts'

/** Where a page starts: after this aggregate. */
export type After = { account_id: string; id: string }
/** What to read: `account_id` is null for all accounts. */
export type Page = { account_id: string | null; after: After; limit: number }

/** `told`: the outbox rows that are there; `told_since`: older ones may have been removed. */
type Read = Sized & { hash: string; told: Told[]; told_since: Date }
/** `size_max`: the most that `events_size` can be; null when it is too small to be looked at. */
type Sized = After & { size_max: number | null }

/** A day less than the rows are kept, so that it doesn't matter when exactly they go. */
const told_kept_s = limits.events_kept_s - 86_400

type Row = Readonly<Record<string, unknown>>
export type OrderRead = Read & {
  row: Row
  events: (Link & { type: string; event_id: string; body: OrderEvent })[]
  lines: Row[]
  authorizations: Row[]
  stores: string[]
  names: string[]
}
export type OperationRead = Pick<
  OperationRow,
  'id' | 'kind' | 'state' | 'amount' | 'currency' | 'gateway' | 'payment_product_type' | 'session_id' | 'request' | 'outcome'
>
/** What a transaction took over from its session when it was paid. */
export type PaidSession = Pick<
  TransactionRow,
  'merchant_reference' | 'payment_operation' | 'store_id' | 'payout_destination_id' | 'final_authorization'
>
export type TransactionRead = Read & {
  row: TransactionRow
  events: (EventRow & Link)[]
  operations: OperationRead[]
  session: (PaidSession & Pick<SessionRow, 'transaction_id'>) | null
  /** The ids of the stored cards that it names. */
  cards: string[]
  /** Its items in settlements that a SETTLEMENT event tells of: the number of that event, and the settlement. */
  items: (readonly [event: number, settlement_id: string])[]
  /** `references`, `currencies`: of the payments that hold, or held, money. `movements`: those that succeeded. */
  simulator: {
    authorized: number
    captured: number
    refunded: number
    voided: number
    references: string[]
    currencies: string[]
    movements: { key: string; kind: string; amount: number }[]
  } | null
}
/** What an item of a settlement is about: amounts in minor units, and what it is grouped by. */
type Settled = Pick<SettlementRow, 'capture' | 'refund' | 'provider' | 'currency' | 'payout_destination_id'> & {
  created_at: string
}
export type SettledItem = {
  transaction_id: string
  event_sequence: number
  /** What the event that moved the money says; null when there is no such event. */
  moved: Settled | null
  /** What the settlement says. */
  settled: Settled
  /** True when a SETTLEMENT event of the transaction says the same; false when it must and doesn't; null when it is not written yet. */
  tells: boolean | null
}
export type SettlementRead = After & {
  row: Readonly<Record<string, unknown>>
  /** Sums over the items. */
  sums: { capture: number; refund: number; fee: number; item_count: number }
  /** When the money of its items moved; null when there are none. */
  moved: { first_at: string | null; last_at: string | null }
  /** Items that something contradicts; only the first of them. */
  items: SettledItem[]
}
export type SessionRead = Sized & {
  row: SessionRow & { events_size: number; currency: string; merchant_reference_2: string | null; store_id: string | null }
  hash: string
  /** What its order says. */
  asked: { merchant_reference_2: string | null; store_id: string | null; amount_to_pay: number }
  events: (Link & { name: string })[]
  transaction: Pick<TransactionRow, 'session_id' | 'authorized_at'> | null
  operations: OperationRead[]
}

export type CardTokenRead = After & {
  row: CardTokenRow
  /** The one that brought the token. */
  transaction: TransactionRow | null
  /** The event of the outbox that tells of its last change. */
  told: string | null
  told_since: Date
}

/** The PostgreSQL schemas that the database has. */
export async function listSchemas(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select nspname as name from pg_namespace where nspname in ('orders', 'checkout', 'simulator', 'notifications')`
  return rows.map(({ name }) => name)
}

/**
 * What `events_size` counts beside events and requests is smaller: what a session or transaction was made of, a request and the profile
 * that it names. Only where more is counted is it compared, for characters take a while to count; they are at most as many as bytes.
 */
const content_size_max = 2 * limits.body_bytes

const zero = '00000000-0000-0000-0000-000000000000'

/** Orders, each with everything that belongs to it: one statement, so that a page is one moment of the database. */
export function listOrders(sql: Sql, { account_id, after, limit }: Page): Promise<OrderRead[]> {
  return sql<OrderRead[]>`
    select o.account_id, o.id, encode(o.hash, 'hex') as hash, to_jsonb(o) as row,
      (select coalesce(jsonb_agg(to_jsonb(x) order by x.sequence), '[]') from (
        select e.version as sequence, e.type, e.event_id, e.body, encode(e.hash, 'hex') as hash,
          e.hash = sha256(coalesce(lag(e.hash) over (order by e.version), '') || convert_to(e.body::text, 'UTF8')) as linked
        from orders.order_events e where e.account_id = o.account_id and e.order_uuid = o.id) x) as events,
      (select coalesce(jsonb_agg(to_jsonb(l) - '{account_id,order_uuid}'::text[]), '[]') from orders.order_lines l
       where l.account_id = o.account_id and l.order_uuid = o.id) as lines,
      (select coalesce(jsonb_agg(to_jsonb(a) - '{account_id,order_uuid}'::text[]), '[]') from orders.order_authorizations a
       where a.account_id = o.account_id and a.order_uuid = o.id) as authorizations,
      (select coalesce(jsonb_agg(s.store_id), '[]') from orders.order_stores s
       where s.account_id = o.account_id and s.order_uuid = o.id) as stores,
      (select coalesce(jsonb_agg(n.name), '[]') from orders.names n
       where n.account_id = o.account_id and n.name in (o.order_id, o.id::text) and n.order_uuid = o.id) as names,
      (select coalesce(jsonb_agg(jsonb_build_array(t.sequence, t.event, t.details)), '[]') from notifications.outbox t
       where t.account_id = o.account_id and t.aggregate_type = 'order' and t.aggregate_id = o.id::text) as told,
      now() - make_interval(secs => ${told_kept_s}) as told_since,
      case when o.events_size > ${content_size_max} then ${content_size_max} + (
        select sum(octet_length(e.body::text) + coalesce(octet_length(e.request::text), 0) + 20)
        from orders.order_events e where e.account_id = o.account_id and e.order_uuid = o.id) end as size_max
    from orders.orders o
    where (o.account_id, o.id) > (${after.account_id}, ${after.id || zero}::uuid)
      and (${account_id}::text is null or o.account_id = ${account_id})
    order by o.account_id, o.id
    limit ${limit}`
}

/** Drafts with their events. */
export function listDrafts(sql: Sql, { account_id, after, limit }: Page): Promise<OrderRead[]> {
  return sql<OrderRead[]>`
    select d.account_id, d.id, encode(d.hash, 'hex') as hash, to_jsonb(d) as row,
      (select coalesce(jsonb_agg(to_jsonb(x) order by x.sequence), '[]') from (
        select e.version as sequence, e.body, encode(e.hash, 'hex') as hash,
          e.hash = sha256(coalesce(lag(e.hash) over (order by e.version), '') || convert_to(e.body::text, 'UTF8')) as linked
        from orders.draft_events e where e.account_id = d.account_id and e.draft_id = d.id) x) as events,
      (select coalesce(jsonb_agg(jsonb_build_array(t.sequence, t.event)), '[]') from notifications.outbox t
       where t.account_id = d.account_id and t.aggregate_type = 'draft' and t.aggregate_id = d.id::text) as told,
      now() - make_interval(secs => ${told_kept_s}) as told_since,
      case when d.events_size > ${content_size_max} then ${content_size_max} + (
        select sum(octet_length(e.body::text) + coalesce(octet_length(e.request::text), 0) + 20)
        from orders.draft_events e where e.account_id = d.account_id and e.draft_id = d.id) end as size_max
    from orders.drafts d
    where (d.account_id, d.id) > (${after.account_id}, ${after.id || zero}::uuid)
      and (${account_id}::text is null or d.account_id = ${account_id})
    order by d.account_id, d.id
    limit ${limit}`
}

/** Transactions with their events, operations, session, and what the simulator's book says of them. */
export function listTransactions(sql: Sql, { account_id, after, limit }: Page, simulator: boolean): Promise<TransactionRead[]> {
  return sql<TransactionRead[]>`
    select t.account_id, t.id, encode(t.hash, 'hex') as hash, to_jsonb(t) as row,
      (select coalesce(jsonb_agg(to_jsonb(x) order by x.sequence), '[]') from (
        select e.sequence, e.event, e.transaction_status, e.success, e.amount, e.request_id, e.correlation_request_id, e.operation_id,
          e.data, e.created_at, e.created_by, encode(e.hash, 'hex') as hash,
          e.hash = sha256(coalesce(lag(e.hash) over (order by e.sequence), '') || convert_to(jsonb_build_array(e.sequence, e.event,
            e.transaction_status, e.success, e.amount, e.request_id, e.correlation_request_id, e.operation_id, e.data, e.created_at,
            e.created_by)::text, 'UTF8')) as linked
        from checkout.transaction_events e where e.account_id = t.account_id and e.transaction_id = t.id) x) as events,
      (select coalesce(jsonb_agg(to_jsonb(p)), '[]') from (
        select ${operationColumns(sql)} from checkout.operations o
        where o.account_id = t.account_id and o.transaction_id = t.id order by o.created_at) p) as operations,
      (select jsonb_build_object('transaction_id', s.transaction_id, 'merchant_reference', s.merchant_reference,
          'payment_operation', s.payment_operation, 'store_id', s.data #>> '{order,store,id}',
          'payout_destination_id', coalesce(s.data #>> '{order,payout_destination_id}',
            nullif(s.data #>> '{order,store,payout_destination_id}', '')),
          'final_authorization', not (split_part(t.payment_product_type, '.', 1) = 'dintero_psp'
            and coalesce(s.data #> '{configuration,pre_authorization}' = 'true', false)))
       from checkout.sessions s
       where s.account_id = t.account_id and s.id = t.session_id) as session,
      (select coalesce(jsonb_agg(jsonb_build_array(n.sequence, n.event, n.details)), '[]') from notifications.outbox n
       where n.account_id = t.account_id and n.aggregate_type = 'transaction' and n.aggregate_id = t.id) as told,
      (select coalesce(jsonb_agg(k.id), '[]') from checkout.card_tokens k where k.account_id = t.account_id
         and k.id in (t.data #>> '{card,payment_token_id}', t.data #>> '{card,recurrence_token_id}')) as cards,
      (select coalesce(jsonb_agg(jsonb_build_array(i.settlement_sequence, i.settlement_id)), '[]') from checkout.settlement_items i
       where i.account_id = t.account_id and i.transaction_id = t.id and i.settlement_sequence is not null) as items,
      now() - make_interval(secs => ${told_kept_s}) as told_since,
      ${simulator ? simulatorTotals(sql) : sql`null::jsonb`} as simulator,
      case when t.events_size > ${content_size_max} then ${content_size_max} + (
        (select sum(octet_length(e.data::text)) from checkout.transaction_events e
         where e.account_id = t.account_id and e.transaction_id = t.id)
        + (select sum(octet_length(o.request::text)) from checkout.operations o
           where o.account_id = t.account_id and o.transaction_id = t.id)) end as size_max
    from checkout.transactions t
    where (t.account_id, t.id) > (${after.account_id}, ${after.id}) and (${account_id}::text is null or t.account_id = ${account_id})
    order by t.account_id, t.id
    limit ${limit}`
}

function operationColumns(sql: Sql) {
  return sql`
    o.id, o.kind, o.state, o.amount, o.currency, o.gateway, o.payment_product_type, o.session_id, o.request, o.outcome`
}

function simulatorTotals(sql: Sql) {
  return sql`(
    select jsonb_build_object('authorized', coalesce(sum(p.authorized), 0), 'captured', coalesce(sum(p.captured), 0),
      'refunded', coalesce(sum(p.refunded), 0), 'voided', coalesce(sum(p.voided), 0),
      'references', coalesce(jsonb_agg(p.id) filter (where p.authorized > 0), '[]'),
      'currencies', coalesce(jsonb_agg(p.currency) filter (where p.authorized > 0), '[]'),
      'movements', (select coalesce(jsonb_agg(jsonb_build_object('key', m.idempotency_key, 'kind', m.kind, 'amount', m.amount)), '[]')
        from simulator.movements m
        where m.account_id = t.account_id and m.transaction_id = t.id and m.state = 'succeeded'
          -- It ends the authorization, and is no operation.
          and m.detail ->> 'update' is distinct from 'release_hold'))
    from simulator.payments p where p.account_id = t.account_id and p.transaction_id = t.id)`
}

/** Sessions with their events, their payments, and their transaction. */
export function listSessions(sql: Sql, { account_id, after, limit }: Page): Promise<SessionRead[]> {
  return sql<SessionRead[]>`
    select s.account_id, s.id, encode(s.hash, 'hex') as hash, to_jsonb(s) - 'data' as row,
      (select jsonb_build_object('merchant_reference_2', o ->> 'merchant_reference_2', 'store_id', o #>> '{store,id}',
         'amount_to_pay', case o #>> '{shipping_option,pay_in_store,type}' when 'full' then '0' else o -> 'amount' end)
       from (select s.data -> 'order' as o offset 0) x) as asked,
      (select coalesce(jsonb_agg(to_jsonb(x) order by x.sequence), '[]') from (
        select e.sequence, e.body ->> 'name' as name, encode(e.hash, 'hex') as hash,
          e.hash = sha256(coalesce(lag(e.hash) over (order by e.sequence), '') || convert_to(e.body::text, 'UTF8')) as linked
        from checkout.session_events e where e.account_id = s.account_id and e.session_id = s.id) x) as events,
      (select jsonb_build_object('session_id', t.session_id, 'authorized_at', t.authorized_at) from checkout.transactions t
       where t.account_id = s.account_id and t.id = s.transaction_id) as transaction,
      (select coalesce(jsonb_agg(to_jsonb(p)), '[]') from (
        select ${operationColumns(sql)} from checkout.operations o
        where o.account_id = s.account_id and o.id = s.operation_id
        union
        select ${operationColumns(sql)} from checkout.operations o
        where o.account_id = s.account_id and o.transaction_id = s.transaction_id and o.kind = 'authorize') p) as operations,
      case when s.events_size > ${content_size_max} then ${content_size_max} + (
        select sum(octet_length(e.body::text)) from checkout.session_events e
        where e.account_id = s.account_id and e.session_id = s.id) end as size_max
    from checkout.sessions s
    where (s.account_id, s.id) > (${after.account_id}, ${after.id}) and (${account_id}::text is null or s.account_id = ${account_id})
    order by s.account_id, s.id
    limit ${limit}`
}

/** Stored cards with the transaction that brought each, and what was told of it last. */
export function listCardTokens(sql: Sql, { account_id, after, limit }: Page): Promise<CardTokenRead[]> {
  return sql<CardTokenRead[]>`
    select k.account_id, k.id, to_jsonb(k) as row, to_jsonb(t) as transaction,
      (select n.event from notifications.outbox n
       where n.account_id = k.account_id and n.aggregate_type = 'card_token' and n.aggregate_id = k.id
         and n.sequence = k.version) as told,
      now() - make_interval(secs => ${told_kept_s}) as told_since
    from checkout.card_tokens k
    left join checkout.transactions t on t.account_id = k.account_id and t.id = k.transaction_id
    where (k.account_id, k.id) > (${after.account_id}, ${after.id}) and (${account_id}::text is null or k.account_id = ${account_id})
    order by k.account_id, k.id
    limit ${limit}`
}

/** How many wrong items of one settlement are read; a settlement may have millions. */
const wrong_items_max = 20

/**
 * Settlements with the sums of their items, and those items that do not agree with the transaction's events. The comparison is made
 * here, so that only what is wrong is read.
 */
export function listSettlements(sql: Sql, { account_id, after, limit }: Page): Promise<SettlementRead[]> {
  return sql<SettlementRead[]>`
    select s.account_id, s.id, to_jsonb(s) as row,
      i.sums, i.moved,
      (select coalesce(jsonb_agg(to_jsonb(w)), '[]') from (
        select x.* from (${itemsBesideEvents(sql)}) x
        where x.moved is distinct from x.settled or x.tells = false
        order by x.transaction_id, x.event_sequence limit ${wrong_items_max}) w) as items
    from checkout.settlements s cross join lateral (
      select jsonb_build_object('capture', coalesce(sum(i.capture), 0), 'refund', coalesce(sum(i.refund), 0),
          'fee', coalesce(sum(i.fee), 0), 'item_count', count(*)) as sums,
        jsonb_build_object('first_at', min(i.created_at), 'last_at', max(i.created_at)) as moved
      from checkout.settlement_items i where i.account_id = s.account_id and i.settlement_id = s.id) i
    where (s.account_id, s.id) > (${after.account_id}, ${after.id}) and (${account_id}::text is null or s.account_id = ${account_id})
    order by s.account_id, s.id
    limit ${limit}`
}

/** The items of settlement `s`, each beside the event that moved the money and the SETTLEMENT event that tells of it. */
function itemsBesideEvents(sql: Sql) {
  return sql`
    select i.transaction_id, i.event_sequence,
      case when e.sequence is not null then jsonb_build_object(
        'capture', case e.event when 'CAPTURE' then e.amount else 0 end, 'refund', case e.event when 'REFUND' then e.amount else 0 end,
        'provider', split_part(t.payment_product_type, '.', 1), 'currency', t.currency,
        'payout_destination_id', coalesce(t.payout_destination_id, ''), 'created_at', e.created_at) end as moved,
      jsonb_build_object('capture', i.capture, 'refund', i.refund, 'provider', s.provider, 'currency', s.currency,
        'payout_destination_id', s.payout_destination_id, 'created_at', i.created_at) as settled,
      case
        when i.settlement_sequence is not null then exists (
          select from checkout.transaction_events m, jsonb_array_elements(m.data -> 'settlements' -> 'events') told
          where m.account_id = i.account_id and m.transaction_id = i.transaction_id and m.sequence = i.settlement_sequence
            and m.event = 'SETTLEMENT' and told ->> 'settlement_id' = s.id and told ->> 'event_correlation_id' = e.request_id::text
            and (told -> 'capture', told -> 'refund', told -> 'fee', told -> 'amount')
              = (to_jsonb(i.capture), to_jsonb(i.refund), to_jsonb(i.fee), to_jsonb(i.capture - i.refund - i.fee)))
        when s.told_at is not null then false
      end as tells
    from checkout.settlement_items i
    left join checkout.transactions t on t.account_id = i.account_id and t.id = i.transaction_id
    left join checkout.transaction_events e on e.account_id = i.account_id and e.transaction_id = i.transaction_id
      and e.sequence = i.event_sequence and e.success and e.event in ('CAPTURE', 'REFUND')
    where i.account_id = s.account_id and i.settlement_id = s.id`
}
