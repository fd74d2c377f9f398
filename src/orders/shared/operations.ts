import type { Parts } from '../../app.ts'
import type { Db } from '../../lib/db.ts'
import { inTransaction } from '../../lib/db.ts'
import { ApiError, invariant } from '../../lib/errors.ts'
import { failpoint } from '../../lib/failpoints.ts'
import { limits } from '../../lib/limits.ts'
import { unlessRefused } from '../../lib/memory.ts'
import type { EventBase, RequestRecord } from '../orders/order.ts'

/** What the operations of the orders service need. */
export type Service = Pick<Parts, 'sql' | 'clock' | 'ids' | 'memory'>

/** Who calls, and what for: becomes `created_by` and `request` of the event. */
export type Caller = {
  account_id: string
  subject: string
  request?: RequestRecord
  /** The header `If-Match`: the version that the caller has seen. */
  if_match?: string
}

/** 412 when the caller named a version in `If-Match` and the resource is at another one. */
export function assertVersion(version: number, { if_match }: Caller): void {
  if (if_match === undefined || if_match.trim() === '*') return
  const named = if_match.split(',').map((tag) => tag.trim().replace(/^W\//, '').replaceAll('"', ''))
  if (named.includes(String(version))) return
  throw new ApiError('precondition_failed', `The resource is at version ${version}, not at ${if_match}.`)
}

const growing: ReadonlySet<string> = new Set([
  ...['lines_added', 'replaced', 'updated', 'comment_added', 'session', 'service'],
  ...['item_added', 'item_replaced'],
])

/** 400 when an order, or draft, with events of this `size` gets no more of this kind: soon nobody could read it. */
export function assertRoom(size: number, { type }: { type: string }): void {
  if (size < limits.events_size_max * (growing.has(type) ? 1 : 2)) return
  throw new ApiError(
    'events_full',
    'The order or draft has had so many or such large changes that it takes no more. Make another one.',
  )
}

/** The members that every event has; `version` is the one after the given. */
export function nextEvent({ clock, ids }: Service, caller: Caller, version: number): EventBase {
  return { id: ids.uuid(), version: version + 1, created_at: clock.now().toISOString(), created_by: caller.subject }
}

/**
 * Runs a guarded write: `attempt` reads, decides and writes, and returns undefined when another write was first. After a few of those
 * it runs under the row lock that `lock` takes, where nobody can be first. `known`, what this process wrote last, saves the first read: a
 * refusal that is decided on it is decided again on what the database has.
 */
export async function attemptWrite<T, K>(
  sql: Service['sql'],
  attempt: (db: Db, known?: K) => Promise<T | undefined>,
  lock: (db: Db) => Promise<void>,
  known?: K,
): Promise<T> {
  await failpoint('orders.before_write')
  const remembered = known === undefined ? undefined : await attempt(sql, known).catch(unlessRefused)
  for (let count = 0; count < limits.optimistic_attempts; count++) {
    const result = remembered ?? (await attempt(sql))
    if (result === undefined) continue
    await failpoint('orders.written')
    return result
  }
  return inTransaction(sql, async (tx) => {
    await lock(tx)
    const result = await attempt(tx)
    invariant(result !== undefined, 'a write under the row lock lost a race')
    return result
  })
}
