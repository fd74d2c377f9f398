import postgres from 'postgres'
import type { Sql } from '../src/lib/db.ts'

type Node = { 'Node Type': string; 'Index Name'?: string; 'Relation Name'?: string; Plans?: Node[] }
const nodes = (plan: Node): Node[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

/** A connection that remembers its statements, so that their plans can be looked at. */
export function connectForPlans(url: string) {
  let statements: string[] = []
  const types = { bigint: { to: 20, from: [20], serialize: String, parse: Number } }
  const sql = postgres(url, {
    max: 1,
    types,
    transform: { undefined: null },
    debug: (_, query) => {
      statements.push(query)
    },
  }) as unknown as Sql
  return {
    sql,
    /** The plans of what `work` asked for, as they are for any parameters at all: node types, and the indexes they use. */
    async plansOf(work: () => Promise<unknown>): Promise<{ types: string[]; indexes: string[]; scans: string[] }[]> {
      statements = []
      await work()
      const asked = statements.filter((statement) => !/pg_catalog/.test(statement))
      const plans = []
      for (const statement of asked) {
        const [row] = await sql.unsafe<{ 'QUERY PLAN': [{ Plan: Node }] }[]>(`explain (generic_plan, format json) ${statement}`)
        const all = nodes(row!['QUERY PLAN'][0].Plan)
        plans.push({
          types: all.map((node) => node['Node Type']),
          indexes: all.flatMap((node) => node['Index Name'] ?? []),
          scans: all.flatMap((node) => (node['Node Type'] === 'Seq Scan' ? [node['Relation Name'] ?? ''] : [])),
        })
      }
      return plans
    },
  }
}
