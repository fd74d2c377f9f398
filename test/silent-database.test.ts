import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { byKey, connect, type Db, inTransaction, openTransaction, patient, type Sql } from '../src/lib/db.ts'
import { together } from '../src/lib/together.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'
import { acceptTls } from './tls.ts'

// A database that is frozen, or behind a network that drops what is sent: connections stay open, nothing is refused, nothing is answered.
const silent_ms = 600
let database: TestDatabase
let proxy: Awaited<ReturnType<typeof startProxy>>
before(async () => {
  database = await cloneDatabase()
  await database.sql`create table public.things (name text primary key)`
  proxy = await startProxy()
})
after(async () => {
  proxy.close()
  await database.drop()
})

/** Passes on as many bytes of answers as it may, and no questions from then on. */
async function startProxy() {
  const { hostname, port } = new URL(database.url)
  const sockets = new Set<net.Socket>()
  const state = { answer_bytes: Number.POSITIVE_INFINITY }
  const listener = net.createServer({ noDelay: true }, async (socket) => {
    const server = net.connect({ host: hostname, port: Number(port), noDelay: true })
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket) && server.destroy())
    server.on('error', () => {}).on('close', () => socket.destroy())
    const first = (await once(socket, 'data').catch(() => [Buffer.alloc(0)]))[0] as Buffer
    const client = first.length === 8 ? acceptTls(socket) : socket
    client.on('error', () => {}).on('close', () => socket.destroy())
    const ask = (data: Buffer) => state.answer_bytes > 0 && server.write(data)
    if (client === socket) ask(first)
    client.on('data', ask)
    server.on('data', (data: Buffer) => {
      const passed = data.subarray(0, Math.min(data.length, state.answer_bytes))
      state.answer_bytes -= passed.length
      if (passed.length > 0) client.write(passed)
    })
  })
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  return { state, sockets, port: (listener.address() as net.AddressInfo).port, close: () => listener.close() }
}

/** Connected by way of the proxy, each way used once. */
async function open(t: TestContext, query = ''): Promise<Sql> {
  const url = new URL(query, Object.assign(new URL(database.url), { host: `127.0.0.1:${proxy.port}` })).href
  const sql = connect(url, { max: 2, silent_ms })
  t.after(() => sql.end({ timeout: 0 }))
  for (const db of [sql, byKey(sql), together(sql)]) await db`select ${1}::int`
  return sql
}
const silence = (answer_bytes = 0) => Object.assign(proxy.state, { answer_bytes })
const speak = () => Object.assign(proxy.state, { answer_bytes: Number.POSITIVE_INFINITY })

async function ending(asked: PromiseLike<unknown>): Promise<{ said: string; ms: number }> {
  const started = performance.now()
  const said = await Promise.race([
    Promise.resolve(asked).then(
      () => 'done',
      (error) => error.code ?? error.message,
    ),
    sleep(silent_ms * 10, 'waits', { ref: false }),
  ])
  return { said, ms: performance.now() - started }
}

