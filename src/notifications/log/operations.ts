import type { Config } from '../../lib/config.ts'
import type { Sql } from '../../lib/db.ts'
import { ApiError, throwRefusal } from '../../lib/errors.ts'
import { type Clock, type Ids, isUuid } from '../../lib/ids.ts'
import { limits } from '../../lib/limits.ts'
import { openingsOf, refusedUrl } from '../outbound.ts'
import {
  type DeliveriesQuery,
  type Delivery,
  type DeliveryDetail,
  type DeliveryRow,
  type ReplayRangeIn,
  replayable,
  replayDelivery,
  showDelivery,
  showDeliveryDetail,
} from './log.ts'
import * as store from './store.ts'

type Parts = { sql: Sql; clock: Clock; ids: Ids; config: Config }
/** Whose deliveries: the whole account's, or one subscription's. */
type Of = { account_id: string; subscription_id?: string }

/** Deliveries, newest first. Error: `delivery_not_found` for a `starting_after` that is none, or was forgotten meanwhile. */
export async function deliveries(parts: Parts, of: Of, query: DeliveriesQuery): Promise<Delivery[]> {
  const { account_id, subscription_id } = of
  const { starting_after } = query
  if (starting_after !== undefined && !isUuid(starting_after)) throw notFound(starting_after)
  const rows = await store.listDeliveries(parts.sql, account_id, subscription_id, query)
  if (rows.length === 0 && starting_after !== undefined) await found(parts, { account_id }, starting_after)
  return rows.map(showDelivery)
}

/** One delivery, with what was sent and what was answered. Error: `delivery_not_found`. */
export async function delivery(parts: Parts, of: Of, id: string): Promise<DeliveryDetail> {
  return showDeliveryDetail(await found(parts, of, id))
}

/** Sends one delivery again, with a new id. Errors: `delivery_not_found`, `subscription_url_invalid`. */
export async function replay(parts: Parts, of: Of, id: string, url: string | undefined): Promise<DeliveryDetail> {
  assertUrl(parts, url)
  const row = await found(parts, of, id)
  const replay_id = parts.ids.uuid()
  await store.insertReplays(
    parts.sql,
    of.account_id,
    [{ ...replayDelivery(row, replay_id, url), id: replay_id }],
    parts.clock.now(),
  )
  return delivery(parts, of, replay_id)
}

/**
 * Sends what was created in a time range again, in the old order. Errors: `invalid_request` for an end that is no time,
 * `replay_too_large`, `subscription_url_invalid`.
 */
export async function replayRange(parts: Parts, of: Of, wanted: ReplayRangeIn): Promise<{ replay_id: string; replayed: number }> {
  const { sql, clock, ids } = parts
  assertUrl(parts, wanted.url)
  const { range, refusals } = replayable(wanted)
  throwRefusal(refusals)
  const rows = await store.listReplayable(sql, of.account_id, of.subscription_id, range)
  if (rows.length > limits.replay_max) {
    const message = `More than ${limits.replay_max} deliveries match. Replay a shorter time.`
    throw new ApiError('replay_too_large', message, { details: [{ path: '/to', message, allowed: limits.replay_max }] })
  }
  const replay_id = ids.uuid()
  const replays = rows.map((row) => ({ ...replayDelivery(row, replay_id, range.url), id: ids.uuid() }))
  await store.insertReplays(sql, of.account_id, replays, clock.now())
  return { replay_id, replayed: rows.length }
}

async function found({ sql }: Parts, of: Of, id: string): Promise<DeliveryRow> {
  const row = isUuid(id) ? await store.findDelivery(sql, of.account_id, id, of.subscription_id) : undefined
  if (!row) throw notFound(id)
  return row
}

function assertUrl({ config }: Parts, url: string | undefined): void {
  const message = url === undefined ? undefined : refusedUrl(url, openingsOf(config))
  if (message) throw new ApiError('subscription_url_invalid', message, { details: [{ path: '/url', message }] })
}

function notFound(id: string): ApiError {
  return new ApiError('delivery_not_found', `There is no delivery ${id}.`)
}
