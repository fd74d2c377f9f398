import { isSettled, nextAttempt, type OperationRow } from '../checkout/operations-log/operation.ts'
import { claimOperations, findOperation, postponeOperation } from '../checkout/operations-log/store.ts'
import { type Overdue, resolveOrCallOff } from '../checkout/payments/overdue/operations.ts'
import { ask, settleOperation } from '../checkout/transactions/operations.ts'
import { findTransaction } from '../checkout/transactions/store.ts'
import { failpoint } from '../lib/failpoints.ts'
import { limits } from '../lib/limits.ts'
import type { Work } from './loop.ts'

const interval_ms = 500

/** How many operations are claimed at a time: an account or a provider exceeds its share by less than that. */
const batch = 4

/**
 * Asks again about operations whose outcome nobody knows: unanswered, pending at the provider, or left behind by a process that died.
 * The same call with the same key, so that nothing happens twice; an authorization is only looked up, its card data is gone.
 * One that nobody finished is called off in the end.
 */
export function resolveOperations(payments: Overdue): Work {
  return { name: 'resolve-operations', interval_ms, run: (signal) => resolveDue(payments, signal) }
}

/** Works until nothing is due and nothing under way: each that ends makes room. Told to stop, it waits for what is under way. */
async function resolveDue(payments: Overdue, signal: AbortSignal): Promise<number> {
  const underway = new Map<Promise<void>, OperationRow>()
  let total = 0
  try {
    while (!signal.aborted) {
      const room = Math.min(limits.resolve_concurrency - underway.size, batch)
      const due = room === 0 ? [] : await claim(payments, room, [...underway.values()])
      if (due.length > 0) await failpoint('resolver.claimed')
      for (const operation of due) {
        const asked = resolve(payments, operation)
          .catch((error) => payments.log.error({ err: error, operation_id: operation.id }, 'operation could not be resolved'))
          .finally(() => underway.delete(asked))
        underway.set(asked, operation)
      }
      total += due.length
      if (underway.size === 0) break
      if (due.length < batch) await next(underway.keys())
    }
  } finally {
    await Promise.all(underway.keys())
  }
  return total
}

/** Takes what is due, but of no account or provider that has its share under way: one that does not answer leaves room for others. */
function claim({ sql, clock }: Overdue, count: number, underway: readonly OperationRow[]): Promise<OperationRow[]> {
  const now = clock.now()
  const lease_until = new Date(now.getTime() + limits.gateway_timeout_ms * 2)
  const named = (name: 'account_id' | 'gateway', often: number) =>
    atLeast(
      underway.map((operation) => operation[name]),
      often,
    )
  const accounts = named('account_id', limits.resolve_account_concurrency)
  const gateways = named('gateway', limits.resolve_gateway_concurrency)
  return claimOperations(sql, { now, lease_until, count, accounts, gateways })
}

/** What occurs so often. */
function atLeast(names: readonly string[], often: number): string[] {
  return [...new Set(names)].filter((name) => names.filter((other) => other === name).length >= often)
}

/** Waits until one has ended, or something new may be due. */
async function next(underway: Iterable<Promise<void>>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const rest = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, interval_ms)
  })
  await Promise.race([rest, ...underway])
  clearTimeout(timer)
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
