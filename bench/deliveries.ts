/*
 * `npm run bench:deliveries`: how fast webhooks go out, and what one endpoint that never answers costs the others.
 * On a PostgreSQL of its own; the engine in this process, the receivers in another. Options: --endpoints 10, --events 2000 (each endpoint
 * gets all of them), --rounds 5, --json FILE. A round tells the same events twice: with every endpoint alive, and with one that hangs.
 * `share` is what is left of an endpoint's rate when another one hangs; on a busy machine, compare the CPU time of the engine.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { connect, json } from '../src/lib/db.ts'
import { openEmbeddedPostgres } from '../src/lib/embedded-postgres.ts'
import { systemClock, systemIds } from '../src/lib/ids.ts'
import { createLog } from '../src/lib/log.ts'
import { migrate } from '../src/lib/migrate.ts'
import { retryRules } from '../src/notifications/deliveries/delivery.ts'
import { createOutbound } from '../src/notifications/outbound.ts'
import { deliver } from '../src/worker/deliver.ts'
import { round } from './measure.ts'

const { values } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '10' },
    events: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string', default: 'bench/results/deliveries.json' },
  },
})
const endpoints = Number(values.endpoints)
const events = Number(values.events)

const folder = mkdtempSync(join(tmpdir(), 'kvitt-bench-'))
chmodSync(folder, 0o711) // as root, PostgreSQL runs as another user
const database = await openEmbeddedPostgres(folder)
const sql = connect(database.url, { max: 16 })
await migrate(sql, ['accounts', 'notifications'])
const outbound = createOutbound({ allow_loopback: true })
// Answers everything but /hang, at once.
const receiver = spawn(process.execPath, [
  '-e',
  `require('node:http').createServer((request, response) => {
     request.resume()
     if (request.url !== '/hang') request.on('end', () => response.end())
   }).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`,
])
const port = await new Promise<string>((resolve) => createInterface({ input: receiver.stdout }).once('line', resolve))

type Rate = { each_per_second: number; cpu_ms: number }

/** Deliveries a second to each endpoint that lives, from the first event to the last answer, and the engine's CPU time for one. */
async function rate(account_id: string, dead: number): Promise<Rate> {
  const subscriptions = Array.from({ length: endpoints }, (_, index) => ({
    id: randomUUID(),
    url: `http://127.0.0.1:${port}/${index < dead ? 'hang' : index}`,
  }))
  await sql`
    insert into notifications.subscriptions (account_id, id, url, events, created_at, created_by, updated_at)
    select ${account_id}, s.id, s.url, array['checkout_transaction'], now(), 'bench', now()
    from jsonb_to_recordset(${json(subscriptions)}) as s (id text, url text)`
  await sql`
    insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event)
    select ${account_id}, 'transaction', 't' || n, 2, 'checkout_transaction' from generate_series(1, ${events}) n`
  const living = subscriptions.slice(dead).map(({ id }) => `subscription:${id}`)
  const wanted = living.length * events
  const stop = new AbortController()
  const log = createLog('error')
  const sources = { transaction: async (_account: string, id: string, sequence: number) => ({ id, version: sequence }) }
  const start = performance.now()
  const cpu = process.cpuUsage()
  const engine = deliver(
    { sql, clock: systemClock, ids: systemIds(systemClock), log, outbound, rules: retryRules, sources },
    stop.signal,
  )
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const [row] = await sql<{ done: number; last: Date }[]>`
      select count(*)::int as done, max(settled_at) as last from notifications.deliveries
      where account_id = ${account_id} and endpoint = any(${living}) and state = 'delivered'`
    if (row!.done === wanted) break
  }
  const seconds = (performance.now() - start) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  stop.abort()
  await engine
  await sql`delete from notifications.deliveries where account_id = ${account_id}`
  await sql`vacuum analyze notifications.deliveries`
  await sql`vacuum analyze notifications.outbox`
  return { each_per_second: round(events / seconds), cpu_ms: round((user + system) / 1_000 / wanted) }
}

type Round = { alive: Rate; one_hangs: Rate; share: number }
const rounds: Round[] = []
try {
  await rate('T10000000', 0) // to warm up
  for (let n = 0; n < Number(values.rounds); n += 1) {
    // Each goes first as often as the other.
    const first = await rate(`T${20_000_000 + n}`, n % 2)
    const second = await rate(`T${30_000_000 + n}`, 1 - (n % 2))
    const [alive, one_hangs] = n % 2 === 0 ? [first, second] : [second, first]
    rounds.push({ alive, one_hangs, share: round(one_hangs.each_per_second / alive.each_per_second) })
    process.stderr.write(
      `${alive.each_per_second}/s to each of ${endpoints}; ${one_hangs.each_per_second}/s when another hangs\n`,
    )
  }
  const flat = rounds.map(({ alive, one_hangs, share }) => ({
    alive_per_second: alive.each_per_second,
    alive_cpu_ms: alive.cpu_ms,
    one_hangs_per_second: one_hangs.each_per_second,
    one_hangs_cpu_ms: one_hangs.cpu_ms,
    share,
  }))
  console.table(flat)
  const shares = rounds.map(({ share }) => share).sort((a, b) => a - b)
  console.log(`median share: ${shares[Math.floor(shares.length / 2)]}`)
  mkdirSync(dirname(values.json), { recursive: true })
  const machine = { at: new Date().toISOString(), node: process.version, cpus: cpus().length, cpu: cpus()[0]?.model }
  writeFileSync(values.json, `${JSON.stringify({ ...machine, endpoints, events, rounds }, null, 2)}\n`)
} finally {
  receiver.kill()
  await outbound.close()
  await sql.end({ timeout: 1 })
  await database.close()
  rmSync(folder, { recursive: true, force: true })
}
