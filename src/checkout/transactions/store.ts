import type postgres from 'postgres'
import { byKey, type Db, json, part } from '../../lib/db.ts'
import { chainHash, jsonbText, timestampText } from '../../lib/jsonb.ts'
import { rowForm } from '../../lib/memory.ts'
import { insertNotifications, type Notification } from '../../lib/outbox.ts'
import { together } from '../../lib/together.ts'
import type { OperationRow } from '../operations-log/operation.ts'
import type { EventRow, Item, TransactionRow } from './transaction.ts'

/** A transaction with its events, in time order: one statement reads both. */
export type Transaction = TransactionRow & { events: EventRow[] }

/** A transaction as it is remembered. */
export const transactionForm = rowForm<Transaction>([
  'auto_capture_at',
  'auto_capture_until',
  'authorized_at',
  'captured_at',
  'refunded_at',
  'created_at',
  'updated_at',
])

/** Its events are built as JSON, member by member: as `jsonb`, less what is not shown, the read takes more than twice as long. */
export async function findTransaction(db: Db, account_id: string, id: string): Promise<Transaction | undefined> {
  const [row] = await byKey(db)<Transaction[]>`
    select t.*, (
      select coalesce(json_agg(x order by x.sequence), '[]') from (
        select e.sequence, e.event, e.transaction_status, e.success, e.amount, e.request_id, e.correlation_request_id, e.operation_id,
          e.data, e.created_at, e.created_by
        from checkout.transaction_events e
        where e.account_id = t.account_id and e.transaction_id = t.id) x
    ) as events
    from checkout.transactions t
    where t.account_id = ${account_id} and t.id = ${id}`
  return row
}

/** The same, held until the database transaction ends. The lock comes first, so that the events are read after it. */
export async function lockTransaction(db: Db, account_id: string, id: string): Promise<Transaction | undefined> {
  await db`select from checkout.transactions where account_id = ${account_id} and id = ${id} for update`
  return findTransaction(db, account_id, id)
}

export type DueCapture = Pick<TransactionRow, 'account_id' | 'id' | 'gateway' | 'payment_product_type' | 'auto_capture_until'> & {
  items: Item[] | null
}

/** Takes transactions whose automatic capture is due, across accounts, and leases them; another process skips what is taken. */
export async function claimAutoCaptures(
  db: Db,
  { now, lease_until, count, ...busy }: { now: Date; lease_until: Date; count: number; accounts: string[]; gateways: string[] },
): Promise<DueCapture[]> {
  return db<DueCapture[]>`
    update checkout.transactions t
    set auto_capture_at = ${lease_until}, version = t.version + 1
    from (
      select account_id, id from checkout.transactions
      where auto_capture_at <= ${now} and account_id <> all(${busy.accounts}) and gateway <> all(${busy.gateways})
      order by auto_capture_at
      limit ${count}
      for update skip locked
    ) due
    where t.account_id = due.account_id and t.id = due.id
    returning t.account_id, t.id, t.gateway, t.payment_product_type, t.auto_capture_until, t.data -> 'items' as items`
}

/** Sets the merchant's second reference. No event. */
export async function updateReference(
  db: Db,
  { account_id, id, merchant_reference_2, search_term, now }: Reference2,
): Promise<boolean> {
  const [row] = await db`
    update checkout.transactions
    set merchant_reference_2 = ${merchant_reference_2}, updated_at = ${now}, version = version + 1,
      search_terms = array_append(array_remove(
        array_remove(search_terms, ${search_term}),
        -- Unless the first reference says the same.
        case when lower(merchant_reference_2) <> lower(merchant_reference)
          then ${account_id} || '/' || lower(left(merchant_reference_2, 255)) end), ${search_term})
    where account_id = ${account_id} and id = ${id}
    returning id`
  return row !== undefined
}

export type Reference2 = { account_id: string; id: string; merchant_reference_2: string; search_term: string; now: Date }

/** Everything that one change of an existing transaction writes. `row` is what was read, `next` what it becomes. */
export type Write = {
  row: TransactionRow
  next: TransactionRow
  events: readonly EventRow[]
  operation?: OperationRow | Ended
  /** Another one, that this one has ended. */
  ended?: Ended | undefined
  /** The operation is an intent: its id must not exist yet. */
  intent?: boolean
  notifications: readonly Notification[]
}

/** What settling writes of an operation. */
export type Ended = Pick<OperationRow, 'account_id' | 'id' | 'state' | 'next_attempt_at' | 'outcome' | 'updated_at'>

export type Written = Pick<TransactionRow, 'version' | 'hash' | 'events_size'>

/**
 * Writes a change in one statement: totals, events, hash chain, operation, notifications. Nothing at all when the transaction
 * is no longer what it was taken for. What there is none of is left out: a part that writes no row costs as much as one that
 * writes one. Errors: `operation_settles_once` when the operation has been settled already.
 * @returns the new version, hash and size, when it was written
 */
