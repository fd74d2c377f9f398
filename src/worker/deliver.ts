import { setMaxListeners } from 'node:events'
import { limits } from '../lib/limits.ts'
import type { RetryRules } from '../notifications/deliveries/delivery.ts'
import { attempt, type Delivering, fanOut, type Resting } from '../notifications/deliveries/operations.ts'
import { claimDeliveries } from '../notifications/deliveries/store.ts'
import type { Work } from './loop.ts'

/** How long it rests when all is told; also how long a change waits at most until it is being told. Meanwhile a batch gathers. */
const interval_ms = 100

/**
 * Tells merchants what happened: turns outbox rows into deliveries, claims those that are due, and calls, many at a time.
 * Any number of processes may run it. A worker that dies leaves leases; when they have run out, others go on.
 */
export function deliveryWork(delivering: Delivering): Work {
  const resting: Resting = new Map()
  return { name: 'deliver', interval_ms, run: (signal) => deliver(delivering, signal, resting).then(() => 0) }
}

/** Works until nothing is due and nothing under way, or until told to stop; then calls under way are broken off and given back. */
export async function deliver(delivering: Delivering, signal: AbortSignal, resting: Resting = new Map()): Promise<number> {
  // Every call under way listens to it.
  setMaxListeners(0, signal)
  const underway = new Map<Promise<void>, { account_id: string; endpoint: string }>()
  let total = 0
  let fanned_out_at = Number.NEGATIVE_INFINITY
  while (!signal.aborted) {
    let told = 0
    const beside = underway.size
    if (underway.size === 0 || performance.now() - fanned_out_at > interval_ms / 2) {
      told = await fanOut(delivering, resting)
      if (told < limits.fan_out_batch) fanned_out_at = performance.now()
    }
    const claimed = await claimDeliveries(delivering.sql, {
      now: delivering.clock.now(),
      busy: callsByEndpoint(underway.values()),
      capacity: limits.delivery_concurrency - underway.size,
      aggregate_types: [...Object.keys(delivering.sources), 'subscription'],
      lease_s: leases(delivering.rules),
    })
    for (const delivery of claimed) {
      const call = attempt(delivering, delivery, signal)
        .catch((error) => delivering.log.error({ err: error, delivery: delivery.id }, 'an attempt was not recorded'))
        .finally(() => underway.delete(call))
      underway.set(call, delivery)
    }
    total += told + claimed.length
    const more = told >= limits.fan_out_batch
    // Calls that ended while it was claimed left room for others: what was due then is not all.
    if (beside === 0 && claimed.length === 0 && !more) break
    if (underway.size > 0 && !more) await next(underway.keys(), signal)
  }
  await Promise.all(underway.keys())
  return total
}

/** The lease outlives the call, and what is written around it. */
function leases(rules: RetryRules) {
  return { callback: rules.callback.timeout_ms / 1_000 + 20, webhook: rules.webhook.timeout_ms / 1_000 + 20 }
}

function callsByEndpoint(calls: Iterable<{ account_id: string; endpoint: string }>) {
  const counted = new Map<string, { account_id: string; endpoint: string; calls: number }>()
  for (const { account_id, endpoint } of calls) {
    const key = `${account_id} ${endpoint}`
    const entry = counted.get(key) ?? { account_id, endpoint, calls: 0 }
    entry.calls += 1
    counted.set(key, entry)
  }
  return [...counted.values()]
}

/** Waits until a call has ended, something new may have come, or it is time to stop. */
async function next(calls: Iterable<Promise<void>>, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let stop: (() => void) | undefined
  const rest = new Promise<void>((resolve) => {
    stop = resolve
    timer = setTimeout(resolve, interval_ms)
    signal.addEventListener('abort', resolve as () => void, { once: true })
  })
  await Promise.race([rest, ...calls])
  // Calls end in swarms: a moment's patience makes one claim of many.
  await new Promise((resolve) => setTimeout(resolve, 3))
  clearTimeout(timer)
  if (stop) signal.removeEventListener('abort', stop)
}
