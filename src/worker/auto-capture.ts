import { capture, missAutoCapture, type Payments } from '../checkout/transactions/operations.ts'
import { claimAutoCaptures, type DueCapture } from '../checkout/transactions/store.ts'
import { paymentProduct } from '../checkout/transactions/transaction.ts'
import { ApiError } from '../lib/errors.ts'
import { limits } from '../lib/limits.ts'
import { shareFairly } from './fair-share.ts'
import type { Work } from './loop.ts'

/**
 * Captures what was authorized with `auto_capture` (checkout-api §5.5): at once, then again and again for 48 hours; a capture or void
 * by hand ends it. The callback that waits for the first attempt is written with that attempt.
 */
export function autoCapture(payments: Payments): Work {
  return {
    name: 'auto-capture',
    interval_ms: 300,
    run: (signal) =>
      shareFairly(signal, {
        claim: (count, busy) => {
          const now = payments.clock.now()
          const lease_until = new Date(now.getTime() + limits.gateway_timeout_ms * 2)
          return claimAutoCaptures(payments.sql, { now, lease_until, count, ...busy })
        },
        work: (due) =>
          attempt(payments, due, payments.clock.now()).catch((error) =>
            payments.log.error({ err: error, transaction_id: due.id }, 'automatic capture failed'),
          ),
      }),
  }
}

async function attempt(payments: Payments, due: DueCapture, now: Date): Promise<void> {
  const { account_id, id, payment_product_type, auto_capture_until, items } = due
  // Instabank wants to know the lines; to everybody else all of it is all of it.
  const lines = paymentProduct(payment_product_type) === 'instabank' && items?.length ? { items } : {}
  try {
    if (auto_capture_until && auto_capture_until < now) return await missAutoCapture(payments, due)
    await capture(payments, { account_id, id, created_by: undefined, request: { automatic: true, ...lines }, ...lines })
  } catch (error) {
    const status = error instanceof ApiError ? error.status : 500
    // Refused before it was asked for.
    if (status === 400) return missAutoCapture(payments, due)
    // One whose outcome nobody knows yet, or another request: it is looked at again when the lease ends.
    if (status === 409) return
    throw error
  }
}
