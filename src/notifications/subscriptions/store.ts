import { type Db, json } from '../../lib/db.ts'
import { limits } from '../../lib/limits.ts'
import type { columnsOf, SubscriptionRow } from './subscription.ts'

type Columns = ReturnType<typeof columnsOf>

/** A subscription that is not deleted, with the health of its endpoint. */
export async function findSubscription(db: Db, account_id: string, id: string): Promise<SubscriptionRow | undefined> {
  const [row] = await db<SubscriptionRow[]>`
    select s.*, e.failures, e.dead, e.down_since, e.probe_at, e.last_failure_at, e.last_error
    from notifications.subscriptions s
    left join notifications.endpoints e on e.account_id = s.account_id and e.endpoint = 'subscription:' || s.id
    where s.account_id = ${account_id} and s.id = ${id} and s.deleted_at is null`
  return row
}

/** A page of the account's subscriptions, newest first, after the one that `starting_after` names, which may be deleted by now. */
export function listSubscriptions(
  db: Db,
  account_id: string,
  { limit, starting_after = null }: { limit: number; starting_after?: string | null },
): Promise<SubscriptionRow[]> {
  return db<SubscriptionRow[]>`
    select s.*, e.failures, e.dead, e.down_since, e.probe_at, e.last_failure_at, e.last_error
    from notifications.subscriptions s
    left join notifications.endpoints e on e.account_id = s.account_id and e.endpoint = 'subscription:' || s.id
    where s.account_id = ${account_id} and s.deleted_at is null
      and (${starting_after}::text is null or (s.created_at, s.id) < (
        select a.created_at, a.id from notifications.subscriptions a where a.account_id = ${account_id} and a.id = ${starting_after}))
    order by s.created_at desc, s.id desc
    limit ${limit}`
}

/** Inserts a subscription. */
export async function insertSubscription(
  db: Db,
  account_id: string,
  id: string,
  columns: Columns,
  made: { at: Date; by: string },
): Promise<void> {
  await db`
    with changed as (
      insert into notifications.subscriptions (account_id, id, url, secret, insecure_ssl, events, active, fields, exclude_fields,
        created_at, created_by, updated_at)
      values (${account_id}, ${id}, ${columns.url}, ${columns.secret}, ${columns.insecure_ssl}, ${columns.events},
        ${columns.active ?? true}, ${columns.fields}, ${columns.exclude_fields}, ${made.at}, ${made.by}, ${made.at})
      returning account_id
    )
    select from changed`
}

/** Writes what a client decides; a secret or `active` that it leaves out stays. @returns whether there was such a subscription */
export async function updateSubscription(db: Db, account_id: string, id: string, columns: Columns, at: Date): Promise<boolean> {
  const rows = await db`
    with changed as (
      update notifications.subscriptions set url = ${columns.url}, secret = coalesce(${columns.secret}, secret),
        insecure_ssl = ${columns.insecure_ssl}, events = ${columns.events}, active = coalesce(${columns.active}, active),
        fields = ${columns.fields}, exclude_fields = ${columns.exclude_fields}, updated_at = ${at}
      where account_id = ${account_id} and id = ${id} and deleted_at is null
      returning account_id
    ),
    well as (
      -- It starts with a clean slate: most often it was changed because nobody answered.
      delete from notifications.endpoints where account_id = ${account_id} and endpoint = 'subscription:' || ${id}
        and exists (select from changed)
    )
    select from changed`
  return rows.length > 0
}

/**
 * Marks a subscription deleted and gives up what it has not been told: of an outage's hundreds of thousands only some, for one statement
 * can't change them all in its time. The worker gives up the rest as their turn comes. @returns whether there was one
 */
export async function deleteSubscription(
  db: Db,
  account_id: string,
  id: string,
  made: { at: Date; by: string },
): Promise<boolean> {
  const rows = await db`
    with changed as (
      update notifications.subscriptions set deleted_at = ${made.at}, deleted_by = ${made.by}, active = false, updated_at = ${made.at}
      where account_id = ${account_id} and id = ${id} and deleted_at is null
      returning account_id
    ),
    given_up as (
      update notifications.deliveries d set state = 'dead', next_attempt_at = null, leased_until = null, settled_at = ${made.at},
        response = ${json({ error: 'The subscription was deleted.' })}
      from (
        select w.account_id, w.id from changed c join notifications.deliveries w on w.account_id = c.account_id
        where w.endpoint = 'subscription:' || ${id} and w.state = 'pending' limit ${limits.given_up_at_once}
      ) waiting
      where d.account_id = waiting.account_id and d.id = waiting.id and d.state = 'pending'
    )
    select from changed`
  return rows.length > 0
}

/** A ping to a subscription, in a lane of its own. `subscription` is its body. */
export async function insertPing(
  db: Db,
  account_id: string,
  ping: { id: string; subscription_id: string; url: string; subscription: unknown; at: Date },
): Promise<void> {
  await db`
    with changed as (
      insert into notifications.deliveries (account_id, id, endpoint, lane, position, subscription_id, event, aggregate_type,
        aggregate_id, sequence, details, method, url, next_attempt_at, created_at)
      values (${account_id}, ${ping.id}, 'subscription:' || ${ping.subscription_id}::text, 'ping:' || ${ping.id}::text, 0,
        ${ping.subscription_id}, 'ping', 'subscription', ${ping.subscription_id}, 1, ${json(ping.subscription)}, 'POST',
        ${ping.url}, ${ping.at}, ${ping.at})
      returning account_id
    )
    select from changed`
}
