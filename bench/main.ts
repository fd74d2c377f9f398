/* `npm run bench`: every endpoint against the floor, in one run and interleaved, on a PostgreSQL and a server of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { connect } from '../src/lib/db.ts'
import { openEmbeddedPostgres } from '../src/lib/embedded-postgres.ts'
import { atRate, costliest, type Machine, type Measured, memoryOf, round, saturate, withChildren } from './measure.ts'
import {
  endless,
  makeDrafts,
  makeOrders,
  makeSessions,
  makeTransactions,
  put,
  run,
  type Step,
  source,
  type Target,
} from './scenarios.ts'
import { walks } from './walk.ts'

const help = `npm run bench -- [options]

Starts a PostgreSQL (fsync on) and a server of its own, plays each endpoint and the whole walk as fast as it goes, a bare route that
makes one INSERT (the floor) between them, and ends with \`kvitt verify\`. bench/README.md says what the figures mean.

  --seconds 3              How long each slice is measured.
  --rounds 2               Slices of each kind; the median by the ratio to the floor counts.
  --connections 1,8,32,64  Requests in flight.
  --warm-up 20             Seconds of walks, and half as many of the floor, before anything is measured: V8 has compiled by then what
                           is called often, as in a server that has run for a while.
  --only pay,walk          Only these: an endpoint's name, or walk.
  --rate 60                Then, at 32 connections: as many requests a second as this percentage of what was reached, on a fixed
                           timetable; 0 leaves it out.
  --workers 1              Processes of the server (kvitt start --workers).
  --statements             Prints the costliest statements of each slice.
  --profile DIR            Writes a CPU profile of the server there, to open in a browser's developer tools.
  --json FILE              Where the results go: bench/results/latest.json`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    rate: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '1,8,32,64' },
    only: { type: 'string' },
    json: { type: 'string' },
    'warm-up': { type: 'string', default: '20' },
    workers: { type: 'string', default: '1' },
    statements: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
})
if (values.help) {
  console.log(help)
  process.exit(0)
}
const seconds = Number(values.seconds)
const rounds = Number(values.rounds)
const rate = Number(values.rate) / 100
const connectionCounts = values.connections.split(',').map(Number)
const warm_up_seconds = Number(values['warm-up'])
const wanted = (name: string) => !values.only || values.only.split(',').includes(name)

const folder = mkdtempSync(join(tmpdir(), 'kvitt-bench-'))
const children: ChildProcess[] = []
/** Starts a program and waits for the line that says it is ready; returns what follows on that line. */
async function start(
  name: string,
  args: string[],
  env: Record<string, string>,
  ready: RegExp,
): Promise<{ pid: number; said: string }> {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`${name} ended before it was ready.`)))
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const found = ready.exec(line)
      if (found) resolve({ pid: child.pid!, said: found[1]! })
    })
  })
}

const credentials = { KVITT_ACCOUNT_ID: 'T11112222', KVITT_CLIENT_ID: 'bench', KVITT_CLIENT_SECRET: 'bench-secret-bench-secret' }
const database = await startPostgres()
const startKvitt = (profile: string[] = []) =>
  start(
    'kvitt',
    [...profile, 'bin/kvitt.mjs', 'start', '--workers', values.workers],
    { ...credentials, PORT: '0', DATABASE_URL: database.url, KVITT_LOG: 'warn' },
    /^kvitt ready (.*)$/,
  )
// The first start migrates; the next is what a restart takes.
await startKvitt()
await stop(children.pop()!)
const start_began = performance.now()
const kvitt = await startKvitt(values.profile ? ['--cpu-prof', '--cpu-prof-dir', values.profile] : [])
const start_ms = Math.round(performance.now() - start_began)
// What starting left behind is collected by then.
await new Promise((resolve) => setTimeout(resolve, 10_000))
const idle_mb = withChildren(kvitt.pid).map((pid) => memoryOf(pid).now_mb)
const { url } = JSON.parse(kvitt.said) as { url: string }
const sql = connect(database.url, { max: 1, application_name: 'bench' })
await sql`create extension if not exists pg_stat_statements`
const [{ data_directory }] = await sql<[{ data_directory: string }]>`show data_directory`
const postmaster = Number(readFileSync(join(data_directory, 'postmaster.pid'), 'utf8').split('\n')[0])
const floor = await start('floor', ['--import', 'tsx', 'bench/floor.ts', database.url], {}, /^floor ready (.*)$/)

