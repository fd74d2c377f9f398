import { byKey, type Db, part, plannedForValues } from '../../lib/db.ts'
import { isUuid } from '../../lib/ids.ts'
import { chainHash, jsonbText } from '../../lib/jsonb.ts'
import { inRoom, isSmall, newestFirst } from '../../lib/list-window.ts'
import { type Form, rowForm } from '../../lib/memory.ts'
import { insertNotifications, type Notification } from '../../lib/outbox.ts'
import { together } from '../../lib/together.ts'
import type { RequestRecord } from '../orders/order.ts'
import { type After, startOf } from '../shared/page.ts'
import { type Draft, type DraftEvent, foldDraft } from './draft.ts'

/**
 * A draft, its events as clients may see them: with the request that made them, and the hash of the last of them. `size`: characters of
 * the events.
 */
export type FoundDraft = { draft: Draft; events: (DraftEvent & { request?: RequestRecord })[]; hash: Uint8Array; size: number }
type Row = { id: string; hash: Uint8Array; events: string | null }
/** Of a list: a large one comes without its events. */
type ListedRow = Row & { events_size: number }

function foundDraft({ id, hash, events: text }: Row): FoundDraft | undefined {
  const events = JSON.parse(text ?? '[]') as FoundDraft['events']
  const draft = foldDraft(id, events)
  return draft && { draft, events, hash, size: text?.length ?? 0 }
}

const keptForm = rowForm<Omit<FoundDraft, 'draft'> & { id: string }>([])
/** A draft as it is remembered: its events, which it is folded from. */
export const draftForm: Form<FoundDraft> = {
  pack: ({ draft: { id }, ...kept }) => keptForm.pack({ id, ...kept }),
  unpack(packed) {
    const { id, ...kept } = keptForm.unpack(packed)
    return { draft: foldDraft(id, kept.events)!, ...kept }
  },
}

