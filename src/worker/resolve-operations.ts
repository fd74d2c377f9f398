import { isSettled, nextAttempt, type OperationRow } from '../checkout/operations-log/operation.ts'
import { claimOperations, findOperation, postponeOperation } from '../checkout/operations-log/store.ts'
import { type Overdue, resolveOrCallOff } from '../checkout/payments/overdue/operations.ts'
import { ask, settleOperation } from '../checkout/transactions/operations.ts'
import { findTransaction } from '../checkout/transactions/store.ts'
import { failpoint } from '../lib/failpoints.ts'
import { limits } from '../lib/limits.ts'
import { type Busy, shareFairly } from './fair-share.ts'
import type { Work } from './loop.ts'

/**
 * Asks again about operations whose outcome nobody knows: unanswered, pending at the provider, or left behind by a process that died.
 * The same call with the same key, so that nothing happens twice; an authorization is only looked up, its card data is gone.
 * One that nobody finished is called off in the end.
 */
export function resolveOperations(payments: Overdue): Work {
  return {
    name: 'resolve-operations',
    interval_ms: 500,
    run: (signal) =>
      shareFairly(signal, {
        claim: (count, busy) => claim(payments, count, busy),
        work: (operation) =>
          resolve(payments, operation).catch((error) =>
            payments.log.error({ err: error, operation_id: operation.id }, 'operation could not be resolved'),
          ),
      }),
  }
}

async function claim({ sql, clock }: Overdue, count: number, busy: Busy): Promise<OperationRow[]> {
  const now = clock.now()
  const lease_until = new Date(now.getTime() + limits.gateway_timeout_ms * 2)
  const due = await claimOperations(sql, { now, lease_until, count, ...busy })
  if (due.length > 0) await failpoint('resolver.claimed')
  return due
}

async function resolve(payments: Overdue, operation: OperationRow): Promise<void> {
  if (operation.kind === 'authorize') return resolveOrCallOff(payments, operation)
  const gateway = payments.gateways.find(operation.account_id, operation.payment_product_type)
  if (!gateway) return postponeOperation(payments.sql, operation, nextAttempt(payments.clock.now(), operation.attempts))
  const outcome = await ask(payments, gateway, operation)
  const transaction = await findTransaction(payments.sql, operation.account_id, operation.transaction_id)
  // Read last: when somebody settles it after that, the transaction that was read is no longer the newest.
  const now = await findOperation(payments.sql, operation.account_id, operation.id)
  if (!transaction || !now) throw new Error(`Operation ${operation.id} has lost its transaction.`)
  if (!isSettled(now)) await settleOperation(payments, { transaction, operation: now }, outcome)
}
