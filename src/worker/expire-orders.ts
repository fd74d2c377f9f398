import type { Sql } from '../lib/db.ts'
import type { Clock } from '../lib/ids.ts'
import { deleteExpiredDrafts, deleteExpiredOrders } from '../orders/expiry/store.ts'
import type { Work } from './loop.ts'

const batch = 100

/** Removes orders and drafts whose `order_time_to_live` has passed (orders-api §4.7). They are not found from the moment it passes. */
export function expireOrders(parts: { sql: Sql; clock: Clock }): Work {
  return {
    name: 'expire-orders',
    interval_ms: 10_000,
    async run() {
      const now = parts.clock.now().toISOString()
      const orders = await deleteExpiredOrders(parts.sql, now, batch)
      return orders + (await deleteExpiredDrafts(parts.sql, now, batch))
    },
  }
}
