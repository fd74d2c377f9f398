import { type Db, json, part, plannedForValues, type Sql } from '../../lib/db.ts'
import { newestFirst } from '../../lib/list-window.ts'

/** One thing that happened, in the order in which the account's subscribers are told. */
export type EventRow = {
  position: number
  event: string
  aggregate_type: string
  aggregate_id: string
  sequence: number
  details: Record<string, unknown>
  created_at: Date
}

/**
 * What happened after a position, oldest first. Positions only grow, so a reader who keeps the last one misses nothing. Events of one kind
 * are looked for among the next, and only when these don't fill the page in the index of rare ones, or of ranges.
 */
export async function listEvents(
  db: Db,
  account_id: string,
  { after, limit, event, callbacks }: { after: number; limit: number; event?: string | undefined; callbacks: boolean },
): Promise<EventRow[]> {
  const page = part`account_id = ${account_id} and position > ${after}`
  const rows = (source = part`notifications.outbox`) => db<EventRow[]>`
    select position, event, aggregate_type, aggregate_id, sequence, details, created_at from ${source} o
    where ${page} and (${callbacks} or event <> 'session_callback') ${event === undefined ? part`` : part`and event = ${event}`}
    order by position limit ${limit}`
  if (event === undefined) return rows()
  const next = (count: number) => rows(part`(select * from notifications.outbox where ${page} order by position limit ${count})`)
  return newestFirst<EventRow>(limit, next, () => plannedForValues(rows()))
}

/** The position of the newest event. */
export async function findLastPosition(db: Db, account_id: string): Promise<number> {
  const [row] = await db<{ position: number }[]>`select position from notifications.feeds where account_id = ${account_id}`
  return row?.position ?? 0
}

/** What an event was about when it happened last. */
export async function findLatest(
  db: Db,
  account_id: string,
  event: string,
): Promise<Pick<EventRow, 'aggregate_type' | 'aggregate_id' | 'sequence' | 'details'> | undefined> {
  const [row] = await db<EventRow[]>`
    select aggregate_type, aggregate_id, sequence, details from notifications.outbox
    where account_id = ${account_id} and event = ${event} order by position desc nulls last limit 1`
  return row
}

/** Deliveries that nothing has happened for, due now. */
export async function insertTriggered(
  db: Db,
  account_id: string,
  deliveries: readonly Record<string, unknown>[],
  now: Date,
): Promise<void> {
  await db`
    with changed as (
      insert into notifications.deliveries (account_id, id, endpoint, lane, position, subscription_id, event, aggregate_type,
        aggregate_id, sequence, details, method, url, next_attempt_at, created_at)
      select ${account_id}, d.id, 'subscription:' || d.subscription_id, 'trigger:' || d.id, 0, d.subscription_id, d.event,
        d.aggregate_type, d.aggregate_id, d.sequence, d.details, 'POST', d.url, ${now}, ${now}
      from jsonb_to_recordset(${json(deliveries)}) as d (id uuid, subscription_id text, event text, aggregate_type text,
        aggregate_id text, sequence int, details jsonb, url text)
      returning account_id
    )
    select from changed limit 1`
}

/** Removes events older than a time from the start of each account's feed; what nobody has been told stays. Returns how many. */
export async function deleteOldEvents(sql: Sql, before: Date, batch: number): Promise<number> {
  const { count } = await sql`
    delete from notifications.outbox o using (
      select old.account_id, old.position from notifications.feeds f cross join lateral (
        select t.account_id, t.position from notifications.outbox t
        where t.account_id = f.account_id and t.position is not null and t.created_at < ${before}
          and (select first.created_at from notifications.outbox first where first.account_id = f.account_id
            and first.position is not null order by first.position limit 1) < ${before}
        order by t.position limit ${batch} for update of t skip locked) old
      limit ${batch}) gone
    where o.account_id = gone.account_id and o.position = gone.position`
  return count
}
