/* `npm run bench:fill`: an account filled with a year of orders and payments, and what lists, exports and migrations then cost. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import type { Sql } from '../src/lib/db.ts'
import { type Copier, empty, fill, loadTemplates } from './fill/copy.ts'
import {
  type Database,
  heldBy,
  newFolder,
  openDatabase,
  runCommand,
  type Server,
  startReceiver,
  startServer,
} from './fill/machine.ts'
import { type Build, type Export, type Size, sizesOf, type Timing, timeExport, timeIndexes, timeQueries } from './fill/measure.ts'
import { queriesOf } from './fill/queries.ts'
import { makeTemplates } from './fill/templates.ts'
import { round } from './measure.ts'

const help = `npm run bench:fill -- [options]

Plays a few dozen walks over HTTP (draft to refund), copies their rows within PostgreSQL until the account has as many orders and
transactions as wanted, spread over a year, lets the server settle them, and measures every list with every filter, reads by id,
exports, index sizes and start-up. Ends each size with \`kvitt verify\`. bench/README.md says what the figures mean.

  --rows 10000,1000000  Orders and transactions, of each size that is measured. A million needs about 30 GB and an hour of one core.
  --calls 60            Measured calls of each query.
  --only orders         Only queries whose name contains this text.
  --no-verify           Leaves \`kvitt verify\` out.
  --folders A,B         Measures databases that --keep has left, instead of filling new ones.
  --keep                Leaves the database as it is and says where it is.
  --json FILE           Where the results go: bench/results/scale.json`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    rows: { type: 'string', default: '10000,1000000' },
    calls: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    'no-verify': { type: 'boolean', default: false },
    folders: { type: 'string' },
    keep: { type: 'boolean', default: false },
    json: { type: 'string', default: 'bench/results/scale.json' },
  },
})
if (values.help) {
  console.log(help)
  process.exit(0)
}
const begun = performance.now()
const progress = (text: string) =>
  process.stderr.write(`${String(Math.round((performance.now() - begun) / 1_000)).padStart(5)} s  ${text}\n`)

const result = {
  at: new Date().toISOString(),
  node: process.version,
  cpus: cpus().length,
  cpu: cpus()[0]?.model,
  calls: Number(values.calls),
  timings: [] as Timing[],
  exports: [] as Export[],
  commands: [] as (Awaited<ReturnType<typeof runCommand>> & { rows: number; name: string })[],
  filled: [] as { rows: number; filled_s: number; settled_s: number }[],
  starts: [] as { rows: number; ready_ms: number; idle_mb: number }[],
  sizes: [] as Size[],
  builds: [] as Build[],
}
type Filled = { rows: number; database: Database; server: Server }
const made: ReturnType<typeof newFolder>[] = []
const open = new Set<{ close(): Promise<void> }>()
try {
  await measured(values.folders ? values.folders.split(',') : await filledFolders())
  report()
} finally {
  for (const one of [...open].reverse()) await one.close()
  for (const { folder, remove } of made) {
    if (values.keep) progress(`A database is in ${folder}`)
    else remove()
  }
}

/** Whatever is open is closed at the end, however that comes about. */
function closing<T extends { close(): Promise<void> }>(one: T): T {
  const close = one.close.bind(one)
  const tracked = {
    ...one,
    close: () => {
      open.delete(tracked)
      return close()
    },
  }
  open.add(tracked)
  return tracked
}

/** A folder with a database for each size. */
async function filledFolders(): Promise<string[]> {
  const folders: string[] = []
  for (const rows of values.rows.split(',').map(Number)) {
    const folder = newFolder()
    made.push(folder)
    const database = closing(await openDatabase(folder.folder, false))
    await filled(database, await templates(database), rows)
    await database.close()
    folders.push(folder.folder)
  }
  return folders
}

/**
 * Everything that is measured, durable as in production, with no more in memory than a restart leaves. Lists are asked of all sizes by turns,
 * so that whatever else the machine does, or has just done, is the same for each.
 */
