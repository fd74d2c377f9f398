import { type Db, json } from '../../lib/db.ts'
import { insertNotifications, type Notification } from '../../lib/outbox.ts'
import type { OperationRow } from '../operations-log/operation.ts'
import type { EventRow, TransactionRow } from './transaction.ts'

/** A transaction with its events, in time order: one statement reads both. */
export type Transaction = TransactionRow & { events: EventRow[] }

export async function findTransaction(db: Db, account_id: string, id: string): Promise<Transaction | undefined> {
  const [row] = await db<Transaction[]>`
    select t.*, (
      select coalesce(jsonb_agg(to_jsonb(e) - '{account_id,transaction_id,hash}'::text[] order by e.sequence), '[]')
      from checkout.transaction_events e
      where e.account_id = t.account_id and e.transaction_id = t.id
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

/** Takes transactions whose automatic capture is due, across accounts, and leases them; another process skips what is taken. */
export async function claimAutoCaptures(
  db: Db,
  { now, lease_until, count }: { now: Date; lease_until: Date; count: number },
): Promise<Pick<TransactionRow, 'account_id' | 'id' | 'auto_capture_until'>[]> {
  return db<Pick<TransactionRow, 'account_id' | 'id' | 'auto_capture_until'>[]>`
    update checkout.transactions t
    set auto_capture_at = ${lease_until}
    from (
      select account_id, id from checkout.transactions
      where auto_capture_at <= ${now}
      order by auto_capture_at
      limit ${count}
      for update skip locked
    ) due
    where t.account_id = due.account_id and t.id = due.id
    returning t.account_id, t.id, t.auto_capture_until`
}

/** Gives up the automatic capture: it can't be made any more, or was tried for too long. */
export async function stopAutoCapture(db: Db, { account_id, id }: Pick<TransactionRow, 'account_id' | 'id'>): Promise<void> {
  await db`update checkout.transactions set auto_capture_at = null where account_id = ${account_id} and id = ${id}`
}

/** Sets the merchant's second reference. No event, so the version stays: nothing that moves money reads it. */
export async function updateReference(
  db: Db,
  { account_id, id, merchant_reference_2, search_term, now }: Reference2,
): Promise<boolean> {
  const [row] = await db`
    update checkout.transactions
    set merchant_reference_2 = ${merchant_reference_2}, search_terms = array_append(search_terms, ${search_term}), updated_at = ${now}
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
  operation: OperationRow | Ended
  /** Another one, that this one has ended. */
  ended?: Ended | undefined
  /** The operation is an intent: its id must not exist yet. */
  intent?: boolean
  notifications: readonly Notification[]
}

/** What settling writes of an operation. */
export type Ended = Pick<OperationRow, 'account_id' | 'id' | 'state' | 'next_attempt_at' | 'outcome' | 'updated_at'>

export type Written = Pick<TransactionRow, 'version' | 'hash'>

/**
 * Writes a change in one statement: totals, events, hash chain, operation, notifications. Nothing at all when the transaction
 * is no longer at the version that was read. What there is none of is left out: a part that writes no row costs as much as one that
 * writes one. Errors: `operation_settles_once` when the operation has been settled already.
 * @returns the new version and hash, when it was written
 */
export async function writeTransaction(
  db: Db,
  { row, next, events, operation, ended, intent, notifications }: Write,
): Promise<Written | undefined> {
  const [changed] = await db<Written[]>`
    with recursive ${events.length > 0 ? db`event as (${eventRows(db, events)}), event_chain as (${hashChain(db, row)}),` : db``}
    changed as (
      update checkout.transactions t set
        version = t.version + 1, event_count = ${next.event_count},
        ${events.length > 0 ? db`hash = (select hash from event_chain order by sequence desc limit 1),` : db``}
        status = ${next.status}, settlement_status = ${next.settlement_status}, amount = ${next.amount},
        authorized = ${next.authorized}, captured = ${next.captured}, refunded = ${next.refunded},
        voided = ${next.voided}, pending_capture = ${next.pending_capture}, pending_refund = ${next.pending_refund},
        pending_void = ${next.pending_void}, auto_capture_at = ${next.auto_capture_at},
        final_authorization = ${next.final_authorization}, data = ${json(db, next.data)},
        authorized_at = ${next.authorized_at}, captured_at = ${next.captured_at}, refunded_at = ${next.refunded_at},
        updated_at = ${next.updated_at}
      where t.account_id = ${row.account_id} and t.id = ${row.id} and t.version = ${row.version}
      returning t.version, t.hash
    ),
    ${events.length > 0 ? db`appended as (${insertEvents(db, row)}),` : db``}
    ${ended ? db`ended as (${settleOperation(db, ended)}),` : db``}
    ${notifications.length > 0 ? db`told as (${insertNotifications(db, row.account_id, notifications)}),` : db``}
    recorded as (${intent ? insertOperation(db, operation as OperationRow) : settleOperation(db, operation)})
    select version, hash from changed`
  return changed
}

/** CTE `event`: the new events as rows. */
export function eventRows(db: Db, events: readonly EventRow[]) {
  return db`
    select * from jsonb_to_recordset(${json(db, events)}) as e (
      sequence int, event text, transaction_status text, success boolean, amount bigint, request_id uuid,
      correlation_request_id uuid, operation_id uuid, data jsonb, created_at timestamptz, created_by text)`
}

/** CTE `event_chain`: the hash after each event, starting from the one that the transaction had. */
export function hashChain(db: Db, row: Pick<TransactionRow, 'hash' | 'event_count'>) {
  return db`
    select ${row.event_count}::int as sequence, ${row.hash}::bytea as hash
    union all
    select e.sequence, sha256(c.hash || convert_to(jsonb_build_array(e.sequence, e.event, e.transaction_status, e.success, e.amount,
      e.request_id, e.correlation_request_id, e.operation_id, e.data, e.created_at, e.created_by)::text, 'UTF8'))
    from event_chain c join event e on e.sequence = c.sequence + 1`
}

/** CTE that appends `event`, hashed by `event_chain`. */
export function insertEvents(db: Db, { account_id, id }: Pick<TransactionRow, 'account_id' | 'id'>) {
  return db`
    insert into checkout.transaction_events (account_id, transaction_id, sequence, event, transaction_status, success, amount,
      request_id, correlation_request_id, operation_id, data, created_at, created_by, hash)
    select ${account_id}, ${id}, e.sequence, e.event, e.transaction_status, e.success, e.amount, e.request_id,
      e.correlation_request_id, e.operation_id, e.data, e.created_at, e.created_by, c.hash
    from event e join event_chain c on c.sequence = e.sequence
    where exists (select from changed)`
}

/** CTE that inserts an intent. */
export function insertOperation(db: Db, operation: OperationRow) {
  return db`
    insert into checkout.operations
    select n.* from jsonb_populate_record(null::checkout.operations, ${json(db, operation)}) n
    where exists (select from changed)`
}

/**
 * CTE that moves an operation on. One that is settled is never changed again. Its key stands there as two values, for a join with rows
 * from JSON is planned once, while the table is small, and would then read all of it for ever.
 */
export function settleOperation(db: Db, { account_id, id, state, next_attempt_at, outcome, updated_at }: Ended) {
  return db`
    update checkout.operations o
    set state = ${state}, next_attempt_at = ${next_attempt_at}, outcome = ${outcome ? json(db, outcome) : null}::jsonb,
      updated_at = ${updated_at}
    where o.account_id = ${account_id} and o.id = ${id} and o.state not in ('succeeded', 'failed') and exists (select from changed)`
}
