import type { Sql } from '../lib/db.ts'
import { analyzeNewTables } from '../lib/statistics.ts'
import type { Work } from './loop.ts'

/** Keeps the plans of a young database right: what autovacuum does later, as soon as a table has rows. */
export function analyzeTables({ sql }: { sql: Sql }): Work {
  return {
    name: 'analyze-tables',
    interval_ms: 3_000,
    // A table that may not be analyzed would come again at once: rest between rounds.
    run: async () => {
      await analyzeNewTables(sql)
      return 0
    },
  }
}
