import { type Db, json, part } from '../../lib/db.ts'
import { searchTerm } from '../transactions/list.ts'
import { hasTerm } from '../transactions/listing/store.ts'
import type { Group, SettlementEvent, SettlementRow, Untold } from './settlement.ts'

export type SettlementAccount = { account_id: string; settled_until: Date; url_key: string }

/** Accounts with transactions that were never looked at: the ids only, each found by one step through the index. */
export function listNewAccounts(db: Db): Promise<{ account_id: string }[]> {
  return db<{ account_id: string }[]>`
    with recursive account as (
      (select account_id from checkout.transactions order by account_id limit 1)
      union all
      select (select t.account_id from checkout.transactions t where t.account_id > a.account_id order by t.account_id limit 1)
      from account a where a.account_id is not null
    )
    select a.account_id from account a
    where a.account_id is not null
      and not exists (select from checkout.settlement_accounts s where s.account_id = a.account_id)`
}

/** Adds an account, settled up to its first event; whoever comes second changes nothing. `before`: when it has none. */
export async function insertAccount(
  db: Db,
  { account_id, url_key, before }: { account_id: string; url_key: string; before: Date },
) {
  await db`
    insert into checkout.settlement_accounts (account_id, settled_until, url_key)
    select ${account_id}, least(${before}, date_trunc('day', (
      select e.created_at from checkout.transaction_events e
      where e.account_id = ${account_id} and e.success and e.amount > 0 and e.event in ('CAPTURE', 'REFUND')
      order by e.created_at limit 1), 'UTC')), ${url_key}
    on conflict do nothing`
}

/** Accounts with finished days to settle, or settlements to tell. */
export function listDueAccounts(db: Db, finished_until: Date): Promise<{ account_id: string }[]> {
  return db<{ account_id: string }[]>`
    select account_id from checkout.settlement_accounts where settled_until < ${finished_until}
    union
    select account_id from checkout.settlements where told_at is null`
}

/** The account, held until the database transaction ends; nothing when another worker has it, unless `wait`. */
export async function lockAccount(db: Db, account_id: string, wait = false): Promise<SettlementAccount | undefined> {
  const [row] = await db<SettlementAccount[]>`
    select * from checkout.settlement_accounts where account_id = ${account_id} for update ${wait ? part`` : part`skip locked`}`
  return row
}

export async function findAccount(db: Db, account_id: string): Promise<SettlementAccount | undefined> {
  const [row] = await db<SettlementAccount[]>`select * from checkout.settlement_accounts where account_id = ${account_id}`
  return row
}

/** Notes that every day before this midnight is settled. The account's lock is held. */
export async function updateSettledUntil(db: Db, account_id: string, settled_until: Date): Promise<void> {
  await db`update checkout.settlement_accounts set settled_until = ${settled_until} where account_id = ${account_id}`
}

/** When the next captured or refunded money after this moment moved, if any did before `until`. */
export async function findNextMoved(
  db: Db,
  { account_id, from, until }: Pick<Scope, 'account_id' | 'from' | 'until'>,
): Promise<Date | undefined> {
  const [row] = await db<{ created_at: Date }[]>`
    select e.created_at from checkout.transaction_events e
    where e.account_id = ${account_id} and e.success and e.amount > 0 and e.event in ('CAPTURE', 'REFUND')
      and e.created_at >= ${from} and e.created_at < ${until}
    order by e.created_at limit 1`
  return row?.created_at
}

/** Lets one statement run as long as it needs: a day may have millions of events. Ends with the database transaction. */
export async function withoutTimeout(db: Db): Promise<void> {
  await db`select set_config('statement_timeout', '0', true)`
}

/** Which events to settle. Only those that are in no settlement yet are taken. */
export type Scope = { account_id: string; from: Date; until: Date; transaction_ids: string[] | null }

/** The events that moved money and are in no settlement (checkout-api §10.1; `dintero.zero` never is, §9.1). */
function dueEvents({ account_id, from, until, transaction_ids }: Scope) {
  return part`
    from checkout.transaction_events e
    join checkout.transactions t on t.account_id = e.account_id and t.id = e.transaction_id
    where e.account_id = ${account_id} and e.success and e.amount > 0 and e.event in ('CAPTURE', 'REFUND')
      and e.created_at >= ${from} and e.created_at < ${until} and t.payment_product_type <> 'dintero.zero'
      and (${transaction_ids}::text[] is null or e.transaction_id = any(${transaction_ids}))
      and not exists (
        select from checkout.settlement_items i
        where i.account_id = e.account_id and i.transaction_id = e.transaction_id and i.event_sequence = e.sequence)`
}

