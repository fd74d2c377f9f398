import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { byKey, connect, inTransaction, openTransaction, type Sql, type Tx } from '../src/lib/db.ts'
import { together } from '../src/lib/together.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'
import { chance } from './hostile.ts'

// Connections to the database break while they are used. Whoever waits is told, nobody waits for ever, and what comes next goes well.
// What the driver leaves for nobody to catch would end this process.
let database: TestDatabase
let proxy: net.Server
let sql: Sql
const sockets = new Set<net.Socket>()
before(async () => {
  database = await cloneDatabase()
  await database.sql`create table public.things (name text primary key)`
  const { hostname, port } = new URL(database.url)
  proxy = net.createServer({ noDelay: true }, (client) => {
    const server = net.connect({ host: hostname, port: Number(port), noDelay: true })
    sockets.add(client)
    client.pipe(server).pipe(client)
    client.on('error', () => {}).on('close', () => sockets.delete(client) && server.destroy())
    server.on('error', () => {}).on('close', () => client.destroy())
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  const place = Object.assign(new URL(database.url), { host: `127.0.0.1:${(proxy.address() as net.AddressInfo).port}` })
  sql = connect(place.href, { max: 2 })
})
after(async () => {
  await sql.end()
  proxy.close()
  await database.drop()
})

/** Breaks every connection: with an end, as a server does that stops, or with a reset, as one that is gone. */
async function cut(how: 'end' | 'reset' = 'end'): Promise<void> {
  for (const socket of sockets) how === 'end' ? socket.destroy() : socket.resetAndDestroy()
  await sleep(50)
}
const codeOf = (promise: PromiseLike<unknown>): Promise<string> =>
  Promise.resolve(promise).then(
    () => 'done',
    (error) => error.code ?? error.message,
  )

const moments: [when: string, work: (tx: Tx, how: 'end' | 'reset') => Promise<unknown>][] = [
  ['before the next statement', (tx, how) => cut(how).then(() => tx`select 2`)],
  ['before the commit', (_, how) => cut(how)],
  ['during a statement', (tx, how) => Promise.all([tx`select pg_sleep(1)`, cut(how)])],
  [
    'during a statement, which is let be',
    async (tx, how) => {
      await Promise.all([codeOf(tx`select pg_sleep(1)`), cut(how)])
      await codeOf(tx`select 3`)
      return 'as if nothing had happened'
    },
  ],
  [
    'before it fails by itself',
    async (_, how) => {
      await cut(how)
      throw new Error('ours')
    },
  ],
]
for (const [when, work] of moments) {
  for (const how of ['end', 'reset'] as const) {
    test(`a transaction whose connection breaks ${when} (${how}): refused, and the next one is well`, async () => {
      const transaction = async (tx: Tx) => {
        await tx`insert into things values (${`${when} ${how} ${Math.random()}`})`
        return work(tx, how)
      }
      // On both connections of the pool.
      const ends = await Promise.all([1, 2].map(() => codeOf(inTransaction(sql, transaction))))
      assert.deepEqual(ends, ['CONNECTION_CLOSED', 'CONNECTION_CLOSED'])
      const next = await Promise.all([1, 2].map(() => codeOf(inTransaction(sql, (tx) => tx`select 1`))))
      assert.deepEqual(next, ['done', 'done'])
      assert.equal((await sql`select from things`).length, 0)
    })
  }
}

test('an open transaction whose connection breaks: told at once, and refused whatever is asked of it', async () => {
  const open = await openTransaction(sql)
  await open.tx`select 1`
  await cut()
  const asked = [await open.broken.then((error) => (error as { code?: string }).code), await codeOf(open.tx`select 2`)]
  assert.deepEqual([...asked, await codeOf(open.commit())], ['CONNECTION_CLOSED', 'CONNECTION_CLOSED', 'CONNECTION_CLOSED'])
  await open.rollback()
  assert.equal(await codeOf(inTransaction(sql, (tx) => tx`select 1`)), 'done')
})

test('a write that comes before the connection that writes share is back: waits for it, and is made', async () => {
  const add = (name: string) => together(sql)`insert into things values (${name})`
  await add('a')
  for (const socket of sockets) socket.destroy()
  // Until each of these, the connection has broken, ended, and begun to come back.
  for (const name of ['b', 'c', 'd', 'e', 'f']) {
    const said = await codeOf(add(name))
    assert.ok(['done', 'CONNECTION_CLOSED'].includes(said), said)
    await sleep(10)
  }
  assert.equal(await codeOf(add('g')), 'done')
  await sql`delete from things`
})

test('broken again and again under load: every statement is answered, and afterwards each way is as before', async () => {
  const seed = Number(process.env.NETWORK_SEED ?? Date.now() % 2 ** 31)
  const r = chance(seed)
  const ways: Record<string, () => Promise<unknown>> = {
    pool: async () => sql`select ${1}::int`,
    key: async () => byKey(sql)`select ${2}::int`,
    lane: async () => together(sql)`insert into things values (${String(Math.random())})`,
    transaction: () =>
      inTransaction(sql, (tx) => tx`select 1`.then(() => tx`insert into things values (${String(Math.random())})`)),
  }
  let breaking = true
  const waiting = new Map<string, number>()
  const said = new Set<string>()
  const loop = async (way: string) => {
    while (breaking) {
      waiting.set(way, (waiting.get(way) ?? 0) + 1)
      said.add(await codeOf(ways[way]!()))
      waiting.set(way, waiting.get(way)! - 1)
      // Some at once, some in the next turn of the event loop, some later.
      if (r.odds(0.3)) await new Promise((resolve) => setImmediate(resolve))
      if (r.odds(0.1)) await sleep(1)
    }
  }
  const loops = Object.keys(ways).flatMap((way) => Array.from({ length: 6 }, () => loop(way)))
  for (let count = 0; count < 30; count += 1) {
    await sleep(r.below(150))
    await cut(r.odds(0.5) ? 'end' : 'reset')
  }
  await sleep(200)
  breaking = false
  const ended = await Promise.race([Promise.all(loops).then(() => true), sleep(20_000, false, { ref: false })])
  assert.ok(ended, `seed ${seed}: never answered: ${JSON.stringify([...waiting])}`)
  assert.deepEqual([...said].sort(), ['CONNECTION_CLOSED', 'done'], `seed ${seed}`)
  for (const [way, ask] of Object.entries(ways)) assert.equal(await codeOf(ask()), 'done', `seed ${seed}: ${way}`)
})

test('of several servers, the one that answers is found, by each way', async () => {
  const { port, host } = new URL(database.url)
  const several = connect(database.url.replace(host, `127.0.0.1:1,127.0.0.1:${port}`), { max: 2 })
  try {
    for (const db of [several, byKey(several), together(several)]) {
      assert.equal(await codeOf(several`select 1`), 'done')
      assert.deepEqual([...(await db<{ n: number }[]>`select ${1}::int as n`)], [{ n: 1 }])
    }
    assert.equal(await codeOf(inTransaction(several, (tx) => tx`select 1`)), 'done')
  } finally {
    await several.end()
  }
})