async function measured(folders: readonly string[]): Promise<void> {
  const sizes: Filled[] = []
  for (const folder of folders) {
    const database = closing(await openDatabase(folder, true))
    const { sql, url } = database
    const [{ rows }] = await sql<[{ rows: number }]>`select count(*)::int as rows from orders.orders`
    progress(`${rows} rows: migrating`)
    result.commands.push({ rows, name: 'migrate', ...(await runCommand(['migrate'], url)) })
    await sql`vacuum analyze`
    const server = closing(await startServer(url))
    result.starts.push({ rows, ready_ms: server.ready_ms, idle_mb: heldBy(server.pid) })
    sizes.push({ rows, database, server })
  }
  progress('measuring lists')
  const asked = await Promise.all(
    sizes.map(async ({ rows, database: { sql }, server }) => {
      const queries = await queriesOf(sql, server.target.account_id)
      return { rows, sql, server, queries: queries.filter(({ name, paths }) => name.includes(values.only) && paths.length > 0) }
    }),
  )
  result.timings.push(...(await timeQueries(asked, Number(values.calls), progress)))
  for (const { rows, database, server } of sizes) {
    const { sql, url } = database
    const path = `/v1/accounts/${server.target.account_id}/shopping/orders`
    if (!values.only) {
      progress(`${rows} rows: exporting`)
      result.exports.push(await timeExport(server, { name: 'orders, CSV', path, accept: 'text/csv', rows }))
      result.exports.push(await timeExport(server, { name: 'orders, NDJSON', path, accept: 'application/x-ndjson', rows }))
      result.sizes.push(...(await sizesOf(sql, rows)))
    }
    await server.close()
    if (!values['no-verify']) {
      progress(`${rows} rows: verifying`)
      result.commands.push({ rows, name: 'verify', ...(await runCommand(['verify'], url)) })
    }
    if (!values.only) result.builds.push(...(await timeIndexes(sql, rows)))
    await database.close()
  }
}

/** Real walks of every kind, told to a subscription and a callback that answer; then kept aside. */
async function templates(database: Database): Promise<Copier> {
  progress('playing walks')
  const receiver = await startReceiver()
  const server = closing(await startServer(database.url))
  const { url, account_id, token } = server.target
  const answer = await fetch(`${url}/v1/accounts/${account_id}/hooks/subscriptions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      config: { url: `${receiver.url}/hook` },
      events: ['checkout_transaction', 'shopping_order_update'],
    }),
  })
  if (!answer.ok) throw new Error(await answer.text())
  const walks = await makeTemplates(server.target, 4, `${receiver.url}/callback`)
  const { sql } = database
  for (let waiting = 1; waiting > 0; ) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    const [row] = await sql<[{ waiting: number }]>`
      select (select count(*) from notifications.outbox where position is null)::int
        + (select count(*) from notifications.deliveries where state = 'pending')::int as waiting`
    waiting = row.waiting
  }
  // What happens while the filled account is measured is told to nobody.
  await sql`update notifications.subscriptions set active = false`
  await server.close()
  receiver.close()
  const copier = await loadTemplates(sql, account_id, walks)
  progress(`${walks.length} walks kept as templates`)
  return copier
}

/** Fills the empty account, and lets the worker of a server settle what was captured, day by day. */
async function filled({ sql, url }: Database, copier: Copier, rows: number): Promise<void> {
  await empty(sql)
  const begin = performance.now()
  let told = 0
  await fill(sql, copier, rows, (done) => {
    if (done - told >= rows / 20) progress(`${done} orders and transactions`)
    if (done - told >= rows / 20) told = done
  })
  const filled_s = Math.round((performance.now() - begin) / 1_000)
  await sql`vacuum analyze`
  await sql`
    insert into checkout.settlement_accounts (account_id, settled_until, url_key)
    values (${copier.account_id}, date_trunc('day', now(), 'UTC') - interval '400 days', 'bench')`
  const server = closing(await startServer(url))
  result.filled.push({ rows, filled_s, settled_s: await settled(sql) })
  await server.close()
}

/** Until the worker has settled every finished day, and told every transaction. Returns the seconds it took. */
async function settled(sql: Sql): Promise<number> {
  const since = performance.now()
  for (let told = -1; ; ) {
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const [row] = await sql<[{ due: boolean; untold: number }]>`
      select count(*) = 0 or bool_or(settled_until < date_trunc('day', now(), 'UTC') - interval '1 day') as due,
        (select count(*)::int from checkout.settlement_items where settlement_sequence is null) as untold
      from checkout.settlement_accounts`
    if (!row.due && row.untold === 0) return Math.round((performance.now() - since) / 1_000)
    if (Math.abs(told - row.untold) > 50_000) {
      told = row.untold
      progress(`settling: ${told} items to tell`)
    }
  }
}

/** Prints the table, and writes everything. */
function report(): void {
  const sizes = [...new Set(result.timings.map(({ rows }) => rows))]
  const names = [...new Set(result.timings.map(({ name }) => name))]
  const table = names.map((name) => {
    const timings = sizes.map((rows) => result.timings.find((timing) => timing.name === name && timing.rows === rows)!)
    const columns = timings.flatMap(({ rows, p50_ms, p95_ms, database_ms, pages }) => [
      [`p50 ${rows}`, p50_ms],
      [`p95 ${rows}`, p95_ms],
      [`db ${rows}`, database_ms],
      [`pages ${rows}`, pages],
    ])
    const ratio = timings.length > 1 ? { ratio: round(timings.at(-1)!.p95_ms / timings[0]!.p95_ms) } : {}
    return { name, found: timings.map(({ found }) => found).join(' '), ...Object.fromEntries(columns), ...ratio }
  })
  console.table(table)
  console.table(result.exports)
  console.table(result.commands)
  console.table(result.starts)
  console.table(result.filled)
  mkdirSync('bench/results', { recursive: true })
  writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`)
}