/** What the events to settle are grouped by. */
export function listDueGroups(db: Db, scope: Scope): Promise<Group[]> {
  return db<Group[]>`
    select split_part(t.payment_product_type, '.', 1) as provider, t.currency,
      coalesce(t.payout_destination_id, '') as payout_destination_id
    ${dueEvents(scope)}
    group by 1, 2, 3 order by 1, 2, 3`
}

/** From the first of the events to settle until after the last; when there is none, the scope's own period. */
export async function findDuePeriod(db: Db, scope: Scope): Promise<{ start_at: Date; end_at: Date }> {
  const [row] = await db<{ start_at: Date; end_at: Date }[]>`
    select coalesce(min(e.created_at), ${scope.from}) as start_at,
      coalesce(max(e.created_at) + interval '1 millisecond', ${scope.until}) as end_at ${dueEvents(scope)}`
  return row!
}

/** The newest transactions with events to settle. */
export async function listDueTransactions(db: Db, scope: Scope, limit: number): Promise<string[]> {
  const rows = await db<{ id: string }[]>`
    select e.transaction_id as id ${dueEvents(scope)} group by 1 order by max(e.created_at) desc, 1 desc limit ${limit}`
  return rows.map(({ id }) => id)
}

export type NewSettlement = Pick<
  SettlementRow,
  'id' | 'kind' | 'provider' | 'provider_reference' | 'currency' | 'payout_destination_id' | 'start_at' | 'end_at'
>

/**
 * Settles: puts the due events of each group into its settlement, sums them, and tells of the settlements. The provider keeps basis points
 * of each capture, rounded half up to the minor unit, and a fixed amount; a refund gives no fee back. The sums are those of the rows
 * that were inserted. One statement, so that there is no settlement without its items, nor the other way round.
 */
export function insertSettlements(
  db: Db,
  scope: Scope,
  settlements: readonly NewSettlement[],
  now: Date,
): Promise<Pick<SettlementRow, 'id' | 'item_count'>[]> {
  return db<Pick<SettlementRow, 'id' | 'item_count'>[]>`
    with wanted as (
      select * from jsonb_to_recordset(${json(settlements)}) as w (id text, kind text, provider text, provider_reference text,
        currency text, payout_destination_id text, start_at timestamptz, end_at timestamptz)
    ),
    item as (
      insert into checkout.settlement_items (account_id, transaction_id, event_sequence, settlement_id, capture, refund, fee, created_at)
      select d.account_id, d.transaction_id, d.sequence, w.id, d.capture, d.refund,
        case when d.capture > 0 then coalesce(round(d.capture * f.basis_points / 10000.0)::bigint + f.fixed, 0) else 0 end, d.created_at
      from (
        select e.account_id, e.transaction_id, e.sequence, e.created_at, case e.event when 'CAPTURE' then e.amount else 0 end as capture,
          case e.event when 'REFUND' then e.amount else 0 end as refund, split_part(t.payment_product_type, '.', 1) as provider,
          t.currency, coalesce(t.payout_destination_id, '') as payout_destination_id
        ${dueEvents(scope)}
      ) d
      join wanted w on w.provider = d.provider and w.currency = d.currency and w.payout_destination_id = d.payout_destination_id
      left join checkout.settlement_fees f on f.account_id = d.account_id and f.provider = d.provider and f.currency = d.currency
      returning settlement_id, capture, refund, fee
    ),
    total as (
      select settlement_id, sum(capture)::bigint as capture, sum(refund)::bigint as refund, sum(fee)::bigint as fee,
        count(*)::int as item_count
      from item group by settlement_id
    ),
    changed as (
      insert into checkout.settlements (account_id, id, kind, provider, provider_reference, currency, payout_destination_id, start_at,
        end_at, capture, refund, fee, amount, item_count, created_at, updated_at, settled_at)
      select ${scope.account_id}, w.id, w.kind, w.provider, w.provider_reference, w.currency, w.payout_destination_id, w.start_at,
        w.end_at, s.capture, s.refund, s.fee, s.capture - s.refund - s.fee, s.item_count, ${now}, ${now}, ${now}
      from wanted w join total s on s.settlement_id = w.id
      returning id, item_count
    ),
    told as (
      insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event)
      select ${scope.account_id}, 'settlement', id, 1, 'settlement_add' from changed
    )
    select id, item_count from changed`
}

/** The oldest settlement of the account whose transactions have not all been told. */
export async function findUntoldSettlement(db: Db, account_id: string): Promise<SettlementRow | undefined> {
  const [row] = await db<SettlementRow[]>`
    select * from checkout.settlements where account_id = ${account_id} and told_at is null order by settled_at, start_at, id limit 1`
  return row
}

