import type { Sql } from '../../src/lib/db.ts'
import { Connection } from '../client.ts'
import { round } from '../measure.ts'
import { forgetPeak, heldBy, peakOf, type Server } from './machine.ts'
import type { Query } from './queries.ts'

export type Timing = {
  name: string
  rows: number
  /** Rows in the answer, on average. */
  found: number
  p50_ms: number
  p95_ms: number
  /** What PostgreSQL took for the statements of a call, planning left out. */
  database_ms: number
  /** Pages of 8 kB that PostgreSQL looked at for a call: the figure that no other job on the machine changes. */
  pages: number
}

export type Asked = { rows: number; sql: Sql; server: Server; queries: readonly Query[] }

const turn = 5

/** Asks each query of all sizes, a few calls by turns, so that a disturbance hits all of them alike. */
export async function timeQueries(sizes: readonly Asked[], calls: number, progress: (text: string) => void): Promise<Timing[]> {
  const timings: Timing[] = []
  const names = sizes[0]!.queries.map(({ name }) => name)
  const connections = sizes.map(({ server }) => new Connection(new URL(server.target.url)))
  for (const [done, name] of names.entries()) {
    if (done % 20 === 0 && done > 0) progress(`${done} of ${names.length} queries`)
    const asking = sizes.map((size, index) => asker(size, connections[index]!, name))
    for (const { warm } of asking) await warm()
    const wanted = asking.some(({ slow }) => slow()) ? Math.min(calls, turn) : calls
    for (let from = 0; from < wanted; from += turn) {
      for (const { ask } of asking) {
        for (let index = from; index < Math.min(wanted, from + turn); index++) await ask(index)
      }
    }
    for (const { timing } of asking) timings.push(await timing())
  }
  for (const connection of connections) connection.close()
  return timings
}

/** One query of one size: its answers, and what PostgreSQL counted for them. */
function asker({ rows, sql, server, queries }: Asked, connection: Connection, name: string) {
  const { paths } = queries.find((query) => query.name === name)!
  let answers: { took: number; found: number }[] = []
  const ask = async (index: number) => {
    const path = paths[index % paths.length]!
    const sent = performance.now()
    const { status, body } = await connection.send({ method: 'GET', path, token: server.target.token })
    const took = performance.now() - sent
    if (status !== 200) throw new Error(`${name}: ${path} answered ${status}: ${body.slice(0, 300)}`)
    answers.push({ took, found: countOf(JSON.parse(body)) })
  }
  /** By the sixth call the connection has a plan for good. A query that takes seconds is not asked sixty times. */
  const warm = async () => {
    for (let index = 0; index < 8; index++) {
      await ask(index * 7)
      if (answers.reduce((sum, { took }) => sum + took, 0) > 20_000) break
    }
    await sql`select pg_stat_statements_reset()`
    last = answers.at(-1)!.took
    answers = []
  }
  let last = 0
  const timing = async (): Promise<Timing> => {
    const [row] = await sql<[{ ms: number; pages: number }]>`
      select coalesce(sum(total_exec_time), 0)::float8 as ms, coalesce(sum(shared_blks_hit + shared_blks_read), 0)::float8 as pages
      from pg_stat_statements where query not like '%pg_stat_statements%' and query ilike '%' || ${schemaOf(name)} || '%'`
    const count = answers.length
    const sorted = answers.map(({ took }) => took).sort((a, b) => a - b)
    const at = (share: number) => round(sorted[Math.min(count - 1, Math.floor(count * share))]!)
    return {
      name,
      rows,
      found: round(answers.reduce((sum, { found }) => sum + found, 0) / count),
      p50_ms: at(0.5),
      p95_ms: at(0.95),
      database_ms: round(row.ms / count),
      pages: Math.round(row.pages / count),
    }
  }
  return { ask, warm, timing, slow: () => last > 500 }
}

