import { type Db, json, part, type Sql, type Tx } from '../../lib/db.ts'
import { limits } from '../../lib/limits.ts'
import type { Settlement } from './delivery.ts'
import type { Told } from './payload.ts'
import type { OutboxRow, PlannedDelivery, Subscriber } from './plan.ts'

/** The accounts that have something to tell. A probe of the index for each, however much there is. */
export async function listWaitingAccounts(db: Db): Promise<string[]> {
  const rows = await db<{ account_id: string }[]>`
    with recursive waiting as (
      (select min(account_id) as account_id from notifications.outbox where position is null)
      union all
      select (select min(o.account_id) from notifications.outbox o where o.position is null and o.account_id > w.account_id)
      from waiting w where w.account_id is not null
    )
    select account_id from waiting where account_id is not null`
  return rows.map((row) => row.account_id)
}

/** How many deliveries and events wait, of each kind so many at most. In the order of an index, lest the whole table is read. */
export async function countWaiting(db: Db, most: number) {
  const [row] = await db<{ pending: number; dead: number; events: number }[]>`
    select
      (select count(*)::int from (select from notifications.deliveries where state = 'pending'
        order by account_id, endpoint, lane, position limit ${most}) d) as pending,
      (select count(*)::int from (select from notifications.deliveries where state = 'dead'
        order by account_id, created_at desc, id desc limit ${most}) d) as dead,
      (select count(*)::int from (select from notifications.outbox where position is null
        order by account_id, id limit ${most}) o) as events`
  return row!
}

/** Makes sure that an account has a feed to lock. */
export async function insertFeed(db: Db, account_id: string): Promise<void> {
  await db`insert into notifications.feeds (account_id) values (${account_id}) on conflict do nothing`
}

/** Takes the account's feed; undefined while another worker has it. */
export async function lockFeed(tx: Tx, account_id: string): Promise<number | undefined> {
  const [row] = await tx<{ position: number }[]>`
    select position from notifications.feeds where account_id = ${account_id} for update skip locked`
  return row?.position
}

/** Rows that nobody has been told, oldest first. Read under the feed's lock, in a statement of its own: so it sees all earlier ones. */
export function listWaitingRows(tx: Tx, account_id: string, count: number): Promise<OutboxRow[]> {
  return tx<OutboxRow[]>`
    select id, aggregate_type, aggregate_id, sequence, event, details from notifications.outbox
    where account_id = ${account_id} and position is null order by id limit ${count}`
}

/** The subscriptions that are told. */
export function listSubscribers(db: Db, account_id: string): Promise<Subscriber[]> {
  return db<Subscriber[]>`
    select id, url, events from notifications.subscriptions where account_id = ${account_id} and active and deleted_at is null`
}

/** Gives the rows their positions and inserts their deliveries; one with an `error` is dead. What has to wait for others waits as long. */
export async function insertDeliveries(
  tx: Tx,
  account_id: string,
  positions: readonly { id: number; position: number }[],
  deliveries: readonly (PlannedDelivery & { id: string })[],
  now: Date,
): Promise<void> {
  await tx`
    with positioned as (
      update notifications.outbox o set position = p.position
      from jsonb_to_recordset(${json(positions)}) as p (id bigint, position bigint)
      where o.account_id = ${account_id} and o.id = p.id and o.position is null
    ),
    feed as (
      update notifications.feeds set position = ${positions.at(-1)?.position ?? 0} where account_id = ${account_id}
    )
    insert into notifications.deliveries (account_id, id, endpoint, lane, position, subscription_id, event, aggregate_type,
      aggregate_id, sequence, details, method, url, next_attempt_at, created_at, state, settled_at, response)
    select ${account_id}, d.id, d.endpoint, d.lane, d.position, d.subscription_id, d.event, d.aggregate_type, d.aggregate_id,
      d.sequence, d.details, d.method, d.url,
      case when d.error is null then greatest(${now}::timestamptz + make_interval(secs => d.delay_s), (
        select p.next_attempt_at from notifications.deliveries p where p.account_id = ${account_id} and p.endpoint = d.endpoint
          and p.lane = d.lane and p.state = 'pending' order by p.position limit 1)) end, ${now},
      case when d.error is null then 'pending' else 'dead' end, case when d.error is not null then ${now}::timestamptz end,
      case when d.error is not null then jsonb_build_object('error', d.error) end
    from jsonb_to_recordset(${json(deliveries)}) as d (id uuid, endpoint text, lane text, position bigint,
      subscription_id text, event text, aggregate_type text, aggregate_id text, sequence int, details jsonb, method text,
      url text, delay_s float8, error text)`
}

