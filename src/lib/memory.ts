import { ApiError } from './errors.ts'
import { running } from './idempotency.ts'
import { limits } from './limits.ts'

/**
 * What this process wrote last, so that its next write need not read it first: a shop creates, pays and captures within seconds, most often
 * through one process. Never trusted: a write is guarded by the version that it decided on, and what does not fit is read from the
 * database and decided anew. Only what is committed is kept.
 */
export type Memory<T> = {
  /** Hands out what is known, once. Nothing inside a database transaction of the request: that sees what is not committed. */
  take(account_id: string, id: string): T | undefined
  /** `size`: about how many characters the value holds. */
  keep(account_id: string, id: string, value: T, size: number): void
  clear(): void
}

/** Forgets what was used longest ago when there are too many, or when they are too large together. */
export function createMemory<T>(): Memory<T> {
  const kept = new Map<string, { value: T; size: number }>()
  let total = 0
  const drop = (key: string) => {
    total -= kept.get(key)?.size ?? 0
    kept.delete(key)
  }
  return {
    take(account_id, id) {
      const key = `${account_id}/${id}`
      const found = kept.get(key)
      if (!found) return undefined
      drop(key)
      return running.getStore() ? undefined : found.value
    },
    keep(account_id, id, value, size) {
      const key = `${account_id}/${id}`
      drop(key)
      if (running.getStore() || size > limits.remembered_size_max) return
      kept.set(key, { value, size })
      total += size
      for (const oldest of kept.keys()) {
        if (kept.size <= limits.aggregates_remembered && total <= limits.remembered_total) break
        drop(oldest)
      }
    },
    clear() {
      kept.clear()
      total = 0
    },
  }
}

/** For what was decided on a memory: a refusal counts for nothing, since the database may know better. */
export function unlessRefused(error: unknown): undefined {
  if (!(error instanceof ApiError)) throw error
}
