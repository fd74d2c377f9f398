import { randomUUID } from 'node:crypto'
import type { Sql } from '../src/lib/db.ts'
import { systemIds } from '../src/lib/ids.ts'
import { createLog } from '../src/lib/log.ts'
import { createMetrics } from '../src/lib/metrics.ts'
import { insertNotifications, type Notification } from '../src/lib/outbox.ts'
import { type RetryRules, retryRules } from '../src/notifications/deliveries/delivery.ts'
import type { CallbackSent, Delivering } from '../src/notifications/deliveries/operations.ts'
import { createOutbound } from '../src/notifications/outbound.ts'
import { insertSubscription } from '../src/notifications/subscriptions/store.ts'
import { deliver } from '../src/worker/deliver.ts'
import { cloneDatabase } from './database.ts'

export const account_id = 'T11112222'

/** The delivery engine on a database of its own, with a clock that is moved by hand and transactions that are made up. */
export async function startDelivering(options: { timeout_ms?: number; rules?: RetryRules } = {}) {
  const database = await cloneDatabase()
  const { sql } = database
  const time = { now: Date.parse('2026-03-01T12:00:00Z') }
  const clock = { now: () => new Date(time.now) }
  const sent: CallbackSent[] = []
  const outbound = createOutbound({ allow_loopback: true })
  const { callback, webhook } = options.rules ?? retryRules
  const { timeout_ms = 5_000 } = options
  const delivering: Delivering = {
    sql,
    clock,
    ids: systemIds(clock),
    log: createLog('silent'),
    metrics: createMetrics(),
    outbound,
    rules: { callback: { ...callback, timeout_ms }, webhook: { ...webhook, timeout_ms } },
    sources: {
      transaction: async (_account, id, sequence) => ({
        id,
        merchant_reference: 'order 1',
        version: sequence,
        status: 'AUTHORIZED',
      }),
      session: async (_account, id) => ({ id }),
      order: async (_account, id, sequence) => ({ id, version: sequence }),
      draft: async (_account, id, sequence) => ({ id, version: sequence }),
    },
    recordCallbackSent: async (_account, told) => {
      sent.push(told)
    },
  }
  const stop = new AbortController()
  return {
    sql,
    delivering,
    sent,
    /** Moves the clock. */
    pass(seconds: number) {
      time.now += seconds * 1_000
    },
    /** Writes notifications as a service does: with the change that they report. */
    async tell(...notifications: Notification[]) {
      await sql`with changed as (select 1), told as (${insertNotifications(account_id, notifications)}) select from changed`
    },
    /** Everything that is due now. */
    run: (signal = stop.signal) => deliver(delivering, signal),
    deliveries: () => sql`select * from notifications.deliveries order by position, created_at`,
    async close() {
      stop.abort()
      await outbound.close()
      await database.drop()
    },
  }
}

/** A callback about a transaction, as the checkout service writes it. */
export function callbackTo(
  url: string,
  changes: Partial<Notification> & { details?: Record<string, unknown> } = {},
): Notification {
  const { details, ...rest } = changes
  return {
    event: 'session_callback',
    aggregate_type: 'transaction',
    aggregate_id: `${account_id}.tx1`,
    sequence: 2,
    ...rest,
    details: {
      url,
      session_id: `${account_id}.se1`,
      transaction_id: rest.aggregate_id ?? `${account_id}.tx1`,
      merchant_reference: 'order 1',
      time: '2026-03-01T11:59:58.123Z',
      reason: 'authorized',
      ...details,
    },
  }
}

/** The rows of a subscription, as a client would have made it. */
export async function subscribe(
  sql: Sql,
  url: string,
  options: { events?: string[]; secret?: string; fields?: string; exclude_fields?: string[] } = {},
): Promise<string> {
  const id = randomUUID()
  const { events = ['checkout_transaction'], secret, fields, exclude_fields } = options
  const columns = { url, insecure_ssl: 0, events, active: true, secret: secret ?? null, fields: fields ?? null }
  const made = { at: new Date('2026-01-01T00:00:00Z'), by: 'test' }
  await insertSubscription(sql, account_id, id, { ...columns, exclude_fields: exclude_fields ?? null }, made)
  return id
}

/** A change of a transaction, as the checkout service writes it. */
export function changeOf(transaction: string, sequence: number): Notification {
  return { event: 'checkout_transaction', aggregate_type: 'transaction', aggregate_id: `${account_id}.${transaction}`, sequence }
}
