import type { Sql } from '../lib/db.ts'
import { deleteExpiredKeys } from '../lib/idempotency.ts'
import type { Clock } from '../lib/ids.ts'
import type { Work } from './loop.ts'

/** Removes the stored answers of idempotency keys once they are older than `limits.idempotency_key_s`, a batch at a time. */
export function forgetIdempotencyKeys(parts: { sql: Sql; clock: Clock }): Work {
  return {
    name: 'forget-idempotency-keys',
    interval_ms: 60_000,
    run: () => deleteExpiredKeys(parts.sql, parts.clock.now()),
  }
}
