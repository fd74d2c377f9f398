import type { Sql } from '../lib/db.ts'
import { analyzeGrownTables } from '../lib/statistics.ts'
import type { Work } from './loop.ts'

/** Keeps the plans of a young database right: what autovacuum does a minute later, as soon as a table has grown. */
export function analyzeTables({ sql }: { sql: Sql }): Work {
  return {
    name: 'analyze-tables',
    interval_ms: 3_000,
    // A table that may not be analyzed would come again at once: rest between rounds.
    run: async () => {
      await analyzeGrownTables(sql)
      return 0
    },
  }
}
