import type { Sql } from '../../lib/db.ts'
import type { Clock, Ids } from '../../lib/ids.ts'
import { listSubscribers } from '../deliveries/store.ts'
import { findLatest, insertTriggered } from './store.ts'

/**
 * Sends an event to the subscriptions that want it, without anything happening: about the newest object that had this event, or a
 * made-up one. In a lane of its own.
 * @returns how many subscriptions are told
 */
export async function trigger(parts: { sql: Sql; clock: Clock; ids: Ids }, account_id: string, event: string): Promise<number> {
  const { sql, clock, ids } = parts
  const subscribers = (await listSubscribers(sql, account_id)).filter(({ events }) => events.includes(event))
  const about = (await findLatest(sql, account_id, event)) ?? {
    aggregate_type: aggregateOf(event),
    aggregate_id: `${account_id}.sample`,
    sequence: 1,
    details: { sample: true },
  }
  const deliveries = subscribers.map(({ id: subscription_id, url }) => ({
    ...about,
    id: ids.uuid(),
    subscription_id,
    url,
    event,
  }))
  await insertTriggered(sql, account_id, deliveries, clock.now())
  return deliveries.length
}

function aggregateOf(event: string): string {
  if (event.startsWith('checkout_token')) return 'card_token'
  if (event.startsWith('checkout')) return 'transaction'
  if (event.startsWith('shopping_draft')) return 'draft'
  return event.startsWith('shopping') ? 'order' : 'settlement'
}
