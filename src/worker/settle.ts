import { openAccount, type Settling, settleAccount } from '../checkout/settlements/operations.ts'
import { finishedUntil } from '../checkout/settlements/settlement.ts'
import { listDueAccounts, listNewAccounts } from '../checkout/settlements/store.ts'
import type { Work } from './loop.ts'

/**
 * Settles each finished day (UTC) of captured and refunded money, account by account (checkout-api §10.1). Any number of processes may
 * run it: the account's row is locked while a day of it is settled, and another worker passes it over.
 */
export function settle(settling: Settling): Work {
  return {
    name: 'settle',
    interval_ms: 60_000,
    async run(signal) {
      for (const { account_id } of await listNewAccounts(settling.sql)) await openAccount(settling, account_id)
      let done = 0
      for (const { account_id } of await listDueAccounts(settling.sql, finishedUntil(settling.clock.now()))) {
        if (signal.aborted) break
        done += await settleAccount(settling, account_id, signal)
      }
      return done
    },
  }
}
