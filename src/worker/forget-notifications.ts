import type { Sql } from '../lib/db.ts'
import type { Clock } from '../lib/ids.ts'
import { limits } from '../lib/limits.ts'
import { deleteSettledDeliveries } from '../notifications/deliveries/store.ts'
import { deleteOldEvents } from '../notifications/events/store.ts'
import type { Work } from './loop.ts'

/** Removes what has been kept long enough, a batch at a time: delivered and dead deliveries, and the events of the feed. */
export function forgetNotifications({ sql, clock }: { sql: Sql; clock: Clock }): Work {
  return {
    name: 'forget-notifications',
    interval_ms: 600_000,
    async run() {
      const since = (seconds: number) => new Date(clock.now().getTime() - seconds * 1_000)
      const { forget_batch } = limits
      const delivered = await deleteSettledDeliveries(sql, 'delivered', since(limits.delivered_kept_s), forget_batch)
      const dead = await deleteSettledDeliveries(sql, 'dead', since(limits.dead_kept_s), forget_batch)
      return delivered + dead + (await deleteOldEvents(sql, since(limits.events_kept_s), forget_batch))
    },
  }
}