/** A delivery whose turn it is, with all that its attempt needs. Its lease runs. */
export type ClaimedDelivery = Told & {
  endpoint: string
  subscription_id: string | null
  method: 'GET' | 'POST'
  url: string
  attempts: number
  failures: number
  age_s: number
  request: { body?: string } | null
  endpoint_failures: number
  /** Of the subscription, when there is one and it is still told; the account's secret stands in `signature_secret`. */
  subscription: {
    url: string
    secret: string | null
    insecure_ssl: number
    fields: string | null
    exclude_fields: string[] | null
    active: boolean
  } | null
  signature_secret: string | null
}

export type Claim = {
  now: Date
  /** Calls under way in this process, for each endpoint that has some. */
  busy: readonly { account_id: string; endpoint: string; calls: number }[]
  /** How many more this process takes. */
  capacity: number
  /** What this process can build payloads for. */
  aggregate_types: readonly string[]
  lease_s: { callback: number; webhook: number }
}

/**
 * Claims due deliveries, fairly by account and endpoint: each gives as many as it has slots free, an endpoint that is down one probe
 * if its time has come, and nothing else. Accounts with the fewest calls under way come first. A delivery is not due while an earlier
 * one of its lane is pending.
 */
export async function claimDeliveries(sql: Sql, claim: Claim): Promise<ClaimedDelivery[]> {
  const { now, busy, capacity, aggregate_types, lease_s } = claim
  return sql<ClaimedDelivery[]>`
    with recursive endpoints as (
      (select account_id, endpoint from notifications.deliveries where state = 'pending' order by account_id, endpoint limit 1)
      union all
      select n.account_id, n.endpoint from endpoints e cross join lateral (
        select d.account_id, d.endpoint from notifications.deliveries d
        where d.state = 'pending' and (d.account_id, d.endpoint) > (e.account_id, e.endpoint)
        order by d.account_id, d.endpoint limit 1) n
    ),
    busy as materialized (
      select * from jsonb_to_recordset(${json(busy)}) as b (account_id text, endpoint text, calls int)
    ),
    slots as (
      select e.account_id, e.endpoint, coalesce(h.failures, 0) as failures, h.probe_at is not null as down,
        case when h.probe_at is null then greatest(${limits.endpoint_concurrency} - coalesce(b.calls, 0), 0)
          when h.probe_at <= ${now} and b.calls is null then 1 else 0 end as free
      from endpoints e
      left join notifications.endpoints h on h.account_id = e.account_id and h.endpoint = e.endpoint
      left join busy b on b.account_id = e.account_id and b.endpoint = e.endpoint
    ),
    accounts as materialized (
      select s.account_id, greatest(${limits.account_concurrency} - coalesce(b.calls, 0), 0) as free, array_agg(s.endpoint) as endpoints,
        array_agg(s.failures) as failures, array_agg(s.down) as downs, array_agg(s.free) as frees
      from slots s left join (select account_id, sum(calls) as calls from busy group by account_id) b on b.account_id = s.account_id
      where s.free > 0
      group by s.account_id, b.calls
      order by coalesce(b.calls, 0), random()
    ),
    due as (
      select a.account_id, d.* from accounts a cross join lateral (
        select d.id, d.subscription_id, s.endpoint, s.failures, s.down from (
          select * from unnest(a.endpoints, a.failures, a.downs, a.frees) as s (endpoint, failures, down, free) order by random()
        ) s cross join lateral (
          select d.id, d.subscription_id from notifications.deliveries d
          where d.account_id = a.account_id and d.endpoint = s.endpoint and d.state = 'pending' and d.next_attempt_at <= ${now}
            and (d.leased_until is null or d.leased_until <= ${now})
            and d.aggregate_type = any(${aggregate_types as string[]})
            and d.position = (select p.position from notifications.deliveries p where p.account_id = d.account_id
              and p.endpoint = d.endpoint and p.lane = d.lane and p.state = 'pending' order by p.position limit 1)
          order by d.next_attempt_at, d.position limit s.free for update skip locked) d
        limit a.free) d
      limit ${capacity}
    ),
    probes as (
      update notifications.endpoints h set probe_at = ${now}::timestamptz + make_interval(secs => ${limits.endpoint_probe_s})
      from due where due.down and h.account_id = due.account_id and h.endpoint = due.endpoint
    )
    update notifications.deliveries d set attempts = d.attempts + 1, leased_until = ${now}::timestamptz + make_interval(
      secs => case when d.subscription_id is null then ${lease_s.callback}::float8 else ${lease_s.webhook}::float8 end)
    from due
      left join notifications.subscriptions v on v.account_id = due.account_id and v.id = due.subscription_id
      left join notifications.signatures g on g.account_id = due.account_id
    where d.account_id = due.account_id and d.id = due.id
    returning d.account_id, d.id, d.endpoint, d.subscription_id, d.event, d.aggregate_type, d.aggregate_id, d.sequence,
      d.details, d.method, d.url, d.attempts, d.failures, d.request, d.replay_of,
      extract(epoch from ${now}::timestamptz - d.created_at)::float8 as age_s, due.failures as endpoint_failures,
      case when v.id is not null then jsonb_build_object('url', v.url, 'secret', v.secret, 'insecure_ssl', v.insecure_ssl,
        'fields', v.fields, 'exclude_fields', to_jsonb(v.exclude_fields), 'active', v.active and v.deleted_at is null)
      end as subscription, g.secret as signature_secret`
}

