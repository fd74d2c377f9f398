import type postgres from 'postgres'
import { byKey, type Db, json, part, type Tx } from '../../lib/db.ts'
import { chainHash, jsonbText } from '../../lib/jsonb.ts'
import { isSmall, newestFirst } from '../../lib/list-window.ts'
import { rowForm } from '../../lib/memory.ts'
import { insertNotifications, type Notification } from '../../lib/outbox.ts'
import { together } from '../../lib/together.ts'
import type { SessionEvent, SessionRow } from './session.ts'

type Fragment = postgres.PendingQuery<never[]>

/** A session with its events; `events` is absent when they were not asked for. */
export type FoundSession = SessionRow & { events?: SessionEvent[] }

/** A session as it is remembered. */
export const sessionForm = rowForm<SessionRow>(['pay_lock_expires_at', 'expires_at', 'created_at', 'updated_at', 'cancelled_at'])

/** An event as it is stored: its number, its text, and the hash of the chain that it ends. */
export type ChainedSessionEvent = { sequence: number; body: string; hash: Uint8Array }

/**
 * The events, numbered and hashed after the last event of the session. A statement that appends them is guarded by the session's version
 * and hash: that is what keeps the chain whole.
 */
export function chainSessionEvents(
  { event_count, hash: last }: Pick<SessionRow, 'event_count' | 'hash'>,
  events: readonly SessionEvent[],
): ChainedSessionEvent[] {
  let hash = last
  return events.map((event, index) => {
    const body = jsonbText(event)
    hash = chainHash(hash, body)
    return { sequence: event_count + index + 1, body, hash }
  })
}

/** Characters of these events. */
export function sizeOf(events: readonly ChainedSessionEvent[]): number {
  return events.reduce((size, { body }) => size + body.length, 0)
}

/** An insert to stand as a CTE after `changed`: these events, at least one. */
export function insertSessionEvents(
  { account_id, id }: Pick<SessionRow, 'account_id' | 'id'>,
  events: readonly ChainedSessionEvent[],
): Fragment {
  const rows = events.map(
    ({ sequence, body, hash }, index) => part`
    ${index > 0 ? part`union all` : part``}
    select ${account_id}, ${id}, ${sequence}::int, ${body}::text::jsonb, ${hash}::bytea from changed`,
  )
  return part`insert into checkout.session_events (account_id, session_id, sequence, body, hash) ${rows}`
}

/** One session, with its events in order when asked. One statement. */
export async function findSession(
  db: Db,
  account_id: string,
  id: string,
  options: { events?: boolean } = {},
): Promise<FoundSession | undefined> {
  if (!options.events) {
    const [row] = await byKey(db)<SessionRow[]>`
      select account_id, id, version, event_count, hash, profile_id, payment_operation, data, operation_id, transaction_id, outcome,
             pay_lock_id, pay_lock_expires_at, customer_ip, user_agent, expires_at, created_at, created_by, updated_at,
             cancelled_at, cancelled_by
      from checkout.sessions
      where account_id = ${account_id} and id = ${id}`
    return row
  }
  const [row] = await byKey(db)<FoundSession[]>`
    select s.account_id, s.id, s.version, s.event_count, s.hash, s.profile_id, s.payment_operation, s.data, s.operation_id,
      s.transaction_id, s.outcome, s.pay_lock_id, s.pay_lock_expires_at, s.customer_ip, s.user_agent, s.expires_at, s.created_at,
      s.created_by, s.updated_at, s.cancelled_at, s.cancelled_by,
      (select coalesce(json_agg(e.body order by e.sequence), '[]') from checkout.session_events e
       where e.account_id = s.account_id and e.session_id = s.id) as events
    from checkout.sessions s
    where s.account_id = ${account_id} and s.id = ${id}`
  return row
}

/** The session's row, locked until the database transaction ends. Its events are read by {@link findSession}. */
export async function lockSession(tx: Tx, account_id: string, id: string): Promise<void> {
  await tx`select from checkout.sessions where account_id = ${account_id} and id = ${id} for update`
}

/** Which sessions to list (checkout-api §3.4). `null`: any. */
export type SessionFilter = {
  limit: number
  starting_after: string | null
  id: string[] | null
  search: string | null
  transaction_id: string[] | null
  store_id: string[] | null
  created_at_gte: Date | null
  created_at_lte: Date | null
}

/**
 * A page of sessions with their events, newest first, after the one named by `starting_after`; large ones without. Those of a store are
 * looked for among the newest, and only when these don't fill the page in the index of terms: neither a store with many nor one with none
 * reads them all.
 */
