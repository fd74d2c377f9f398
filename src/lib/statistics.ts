import type { Sql } from './db.ts'
import { schemas } from './migrate.ts'

/**
 * Gathers the planner's statistics of our tables that have grown fivefold since they last were; returns how many tables that was. A plan is
 * kept for as long as the statistics are: without any, PostgreSQL takes every index that starts with the account for equally good, for a
 * tiny table it reads all of it, and either is wrong soon. Autovacuum would notice a minute later. A role that may not analyze
 * gets a warning from PostgreSQL and no harm.
 */
export async function analyzeGrownTables(sql: Sql): Promise<number> {
  const tables = await sql<{ schemaname: string; relname: string }[]>`
    select s.schemaname, s.relname from pg_stat_user_tables s join pg_class c on c.oid = s.relid
    where s.schemaname = any (${[...schemas]}) and s.n_live_tup >= 20 and s.n_mod_since_analyze >= 4 * greatest(c.reltuples, 5)`
  for (const { schemaname, relname } of tables) await sql`analyze ${sql(`${schemaname}.${relname}`)}`.simple()
  return tables.length
}
