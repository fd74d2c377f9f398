import postgres from 'postgres'
import type { Sql } from '../src/lib/db.ts'

type Node = { 'Node Type': string; 'Index Name'?: string; 'Relation Name'?: string; 'Index Cond'?: string; Plans?: Node[] }
type Explained = { 'QUERY PLAN': [{ Plan: Node }] }
type Plan = { types: string[]; indexes: string[]; scans: string[]; conditions: string[] }
const nodes = (plan: Node): Node[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

/** A connection that remembers its statements, so that their plans can be looked at. */
export function connectForPlans(url: string) {
  let statements: { text: string; values: unknown[] }[] = []
  const types = { bigint: { to: 20, from: [20], serialize: String, parse: Number } }
  const sql = postgres(url, {
    max: 1,
    types,
    transform: { undefined: null },
    debug: (_, text, values) => {
      statements.push({ text, values: values as unknown[] })
    },
  }) as unknown as Sql
  return {
    sql,
    /**
     * The plans of what `work` asked for: node types, and the indexes they use. As they are for any parameters at all, or for those it had:
     * that is for statements which are planned for them.
     */
    async plansOf(work: () => Promise<unknown>, { for_values = false } = {}): Promise<Plan[]> {
      statements = []
      await work()
      const asked = statements.filter(({ text }) => !/pg_catalog/.test(text))
      const plans: Plan[] = []
      for (const { text, values } of asked) {
        const explained = for_values
          ? sql.unsafe<Explained[]>(`explain (format json) ${text}`, values as never[])
          : sql.unsafe<Explained[]>(`explain (generic_plan, format json) ${text}`)
        const [row] = await explained
        const all = nodes(row!['QUERY PLAN'][0].Plan)
        plans.push({
          types: all.map((node) => node['Node Type']),
          indexes: all.flatMap((node) => node['Index Name'] ?? []),
          conditions: all.flatMap((node) => node['Index Cond'] ?? []),
          scans: all.flatMap((node) => (node['Node Type'] === 'Seq Scan' ? [node['Relation Name'] ?? ''] : [])),
        })
      }
      return plans
    },
  }
}