const basic = Buffer.from(`${credentials.KVITT_CLIENT_ID}:${credentials.KVITT_CLIENT_SECRET}`).toString('base64')
const token = (await (
  await fetch(`${url}/v1/accounts/${credentials.KVITT_ACCOUNT_ID}/auth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      grant_type: 'client_credentials',
      audience: `https://api.dintero.com/v1/accounts/${credentials.KVITT_ACCOUNT_ID}`,
    }),
  })
).json()) as { access_token: string }
const target: Target = { url, account_id: credentials.KVITT_ACCOUNT_ID, token: token.access_token }
const machine: Machine = { sql, server_pid: kvitt.pid, database_pid: postmaster }
const floorMachine: Machine = { ...machine, server_pid: floor.pid }

const floorBody = JSON.stringify({
  order: { currency: 'NOK', items: [{ id: '175938', line_id: 1, quantity: 2, gross_amount: 39800 }] },
  pad: 'x'.repeat(300),
})
const measureFloor = (connections: number, forSeconds = seconds) =>
  saturate(floor.said, () => ({ method: 'POST', path: '/floor', body: floorBody }), {
    connections,
    seconds: forSeconds,
    machine: floorMachine,
  })
const floorId = (
  JSON.parse(
    await (
      await fetch(`${floor.said}/floor`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: floorBody })
    ).text(),
  ) as { id: string }
).id
const measureFloorRead = (connections: number, forSeconds = seconds) =>
  saturate(floor.said, () => ({ method: 'GET', path: `/floor/${floorId}` }), {
    connections,
    seconds: forSeconds,
    machine: floorMachine,
  })

/** How many things a slice may use up. When they are gone before the time is, the slice ends there. */
const stockSize = (kind: Scenario['kind'], connections: number) =>
  Math.ceil(seconds * (kind === 'money' ? 800 : 2000) * (connections === 1 ? 0.4 : 1))
type Scenario = {
  name: Step
  kind: 'write' | 'money' | 'read'
  prepare(count: number): Promise<readonly string[]>
  endless?: boolean
}
const once = async () => ['']
/** Calls of each kind before it is measured: on every connection PostgreSQL has planned the statements for good by then. */
const warm_up = 200
const scenarios: Scenario[] = [
  { name: 'draft_create', kind: 'write', prepare: once, endless: true },
  { name: 'draft_complete', kind: 'write', prepare: (n) => makeDrafts(target, n) },
  { name: 'session_create', kind: 'write', prepare: async () => ['bench'], endless: true },
  { name: 'pay', kind: 'money', prepare: (n) => makeSessions(target, n) },
  { name: 'order_authorization', kind: 'write', prepare: (n) => makeOrders(target, n) },
  { name: 'capture', kind: 'money', prepare: (n) => makeTransactions(target, n) },
  { name: 'order_capture', kind: 'write', prepare: async (n) => prepared(await makeOrders(target, n), ['order_authorization']) },
  { name: 'refund', kind: 'money', prepare: async (n) => prepared(await makeTransactions(target, n), ['capture']) },
  {
    name: 'order_refund',
    kind: 'write',
    prepare: async (n) => prepared(await makeOrders(target, n), ['order_authorization', 'order_capture']),
  },
  { name: 'transaction_get', kind: 'read', prepare: () => makeTransactions(target, 200), endless: true },
  { name: 'order_get', kind: 'read', prepare: () => makeOrders(target, 200), endless: true },
  { name: 'order_list', kind: 'read', prepare: once, endless: true },
  { name: 'transaction_list', kind: 'read', prepare: once, endless: true },
]
/** Requests come on a timetable, as customers do, and wait in line when the server is late. */
async function onTimetable(scenario: Scenario, per_second: number): Promise<Timed> {
  const asked_per_second = Math.floor(per_second)
  const ids = await scenario.prepare(scenario.endless ? 200 : Math.ceil(asked_per_second * seconds))
  const play = scenario.endless ? endless(target, scenario.name, ids) : source(target, scenario.name, ids)
  const measured = await atRate(url, play, { per_second: asked_per_second, connections: 64, seconds, machine })
  return { name: scenario.name, asked_per_second, ...measured }
}
async function prepared(ids: string[], before: Step[]): Promise<string[]> {
  for (const step of before) await put(target, step, ids)
  return ids
}

