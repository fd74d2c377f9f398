/*
 * `npm run bench:deliveries`: how fast webhooks go out, and what one endpoint that never answers costs the others.
 * On a PostgreSQL of its own; the engine in this process, the receivers in another. Options: --endpoints 10, --events 2000 (each endpoint
 * gets all of them), --rounds 3, --json FILE. A round tells the same events twice: with every endpoint alive, and with one that hangs.
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

const { values } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '10' },
    events: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
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

/** Deliveries a second to the endpoints that live: from the first event to the last answer. */
async function rate(account_id: string, dead: number): Promise<number> {
  const subscriptions = Array.from({ length: endpoints }, (_, index) => ({
    id: randomUUID(),
    url: `http://127.0.0.1:${port}/${index < dead ? 'hang' : index}`,
  }))
  await sql`
    insert into notifications.subscriptions (account_id, id, url, events, created_at, created_by, updated_at)
    select ${account_id}, s.id, s.url, array['checkout_transaction'], now(), 'bench', now()
    from jsonb_to_recordset(${json(sql, subscriptions)}) as s (id text, url text)`
  await sql`
    insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event)
    select ${account_id}, 'transaction', 't' || n, 2, 'checkout_transaction' from generate_series(1, ${events}) n`
  const living = subscriptions.slice(dead).map(({ id }) => `subscription:${id}`)
  const wanted = living.length * events
  const stop = new AbortController()
  const log = createLog('error')
  const sources = { transaction: async (_account: string, id: string, sequence: number) => ({ id, version: sequence }) }
  const start = performance.now()
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
  stop.abort()
  await engine
  await sql`delete from notifications.deliveries where account_id = ${account_id}`
  return Math.round(wanted / seconds)
}

type Round = { alive: number; one_dead: number; share: number }
const rounds: Round[] = []
try {
  await rate('T10000000', 0) // to warm up
  for (let n = 0; n < Number(values.rounds); n += 1) {
    const one_dead = await rate(`T${20_000_000 + n}`, 1)
    const alive = await rate(`T${30_000_000 + n}`, 0)
    rounds.push({ alive, one_dead, share: Math.round((one_dead / alive) * 100) / 100 })
    process.stderr.write(`${alive}/s to ${endpoints} endpoints; ${one_dead}/s to the others when one of them hangs\n`)
  }
  console.table(rounds)
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