const several = (db: Db) => Promise.all([1, 2, 3].map((value) => db`select ${value}::int`))
const long = 'x'.repeat(30_000)
const moments: [when: string, ask: (sql: Sql) => PromiseLike<unknown>, answer_bytes?: number][] = [
  ['a statement', (sql) => sql`select ${1}::int`],
  ['statements of a new kind', (sql) => Promise.all([sql`select ${1}::int + 1`, sql`select ${1}::int + 2`])],
  ['a read by key', (sql) => byKey(sql)`select ${1}::int`],
  ['several reads by key', (sql) => several(byKey(sql))],
  ['a read by key of a new kind', (sql) => byKey(sql)`select ${1}::int + 1`],
  ['a write', (sql) => together(sql)`select ${1}::int`],
  ['several writes', (sql) => several(together(sql))],
  ['several writes, after the first byte of their answers', (sql) => several(together(sql)), 1],
  ['several writes, within their answers', (sql) => several(together(sql)), 40],
  ['half of a long answer', (sql) => sql`select ${long}::text`, 20_000],
  ['a transaction', (sql) => inTransaction(sql, (tx) => tx`select ${1}::int`)],
  ['the commit', (sql) => inTransaction(sql, (tx) => tx`select ${1}::int`.then(() => silence())), Number.POSITIVE_INFINITY],
]
for (const [query, cases] of [
  ['', moments],
  ['?sslmode=require', moments.slice(8, 10)],
] as const) {
  for (const [when, ask, answer_bytes] of cases) {
    test(`silent${query}: ${when}: refused when nothing was heard for so long, and the next one goes well`, async (t) => {
      const sql = await open(t, query)
      silence(answer_bytes)
      const { said, ms } = await ending(ask(sql))
      speak()
      assert.equal(said, 'CONNECTION_CLOSED')
      assert.ok(ms > silent_ms * 0.9 && ms < silent_ms * 5, `after ${ms} ms`)
      const next = async () => (await ending(ask === moments.at(-1)![1] ? sql`select 1` : ask(sql))).said
      // A connection that was being opened meanwhile is given up a moment later, with who waits for it.
      if ((await next()) !== 'done') assert.equal(await next(), 'done')
    })
  }
}

test('silent: who comes while others come all the time, down the same connection, is refused no later', async (t) => {
  const sql = await open(t)
  silence()
  const until = performance.now() + silent_ms * 3
  const asked: ReturnType<typeof ending>[] = []
  while (performance.now() < until) {
    asked.push(ending(byKey(sql)`select ${1}::int`))
    await sleep(10)
  }
  speak()
  const first = await asked[0]!
  assert.deepEqual([first.said, first.ms < silent_ms * 2], ['CONNECTION_CLOSED', true])
  assert.ok(!(await Promise.all(asked)).some(({ said }) => said === 'waits'))
})

const at_work: [what: string, work: (sql: Sql) => PromiseLike<unknown>][] = [
  ['nothing was asked for long', () => sleep(silent_ms * 2)],
  ['a transaction in which nothing is asked for long', (sql) => inTransaction(sql, () => sleep(silent_ms * 2))],
  [
    'an open transaction in which nothing is asked for long',
    async (sql) => {
      const transaction = await openTransaction(sql)
      await assert.rejects(transaction.tx`select 1 / ${0}::int`)
      await sleep(silent_ms * 2)
      await transaction.rollback()
    },
  ],
  [
    'a long answer of which some comes all the time',
    (sql) => sql`select pg_sleep(${silent_ms / 4 / 1_000}), repeat('x', 9000) as text from generate_series(1, 8)`,
  ],
  ['what has no time-out', (sql) => patient(sql)`select pg_sleep(${(silent_ms * 2) / 1_000})`],
  [
    'a transaction that has no time-out',
    (sql) => inTransaction(patient(sql), (tx) => tx`select pg_sleep(${(silent_ms * 2) / 1_000})`),
  ],
]
for (const [what, work] of at_work) {
  test(`not silent: ${what}`, async (t) => {
    const sql = await open(t)
    const before = [...proxy.sockets]
    assert.equal((await ending(work(sql))).said, 'done')
    assert.deepEqual(
      before.filter((socket) => !proxy.sockets.has(socket)),
      [],
    )
  })
}

test('silent: an end waits no longer than it is told to, and nothing stays open', async (t) => {
  const sql = await open(t)
  const connected = [...proxy.sockets]
  silence()
  const asked = ending(several(together(sql)))
  const { said, ms } = await ending(sql.end({ timeout: 0.1 }))
  assert.deepEqual([said, (await asked).said], ['done', 'CONNECTION_CLOSED'])
  assert.ok(ms < silent_ms, `after ${ms} ms`)
  await sleep(silent_ms * 2)
  speak()
  assert.deepEqual(
    connected.filter((socket) => proxy.sockets.has(socket)),
    [],
  )
})
