import { type Db, json, part, plannedForValues } from '../../lib/db.ts'
import { limits } from '../../lib/limits.ts'
import { newestFirst } from '../../lib/list-window.ts'
import type { DeliveriesQuery, DeliveryRow, ReplayRangeIn, replayDelivery } from './log.ts'

/** One delivery; `subscription_id` given: only if it is that one's. */
export async function findDelivery(
  db: Db,
  account_id: string,
  id: string,
  subscription_id: string | undefined,
): Promise<DeliveryRow | undefined> {
  const [row] = await db<DeliveryRow[]>`
    select * from notifications.deliveries where account_id = ${account_id} and id = ${id}
      and (${subscription_id ?? null}::text is null or subscription_id = ${subscription_id ?? null})`
  return row
}

/**
 * Deliveries of the account, or of one subscription, newest first; none after a delivery that there is not. Those of a status or an event
 * are looked for among the newest, and only when these don't fill the page in the index of dead ones, or of ranges; those of an aggregate
 * are few, and have an index.
 */
export async function listDeliveries(
  db: Db,
  account_id: string,
  subscription_id: string | undefined,
  query: DeliveriesQuery,
): Promise<DeliveryRow[]> {
  const { status, event, aggregate_id, starting_after, limit = limits.page_size_default } = query
  const page = part`
    account_id = ${account_id} ${subscription_id === undefined ? part`` : part`and subscription_id = ${subscription_id}`}
    ${aggregate_id === undefined ? part`` : part`and aggregate_id = ${aggregate_id}`}
    ${
      starting_after === undefined
        ? part``
        : part`and (created_at, id) < (
      select created_at, id from notifications.deliveries where account_id = ${account_id} and id = ${starting_after})`
    }`
  const ordered = part`order by created_at desc, id desc`
  const rows = (source = part`notifications.deliveries`) => db<DeliveryRow[]>`
    select id, endpoint, lane, position, subscription_id, event, aggregate_type, aggregate_id, sequence, method, url, state,
      attempts, next_attempt_at, replay_of, jsonb_build_object('url', request -> 'url') as request, null as response,
      '[]'::jsonb as history, created_at
    from ${source} d
    where ${page}
      ${status === undefined ? part`` : part`and state = ${status}`} ${event === undefined ? part`` : part`and event = ${event}`}
    ${ordered} limit ${limit}`
  if (aggregate_id !== undefined || (status === undefined && event === undefined)) return rows()
  const newest = (count: number) => rows(part`(select * from notifications.deliveries where ${page} ${ordered} limit ${count})`)
  return newestFirst<DeliveryRow>(limit, newest, () => plannedForValues(rows()))
}

/** What a replay of a time range would send, oldest first, and one more than is allowed. Replays themselves are not replayed. */
export function listReplayable(
  db: Db,
  account_id: string,
  subscription_id: string | undefined,
  range: ReplayRangeIn,
): Promise<DeliveryRow[]> {
  const { from, to, status, event } = range
  return db<DeliveryRow[]>`
    select id, endpoint, lane, position, subscription_id, url from notifications.deliveries
    where account_id = ${account_id} ${subscription_id === undefined ? part`` : part`and subscription_id = ${subscription_id}`}
      and created_at >= ${from} and created_at < ${to} and replay_of is null and event <> 'ping'
      and (${status ?? null}::text is null or state = ${status ?? null}) and (${event ?? null}::text is null or event = ${event ?? null})
    order by created_at, position limit ${limits.replay_max + 1}`
}

/** Inserts copies of deliveries, due now. */
export async function insertReplays(
  db: Db,
  account_id: string,
  replays: readonly (ReturnType<typeof replayDelivery> & { id: string })[],
  now: Date,
): Promise<void> {
  await db`
    with changed as (
      insert into notifications.deliveries (account_id, id, endpoint, lane, position, subscription_id, event, aggregate_type,
        aggregate_id, sequence, details, method, url, next_attempt_at, created_at, replay_of)
      select d.account_id, r.id, r.endpoint, r.lane, d.position, d.subscription_id, d.event, d.aggregate_type, d.aggregate_id,
        d.sequence, d.details, d.method, r.url, ${now}, ${now}, d.id
      from jsonb_to_recordset(${json(replays)}) as r (id uuid, endpoint text, lane text, url text, replay_of uuid)
      join notifications.deliveries d on d.account_id = ${account_id} and d.id = r.replay_of
      returning account_id
    )
    select from changed limit 1`
}