type Row = {
  name: string
  connections: number
  ratio_to_floor: number
  p99_to_floor: number
  floor_server_cpu_ms: number
  floor_database_cpu_ms: number
} & Measured
type Timed = { name: string; asked_per_second: number } & Measured
const rows: Row[] = []
const timed: Timed[] = []
const progress = (text: string) => process.stderr.write(`${text}\n`)
try {
  if (warm_up_seconds > 0) {
    progress('warming up')
    await walks(target, { in_flight: 16, seconds: warm_up_seconds, machine })
    await measureFloor(16, warm_up_seconds / 4)
    await measureFloorRead(16, warm_up_seconds / 4)
  }
  for (const connections of connectionCounts) {
    for (const scenario of scenarios.filter(({ name }) => wanted(name))) {
      const measured: [floor: Measured, ours: Measured][] = []
      for (let n = 0; n < rounds; n++) {
        progress(`${scenario.name} at ${connections}: preparing`)
        const ids = await scenario.prepare(scenario.endless ? 200 : stockSize(scenario.kind, connections) + warm_up)
        const play = scenario.endless ? endless(target, scenario.name, ids) : source(target, scenario.name, ids)
        await run(target, (index) => (index < warm_up ? play(index) : undefined))
        const floorResult = await (scenario.kind === 'read' ? measureFloorRead : measureFloor)(connections)
        if (values.statements) await sql`select pg_stat_statements_reset()`
        measured.push([floorResult, await saturate(url, (index) => play(index + warm_up), { connections, seconds, machine })])
        if (values.statements) console.table(await costliest(sql, measured.at(-1)![1].calls))
      }
      measured.sort(([fa, a], [fb, b]) => a.per_second / fa.per_second - b.per_second / fb.per_second)
      const [floorResult, ours] = measured[Math.floor(measured.length / 2)]!
      if (ours.errors) throw new Error(`${scenario.name}: ${ours.errors} calls were refused.`)
      const row = {
        name: scenario.name,
        connections,
        ratio_to_floor: round(ours.per_second / floorResult.per_second),
        p99_to_floor: round(ours.p99_ms / floorResult.p99_ms),
        floor_server_cpu_ms: floorResult.server_cpu_ms_per_call,
        floor_database_cpu_ms: floorResult.database_cpu_ms_per_call,
        ...ours,
      }
      rows.push(row)
      if (connections === 32 && rate > 0) timed.push(await onTimetable(scenario, ours.per_second * rate))
      progress(
        `${scenario.name} at ${connections}: ${row.per_second}/s, ${row.ratio_to_floor} of the floor's ${floorResult.per_second}/s`,
      )
    }
  }
  const walk = wanted('walk') ? await walks(target, { in_flight: 8, seconds: seconds * 3, machine }) : undefined
  const peak_mb = withChildren(kvitt.pid).map((pid) => memoryOf(pid).peak_mb)
  progress(`restart ${start_ms} ms; memory ${idle_mb.join(', ')} MB idle, ${peak_mb.join(', ')} MB at most`)
  console.table(rows.map(({ calls, errors, seconds, ...shown }) => shown))
  if (timed.length > 0) console.table(timed.map(({ calls, errors, seconds, wal_bytes_per_call, ...shown }) => shown))
  if (walk) console.table([walk])
  execFileSync(process.execPath, ['bin/kvitt.mjs', 'verify'], {
    stdio: 'inherit',
    env: { ...process.env, DATABASE_URL: database.url },
  })
  mkdirSync('bench/results', { recursive: true })
  const result = {
    at: new Date().toISOString(),
    node: process.version,
    cpus: cpus().length,
    cpu: cpus()[0]?.model,
    seconds,
    rounds,
    workers: Number(values.workers),
    start_ms,
    idle_mb,
    peak_mb,
    rows,
    timed,
    walk,
  }
  writeFileSync(values.json ?? 'bench/results/latest.json', `${JSON.stringify(result, null, 2)}\n`)
} finally {
  await sql.end({ timeout: 1 })
  for (const child of children.reverse()) await stop(child)
  await database.close()
  rmSync(folder, { recursive: true, force: true })
}

async function stop(child: ChildProcess) {
  child.kill('SIGTERM')
  await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve(undefined)))
}

/** The embedded PostgreSQL with the settings of production, plus the statistics of statements. */
async function startPostgres() {
  chmodSync(folder, 0o711) // as root, PostgreSQL runs as another user
  const first = await openEmbeddedPostgres(folder)
  const admin = connect(first.url, { max: 1 })
  await admin`alter system set shared_preload_libraries = 'pg_stat_statements'`
  if (values.statements) await admin`alter system set "pg_stat_statements.track_planning" = on`
  await admin.end()
  await first.close()
  return openEmbeddedPostgres(folder)
}
