import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect, type Sql } from '../src/lib/db.ts'
import { openEmbeddedPostgres } from '../src/lib/embedded-postgres.ts'
import { type Failpoint, failpoints } from '../src/lib/failpoints.ts'
import { operationIdOf } from '../src/lib/idempotency.ts'
import type { Difference } from '../src/verify/difference.ts'
import { verify } from '../src/verify/operations.ts'
import { type Answer, fetchToken, send } from './client.ts'
import { atIsolation } from './database.ts'
import { type Chance, chance } from './hostile.ts'
import { dataFolder, type Kvitt, postmasterPid, standBy } from './process.ts'
import { type Acknowledged, type Call, nothing, type Story, walk } from './walk.ts'

/*
 * Terminology
 *
 * - run: one crash: the server at a failpoint, the server anywhere, or PostgreSQL (`immediate` stop: as after a power cut)
 * - walk: one purchase that a client carries through, repeating each call with its Idempotency-Key until it has an answer
 */
type Plan = { kind: 'failpoint'; failpoint: Failpoint; on: number } | { kind: 'server' | 'database'; after_ms: number }
export type Report = { runs: Record<string, number>; walks: number; moves: number; faults: string[] }

const account_id = 'T00000077'
const client = { account_id, client_id: 'crash', client_secret: 'crash-secret-crash-secret-crash' }
const within_ms = 120_000
/** Some calls get no answer, or a late one: then the resolver has something to do. */
const script = { seed: 'crash', fault_rate: 0.15, faults: ['timeout_before', 'timeout_after', 'duplicate', 'late'], after_s: 1 }

/** What happens in each run: every failpoint once in 24, in an order that comes from the seed, but for what the machine's timing adds. */
function plansOf(r: Chance, runs: number): Plan[] {
  const round = [...(Object.keys(failpoints) as Failpoint[]), ...Array(4).fill('server'), ...Array(4).fill('database')]
  const left: typeof round = []
  return Array.from({ length: runs }, () => {
    if (left.length === 0) left.push(...round)
    const [kind] = left.splice(r.below(left.length), 1)
    if (kind === 'server' || kind === 'database') return { kind, after_ms: r.below(1_500) }
    // Seldom passed: when the simulator, or a crash, has left something to ask about; when an order gets a line more.
    const rare = kind === 'resolver.claimed' || kind === 'orders.between_writes'
    return { kind: 'failpoint', failpoint: kind, on: rare ? 1 : 1 + r.below(4) }
  })
}

function storyOf(r: Chance, callback_url: string): Story {
  const amount = 1_000 + r.below(90_000)
  const steps: Story['steps'][number][] = []
  for (let count = r.below(4); count > 0; count -= 1) {
    steps.push({ kind: r.pick(['capture', 'capture', 'refund']), amount: 1 + r.below(amount) })
  }
  if (r.odds(0.2)) steps.push({ kind: 'void' })
  const odd = r.odds(0.2) ? { simulate: 'decline' } : r.odds(0.15) ? { card: '4100000000000019' } : {}
  return { amount, steps, callback_url, ...odd, ...(r.odds(0.2) ? { extra: 100 } : {}) }
}

