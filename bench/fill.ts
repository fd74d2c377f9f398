/* `npm run bench:fill`: an account filled with a year of orders and payments, and what lists, exports and migrations then cost. */
import { cpus } from 'node:os'
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Copier, empty, fill, loadTemplates } from './fill/copy.ts'
import { type Database, newFolder, openDatabase, runCommand, type Server, startReceiver, startServer } from './fill/machine.ts'
import { makeTemplates } from './fill/templates.ts'

const help = `npm run bench:fill -- [options]

Plays a few dozen walks over HTTP (draft to refund), copies their rows within PostgreSQL until the account has as many orders and
transactions as wanted, spread over a year, lets the server settle them, and measures every list with every filter, reads by id,
exports, index sizes and start-up. Ends each size with \`kvitt verify\`. bench/README.md says what the figures mean.

  --rows 10000,1000000  Orders and transactions, of each size that is measured. A million needs about 30 GB and an hour of one core.
  --calls 60            Measured calls of each query.
  --only orders         Only queries whose name contains this text.
  --no-verify           Leaves \`kvitt verify\` out.
  --keep                Leaves the database as it is and says where it is.
  --json FILE           Where the results go: bench/results/scale.json`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    rows: { type: 'string', default: '10000,1000000' },
    calls: { type: 'string', default: '60' },
    only: { type: 'string', default: '' },
    'no-verify': { type: 'boolean', default: false },
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

const { folder, remove } = newFolder()
let database: Database | undefined
let server: Server | undefined
try {
  database = await openDatabase(folder, false)
  const copier = await templates(database)
  for (const rows of values.rows.split(',').map(Number)) {
    await filled(database, copier, rows)
    const verified = await runCommand(['verify'], database.url)
    console.log(verified)
  }
} finally {
  await server?.close()
  await database?.close()
  if (values.keep) progress(`The database is in ${folder}`)
  else remove()
}

/** Real walks of every kind, told to a subscription and a callback that answer; then kept aside. */
async function templates(database: Database): Promise<Copier> {
  progress('playing walks')
  const receiver = await startReceiver()
  server = await startServer(database.url)
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
  server = undefined
  receiver.close()
  const copier = await loadTemplates(sql, account_id, walks)
  progress(`${walks.length} walks kept as templates`)
  return copier
}

/** Fills the empty account, and lets the worker of a server settle what was captured. */
async function filled(database: Database, copier: Copier, rows: number): Promise<void> {
  const { sql } = database
  await empty(sql)
  let told = 0
  await fill(sql, copier, rows, (done) => {
    if (done - told >= rows / 20) progress(`${done} orders and transactions`)
    if (done - told >= rows / 20) told = done
  })
}