/** One draft with its events. `version`: as it was then. An id that is no UUID finds nothing. */
export async function findDraft(
  db: Db,
  { account_id, id, now, version }: { account_id: string; id: string; now?: string; version?: number },
): Promise<FoundDraft | undefined> {
  if (!isUuid(id)) return undefined
  const [row] = await byKey(db)<Row[]>`
    select d.id, d.hash, (
      select '[' || string_agg((e.body || jsonb_build_object('request', e.request))::text, ',' order by e.version) || ']'
      from orders.draft_events e
      where e.account_id = d.account_id and e.draft_id = d.id and e.version <= ${version ?? 2_147_483_647}) as events
    from orders.drafts d
    where d.account_id = ${account_id} and d.id = ${id}
      and (d.expires_at is null or d.expires_at > coalesce(${now ?? null}::timestamptz, '-infinity'))`
  return row && foundDraft(row)
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

/**
 * A page of drafts with their events, newest first, along one index; `undefined` where the page has no more room. Those of a status or a
 * currency are looked for among the newest, and only when these don't fill the page in the index of ranges, where PostgreSQL expects few.
 */
export async function listDraftRows(db: Db, list: ListDrafts): Promise<(FoundDraft | undefined)[]> {
  const { account_id, status, currency, after, limit, now } = list
  const page = part`
    d.account_id = ${account_id} and d.created_at >= coalesce(${list.created_at_gte ?? null}::timestamptz, '-infinity')
    and (d.created_at, d.id) < ${startOf(after, list.created_at_lte)}`
  const ordered = part`order by d.created_at desc, d.id desc`
  const drafts = (source = part`orders.drafts`) => db<ListedRow[]>`
    select d.id, d.hash, d.events_size, case when ${isSmall(part`d`, limit)} then (
      select '[' || string_agg((e.body || jsonb_build_object('request', e.request))::text, ',' order by e.version) || ']'
      from orders.draft_events e
      where e.account_id = d.account_id and e.draft_id = d.id) end as events
    from ${source} d
    where ${page} and (d.expires_at is null or d.expires_at > ${now})
      ${status === undefined ? part`` : part`and d.status = any (${status}::text[])`}
      ${currency === undefined ? part`` : part`and d.currency = ${currency}`}
    ${ordered}
    limit ${limit}`
  const found = (rows: readonly ListedRow[]) =>
    inRoom(
      rows,
      (row) => foundDraft(row)!,
      ({ id }) => findDraft(db, { account_id, id, now }),
    )
  if (status === undefined && currency === undefined) return found(await drafts())
  const planned = () => plannedForValues(drafts())
  const newest = (count: number) => drafts(part`(select * from orders.drafts d where ${page} ${ordered} limit ${count})`)
  return found(await (list.created_at_gte ? planned() : newestFirst<ListedRow>(limit, newest, planned)))
}

/** Waits for the draft's row, so that the next write on it is ours. */
export async function lockDraft(db: Db, account_id: string, id: string): Promise<void> {
  await db`select from orders.drafts where account_id = ${account_id} and id = ${id} for update`
}

export type DraftWrite = {
  account_id: string
  /** As it was read, or written last; absent for the first version. */
  before?: FoundDraft | undefined
  /** The draft after the event. */
  draft: Draft
  event: DraftEvent
  request: RequestRecord | undefined
  expires_at?: string | undefined
  notification: Notification
  /** The event as it is stored, its request too, the hash of the chain that it ends, and the characters of all of them. */
  body: string
  asked: string | null
  hash: Uint8Array
  size: number
}

/** All that a write of a draft needs, with what follows from the event. */
export function draftWrite(write: Omit<DraftWrite, 'body' | 'asked' | 'hash' | 'size'>): DraftWrite {
  const body = jsonbText(write.event)
  const asked = write.request ? JSON.stringify(write.request) : null
  const size = (write.before?.size ?? 0) + body.length + (asked?.length ?? 0)
  return { ...write, body, asked, hash: chainHash(write.before?.hash ?? new Uint8Array(), body), size }
}

function written({ before, draft, event, request, hash, size }: DraftWrite): FoundDraft {
  const events = [...(before?.events ?? []), request ? { ...event, request } : event]
  return { draft, events, hash, size }
}

/** The first version of a draft, and the name it reserves. A name that is taken violates `order_name_unique`. */
export async function insertDraft(db: Db, write: DraftWrite): Promise<FoundDraft> {
  const { account_id, draft, notification, hash, size } = write
  const { reserved } = draft
  await together(db)`
    with changed as (
      insert into orders.drafts (account_id, id, version, hash, status, currency, created_at, updated_at, events_size)
      values (${account_id}, ${draft.id}, ${draft.version}, ${hash}, ${draft.status}, ${draft.currency}, ${draft.created_at},
        ${draft.updated_at}, ${size})
      returning id),
    event as (${insertDraftEvent(write)}),
    ${
      reserved
        ? part`names as (
      insert into orders.names (account_id, name, order_uuid)
      select ${account_id}, n, ${reserved.id}::uuid from unnest(${[reserved.order_id, reserved.id]}::text[]) n),`
        : part``
    }
    outbox as (${insertNotifications(account_id, [notification])})
    select from changed`
  return written(write)
}

/**
 * The `update` of a draft's row that guards a write on it, to stand in the CTE `changed`: nothing happens when the draft has moved
 * on from what it was before `event`.
 */
export function updateDraft({ account_id, before, draft, expires_at, hash, size }: DraftWrite) {
  return part`
    update orders.drafts d
    set version = ${draft.version}, status = ${draft.status}, currency = ${draft.currency}, updated_at = ${draft.updated_at},
        hash = ${hash}, events_size = ${size} ${expires_at === undefined ? part`` : part`, expires_at = ${expires_at}`}
    where d.account_id = ${account_id} and d.id = ${draft.id} and d.version = ${draft.version - 1}
      and d.hash = ${before?.hash ?? new Uint8Array()}
    returning d.id`
}

/** The event that goes with `updateDraft`, to stand in a CTE after it. */
export function insertDraftEvent({ account_id, draft, event, body, asked, hash }: DraftWrite) {
  return part`
    insert into orders.draft_events (account_id, draft_id, version, body, request, hash)
    select ${account_id}, ${draft.id}, ${event.version}, ${body}::text::jsonb, ${asked}::text::jsonb, ${hash}
    from changed`
}

/** Writes the next version of a draft. Nothing when another write was first. */
export async function appendDraftEvent(db: Db, write: DraftWrite): Promise<FoundDraft | undefined> {
  const rows = await together(db)`
    with changed as (${updateDraft(write)}),
    event as (${insertDraftEvent(write)}),
    outbox as (${insertNotifications(write.account_id, [write.notification])})
    select from changed`
  return rows.length === 1 ? written(write) : undefined
}

/** The next `count` serial numbers of the account: the last of them. Numbers of calls that fail later stay unused. */
export async function claimSerials(db: Db, account_id: string, count: number): Promise<number> {
  const [row] = await db<{ last: number }[]>`
    insert into orders.serials as s (account_id, last) values (${account_id}, ${count})
    on conflict (account_id) do update set last = s.last + excluded.last
    returning last`
  return row!.last
}