export async function listSessions(db: Db, account_id: string, filter: SessionFilter): Promise<FoundSession[]> {
  const { limit, id, transaction_id, search, store_id } = filter
  if (id || transaction_id || search !== null || store_id === null) {
    const narrowed = narrow(account_id, filter)
    return narrowed
      ? findSessions(db, account_id, filter, narrowed)
      : walkSessions(db, account_id, filter, part`checkout.sessions`)
  }
  const newest = (count: number) => {
    const window: Fragment = part`(
      select * from checkout.sessions s where ${page(account_id, filter)} order by s.created_at desc, s.id desc limit ${count})`
    return walkSessions(db, account_id, filter, window)
  }
  const terms = store_id.map((store) => `${account_id}|store_id:${store}`)
  return newestFirst(limit, newest, () => findSessions(db, account_id, filter, hasTerm(part`${terms}::text[]`)))
}

/** Along the index of time, from where the page starts. */
function walkSessions(db: Db, account_id: string, filter: SessionFilter, source: Fragment) {
  return db<FoundSession[]>`
    with page as (
      select * from ${source} s where ${page(account_id, filter)} and ${ofStores(filter)}
      order by s.account_id, s.created_at desc, s.id desc
      limit ${filter.limit})
    ${shown(filter)}`
}

/**
 * Through the index of what narrows it: reads all of these. `offset 0` and `materialized` keep the planner from walking the index of time
 * instead, where it hopes to meet enough of them early.
 */
function findSessions(db: Db, account_id: string, filter: SessionFilter, narrowed: Fragment) {
  return db<FoundSession[]>`
    with found as materialized (
      select s.id, s.created_at
      from (select * from checkout.sessions s where s.account_id = ${account_id} and ${narrowed} offset 0) s
      where ${page(account_id, filter)} and ${ofStores(filter)}),
    page as (
      select s.* from (select id from found order by created_at desc, id desc limit ${filter.limit}) wanted
      join checkout.sessions s on s.account_id = ${account_id} and s.id = wanted.id)
    ${shown(filter)}`
}

function shown({ limit }: SessionFilter) {
  return part`
    select p.account_id, p.id, p.version, p.event_count, p.hash, p.profile_id, p.payment_operation, p.operation_id,
      p.transaction_id, p.outcome, p.pay_lock_id, p.pay_lock_expires_at, p.customer_ip, p.user_agent, p.expires_at, p.created_at,
      p.created_by, p.updated_at, p.cancelled_at, p.cancelled_by,
      case when ${isSmall(part`p`, limit)} then p.data end as data,
      case when ${isSmall(part`p`, limit)} then (
        select coalesce(json_agg(e.body order by e.sequence), '[]') from checkout.session_events e
        where e.account_id = p.account_id and e.session_id = p.id) end as events
    from page p
    order by p.created_at desc, p.id desc`
}

function ofStores({ store_id }: SessionFilter): Fragment {
  return part`(${store_id}::text[] is null or s.store_id = any(${store_id}))`
}

/** Whose, from when until when, and after which. */
function page(account_id: string, { starting_after, created_at_gte, created_at_lte }: SessionFilter) {
  return part`
    s.account_id = ${account_id} and ${after(account_id, starting_after)}
    and s.created_at >= coalesce(${created_at_gte}::timestamptz, '-infinity')
    and s.created_at <= coalesce(${created_at_lte}::timestamptz, 'infinity')`
}

/** True of a session `s` that has one of these terms, by the index `sessions_by_term`. */
function hasTerm(terms: Fragment): Fragment {
  return part`checkout.session_terms(s.account_id, s.merchant_reference_2, s.store_id, s.data) && ${terms}`
}

/** The telling conditions, each written so that its index is used; a fixed handful of statements. */
function narrow(account_id: string, { id, transaction_id, search }: SessionFilter): Fragment | undefined {
  // As the indexes have them: PostgreSQL and we may differ on what a small letter is.
  const text = part`lower(left(${search}::text, 255))`
  const found = [
    id ? part`s.id = any(${id})` : undefined,
    // The transaction names its session, so that sessions need no index for this one.
    transaction_id
      ? part`s.id in (
      select t.session_id from checkout.transactions t where t.account_id = ${account_id} and t.id = any(${transaction_id}))`
      : undefined,
    search === null
      ? undefined
      : part`(lower(left(s.merchant_reference, 255)) = ${text} or ${hasTerm(part`array[${account_id}::text || '/' || ${text}]`)})`,
  ]
  return found.reduce((all, one) => (all && one ? part`${all} and ${one}` : (all ?? one)))
}

