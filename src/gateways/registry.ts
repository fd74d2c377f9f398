import type { Config } from '../lib/config.ts'
import type { Sql } from '../lib/db.ts'
import type { Clock, Ids } from '../lib/ids.ts'
import type { Gateways } from './gateway.ts'
import { createSimulator } from './simulator/operations.ts'

/**
 * Which gateway serves which account. Test accounts (`T…`) have the simulator for everything. Production accounts have none yet:
 * a real provider is added here (docs/gateways.md), and is never offered to a test account.
 */
export function createGateways(parts: { sql: Sql; clock: Clock; ids: Ids; config: Config }): Gateways {
  const simulator = createSimulator(parts)
  const known = new Set(simulator.products.map((product) => product.payment_product_type))
  return {
    find: (account_id, payment_product_type) =>
      account_id.startsWith('T') && known.has(payment_product_type) ? simulator : undefined,
    products: (account_id) => (account_id.startsWith('T') ? simulator.products : []),
  }
}
