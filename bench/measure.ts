import { readdirSync, readFileSync } from 'node:fs'
import type { Sql } from '../src/lib/db.ts'
import { Connection, type Request } from './client.ts'

/** What to send: a request a call, made from the number of the call. `undefined` ends the run. */
export type Source = (index: number) => Request | undefined

export type Measured = {
  calls: number
  errors: number
  seconds: number
  per_second: number
  p50_ms: number
  p95_ms: number
  p99_ms: number
  server_cpu_ms_per_call: number
  database_cpu_ms_per_call: number
  client_cpu_share: number
  statements_per_call: number
  wal_bytes_per_call: number
}

export type Machine = { sql: Sql; server_pid: number; database_pid: number }

/** Keeps `connections` requests in flight for `seconds`, or until the source ends: what the server can do, and how long each call then takes. */
export async function saturate(
  url: string,
  source: Source,
  options: { connections: number; seconds: number; machine: Machine },
): Promise<Measured> {
  const { connections, seconds, machine } = options
  const latencies: number[] = []
  let errors = 0
  let index = 0
  const pool = Array.from({ length: connections }, () => new Connection(new URL(url)))
  const before = await usage(machine)
  const start = performance.now()
  const deadline = start + seconds * 1000
  await Promise.all(
    pool.map(async (connection) => {
      for (;;) {
        const request = performance.now() < deadline ? source(index++) : undefined
        if (!request) return
        const sent = performance.now()
        const { status } = await connection.send(request)
        latencies.push(performance.now() - sent)
        if (status !== 200) errors += 1
      }
    }),
  )
  return summary(latencies, errors, (performance.now() - start) / 1000, before, await finish(pool, machine))
}

/**
 * Sends at a fixed rate, whether or not earlier answers have come: a stall makes every later call wait in line, and its wait counts from
 * when it should have been sent, so queueing is not hidden.
 */
export async function atRate(
  url: string,
  source: Source,
  options: { per_second: number; connections: number; seconds: number; machine: Machine },
): Promise<Measured> {
  const { per_second, connections, seconds, machine } = options
  const latencies: number[] = []
  let errors = 0
  const total = Math.floor(per_second * seconds)
  let index = 0
  const pool = Array.from({ length: connections }, () => new Connection(new URL(url)))
  const before = await usage(machine)
  const start = performance.now()
  await Promise.all(
    pool.map(async (connection) => {
      while (index < total) {
        const mine = index++
        const due = start + (mine / per_second) * 1000
        const wait = due - performance.now()
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
        const request = source(mine)
        if (!request) return
        const { status } = await connection.send(request)
        latencies.push(performance.now() - due)
        if (status !== 200) errors += 1
      }
    }),
  )
  return summary(latencies, errors, (performance.now() - start) / 1000, before, await finish(pool, machine))
}

async function finish(pool: Connection[], machine: Machine) {
  for (const connection of pool) connection.close()
  return usage(machine)
}

export type Usage = { server_ms: number; database_ms: number; client_ms: number; statements: number; wal: number }

/** What server, database and generator have used so far. */
export async function usage({ sql, server_pid, database_pid }: Machine): Promise<Usage> {
  const [row] = await sql<{ statements: number; wal: number }[]>`
    select coalesce(sum(calls) filter (where query not ilike 'begin%' and query not ilike 'commit%'), 0)::float8 as statements,
      (pg_current_wal_insert_lsn() - '0/0')::float8 as wal
    from pg_stat_statements`
  const { user, system } = process.cpuUsage()
  return {
    server_ms: cpuOfAll(server_pid),
    database_ms: cpuOfAll(database_pid),
    client_ms: (user + system) / 1000,
    statements: row!.statements,
    wal: row!.wal,
  }
}

/** The statements that took the database's time since its statistics were reset, in µs a statement. */
export function costliest(sql: Sql, calls: number): Promise<Record<string, unknown>[]> {
  return sql`
    select round((calls / ${calls}::numeric), 2)::float8 as per_call, (mean_plan_time * 1000)::int as plan_us,
      (mean_exec_time * 1000)::int as exec_us, round((plans / nullif(calls, 0)::numeric), 2)::float8 as planned,
      ((total_plan_time + total_exec_time) * 1000 / ${calls}::numeric)::int as us_per_call,
      (wal_bytes / nullif(calls, 0))::int as wal, left(regexp_replace(query, '\\s+', ' ', 'g'), 70) as query
    from pg_stat_statements where calls > 0 order by total_plan_time + total_exec_time desc limit 12`
}

/** A process and its children: workers, or what serves one connection each. */
export function withChildren(pid: number): number[] {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
  return [pid, ...children.map(Number)]
}
/** With that of children that have ended since: autovacuum's workers come and go. */
const cpuOfAll = (pid: number) => withChildren(pid).reduce((sum, each) => sum + cpuOf(each), ticksOf(pid, 13) + ticksOf(pid, 14))

/** Resident memory of a process in MB: now, and at its highest. */
export function memoryOf(pid: number): { now_mb: number; peak_mb: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const of = (name: string) => Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024)
  return { now_mb: of('VmRSS'), peak_mb: of('VmHWM') }
}

function statOf(pid: number | string): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
  } catch {
    return []
  }
}
const parentOf = (pid: number | string) => Number(statOf(pid)[1])
/** User and system time of a process. The kernel counts in ticks of 10 ms. */
const cpuOf = (pid: number | string) => ticksOf(pid, 11) + ticksOf(pid, 12)
const ticksOf = (pid: number | string, field: number) => Number(statOf(pid)[field] ?? 0) * 10

function summary(latencies: number[], errors: number, seconds: number, before: Usage, after: Usage): Measured {
  latencies.sort((a, b) => a - b)
  const calls = latencies.length
  const at = (share: number) => round(latencies[Math.min(calls - 1, Math.floor(calls * share))] ?? 0)
  return {
    calls,
    errors,
    seconds: round(seconds),
    per_second: round(calls / seconds),
    p50_ms: at(0.5),
    p95_ms: at(0.95),
    p99_ms: at(0.99),
    server_cpu_ms_per_call: round((after.server_ms - before.server_ms) / calls),
    database_cpu_ms_per_call: round((after.database_ms - before.database_ms) / calls),
    client_cpu_share: round((after.client_ms - before.client_ms) / (seconds * 1000)),
    statements_per_call: round((after.statements - before.statements) / calls),
    wal_bytes_per_call: Math.round((after.wal - before.wal) / calls),
  }
}

export const round = (value: number): number => Math.round(value * 100) / 100
