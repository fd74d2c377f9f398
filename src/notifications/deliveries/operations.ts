import type { FastifyBaseLogger } from 'fastify'
import { inTransaction, type Sql } from '../../lib/db.ts'
import { failpoint } from '../../lib/failpoints.ts'
import type { Clock, Ids } from '../../lib/ids.ts'
import { limits } from '../../lib/limits.ts'
import type { Metrics } from '../../lib/metrics.ts'
import type { Outbound, OutboundCall } from '../outbound.ts'
import { dinteroSignature, webhookHeaders } from '../signature/signature.ts'
import { masked } from '../subscriptions/mask.ts'
import type { CallbackDetails } from './callback.ts'
import { type CallResult, type RetryRules, settle } from './delivery.ts'
import { callbackBody, type PayloadSources, webhookBody } from './payload.ts'
import { deadDelivery, type OutboxRow, type PlannedDelivery, planDeliveries, type Subscriber, unplannedDelivery } from './plan.ts'
import * as store from './store.ts'

/** What the merchant was told, for the session's own history: `AUTH_CALLBACK_SENT` or `ON_HOLD_CALLBACK_SENT` (checkout-api §3.12). */
export type CallbackSent = {
  session_id: string
  name: 'AUTH_CALLBACK_SENT' | 'ON_HOLD_CALLBACK_SENT'
  details: { transaction_event_id: string }
}

/** What delivering needs. `sources` and `recordCallbackSent` come from the services whose aggregates are told about. */
export type Delivering = {
  sql: Sql
  clock: Clock
  ids: Ids
  log: FastifyBaseLogger
  metrics?: Pick<Metrics, 'untold'>
  outbound: Outbound
  rules: RetryRules
  sources: PayloadSources
  recordCallbackSent?: (account_id: string, sent: CallbackSent) => Promise<void>
}

type FanOut = Pick<Delivering, 'sql' | 'clock' | 'ids' | 'log' | 'metrics'>

/** The accounts whose rows this process could not turn into deliveries: how often in a row, and when it tries again. */
export type Resting = Map<string, { failures: number; until_ms: number }>

/**
 * Turns new rows of the outbox into deliveries, account by account; the account's feed is locked meanwhile, so that positions
 * grow in the order of the events in every process. What fails for one account is logged and tried again later; others go on.
 * @returns how many rows
 */
export async function fanOut(parts: FanOut, resting: Resting = new Map()): Promise<number> {
  const { sql, log, metrics } = parts
  let done = 0
  for (const account_id of await store.listWaitingAccounts(sql)) {
    const { failures, until_ms } = resting.get(account_id) ?? { failures: 0, until_ms: 0 }
    if (performance.now() < until_ms) continue
    try {
      done += await fanOutAccount(parts, account_id)
      resting.delete(account_id)
    } catch (error) {
      const rest_ms = Math.min(100 * 2 ** failures, limits.fan_out_rest_max_ms)
      resting.set(account_id, { failures: failures + 1, until_ms: performance.now() + rest_ms })
      metrics?.untold.inc({ what: 'round' })
      log.error({ err: error, account_id, failures: failures + 1 }, 'the events of an account did not become deliveries')
      // A database that is away is nobody's in particular: that ends the round.
      await sql`select 1`
    }
  }
  return done
}

/**
 * The next rows of one account. When the database refuses what they become, half as many are tried, down to the one at fault: its
 * deliveries are dead, with the reason, and hold up nothing.
 */
async function fanOutAccount(parts: FanOut, account_id: string): Promise<number> {
  const { sql, clock, ids, log, metrics } = parts
  await store.insertFeed(sql, account_id)
  const refused = new Map<number, string>()
  for (let count: number = limits.fan_out_batch; ; ) {
    let rows: OutboxRow[] = []
    try {
      await inTransaction(sql, async (tx) => {
        rows = []
        const last = await store.lockFeed(tx, account_id)
        if (last === undefined) return
        rows = await store.listWaitingRows(tx, account_id, count)
        if (rows.length === 0) return
        const subscribers = await store.listSubscribers(tx, account_id)
        const numbered = rows.map((row, index) => ({ row, position: last + index + 1 }))
        const deliveries = numbered.flatMap(({ row, position }) => planned(row, position, subscribers, refused.get(row.id)))
        await store.insertDeliveries(
          tx,
          account_id,
          numbered.map(({ row, position }) => ({ id: row.id, position })),
          deliveries.map((delivery) => ({ ...delivery, id: ids.uuid() })),
          clock.now(),
        )
        await failpoint('deliveries.planned')
      })
      return rows.length
    } catch (error) {
      const [first] = rows
      if (!first || !isRefusedData(error) || refused.has(first.id)) throw error
      count = Math.ceil(rows.length / 2)
      if (rows.length > 1) continue
      refused.set(first.id, `It could not be kept as a delivery: ${error.message}.`)
      metrics?.untold.inc({ what: 'event' })
      const { event, aggregate_id, sequence } = first
      log.error({ err: error, account_id, event, aggregate_id, sequence }, 'an event can not become a delivery')
    }
  }
}

/** What a row becomes; never nothing because of a fault. */
function planned(row: OutboxRow, position: number, subscribers: Subscriber[], refused: string | undefined): PlannedDelivery[] {
  try {
    const deliveries = planDeliveries(row, position, subscribers)
    return refused === undefined ? deliveries : deliveries.map((delivery) => deadDelivery(delivery, refused))
  } catch (error) {
    return [unplannedDelivery(row, position, `It could not be planned: ${String(error)}.`)]
  }
}

/** A value out of range, a broken constraint, too large for an index: it will not go better the next time. */
function isRefusedData(error: unknown): error is Error {
  return error instanceof Error && /^(22|23|54)...$/.test(String((error as Error & { code?: unknown }).code))
}