export async function writeTransaction(
  db: Db,
  { row, next, events, operation, ended, intent, notifications }: Write,
): Promise<Written | undefined> {
  const chained = chainEvents(row.hash, events)
  const hash = chained.at(-1)?.hash ?? row.hash
  const { account_id, id, version } = row
  const asked = intent ? JSON.stringify((operation as OperationRow).request).length : 0
  const events_size = row.events_size + sizeOf(chained) + asked
  const rows = await together(db)`
    with changed as (
      update checkout.transactions t set
        version = ${version + 1}, events_size = ${events_size}, updated_at = ${next.updated_at},
        pending_capture = ${next.pending_capture}, pending_refund = ${next.pending_refund}, pending_void = ${next.pending_void},
        auto_capture_at = ${next.auto_capture_at}
        ${intent ? part`` : settledColumns(row, next, hash)} ${next.data === row.data ? part`` : part`, data = ${json(next.data)}`}
      where t.account_id = ${account_id} and t.id = ${id} and t.version = ${version} and t.hash = ${row.hash}
      returning t.id
    )
    ${chained.length > 0 ? part`, appended as (${insertEvents(row, chained)})` : part``}
    ${ended ? part`, ended as (${settleOperation(ended)})` : part``}
    ${notifications.length > 0 ? part`, told as (${insertNotifications(account_id, notifications)})` : part``}
    ${operation ? part`, recorded as (${intent ? insertOperation(operation as OperationRow) : settleOperation(operation)})` : part``}
    select from changed`
  return rows.length === 1 ? { version: version + 1, hash, events_size } : undefined
}

/** What an outcome changes, and an intent does not. */
function settledColumns(row: TransactionRow, next: TransactionRow, hash: Uint8Array) {
  return part`
    , event_count = ${next.event_count}, hash = ${hash}, status = ${next.status}, settlement_status = ${next.settlement_status},
    amount = ${next.amount}, authorized = ${next.authorized}, captured = ${next.captured}, refunded = ${next.refunded},
    voided = ${next.voided}, final_authorization = ${next.final_authorization}, authorized_at = ${next.authorized_at},
    captured_at = ${next.captured_at}, refunded_at = ${next.refunded_at}
    ${next.search_terms === row.search_terms ? part`` : part`, search_terms = ${next.search_terms}::text[]`}`
}

export type ChainedEvent = { event: EventRow; data: string; hash: Uint8Array }

/** Characters of these events. */
export function sizeOf(events: readonly ChainedEvent[]): number {
  return events.reduce((size, { data }) => size + data.length, 0)
}

/** The events with the hash after each, starting from the one that the transaction had. `kvitt verify` computes them anew, in SQL. */
export function chainEvents(previous: Uint8Array, events: readonly EventRow[]): ChainedEvent[] {
  let hash = previous
  return events.map((event) => {
    const { sequence, transaction_status, success, amount, request_id, correlation_request_id, operation_id, created_by } = event
    const data = jsonbText(event.data)
    const before = jsonbText([sequence, event.event, transaction_status, success, amount ?? null, request_id])
    const after = jsonbText([timestampText(event.created_at), created_by ?? null])
    const links = jsonbText([correlation_request_id ?? null, operation_id ?? null])
    hash = chainHash(hash, `${before.slice(0, -1)}, ${links.slice(1, -1)}, ${data}, ${after.slice(1)}`)
    return { event, data, hash }
  })
}

/** An insert to stand as a CTE after `changed`: these events. */
export function insertEvents(
  { account_id, id }: Pick<TransactionRow, 'account_id' | 'id'>,
  events: readonly ChainedEvent[],
): postgres.PendingQuery<never[]> {
  const rows = events.map(
    ({ event: e, data, hash }, index) => part`
    ${index > 0 ? part`union all` : part``}
    select ${account_id}, ${id}, ${e.sequence}::int, ${e.event}, ${e.transaction_status}, ${e.success}::boolean,
      ${e.amount ?? null}::bigint, ${e.request_id}::uuid, ${e.correlation_request_id ?? null}::uuid,
      ${e.operation_id ?? null}::uuid, ${data}::text::jsonb,
      ${e.created_at}::timestamptz, ${e.created_by ?? null}, ${hash}::bytea
    from changed`,
  )
  return part`
    insert into checkout.transaction_events (account_id, transaction_id, sequence, event, transaction_status, success, amount,
      request_id, correlation_request_id, operation_id, data, created_at, created_by, hash) ${rows}`
}

/** CTE that inserts an intent. */
export function insertOperation(o: OperationRow) {
  return part`
    insert into checkout.operations (account_id, id, kind, session_id, transaction_id, gateway, payment_product_type, amount, currency,
      state, attempts, next_attempt_at, request, outcome, created_at, created_by, updated_at)
    select ${o.account_id}, ${o.id}, ${o.kind}, ${o.session_id}, ${o.transaction_id}, ${o.gateway}, ${o.payment_product_type}, ${o.amount},
      ${o.currency}, ${o.state}, ${o.attempts}, ${o.next_attempt_at}, ${json(o.request)}::jsonb,
      ${o.outcome ? json(o.outcome) : null}::jsonb, ${o.created_at}, ${o.created_by}, ${o.updated_at}
    from changed`
}

/**
 * CTE that moves an operation on. One that is settled is never changed again. Its key stands there as two values, for a join with rows
 * from JSON is planned once, while the table is small, and would then read all of it for ever.
 */
export function settleOperation({ account_id, id, state, next_attempt_at, outcome, updated_at }: Ended) {
  return part`
    update checkout.operations o
    set state = ${state}, next_attempt_at = ${next_attempt_at}, outcome = ${outcome ? json(outcome) : null}::jsonb,
      updated_at = ${updated_at}
    from changed
    where o.account_id = ${account_id} and o.id = ${id} and o.state not in ('succeeded', 'failed')`
}
