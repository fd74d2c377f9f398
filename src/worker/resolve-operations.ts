import { nextAttempt, type OperationRow } from '../checkout/operations-log/operation.ts'
import { claimOperations, postponeOperation } from '../checkout/operations-log/store.ts'
import { type Overdue, resolveOrCallOff } from '../checkout/payments/overdue/operations.ts'
import { ask, settleOperation } from '../checkout/transactions/operations.ts'
import { findTransaction } from '../checkout/transactions/store.ts'
import { failpoint } from '../lib/failpoints.ts'
import { limits } from '../lib/limits.ts'
import type { Work } from './loop.ts'

/** How many operations one round asks about at once; each may take up to the gateway time-out. */
const batch = 20

/**
 * Asks again about operations whose outcome nobody knows: unanswered, pending at the provider, or left behind by a process that died.
 * The same call with the same key, so that nothing happens twice; an authorization is only looked up, its card data is gone.
 * One that nobody finished is called off in the end.
 */
export function resolveOperations(payments: Overdue): Work {
  return {
    name: 'resolve-operations',
    interval_ms: 500,
    async run() {
      const now = payments.clock.now()
      const lease = new Date(now.getTime() + limits.gateway_timeout_ms * 2)
      const due = await claimOperations(payments.sql, now, lease, batch)
      if (due.length > 0) await failpoint('resolver.claimed')
      const results = await Promise.allSettled(due.map((operation) => resolve(payments, operation)))
      for (const [index, result] of results.entries()) {
        if (result.status === 'rejected') {
          payments.log.error({ err: result.reason, operation_id: due[index]!.id }, 'operation could not be resolved')
        }
      }
      return due.length
    },
  }
}

async function resolve(payments: Overdue, operation: OperationRow): Promise<void> {
  if (operation.kind === 'authorize') return resolveOrCallOff(payments, operation)
  const gateway = payments.gateways.find(operation.account_id, operation.payment_product_type)
  if (!gateway) return postponeOperation(payments.sql, operation, nextAttempt(payments.clock.now(), operation.attempts))
  const outcome = await ask(payments, gateway, operation)
  const transaction = await findTransaction(payments.sql, operation.account_id, operation.transaction_id)
  if (!transaction) throw new Error(`Operation ${operation.id} has lost its transaction.`)
  await settleOperation(payments, { transaction, operation }, outcome)
}