/** After the last session of the page before; from the newest when there is none. */
function after(account_id: string, starting_after: string | null): Fragment {
  if (starting_after === null) return part`true`
  return part`(s.created_at, s.id) < (
    select c.created_at, c.id from checkout.sessions c where c.account_id = ${account_id} and c.id = ${starting_after})`
}

/** A session that is not stored yet. */
export type NewSession = Pick<
  SessionRow,
  'account_id' | 'id' | 'profile_id' | 'payment_operation' | 'data' | 'expires_at' | 'created_at' | 'created_by'
>

/**
 * Inserts a session and its first events, in one statement.
 * @returns the hash of the last event, and how many characters the session has
 */
export async function insertSession(
  db: Db,
  session: NewSession,
  events: readonly SessionEvent[],
): Promise<{ hash: Uint8Array; size: number }> {
  const { account_id, id, profile_id, payment_operation, data, expires_at, created_at, created_by } = session
  const { merchant_reference, merchant_reference_2 = null, amount, currency } = data.order
  const chained = chainSessionEvents({ event_count: 0, hash: new Uint8Array() }, events)
  const { hash } = chained.at(-1)!
  const text = JSON.stringify(data)
  await together(db)`
    with changed as (
      insert into checkout.sessions (
        account_id, id, event_count, hash, profile_id, payment_operation, merchant_reference, merchant_reference_2, store_id, amount,
        currency, data, expires_at, created_at, created_by, updated_at, events_size)
      values (
        ${account_id}, ${id}, ${events.length}, ${hash}, ${profile_id}, ${payment_operation}, ${merchant_reference},
        ${merchant_reference_2}, ${storeOf(data)}, ${amount}, ${currency}, ${text}::text::jsonb, ${expires_at}, ${created_at},
        ${created_by}, ${created_at}, ${text.length + sizeOf(chained)})
      returning id)
    ${insertSessionEvents(session, chained)}`
  return { hash, size: text.length }
}

/** A new content, and the columns made of it. */
function columnsOf(data: SessionRow['data']): Fragment {
  const { merchant_reference, merchant_reference_2 = null, amount, currency } = data.order
  return part`
    data = ${json(data)}, amount = ${amount}, currency = ${currency}, merchant_reference = ${merchant_reference},
    merchant_reference_2 = ${merchant_reference_2}, store_id = ${storeOf(data)},`
}

function storeOf({ order: { store } }: SessionRow['data']): string | null {
  return store?.id === undefined ? null : String(store.id)
}

/** What a change may set; members left out stay as they are. `data` is sent only when it changes. */
export type SessionChange = Partial<
  Pick<
    SessionRow,
    | 'data'
    | 'outcome'
    | 'operation_id'
    | 'pay_lock_id'
    | 'pay_lock_expires_at'
    | 'customer_ip'
    | 'user_agent'
    | 'updated_at'
    | 'cancelled_at'
    | 'cancelled_by'
  >
>

/**
 * Changes the session that was read and appends events, in one statement, unless it has changed since.
 * @returns the session as it is now; nothing when another write was first
 */
export async function updateSession(
  db: Db,
  read: FoundSession,
  change: SessionChange,
  events: readonly SessionEvent[],
  notifications: readonly Notification[] = [],
): Promise<FoundSession | undefined> {
  const { account_id, id, version } = read
  const next = { ...read, ...change }
  const chained = chainSessionEvents(read, events)
  const hash = chained.at(-1)?.hash ?? read.hash
  const event_count = read.event_count + events.length
  const rows = await together(db)`
    with changed as (
      update checkout.sessions s set
        version = ${version + 1}, event_count = ${event_count}, hash = ${hash},
        events_size = s.events_size + ${sizeOf(chained)},
        ${change.data ? columnsOf(change.data) : part``}
        outcome = ${next.outcome}, operation_id = ${next.operation_id}, pay_lock_id = ${next.pay_lock_id},
        pay_lock_expires_at = ${next.pay_lock_expires_at},
        customer_ip = ${next.customer_ip}, user_agent = ${next.user_agent}, updated_at = ${next.updated_at},
        cancelled_at = ${next.cancelled_at}, cancelled_by = ${next.cancelled_by}
      where s.account_id = ${account_id} and s.id = ${id} and s.version = ${version} and s.hash = ${read.hash}
      returning s.id)
    ${notifications.length > 0 ? part`, told as (${insertNotifications(account_id, notifications)})` : part``}
    ${chained.length > 0 ? part`, session_events as (${insertSessionEvents(read, chained)})` : part``}
    select from changed`
  if (rows.length === 0) return undefined
  const appended = read.events ? { events: [...read.events, ...events] } : {}
  return { ...next, ...appended, version: version + 1, event_count, hash }
}