/** Crashes a real server with real PostgreSQL, fsync on, under load; then everything must be as its clients were told. */
export async function crash(options: { runs: number; seed: number; say: (line: string) => void }): Promise<Report> {
  const { runs, seed, say } = options
  const report: Report = { runs: {}, walks: 0, moves: 0, faults: [] }
  const folder = dataFolder()
  const database = await openEmbeddedPostgres(folder.path)
  const database_url = atIsolation(database.url)
  const sql = connect(database_url, { max: 2, application_name: 'crash-test' })
  const receiver = await startReceiver()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    PORT: String(port),
    DATABASE_URL: database_url,
    KVITT_ACCOUNT_ID: account_id,
    KVITT_CLIENT_ID: client.client_id,
    KVITT_CLIENT_SECRET: client.client_secret,
    KVITT_ALLOW_LOOPBACK_CALLBACKS: '1',
    KVITT_LOG: 'fatal',
  }
  const prepare = (plan?: Plan) =>
    standBy(plan?.kind === 'failpoint' ? { ...env, KVITT_FAILPOINTS: `${plan.failpoint}=kill@${plan.on}` } : env)
  let server: Kvitt | undefined
  let next: ReturnType<typeof standBy> | undefined
  let stopping = false
  const told: { key: string; told: Acknowledged }[] = []
  const call = insisting(url, report.faults, client)
  const walker = async () => {
    while (!stopping) {
      const key = `walk-${told.length}`
      const one = { key, told: nothing() }
      told.push(one)
      const story = storyOf(chance(seed + told.length), receiver.url)
      await walk(call, account_id, key, story, one.told).catch((error: Error) => report.faults.push(`${key}: ${error.message}`))
    }
  }
  let walkers: Promise<unknown> | undefined
  try {
    const plans = plansOf(chance(seed), runs)
    next = prepare(plans[0])
    for (const [index, plan] of plans.entries()) {
      const run = index + 1
      server = next
      next.go()
      await Promise.race([server.ready, server.exit])
      next = prepare(plans[run])
      if (!walkers) await call('PUT', '/v1/simulator/script', script)
      walkers ??= Promise.all(Array.from({ length: 4 }, walker))
      const walks = told.length
      const how = await crashOnce(plan, server, {
        postmaster: () => postmasterPid(folder.path),
        walked: () => told.length - walks,
      })
      report.runs[how] = (report.runs[how] ?? 0) + 1
      if (run % 20 === 0 || plan.kind === 'database') {
        await answering(sql)
        for (const difference of await differences(sql)) report.faults.push(`run ${run}: ${JSON.stringify(difference)}`)
      }
      say(`run ${run} of ${runs}: ${how}, ${told.length} walks, ${report.faults.length} faults`)
    }
    server = next
    next.go()
    await server.ready
    stopping = true
    await walkers
    report.walks = told.length
    report.moves = told.reduce((sum, one) => sum + one.told.moves.length, 0)
    await settled(sql, report.faults)
    report.faults.push(...(await proof(sql, told, client)))
    for (const difference of await differences(sql)) report.faults.push(JSON.stringify(difference))
    report.faults.push(...(await undelivered(sql, receiver.seen)))
  } finally {
    stopping = true
    for (const one of [server, next]) {
      one?.child.kill('SIGKILL')
      await one?.exit
    }
    await sql.end({ timeout: 1 })
    receiver.close()
    await database.close()
    folder.remove()
  }
  return report
}

/** Lets the planned crash happen; a failpoint that several walks have not come by is replaced by a kill. Says what it was. */
async function crashOnce(
  plan: Plan,
  server: Kvitt,
  { postmaster, walked }: { postmaster: () => number; walked: () => number },
): Promise<string> {
  const wait = (ms: number) => Promise.race([server.exit.then(() => true), new Promise((wake) => setTimeout(wake, ms, false))])
  let how: string = plan.kind
  if (plan.kind === 'failpoint') {
    const began = Date.now()
    const passed = () => Date.now() - began > 10_000 || (Date.now() - began > 2_000 && walked() > 6)
    while (how !== plan.failpoint && !passed()) how = (await wait(50)) ? plan.failpoint : 'server'
  } else await wait(plan.after_ms)
  if (plan.kind === 'database') {
    process.kill(postmaster(), 'SIGQUIT') // what `pg_ctl stop -m immediate` sends
    await wait(500)
  }
  server.child.kill('SIGKILL')
  await server.exit
  return how
}

/** A client that gives up at nothing but a refusal: lost connections and 5xx are asked again, with the same key. */
export function insisting(
  url: string,
  faults: string[],
  client: { account_id: string; client_id: string; client_secret: string },
): Call {
  let token: string | undefined
  return async (method, path, body, { public: open, key } = {}) => {
    const deadline = Date.now() + within_ms
    while (Date.now() < deadline) {
      const answer = await attempt(async () => {
        if (!open) token ??= (await fetchToken(url, client)).body.access_token
        const headers = { ...(open ? {} : { authorization: `Bearer ${token}` }), ...(key ? { 'idempotency-key': key } : {}) }
        return send(url, method, path, { body, headers })
      })
      if (answer?.status === 500) faults.push(`${method} ${path}: 500`)
      if (answer?.status === 401) token = undefined
      const again = !answer || answer.status >= 500 || answer.status === 401 || answer.headers.has('retry-after')
      if (!again) return answer
      await new Promise((wake) => setTimeout(wake, 50))
    }
    throw new Error(`${method} ${path}: no answer within ${within_ms} ms`)
  }
}

async function attempt(ask: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await ask()
  } catch {
    return undefined
  }
}

/** What `kvitt verify` finds. */
export async function differences(sql: Sql): Promise<Difference[]> {
  const found: Difference[] = []
  await verify(sql, { account_id: null, onDifference: (difference) => found.push(difference) })
  return found
}

