import type postgres from 'postgres'
import { json, part } from './db.ts'

/**
 * Something that subscribers and callbacks are told. It is a row, written by the same statement as the change it reports,
 * so that no crash can separate the two. `notifications/` turns it into deliveries.
 */
export type Notification = {
  /** A published event name (checkout-api §6.6), or `session_callback` for the merchant's `callback_url`. */
  event: string
  aggregate_type: 'order' | 'draft' | 'transaction' | 'session' | 'card_token' | 'settlement'
  aggregate_id: string
  /** The number of the aggregate's event: gapless from 1, so that a receiver can see what is missing. */
  sequence: number
  /** What the aggregate itself can't tell later: the callback's URL, `error`, the event's id. Small. */
  details?: Record<string, unknown>
}

/**
 * An `insert` to stand as a CTE in the statement that makes the change. The guarded CTE before it must be named `changed` and have one
 * row: when the guard let nothing through, nothing is notified either. At least one notification.
 */
export function insertNotifications(account_id: string, notifications: readonly Notification[]): postgres.PendingQuery<never[]> {
  const rows = notifications.map(
    ({ aggregate_type, aggregate_id, sequence, event, details = {} }, index) => part`
    ${index > 0 ? part`union all` : part``}
    select ${account_id}, ${aggregate_type}, ${aggregate_id}, ${sequence}::int, ${event}, ${json(details)}::jsonb from changed`,
  )
  return part`insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event, details) ${rows}`
}