/** How an attempt ended, as it is kept. */
export type SettledAttempt = Settlement & {
  account_id: string
  id: string
  endpoint: string
  attempts: number
  request: Record<string, unknown>
  response: Record<string, unknown>
  /** One line of the delivery's history. */
  line: Record<string, unknown>
  error: string | null
  now: Date
}

/**
 * Writes how an attempt ended and what it says about the endpoint. Guarded by the attempt's number: a worker whose lease ran
 * out changes nothing. An endpoint that answers again gets all that waited for it at once. What is behind a delivery that is tried later is
 * due no sooner: each claim would look at it in vain, half a second for the 40,000 of a shop that answers 500.
 * @returns whether this worker still held the delivery
 */
export async function settleDelivery(sql: Sql, settled: SettledAttempt): Promise<boolean> {
  const { account_id, id, endpoint, now, state } = settled
  const down = limits.endpoint_failures_max
  const rows = await sql`
    with changed as (
      update notifications.deliveries set state = ${state}, failures = ${settled.failures}, leased_until = null,
        next_attempt_at = case when ${state} = 'pending' then ${now}::timestamptz + make_interval(secs => ${settled.wait_s}) end,
        settled_at = case when ${state} = 'pending' then null else ${now}::timestamptz end,
        request = ${json(settled.request)}, response = ${json(settled.response)},
        history = case when jsonb_array_length(history) < 50 then history else history - 0 end
          || jsonb_build_array(${json(settled.line)}::jsonb)
      where account_id = ${account_id} and id = ${id} and state = 'pending' and attempts = ${settled.attempts}
      returning account_id, lane, position, next_attempt_at
    ),
    ${state === 'pending' ? behind(account_id, endpoint) : part``}
    well as (
      update notifications.endpoints h set failures = 0, down_since = null, probe_at = null,
        dead = case when ${state} = 'delivered' then 0 else h.dead + (${state} = 'dead')::int end,
        last_failure_at = case when ${state} = 'delivered' then h.last_failure_at else ${now} end,
        last_error = case when ${state} = 'delivered' then h.last_error else ${settled.error} end
      from changed where ${settled.alive} and h.account_id = ${account_id} and h.endpoint = ${endpoint}
        and (h.failures > 0 or h.dead > 0 or ${state} = 'dead')
      returning h.down_since
    ),
    unwell as (
      insert into notifications.endpoints as h (account_id, endpoint, failures, dead, last_failure_at, last_error)
      select ${account_id}, ${endpoint}, (not ${settled.alive})::int, (${state} = 'dead')::int, ${now}, ${settled.error}
      from changed where ${state} <> 'delivered'
        and (not ${settled.alive} or (${state} = 'dead' and not exists (select from well)))
      on conflict (account_id, endpoint) do update set
        failures = h.failures + excluded.failures, dead = h.dead + excluded.dead,
        last_failure_at = excluded.last_failure_at, last_error = excluded.last_error,
        down_since = case when h.failures + excluded.failures >= ${down} then coalesce(h.down_since, ${now}) end,
        probe_at = case when h.failures + excluded.failures >= ${down} then ${now}::timestamptz + make_interval(secs =>
          least(${limits.endpoint_probe_s} * 2 ^ least(h.failures + 1 - ${down}, 10), ${limits.endpoint_probe_max_s})) end
    )
    select from changed`
  return rows.length > 0
}