/** The background work of the server asks questions of its own meanwhile; a list reads one table and its events. */
function schemaOf(name: string): string {
  const noun = name.split(' ')[0]!
  const tables: Record<string, string> = {
    order: 'orders.orders',
    orders: 'orders.orders',
    drafts: 'orders.draft_events',
    transaction: 'checkout.transaction_events',
    transactions: 'checkout.transaction_events',
    session: 'checkout.session',
    sessions: 'checkout.session_events',
    operations: 'from checkout.operations',
    card: 'checkout.card_tokens',
    settlements: 'checkout.settlements',
    deliveries: 'replay_of',
    events: 'position >',
  }
  return tables[noun] ?? noun
}

function countOf(body: unknown): number {
  if (Array.isArray(body)) return body.length
  const list = Object.values(body as object).find(Array.isArray)
  const named = (body as Record<string, unknown>).orders ?? (body as Record<string, unknown>).draft_orders
  if (Array.isArray(named)) return named.length
  return 'id' in (body as object) ? 1 : (list?.length ?? 0)
}

export type Export = {
  name: string
  rows: number
  seconds: number
  lines: number
  mb: number
  held_before_mb: number
  peak_mb: number
}

/** Reads a streamed answer to its end, and sees how much memory the server took for it. */
export async function timeExport(
  server: Server,
  { name, path, accept, rows }: { name: string; path: string; accept: string; rows: number },
): Promise<Export> {
  const { url, token } = server.target
  forgetPeak(server.pid)
  const held_before_mb = heldBy(server.pid)
  const begun = performance.now()
  const answer = await fetch(path.startsWith('http') ? path : `${url}${path}`, {
    headers: { accept, authorization: `Bearer ${token}` },
  })
  if (!answer.ok || !answer.body) throw new Error(`${name} answered ${answer.status}: ${await answer.text()}`)
  let [lines, bytes] = [0, 0]
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    for (const byte of chunk) if (byte === 10) lines += 1
  }
  const seconds = round((performance.now() - begun) / 1_000)
  return { name, rows, seconds, lines, mb: round(bytes / 1e6), held_before_mb, peak_mb: peakOf(server.pid) }
}

export type Size = {
  table: string
  rows: number
  live: number
  heap_mb: number
  indexes_mb: number
  indexes: Record<string, number>
}

/** How large every table of some size is, and each of its indexes. */
export async function sizesOf(sql: Sql, rows: number): Promise<Size[]> {
  const sizes = await sql<Size[]>`
    select s.schemaname || '.' || s.relname as table, ${rows}::int as rows, s.n_live_tup as live,
      round(pg_table_size(s.relid) / 1e6, 1)::float8 as heap_mb, round(pg_indexes_size(s.relid) / 1e6, 1)::float8 as indexes_mb,
      (select jsonb_object_agg(i.indexrelname, round(pg_relation_size(i.indexrelid) / 1e6, 1) order by i.indexrelname)
       from pg_stat_user_indexes i where i.relid = s.relid) as indexes
    from pg_stat_user_tables s
    where s.schemaname in ('orders', 'checkout', 'notifications', 'simulator') and s.n_live_tup > 1000
    order by pg_total_relation_size(s.relid) desc`
  return [...sizes]
}

export type Build = { index: string; rows: number; seconds: number }

/** What a migration that makes an index anew would take; the table can't be written meanwhile. */
export async function timeIndexes(sql: Sql, rows: number): Promise<Build[]> {
  const names = await sql<{ name: string }[]>`
    select schemaname || '.' || indexrelname as name from pg_stat_user_indexes
    where schemaname in ('orders', 'checkout') and pg_relation_size(indexrelid) > 100000
      and relname in ('orders', 'transactions', 'sessions', 'order_events', 'transaction_events', 'operations')
    order by 1`
  const builds: Build[] = []
  for (const { name } of names) {
    const begun = performance.now()
    await sql.unsafe(`reindex index ${name}`)
    builds.push({ index: name, rows, seconds: round((performance.now() - begun) / 1_000) })
  }
  return builds
}