/** Transactions of the settlement without their SETTLEMENT event. */
export function listUntold(
  db: Db,
  { account_id, id }: Pick<SettlementRow, 'account_id' | 'id'>,
  limit: number,
): Promise<Untold[]> {
  return db<Untold[]>`
    select t.id, t.version, t.event_count, t.status,
      (select count(*)::int from checkout.transaction_events e
       where e.account_id = t.account_id and e.transaction_id = t.id and e.success and e.amount > 0
         and e.event in ('CAPTURE', 'REFUND')) as moved,
      (select count(*)::int from checkout.settlement_items i
       where i.account_id = t.account_id and i.transaction_id = t.id
         and (i.settlement_sequence is not null or i.settlement_id = ${id})) as settled,
      (select jsonb_agg(jsonb_build_object('capture', i.capture, 'refund', i.refund, 'fee', i.fee, 'request_id', e.request_id)
         order by i.event_sequence)
       from checkout.settlement_items i
       join checkout.transaction_events e
         on e.account_id = i.account_id and e.transaction_id = i.transaction_id and e.sequence = i.event_sequence
       where i.account_id = t.account_id and i.transaction_id = t.id and i.settlement_id = ${id}) as items
    from (
      select distinct transaction_id from checkout.settlement_items
      where account_id = ${account_id} and settlement_id = ${id} and settlement_sequence is null
      order by transaction_id limit ${limit}
    ) due
    join checkout.transactions t on t.account_id = ${account_id} and t.id = due.transaction_id`
}

/**
 * Appends the SETTLEMENT events of many transactions, each hashed over the one before, as `writeTransaction` does for one. A transaction
 * that is no longer at the version that was read is left out.
 * @returns how many were written
 */
export async function appendSettlementEvents(
  db: Db,
  { account_id, id }: Pick<SettlementRow, 'account_id' | 'id'>,
  events: readonly SettlementEvent[],
): Promise<number> {
  const [row] = await db<{ count: number }[]>`
    with event as (
      select * from jsonb_to_recordset(${json(events)}) as e (transaction_id text, version int, sequence int,
        transaction_status text, settlement_status text, amount bigint, request_id uuid, data jsonb, created_at timestamptz)
    ),
    changed as (
      update checkout.transactions t set
        version = t.version + 1, event_count = e.sequence, settlement_status = e.settlement_status, updated_at = e.created_at,
        hash = sha256(t.hash || convert_to(jsonb_build_array(e.sequence, 'SETTLEMENT', e.transaction_status, true, e.amount,
          e.request_id, null, null, e.data, e.created_at, null)::text, 'UTF8'))
      from event e
      where t.account_id = ${account_id} and t.id = e.transaction_id and t.version = e.version
      returning t.id, t.hash
    ),
    appended as (
      insert into checkout.transaction_events (account_id, transaction_id, sequence, event, transaction_status, success, amount,
        request_id, data, created_at, hash)
      select ${account_id}, e.transaction_id, e.sequence, 'SETTLEMENT', e.transaction_status, true, e.amount, e.request_id, e.data,
        e.created_at, c.hash
      from event e join changed c on c.id = e.transaction_id
    ),
    marked as (
      update checkout.settlement_items i set settlement_sequence = e.sequence
      from event e join changed c on c.id = e.transaction_id
      where i.account_id = ${account_id} and i.transaction_id = e.transaction_id and i.settlement_id = ${id}
    ),
    told as (
      insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event)
      select ${account_id}, 'transaction', e.transaction_id, e.sequence, 'checkout_transaction'
      from event e join changed c on c.id = e.transaction_id
    )
    select count(*)::int as count from changed`
  return row!.count
}

/** Notes that every transaction of the settlement has its SETTLEMENT event. */
export async function updateToldAt(
  db: Db,
  { account_id, id }: Pick<SettlementRow, 'account_id' | 'id'>,
  now: Date,
): Promise<void> {
  await db`
    update checkout.settlements set told_at = ${now}
    where account_id = ${account_id} and id = ${id} and told_at is null`
}

/** What the list can be narrowed by; `null` is no condition (checkout-api §10.1). */
export type SettlementFilter = {
  limit: number
  starting_after_id: string | null
  starting_after_date: Date | null
  settled_at_gte: Date | null
  settled_at_lte: Date | null
  created_at_gte: Date | null
  created_at_lte: Date | null
  provider: string[] | null
  payout_destination_id: string | null
  search: string | null
}