/** A CTE that puts off what is behind the delivery of the CTE `changed`, in its lane. */
function behind(account_id: string, endpoint: string) {
  return part`
    behind as (
      update notifications.deliveries b set next_attempt_at = c.next_attempt_at
      from changed c where b.account_id = ${account_id} and b.endpoint = ${endpoint} and b.lane = c.lane and b.state = 'pending'
        and b.position > c.position and b.next_attempt_at < c.next_attempt_at
    ),`
}

/** What waited out a down endpoint's retry times, and what is behind that, is due now. Called when a probe was answered. */
export async function hastenDeliveries(sql: Sql, account_id: string, endpoint: string, now: Date): Promise<void> {
  await sql`
    update notifications.deliveries d set next_attempt_at = ${now}
    from (
      select account_id, id from notifications.deliveries b
      where account_id = ${account_id} and endpoint = ${endpoint} and state = 'pending' and leased_until is null
        and next_attempt_at > ${now} and (attempts > 0 or exists (
          select from notifications.deliveries p where p.account_id = b.account_id and p.endpoint = b.endpoint and p.lane = b.lane
            and p.state = 'pending' and p.position < b.position))
      for update skip locked) waiting
    where d.account_id = waiting.account_id and d.id = waiting.id`
}

/** Gives a delivery back untried, when the process stops or the payload could not be read just now. */
export async function releaseDelivery(sql: Sql, account_id: string, id: string, attempts: number, due: Date): Promise<void> {
  await sql`
    update notifications.deliveries set leased_until = null, next_attempt_at = ${due}
    where account_id = ${account_id} and id = ${id} and state = 'pending' and attempts = ${attempts}`
}

/** Removes deliveries that ended like this before a time, oldest first. Rows that another process removes are skipped. Returns how many. */
export async function deleteSettledDeliveries(
  sql: Sql,
  state: 'delivered' | 'dead',
  before: Date,
  batch: number,
): Promise<number> {
  const { count } = await sql`
    delete from notifications.deliveries where (account_id, id) in (
      select account_id, id from notifications.deliveries where state = ${state} and settled_at < ${before}
      order by settled_at limit ${batch} for update skip locked)`
  return count
}
