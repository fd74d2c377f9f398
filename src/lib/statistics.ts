import type { Sql } from './db.ts'
import { schemas } from './migrate.ts'

/**
 * Gathers the planner's statistics of our tables that have rows but never had any; returns how many tables that were. Without them, and until
 * autovacuum comes by a minute later, PostgreSQL takes every index that starts with the account for equally good, keeps the plan, and a
 * lookup by primary key may read the whole account. A role that may not analyze gets a warning from PostgreSQL and no harm.
 */
export async function analyzeNewTables(sql: Sql): Promise<number> {
  const tables = await sql<{ schemaname: string; relname: string }[]>`
    select schemaname, relname from pg_stat_user_tables
    where schemaname = any (${[...schemas]}) and n_live_tup >= 20 and last_analyze is null and last_autoanalyze is null`
  for (const { schemaname, relname } of tables) await sql`analyze ${sql(`${schemaname}.${relname}`)}`.simple()
  return tables.length
}
