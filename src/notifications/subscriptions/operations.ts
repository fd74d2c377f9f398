import type { Config } from '../../lib/config.ts'
import { inTransaction, type Sql } from '../../lib/db.ts'
import { ApiError, throwRefusal } from '../../lib/errors.ts'
import type { Auth } from '../../lib/http.ts'
import type { Clock, Ids } from '../../lib/ids.ts'
import { limits } from '../../lib/limits.ts'
import { openingsOf } from '../outbound.ts'
import * as store from './store.ts'
import { columnsOf, refuseSubscription, type Subscription, type SubscriptionIn, showSubscription } from './subscription.ts'

type Parts = { sql: Sql; clock: Clock; ids: Ids; config: Config }

/** Creates a subscription and pings it. Errors: those of `refuseSubscription`, `subscription_limit_reached`. */
export async function createSubscription(parts: Parts, auth: Auth, wanted: SubscriptionIn): Promise<Subscription> {
  const { sql, clock, ids, config } = parts
  throwRefusal(refuseSubscription(wanted, openingsOf(config)))
  const { account_id, subject } = auth
  const allowed = limits.subscriptions_max
  if ((await store.listSubscriptions(sql, account_id, { limit: allowed })).length === allowed) {
    const message = `The account has ${allowed} subscriptions already.`
    throw new ApiError('subscription_limit_reached', message, { details: [{ message, allowed }] })
  }
  const id = ids.uuid()
  await inTransaction(sql, async (tx) => {
    await store.insertSubscription(tx, account_id, id, columnsOf(wanted), { at: clock.now(), by: subject })
    await ping({ ...parts, sql: tx }, account_id, id)
  })
  return subscription(parts, account_id, id)
}

/** One subscription. Error: `subscription_not_found`. */
export async function subscription({ sql }: { sql: Sql }, account_id: string, id: string): Promise<Subscription> {
  const row = await store.findSubscription(sql, account_id, id)
  if (!row) throw notFound(id)
  return showSubscription(row)
}

/** A page of the account's subscriptions, newest first, after the one named. */
export async function subscriptions(
  { sql }: { sql: Sql },
  account_id: string,
  { limit = limits.page_size_max, ...page }: { limit?: number; starting_after?: string },
) {
  return (await store.listSubscriptions(sql, account_id, { limit, ...page })).map(showSubscription)
}

/** Replaces what a client decides of a subscription. Errors: those of `refuseSubscription`, `subscription_not_found`. */
export async function updateSubscription(parts: Parts, auth: Auth, id: string, wanted: SubscriptionIn): Promise<Subscription> {
  const { sql, clock, config } = parts
  throwRefusal(refuseSubscription(wanted, openingsOf(config)))
  if (!(await store.updateSubscription(sql, auth.account_id, id, columnsOf(wanted), clock.now()))) throw notFound(id)
  return subscription(parts, auth.account_id, id)
}

/** Deletes a subscription: nothing more goes to it. Error: `subscription_not_found`. */
export async function deleteSubscription(parts: Parts, auth: Auth, id: string): Promise<Subscription> {
  const { sql, clock } = parts
  const row = await store.findSubscription(sql, auth.account_id, id)
  const made = { at: clock.now(), by: auth.subject }
  if (!row || !(await store.deleteSubscription(sql, auth.account_id, id, made))) throw notFound(id)
  return showSubscription({ ...row, active: false, deleted_at: made.at, deleted_by: made.by })
}

/** Sends a ping, whose body is the subscription. Error: `subscription_not_found`. */
export async function ping(
  { sql, clock, ids }: { sql: Parameters<typeof store.insertPing>[0]; clock: Clock; ids: Ids },
  account_id: string,
  id: string,
): Promise<void> {
  const row = await store.findSubscription(sql, account_id, id)
  if (!row) throw notFound(id)
  const { health: _, ...shown } = showSubscription(row)
  await store.insertPing(sql, account_id, {
    id: ids.uuid(),
    subscription_id: id,
    url: row.url,
    subscription: shown,
    at: clock.now(),
  })
}

function notFound(id: string): ApiError {
  return new ApiError('subscription_not_found', `There is no subscription ${id} on this account.`)
}
