import type { Notification } from '../../lib/outbox.ts'
import type { EventRow, TransactionRow } from './transaction.ts'

/** What the merchant is told when a payment ended badly (checkout-api §6.1): the value of `error`. */
export type PaymentError = 'cancelled' | 'authorization' | 'failed'

/** The outbox rows of these events: webhooks account-wide, and the callback of a session with `callback_url` (checkout-api §6.2, §6.6). */
export function notificationsOf(row: TransactionRow, events: readonly EventRow[]): Notification[] {
  return events.flatMap((event) => [
    tell('checkout_transaction', row, event.sequence),
    ...authorization(row, event),
    ...applied(row, event),
  ])
}

/**
 * The callback that was waiting for the first attempt of an automatic capture (checkout-api §5.5). It stands under the number of the
 * AUTHORIZE event that it reports.
 */
export function delayedCallback(row: TransactionRow, authorize_sequence: number): Notification[] {
  return callback(row, authorize_sequence, { reason: 'authorized', transaction_sequence: row.event_count })
}

function authorization(row: TransactionRow, { event, sequence, success, transaction_status, data }: EventRow): Notification[] {
  if (event === 'INITIALIZE') return transaction_status === 'ON_HOLD' ? callback(row, sequence, { reason: 'on_hold' }) : []
  if (event !== 'AUTHORIZE' || data.update) return []
  if (success) {
    const told = tell('checkout_authorization', row, sequence, references(row))
    return [told, ...(row.data.auto_capture ? [] : callback(row, sequence, { reason: 'authorized' }))]
  }
  if (transaction_status !== 'DECLINED' && transaction_status !== 'FAILED') return []
  const error: PaymentError =
    data.reason === 'cancelled' ? 'cancelled' : transaction_status === 'DECLINED' ? 'authorization' : 'failed'
  const about = error === 'cancelled' ? withoutTransaction(row) : references(row)
  return [
    tell('checkout_authorization', row, sequence, { ...about, error }),
    ...callback(row, sequence, { reason: 'error', error }),
  ]
}

/** Of a payment that was called off before it was authorized nothing was told: a shop would void what was paid instead. */
function applied(row: TransactionRow, { event, sequence, success }: EventRow): Notification[] {
  if (!success || (event !== 'CAPTURE' && event !== 'REFUND' && event !== 'VOID')) return []
  if (event === 'VOID' && row.authorized_at === null) return []
  return callback(row, sequence, { reason: 'event', event, event_id: String(sequence) })
}

function callback(row: TransactionRow, sequence: number, details: Record<string, unknown>): Notification[] {
  const url = row.data.url?.callback_url
  if (!url) return []
  return [tell('session_callback', row, sequence, { url, ...references(row), time: row.created_at.toISOString(), ...details })]
}

function references({ id, session_id, merchant_reference }: TransactionRow) {
  return { session_id, transaction_id: id, merchant_reference }
}

/** Of a payment that the customer cancelled no transaction is told (checkout-api §6.6). */
function withoutTransaction({ session_id, merchant_reference }: TransactionRow) {
  return { session_id, merchant_reference }
}

function tell(event: string, { id }: TransactionRow, sequence: number, details?: Record<string, unknown>): Notification {
  return { event, aggregate_type: 'transaction', aggregate_id: id, sequence, ...(details ? { details } : {}) }
}
