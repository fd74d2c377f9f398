import { type Db, part } from '../../lib/db.ts'
import { insertNotifications } from '../../lib/outbox.ts'
import { together } from '../../lib/together.ts'
import { cardTokensOf, useOf } from '../card-tokens/card-token.ts'
import { recordTokenUse, storeCardTokens } from '../card-tokens/store.ts'
import { isSettled, type OperationRow } from '../operations-log/operation.ts'
import type { SessionRow } from '../sessions/session.ts'
import { chainSessionEvents, insertSessionEvents, sizeOf as sizeOfSession } from '../sessions/store.ts'
import { chainEvents, insertEvents, insertOperation, settleOperation, sizeOf } from '../transactions/store.ts'
import type { TransactionRow } from '../transactions/transaction.ts'
import type { PaymentChange } from './payment.ts'

/**
 * The intent of a payment: the session is taken by this operation, so that of twenty attempts at once one goes on.
 * @returns whether it was written; not when the session has changed since it was read
 */
export async function insertPayment(db: Db, session: SessionRow, operation: OperationRow): Promise<boolean> {
  const rows = await together(db)`
    with changed as (
      update checkout.sessions s
      set version = ${session.version + 1}, operation_id = ${operation.id}, pay_lock_id = null, pay_lock_expires_at = null
      where s.account_id = ${session.account_id} and s.id = ${session.id} and s.version = ${session.version}
        and s.hash = ${session.hash} and s.operation_id is null and s.outcome is null
      returning s.id
    ),
    recorded as (${insertOperation(operation)})
    select from changed`
  return rows.length === 1
}

/** The hashes of session and transaction after a step of a payment, and the transaction's size. */
export type Hashes = { session: Uint8Array; transaction: Uint8Array; events_size: number }

/**
 * Writes a step of a payment in one statement: session and its events, transaction and its events, operation, notifications. Guarded by
 * the session's version; a transaction that exists must be locked by the caller. `base` is that transaction as it was read.
 * @returns nothing when the session has changed since it was read
 */
export async function writePayment(
  db: Db,
  session: SessionRow,
  change: PaymentChange,
  base: TransactionRow | undefined,
): Promise<Hashes | undefined> {
  const { account_id, id } = session
  const { transaction, operation, notifications } = change
  const session_events = chainSessionEvents(session, change.session_events)
  const events = chainEvents(base?.hash ?? new Uint8Array(), change.events)
  const data = transaction ? JSON.stringify(transaction.data) : ''
  const hashes = {
    session: session_events.at(-1)?.hash ?? session.hash,
    transaction: events.at(-1)?.hash ?? base?.hash ?? new Uint8Array(),
    events_size: (base?.events_size ?? data.length) + sizeOf(events),
  }
  const tokens = transaction && operation.state === 'succeeded' ? cardTokensOf(transaction) : []
  const { token_id } = operation.request
  const charged = token_id !== undefined && isSettled(operation)
  const use = charged ? { token_id, at: operation.updated_at, ...useOf(operation.outcome?.error) } : undefined
  const rows = await together(db)`
    with changed as (
      update checkout.sessions s set
        version = ${session.version + 1}, event_count = ${session.event_count + session_events.length}, hash = ${hashes.session},
        events_size = s.events_size + ${sizeOfSession(session_events)}, outcome = ${change.session.outcome},
        transaction_id = ${change.session.transaction_id}, operation_id = ${change.session.operation_id},
        updated_at = ${operation.updated_at}
      where s.account_id = ${account_id} and s.id = ${id} and s.version = ${session.version} and s.hash = ${session.hash}
      returning s.id
    ),
    ${session_events.length > 0 ? part`session_events as (${insertSessionEvents(session, session_events)}),` : part``}
    ${transaction ? part`paid as (${upsertTransaction(transaction, data, hashes)}),` : part``}
    ${events.length > 0 ? part`appended as (${insertEvents({ account_id, id: operation.transaction_id }, events)}),` : part``}
    ${tokens.length > 0 ? storeCardTokens(account_id, tokens) : part``}
    ${use ? recordTokenUse(account_id, use) : part``}
    ${notifications.length > 0 ? part`told as (${insertNotifications(account_id, notifications)}),` : part``}
    recorded as (${settleOperation(operation)})
    select from changed`
  return rows.length === 1 ? hashes : undefined
}

/** CTE that publishes a transaction, or brings one that is published up to date. */
function upsertTransaction(t: TransactionRow, data: string, { transaction: hash, events_size }: Hashes) {
  return part`
    insert into checkout.transactions as t (account_id, id, session_id, version, event_count, events_size, hash, status,
      settlement_status, gateway, gateway_reference, payment_product_type, payment_operation, currency, amount, authorized, captured,
      refunded, voided, pending_capture, pending_refund, pending_void, merchant_reference, merchant_reference_2, customer_id, store_id,
      terminal_id, payout_destination_id, channel, card_brand, token_id, auto_capture_at, auto_capture_until, final_authorization,
      search_terms, data, authorized_at, captured_at, refunded_at, created_at, updated_at)
    select ${t.account_id}, ${t.id}, ${t.session_id}, ${t.version}, ${t.event_count}, ${events_size}, ${hash}, ${t.status},
      ${t.settlement_status}, ${t.gateway}, ${t.gateway_reference}, ${t.payment_product_type}, ${t.payment_operation}, ${t.currency},
      ${t.amount}, ${t.authorized}, ${t.captured}, ${t.refunded}, ${t.voided}, ${t.pending_capture}, ${t.pending_refund},
      ${t.pending_void}, ${t.merchant_reference}, ${t.merchant_reference_2}, ${t.customer_id}, ${t.store_id}, ${t.terminal_id},
      ${t.payout_destination_id}, ${t.channel}, ${t.card_brand}, ${t.token_id}, ${t.auto_capture_at}, ${t.auto_capture_until},
      ${t.final_authorization}, ${t.search_terms}::text[], ${data}::text::jsonb, ${t.authorized_at}, ${t.captured_at}, ${t.refunded_at},
      ${t.created_at}, ${t.updated_at}
    from changed
    on conflict (account_id, id) do update set
      version = t.version + 1, event_count = excluded.event_count, events_size = excluded.events_size, hash = excluded.hash,
      status = excluded.status, authorized = excluded.authorized, captured = excluded.captured,
      gateway_reference = excluded.gateway_reference, card_brand = excluded.card_brand, token_id = excluded.token_id,
      search_terms = excluded.search_terms, auto_capture_at = excluded.auto_capture_at,
      auto_capture_until = excluded.auto_capture_until, data = excluded.data, authorized_at = excluded.authorized_at,
      captured_at = excluded.captured_at, updated_at = excluded.updated_at`
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
