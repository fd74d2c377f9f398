import { type Db, json } from '../../lib/db.ts'
import { insertNotifications, type Notification } from '../../lib/outbox.ts'
import type { RequestRecord } from '../orders/order.ts'
import type { After } from '../shared/page.ts'
import { type Draft, type DraftEvent, foldDraft } from './draft.ts'

/** A draft, and its events as clients may see them: with the request that made them. */
export type FoundDraft = { draft: Draft; events: (DraftEvent & { request?: RequestRecord })[] }

/** One draft with its events. `version`: as it was then. An id that is no UUID finds nothing. */
export async function findDraft(
  db: Db,
  { account_id, id, now, version }: { account_id: string; id: string; now?: string; version?: number },
): Promise<FoundDraft | undefined> {
  if (!isUuid(id)) return undefined
  const [row] = await db<{ id: string; events: FoundDraft['events'] }[]>`
    select d.id, (
      select jsonb_agg(e.body || jsonb_build_object('request', e.request) order by e.version)
      from orders.draft_events e
      where e.account_id = d.account_id and e.draft_id = d.id and e.version <= ${version ?? 2_147_483_647}) as events
    from orders.drafts d
    where d.account_id = ${account_id} and d.id = ${id}
      and (d.expires_at is null or d.expires_at > coalesce(${now ?? null}::timestamptz, '-infinity'))`
  const draft = row && foldDraft(row.id, row.events ?? [])
  return draft && { draft, events: row.events }
}

export type ListDrafts = {
  account_id: string
  status: string[] | undefined
  currency: string | undefined
  created_at_gte: string | undefined
  created_at_lte: string | undefined
  after: After | undefined
  limit: number
  now: string
}

/** A page of drafts with their events, newest first, along one index. */
export async function listDraftRows(db: Db, filter: ListDrafts): Promise<FoundDraft[]> {
  const { account_id, status, currency, after, limit, now } = filter
  const start = after ?? { created_at: null, id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' }
  const rows = await db<{ id: string; events: FoundDraft['events'] }[]>`
    select d.id, (
      select jsonb_agg(e.body || jsonb_build_object('request', e.request) order by e.version)
      from orders.draft_events e
      where e.account_id = d.account_id and e.draft_id = d.id) as events
    from orders.drafts d
    where d.account_id = ${account_id}
      and d.created_at >= coalesce(${filter.created_at_gte ?? null}::timestamptz, '-infinity')
      and d.created_at <= coalesce(${filter.created_at_lte ?? null}::timestamptz, 'infinity')
      and (d.created_at, d.id) < (coalesce(${start.created_at}::timestamptz, 'infinity'), ${start.id}::uuid)
      and (d.expires_at is null or d.expires_at > ${now})
      and (${status ?? null}::text[] is null or d.status = any (${status ?? null}::text[]))
      and (${currency ?? null}::text is null or d.currency = ${currency ?? null})
    order by d.created_at desc, d.id desc
    limit ${limit}`
  return rows.map(({ id, events }) => ({ draft: foldDraft(id, events)!, events }))
}

/** Ids in paths are any text; only UUIDs can be compared with uuid columns. */
function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(id)
}

/** Waits for the draft's row, so that the next write on it is ours. */
export async function lockDraft(db: Db, account_id: string, id: string): Promise<void> {
  await db`select from orders.drafts where account_id = ${account_id} and id = ${id} for update`
}

export type DraftWrite = {
  account_id: string
  /** The draft after the event. */
  draft: Draft
  event: DraftEvent
  request: RequestRecord | undefined
  expires_at?: string | undefined
  notification: Notification
}

/** The first version of a draft, and the name it reserves. A name that is taken violates `order_name_unique`. */
export async function insertDraft(db: Db, { account_id, draft, event, request, notification }: DraftWrite): Promise<void> {
  const names = draft.reserved ? [draft.reserved.order_id, draft.reserved.id] : []
  await db`
    with changed as (
      insert into orders.drafts (account_id, id, version, hash, status, currency, created_at, updated_at)
      select ${account_id}, ${draft.id}, ${draft.version}, sha256(convert_to(i.body::text, 'UTF8')), ${draft.status}, ${draft.currency},
             ${draft.created_at}, ${draft.updated_at}
      from (select ${json(db, event)}::jsonb as body) i
      returning hash),
    event as (
      insert into orders.draft_events (account_id, draft_id, version, body, request, hash)
      select ${account_id}, ${draft.id}, ${event.version}, ${json(db, event)}::jsonb, ${request ? json(db, request) : null},
             hash
      from changed),
    names as (
      insert into orders.names (account_id, name, order_uuid)
      select ${account_id}, n, ${draft.reserved?.id ?? null}::uuid from unnest(${names}::text[]) n),
    outbox as (${insertNotifications(db, account_id, [notification])})
    select from changed`
}

/**
 * The `update` of a draft's row that guards a write on it, to stand in the CTE `changed`: nothing happens when the draft has moved
 * on from the version before `event`. Returns the row's new hash.
 */
export function updateDraft(db: Db, { account_id, draft, event, expires_at }: DraftWrite) {
  return db`
    update orders.drafts d
    set version = ${draft.version}, status = ${draft.status}, currency = ${draft.currency}, updated_at = ${draft.updated_at},
        expires_at = coalesce(${expires_at ?? null}::timestamptz, d.expires_at), hash = sha256(d.hash || convert_to(i.body::text, 'UTF8'))
    from (select ${json(db, event)}::jsonb as body) i
    where d.account_id = ${account_id} and d.id = ${draft.id} and d.version = ${draft.version - 1}
    returning d.hash`
}

/** The event that goes with `updateDraft`, to stand in a CTE after it. */
export function insertDraftEvent(db: Db, { account_id, draft, event, request }: DraftWrite) {
  return db`
    insert into orders.draft_events (account_id, draft_id, version, body, request, hash)
    select ${account_id}, ${draft.id}, ${event.version}, ${json(db, event)}::jsonb, ${request ? json(db, request) : null}, hash
    from changed`
}

/** Writes the next version of a draft. False when another write was first. */
export async function appendDraftEvent(db: Db, write: DraftWrite): Promise<boolean> {
  const rows = await db`
    with changed as (${updateDraft(db, write)}),
    event as (${insertDraftEvent(db, write)}),
    outbox as (${insertNotifications(db, write.account_id, [write.notification])})
    select from changed`
  return rows.length === 1
}

/** The next `count` serial numbers of the account: the last of them. Numbers of calls that fail later stay unused. */
export async function claimSerials(db: Db, account_id: string, count: number): Promise<number> {
  const [row] = await db<{ last: number }[]>`
    insert into orders.serials as s (account_id, last) values (${account_id}, ${count})
    on conflict (account_id) do update set last = s.last + excluded.last
    returning last`
  return row!.last
}