/** Makes one attempt of a claimed delivery and writes how it ended. Never throws for what the receiver does. */
export async function attempt(delivering: Delivering, claimed: store.ClaimedDelivery, signal: AbortSignal): Promise<void> {
  const { sql, clock, log, outbound, rules } = delivering
  const { account_id, id, endpoint, attempts, failures, age_s, endpoint_failures } = claimed
  const kind = claimed.subscription_id === null ? 'callback' : 'webhook'
  const started = clock.now()
  let call: OutboundCall | undefined
  let result: CallResult
  try {
    call = await requestOf(delivering, claimed, started)
    result = call
      ? await outbound.call({ ...call, signal })
      : { error: 'The subscription is deleted or not active.', kind: 'address', duration_ms: 0 }
    if ('status' in result && result.status >= 200 && result.status < 300) await tellSession(delivering, claimed)
  } catch (error) {
    log.error({ err: error, delivery: id }, 'a delivery could not be built or recorded')
    const due = new Date(clock.now().getTime() + 5_000)
    return await store.releaseDelivery(sql, account_id, id, attempts, due)
  }
  if (!('status' in result) && result.kind === 'interrupted') {
    return await store.releaseDelivery(sql, account_id, id, attempts, clock.now())
  }
  await failpoint('deliveries.called')
  const settlement = settle({ id, kind, failures, attempts, age_s, endpoint_failures }, result, rules)
  const kept = await store.settleDelivery(sql, {
    ...settlement,
    account_id,
    id,
    endpoint,
    attempts,
    ...recordOf(call, result, started, attempts),
    now: clock.now(),
  })
  if (settlement.alive && endpoint_failures >= limits.endpoint_failures_max && kept) {
    await store.hastenDeliveries(sql, account_id, endpoint, clock.now())
  }
  if (settlement.state === 'dead') log.warn({ account_id, delivery: id, endpoint, event: claimed.event }, 'a delivery is dead')
}

/** The request of a delivery, signed for now; undefined when its subscription is gone. A body is built once and kept for all attempts. */
async function requestOf(
  { sources, rules }: Delivering,
  claimed: store.ClaimedDelivery,
  now: Date,
): Promise<OutboundCall | undefined> {
  const { account_id, id, method, event, subscription, signature_secret } = claimed
  const now_s = Math.floor(now.getTime() / 1_000)
  if (claimed.subscription_id === null) {
    const built = method === 'POST' ? (claimed.request?.body ?? text(await callbackBody(claimed, sources))) : undefined
    const headers: Record<string, string> = { 'user-agent': 'Dintero-Checkout/1 (Kvitt)', accept: '*/*', 'event-delivery': id }
    if (built !== undefined) headers['content-type'] = 'application/json'
    if (signature_secret) {
      headers['dintero-signature'] = dinteroSignature(signature_secret, now_s, account_id, method, claimed.url)
    }
    return {
      method,
      url: claimed.url,
      headers,
      timeout_ms: rules.callback.timeout_ms,
      ...(built === undefined ? {} : { body: built }),
    }
  }
  const ping = event === 'ping'
  if (!subscription || !(subscription.active || ping)) return undefined
  const body =
    claimed.request?.body ??
    JSON.stringify(ping ? await webhookBody(claimed, sources) : masked(await webhookBody(claimed, sources), subscription))
  const headers = {
    'user-agent': `Dintero-Hook/${claimed.subscription_id.replaceAll('-', '').slice(0, 12)}`,
    ...webhookHeaders({ id, event, body }, now_s, subscription.secret),
  }
  const url = claimed.endpoint.startsWith('subscription:') ? subscription.url : claimed.url
  return { method, url, headers, body, timeout_ms: rules.webhook.timeout_ms, insecure_ssl: subscription.insecure_ssl === 1 }
}

function text(body: Record<string, unknown> | undefined): string | undefined {
  return body && JSON.stringify(body)
}

/** A callback about an authorization becomes an event of its session, before the delivery counts as made: at least once, too. */
async function tellSession({ recordCallbackSent }: Delivering, claimed: store.ClaimedDelivery): Promise<void> {
  if (!recordCallbackSent || claimed.event !== 'session_callback' || claimed.replay_of) return
  const { reason, session_id } = claimed.details as CallbackDetails
  if (reason !== 'authorized' && reason !== 'on_hold') return
  const name = reason === 'authorized' ? 'AUTH_CALLBACK_SENT' : 'ON_HOLD_CALLBACK_SENT'
  const details = { transaction_event_id: String(claimed.sequence) }
  await recordCallbackSent(claimed.account_id, { session_id, name, details })
}

/** What is kept of an attempt. Text from outside may hold what jsonb can't. */
function recordOf(call: OutboundCall | undefined, result: CallResult, started: Date, attempts: number) {
  const { duration_ms } = result
  const answered = 'status' in result
  const outcome = answered ? { status: result.status } : { error: result.error, kind: result.kind }
  const error = answered ? `HTTP ${result.status}` : result.error
  return {
    request: call ? { method: call.method, url: call.url, headers: call.headers, body: call.body } : {},
    response: answered ? storable({ status: result.status, headers: result.headers, body: result.body }) : storable(outcome),
    line: storable({ attempt: attempts, at: started.toISOString(), duration_ms, ...outcome }),
    error: error.replaceAll('\u0000', ''),
  }
}

function storable(record: Record<string, unknown>): Record<string, unknown> {
  const plain = JSON.stringify(record)
  return plain.includes('\\u0000') ? JSON.parse(plain.replaceAll('\\u0000', '\\ufffd')) : record
}