/** A page of settlements, newest first, after the one that `starting_after_…` names. */
export function listSettlements(db: Db, account_id: string, f: SettlementFilter): Promise<SettlementRow[]> {
  return db<SettlementRow[]>`
    select s.* from checkout.settlements s
    where s.account_id = ${account_id}
      ${f.starting_after_date === null ? part`` : part`and (s.settled_at, s.id) < (${f.starting_after_date}, ${f.starting_after_id})`}
      and (${f.settled_at_gte}::timestamptz is null or s.settled_at >= ${f.settled_at_gte})
      and (${f.settled_at_lte}::timestamptz is null or s.settled_at <= ${f.settled_at_lte})
      and (${f.created_at_gte}::timestamptz is null or s.created_at >= ${f.created_at_gte})
      and (${f.created_at_lte}::timestamptz is null or s.created_at <= ${f.created_at_lte})
      and (${f.provider}::text[] is null or s.provider = any(${f.provider}))
      and (${f.payout_destination_id}::text is null or s.payout_destination_id = ${f.payout_destination_id})
      ${f.search === null ? part`` : part`and s.id in (${found(account_id, f.search)})`}
    order by s.account_id, s.settled_at desc, s.id desc
    limit ${f.limit}`
}

/** Settlements of this id or reference, and those that a transaction of this id or reference is in. */
function found(account_id: string, search: string) {
  return part`
    select f.id from checkout.settlements f
    where f.account_id = ${account_id} and (f.id = ${search} or f.provider_reference = ${search})
    union all
    select i.settlement_id from checkout.settlement_items i
    where i.account_id = ${account_id} and i.transaction_id in (
      select t.id from checkout.transactions t
      where t.account_id = ${account_id} and ${hasTerm([searchTerm(account_id, search)])}
        and (t.id = ${search} or t.merchant_reference = ${search}))`
}

export async function findSettlement(db: Db, account_id: string, id: string): Promise<SettlementRow | undefined> {
  const [row] = await db<SettlementRow[]>`select * from checkout.settlements where account_id = ${account_id} and id = ${id}`
  return row
}

/** An item with what a report says of it. */
export type ItemRow = {
  transaction_id: string
  event_sequence: number
  event: 'CAPTURE' | 'REFUND'
  event_reference: string | null
  merchant_reference: string
  payment_product_type: string
  capture: number
  refund: number
  fee: number
  created_at: Date
}

/** The items of a settlement in the order of time, after the one given. */
export function listItems(
  db: Db,
  { account_id, id }: Pick<SettlementRow, 'account_id' | 'id'>,
  { after, limit }: { after: Pick<ItemRow, 'created_at' | 'transaction_id' | 'event_sequence'> | undefined; limit: number },
): Promise<ItemRow[]> {
  return db<ItemRow[]>`
    select i.transaction_id, i.event_sequence, e.event, e.data ->> 'event_reference' as event_reference, t.merchant_reference,
      t.payment_product_type, i.capture, i.refund, i.fee, i.created_at
    from checkout.settlement_items i
    join checkout.transactions t on t.account_id = i.account_id and t.id = i.transaction_id
    join checkout.transaction_events e
      on e.account_id = i.account_id and e.transaction_id = i.transaction_id and e.sequence = i.event_sequence
    where i.account_id = ${account_id} and i.settlement_id = ${id}
      ${
        after === undefined
          ? part``
          : part`and (i.created_at, i.transaction_id, i.event_sequence)
            > (${after.created_at}, ${after.transaction_id}, ${after.event_sequence}::int)`
      }
    order by i.account_id, i.settlement_id, i.created_at, i.transaction_id, i.event_sequence
    limit ${limit}`
}

/** What a provider keeps of a capture: basis points of it, and a fixed amount in minor units of the currency. */
export type Fee = { provider: string; currency: string; basis_points: number; fixed: number }

export function listFees(db: Db, account_id: string): Promise<Fee[]> {
  return db<Fee[]>`
    select provider, currency, basis_points, fixed from checkout.settlement_fees where account_id = ${account_id}
    order by provider, currency`
}

/** Replaces the fees of an account; no two may be of the same provider and currency. */
export async function replaceFees(db: Db, account_id: string, fees: readonly Fee[]): Promise<void> {
  await db`
    with wanted as (
      select * from jsonb_to_recordset(${json(fees)}) as w (provider text, currency text, basis_points int, fixed bigint)
    ),
    removed as (
      delete from checkout.settlement_fees f where f.account_id = ${account_id}
        and not exists (select from wanted w where w.provider = f.provider and w.currency = f.currency)
    )
    insert into checkout.settlement_fees (account_id, provider, currency, basis_points, fixed)
    select ${account_id}, provider, currency, basis_points, fixed from wanted
    on conflict (account_id, provider, currency) do update set basis_points = excluded.basis_points, fixed = excluded.fixed`
}
