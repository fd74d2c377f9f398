import { type Db, json } from '../../lib/db.ts'
import { insertNotifications } from '../../lib/outbox.ts'
import { cardTokensOf, useOf } from '../card-tokens/card-token.ts'
import { recordTokenUse, storeCardTokens } from '../card-tokens/store.ts'
import { isSettled, type OperationRow } from '../operations-log/operation.ts'
import type { SessionRow } from '../sessions/session.ts'
import { insertSessionEvents, lastHash, sessionChain } from '../sessions/store.ts'
import { eventRows, hashChain, insertEvents, insertOperation, settleOperation } from '../transactions/store.ts'
import type { TransactionRow } from '../transactions/transaction.ts'
import type { PaymentChange } from './payment.ts'

/**
 * The intent of a payment: the session is taken by this operation, so that of twenty attempts at once one goes on.
 * @returns whether it was written; not when the session has changed since it was read
 */
export async function insertPayment(db: Db, session: SessionRow, operation: OperationRow): Promise<boolean> {
  const [changed] = await db`
    with changed as (
      update checkout.sessions s
      set version = s.version + 1, operation_id = ${operation.id}, pay_lock_id = null, pay_lock_expires_at = null
      where s.account_id = ${session.account_id} and s.id = ${session.id} and s.version = ${session.version}
        and s.operation_id is null and s.outcome is null
      returning s.id
    ),
    recorded as (${insertOperation(db, operation)})
    select id from changed`
  return changed !== undefined
}

/**
 * Writes a step of a payment in one statement: session and its events, transaction and its events, operation, notifications. Guarded by
 * the session's version; a transaction that exists must be locked by the caller. `base` is that transaction as it was read.
 * @returns whether it was written
 */
export async function writePayment(
  db: Db,
  session: SessionRow,
  change: PaymentChange,
  base: TransactionRow | undefined,
): Promise<boolean> {
  const { account_id, id } = session
  const { session_events, transaction, events, operation, notifications } = change
  const before = {
    account_id,
    id: operation.transaction_id,
    event_count: base?.event_count ?? 0,
    hash: base?.hash ?? new Uint8Array(),
  }
  const tokens = transaction && operation.state === 'succeeded' ? cardTokensOf(transaction) : []
  const { token_id } = operation.request
  const charged = token_id !== undefined && isSettled(operation)
  const use = charged ? { token_id, at: operation.updated_at, ...useOf(operation.outcome?.error) } : undefined
  const [changed] = await db`
    with recursive event as (${eventRows(db, events)}),
    event_chain as (${hashChain(db, before)}),
    chain as (${sessionChain(db, account_id, id, session_events)}),
    changed as (
      update checkout.sessions s set
        version = s.version + 1, event_count = s.event_count + ${session_events.length}, hash = coalesce((${lastHash(db)}), s.hash),
        outcome = ${change.session.outcome}, transaction_id = ${change.session.transaction_id},
        operation_id = ${change.session.operation_id}, updated_at = ${operation.updated_at}
      where s.account_id = ${account_id} and s.id = ${id} and s.version = ${session.version}
      returning s.id
    ),
    session_events as (${insertSessionEvents(db, account_id, id)}),
    paid as (
      insert into checkout.transactions as t
      select n.*
      from jsonb_array_elements(${json(db, transaction ? [storable(transaction)] : [])}) row,
        jsonb_populate_record(null::checkout.transactions, row.value || jsonb_build_object(
          'hash', (select hash from event_chain order by sequence desc limit 1)::text)) n
      where exists (select from changed)
      on conflict (account_id, id) do update set
        version = t.version + 1, event_count = excluded.event_count, hash = excluded.hash, status = excluded.status,
        authorized = excluded.authorized, captured = excluded.captured, gateway_reference = excluded.gateway_reference,
        card_brand = excluded.card_brand, token_id = excluded.token_id, search_terms = excluded.search_terms,
        auto_capture_at = excluded.auto_capture_at,
        auto_capture_until = excluded.auto_capture_until, data = excluded.data, authorized_at = excluded.authorized_at,
        captured_at = excluded.captured_at, updated_at = excluded.updated_at
    ),
    appended as (${insertEvents(db, before)}),
    recorded as (${settleOperation(db, operation)}),
    ${tokens.length > 0 ? storeCardTokens(db, account_id, tokens) : db``}
    ${use ? recordTokenUse(db, account_id, use) : db``}
    told as (${insertNotifications(db, account_id, notifications)})
    select id from changed`
  return changed !== undefined
}

function storable({ hash: _, ...row }: TransactionRow) {
  return row
}

/** What sessions with this `merchant_reference` there are: any, a paid one, one whose payment is under way (checkout-api §1.10). */
export async function findReference(
  db: Db,
  account_id: string,
  merchant_reference: string,
): Promise<{ used: boolean; paid: boolean; paying: boolean }> {
  const [row] = await db<{ used: boolean; paid: boolean; paying: boolean }[]>`
    select count(*) > 0 as used, coalesce(bool_or(outcome = 'AUTHORIZED'), false) as paid,
      coalesce(bool_or(operation_id is not null), false) as paying
    from checkout.sessions
    where account_id = ${account_id} and merchant_reference = ${merchant_reference}`
  return row!
}

/** Makes others with the same reference wait until the database transaction ends. */
export async function lockReference(db: Db, account_id: string, merchant_reference: string): Promise<void> {
  await db`select pg_advisory_xact_lock(hashtextextended(${`${account_id}/${merchant_reference}`}, 1))`
}