async function answering(sql: Sql): Promise<void> {
  for (let count = 0; count < 300; count += 1) {
    if (
      await sql`select 1`.then(
        () => true,
        () => false,
      )
    )
      return
    await new Promise((wake) => setTimeout(wake, 100))
  }
}

/** Waits until the resolver knows of every operation, and everything is delivered. */
async function settled(sql: Sql, faults: string[]): Promise<void> {
  const deadline = Date.now() + within_ms
  while (Date.now() < deadline) {
    const [open] = await sql<{ operations: number; deliveries: number }[]>`
      select (select count(*)::int from checkout.operations where next_attempt_at is not null) as operations,
        (select count(*)::int from notifications.deliveries where state = 'pending')
        + (select count(*)::int from notifications.outbox where position is null) as deliveries`
    if (open?.operations === 0 && open.deliveries === 0) return
    await new Promise((wake) => setTimeout(wake, 200))
  }
  faults.push(`operations or deliveries are still open after ${within_ms} ms`)
}

/** Everything that a client was told is there, exactly once; and nothing else. */
export async function proof(
  sql: Sql,
  walks: readonly { key: string; told: Acknowledged }[],
  { account_id, client_id }: { account_id: string; client_id: string },
): Promise<string[]> {
  const faults: string[] = []
  const expect = (what: string, expected: unknown, found: unknown) => {
    if (expected !== found) faults.push(`${what}: expected ${expected}, found ${found}`)
  }
  const [counts] = await sql<{ orders: number; sessions: number }[]>`
    select (select count(*)::int from orders.orders) as orders, (select count(*)::int from checkout.sessions) as sessions`
  expect('orders', walks.filter(({ told }) => told.order_id).length, counts?.orders)
  expect('sessions', walks.filter(({ told }) => told.session_id).length, counts?.sessions)
  const moves = walks.flatMap(({ told }) => told.moves.map((move) => ({ ...move, transaction_id: told.transaction_id! })))
  for (const { key, kind, amount, status, transaction_id } of moves) {
    const id = operationIdOf({ account_id, client_id, key, hash: Buffer.of() })
    const [row] = await sql<{ state: string; kind: string; amount: number; events: number; movements: number }[]>`
      select o.state, o.kind, o.amount,
        (select count(*)::int from checkout.transaction_events e where e.account_id = o.account_id and e.transaction_id = ${transaction_id}
          and e.operation_id = o.id and e.success and e.event = upper(o.kind)) as events,
        (select count(*)::int from simulator.movements m where m.account_id = o.account_id and m.idempotency_key = o.id::text
          and m.state = 'succeeded' and m.kind = o.kind and (m.kind = 'void' or m.amount = o.amount)) as movements
      from checkout.operations o where o.account_id = ${account_id} and o.id = ${id} and o.transaction_id = ${transaction_id}`
    if (!row) faults.push(`${key}: acknowledged with ${status}, and gone`)
    if (!row) continue
    expect(`${key}: kind and amount`, `${kind} ${amount}`, `${row.kind} ${row.amount}`)
    const done = row.state === 'succeeded'
    if (status === 200) expect(`${key}: state`, 'succeeded', row.state)
    expect(`${key}: events`, done ? 1 : 0, row.events)
    expect(`${key}: movements at the provider`, done ? 1 : 0, row.movements)
  }
  for (const { key, told } of walks) {
    for (const { kind, id, amount } of told.records) {
      const [row] = await sql<{ found: number }[]>`
        select count(*)::int as found from orders.order_events e join orders.names n on n.account_id = e.account_id
          and n.order_uuid = e.order_uuid and n.name = ${told.order_id!}
        where e.account_id = ${account_id} and e.type = ${kind} and e.event_id = ${id} and (e.body #>> '{record,amount}')::bigint = ${amount}`
      expect(`${key}: record ${id}`, 1, row?.found)
    }
  }
  return faults
}

/** Each callback reached its receiver at least once. */
async function undelivered(sql: Sql, seen: ReadonlySet<string>): Promise<string[]> {
  const rows = await sql<{ id: string; state: string }[]>`select id, state from notifications.deliveries`
  return rows
    .filter(({ id, state }) => state !== 'delivered' || !seen.has(id))
    .map(({ id, state }) => `delivery ${id} is ${state}, and ${seen.has(id) ? 'was' : 'was not'} received`)
}

async function startReceiver() {
  const seen = new Set<string>()
  const server = createServer((request, response) => {
    seen.add(String(request.headers['event-delivery']))
    request.resume().on('end', () => response.end('ok'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { seen, url: `http://127.0.0.1:${port}/callback`, close: () => server.close() }
}

/** A port that nobody has. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
