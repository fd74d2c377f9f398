import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { byKey, connect, inTransaction, openTransaction, type Sql, type Tx } from '../src/lib/db.ts'
import { together } from '../src/lib/together.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'
import { chance } from './hostile.ts'
import { acceptTls, cert } from './tls.ts'

// Connections to the database break while they are used. Whoever waits is told, nobody waits for ever, and what comes next goes well.
// What the driver leaves for nobody to catch would end this process.
let database: TestDatabase
let proxy: Proxy
const ways = { plain: undefined as unknown as Sql, tls: undefined as unknown as Sql }
let speaks_tls = true
/** Whether each new connection asked for TLS and got it. */
let secured: boolean[] = []
before(async () => {
  database = await cloneDatabase()
  await database.sql`create table public.things (name text primary key)`
  proxy = await startProxy()
  ways.plain = connect(through(), { max: 2 })
  ways.tls = connect(through('?sslmode=require'), { max: 2 })
})
after(async () => {
  await ways.plain.end()
  await ways.tls.end()
  proxy.close()
  await database.drop()
})

type Proxy = Awaited<ReturnType<typeof startProxy>>
/** Stands before the database, and speaks TLS for it. */
async function startProxy() {
  const { hostname, port } = new URL(database.url)
  const sockets = new Set<net.Socket>()
  const listener = net.createServer({ noDelay: true }, async (socket) => {
    const server = net.connect({ host: hostname, port: Number(port), noDelay: true })
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket) && server.destroy())
    server.on('error', () => {}).on('close', () => socket.destroy())
    // What a client of PostgreSQL begins with: a request of eight bytes for TLS, or its greeting.
    const first = (await once(socket, 'data').catch(() => [Buffer.alloc(0)]))[0] as Buffer
    const client = first.length === 8 && speaks_tls ? acceptTls(socket) : socket
    secured.push(client !== socket)
    client.on('error', () => {}).on('close', () => socket.destroy())
    if (first.length === 8 && !speaks_tls) socket.write('N')
    else if (client === socket) server.write(first)
    client.pipe(server).pipe(client)
  })
  await once(listener.listen(0, '127.0.0.1'), 'listening')
  return { sockets, port: (listener.address() as net.AddressInfo).port, close: () => listener.close() }
}

/** The database by way of the proxy. */
function through(query = '', host = '127.0.0.1'): string {
  return new URL(query, Object.assign(new URL(database.url), { host: `${host}:${proxy.port}` })).href
}

/** Breaks every connection: with an end, as a server does that stops, or with a reset, as one that is gone. */
async function cut(how: 'end' | 'reset' = 'end'): Promise<void> {
  for (const socket of proxy.sockets) how === 'end' ? socket.destroy() : socket.resetAndDestroy()
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
for (const way of ['plain', 'tls'] as const) {
  for (const [when, work] of moments) {
    for (const how of ['end', 'reset'] as const) {
      test(`${way}: a transaction whose connection breaks ${when} (${how}): refused, and the next one is well`, async () => {
        const transaction = async (tx: Tx) => {
          await tx`insert into things values (${`${when} ${how} ${Math.random()}`})`
          return work(tx, how)
        }
        // On both connections of the pool.
        const ends = await Promise.all([1, 2].map(() => codeOf(inTransaction(ways[way], transaction))))
        assert.deepEqual(ends, ['CONNECTION_CLOSED', 'CONNECTION_CLOSED'])
        const next = await Promise.all([1, 2].map(() => codeOf(inTransaction(ways[way], (tx) => tx`select 1`))))
        assert.deepEqual(next, ['done', 'done'])
        assert.equal((await ways[way]`select from things`).length, 0)
      })
    }
  }

  test(`${way}: an open transaction whose connection breaks: told at once, and refused whatever is asked of it`, async () => {
    const open = await openTransaction(ways[way])
    await open.tx`select 1`
    await cut()
    const asked = [await open.broken.then((error) => (error as { code?: string }).code), await codeOf(open.tx`select 2`)]
    assert.deepEqual([...asked, await codeOf(open.commit())], ['CONNECTION_CLOSED', 'CONNECTION_CLOSED', 'CONNECTION_CLOSED'])
    await open.rollback()
    assert.equal(await codeOf(inTransaction(ways[way], (tx) => tx`select 1`)), 'done')
  })

  test(`${way}: a write that comes before the connection that writes share is back: waits for it, and is made`, async () => {
    const add = (name: string) => together(ways[way])`insert into things values (${name})`
    await add('a')
    for (const socket of proxy.sockets) socket.destroy()
    // Until each of these, the connection has broken, ended, and begun to come back.
    for (const name of ['b', 'c', 'd', 'e', 'f']) {
      const said = await codeOf(add(name))
      assert.ok(['done', 'CONNECTION_CLOSED'].includes(said), said)
      await sleep(10)
    }
    assert.equal(await codeOf(add('g')), 'done')
    await ways[way]`delete from things`
  })

  test(`${way}: broken again and again under load: every statement is answered, and afterwards each kind is as before`, async () => {
    const seed = Number(process.env.NETWORK_SEED ?? Date.now() % 2 ** 31)
    const r = chance(seed)
    const kinds: Record<string, () => Promise<unknown>> = {
      pool: async () => ways[way]`select ${1}::int`,
      key: async () => byKey(ways[way])`select ${2}::int`,
      lane: async () => together(ways[way])`insert into things values (${String(Math.random())})`,
      transaction: () =>
        inTransaction(ways[way], (tx) => tx`select 1`.then(() => tx`insert into things values (${String(Math.random())})`)),
    }
    let breaking = true
    const waiting = new Map<string, number>()
    const said = new Set<string>()
    const loop = async (kind: string) => {
      while (breaking) {
        waiting.set(kind, (waiting.get(kind) ?? 0) + 1)
        said.add(await codeOf(kinds[kind]!()))
        waiting.set(kind, waiting.get(kind)! - 1)
        // Some at once, some in the next turn of the event loop, some later.
        if (r.odds(0.3)) await new Promise((resolve) => setImmediate(resolve))
        if (r.odds(0.1)) await sleep(1)
      }
    }
    const loops = Object.keys(kinds).flatMap((kind) => Array.from({ length: 6 }, () => loop(kind)))
    for (let count = 0; count < 30; count += 1) {
      await sleep(r.below(150))
      await cut(r.odds(0.5) ? 'end' : 'reset')
    }
    await sleep(200)
    breaking = false
    const ended = await Promise.race([Promise.all(loops).then(() => true), sleep(20_000, false, { ref: false })])
    assert.ok(ended, `seed ${seed}: never answered: ${JSON.stringify([...waiting])}`)
    // While it connects anew, that of the socket itself.
    const known = ['CONNECTION_CLOSED', 'ECONNRESET', 'done']
    assert.deepEqual(
      [...said].filter((code) => !known.includes(code)),
      [],
      `seed ${seed}`,
    )
    for (const [kind, ask] of Object.entries(kinds)) assert.equal(await codeOf(ask()), 'done', `seed ${seed}: ${kind}`)
    await ways[way]`delete from things`
  })
}

/** Asks in each way that there is, once. */
async function askEach(db: Sql): Promise<string> {
  const answers = [
    await codeOf(db`select ${1}::int`),
    await codeOf(byKey(db)`select ${1}::int`),
    await codeOf(together(db)`select ${1}::int`),
    await codeOf(inTransaction(db, (tx) => tx`select ${1}::int`)),
  ]
  return [...new Set(answers)].join(', ')
}
const several = (query: string, ...ports: (number | string)[]) =>
  connect(through(query).replace(/(?<=@)[^/]+/, ports.map((port) => `127.0.0.1:${port}`).join()), { max: 2 })
for (const query of ['', '?sslmode=require', '?target_session_attrs=read-write']) {
  test(`several servers${query}: the one that answers is found, by each way`, async () => {
    const { port } = proxy
    for (const ports of [
      [1, port],
      [port, 1],
      [1, 2, port],
    ]) {
      const sql = several(query, ...ports)
      assert.equal(await askEach(sql), 'done', String(ports))
      await sql.end()
    }
  })
}
test('several servers: refused when none answers; the next one is asked when the one in use is gone', async () => {
  const none = several('', 1, 2)
  assert.equal(await askEach(none), 'ECONNREFUSED')
  await none.end()
  const first = await startProxy()
  const sql = several('', first.port, proxy.port)
  assert.equal(await askEach(sql), 'done')
  const [of_first, of_second] = [first.sockets.size, proxy.sockets.size]
  first.close()
  for (const socket of first.sockets) socket.destroy()
  await sleep(50)
  assert.equal(await askEach(sql), 'done')
  assert.ok(of_first >= 3 && proxy.sockets.size > of_second)
  await sql.end()
})

/** The first answer of PostgreSQL, which asks for a password. */
const asks_password = Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 3])
const peers: [what: string, answer: (socket: net.Socket) => void][] = [
  ['closes at once, as a proxy with nothing behind it', (socket) => socket.destroy()],
  ['resets', (socket) => socket.once('data', () => socket.resetAndDestroy())],
  ['answers as a web server', (socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))],
  [
    'is gone once it has asked for a password',
    (socket) => socket.write(asks_password, () => setTimeout(() => socket.destroy(), 20)),
  ],
]
for (const [what, answer] of peers) {
  test(`a server that ${what}: each way to it is refused, and of several the next one is asked`, {
    timeout: 20_000,
  }, async () => {
    const listener = net.createServer((socket) => answer(socket.on('error', () => {})))
    await once(listener.listen(0, '127.0.0.1'), 'listening')
    const { port } = listener.address() as net.AddressInfo
    const url = through().replace(/(?<=@[^/]+:)\d+/, String(port))
    const expected: [asked: Sql, said: RegExp][] = [
      [connect(url, { max: 2 }), /^(CONNECTION_CLOSED|ECONNRESET)$/],
      [several('', port, port), /^(CONNECTION_CLOSED|ECONNRESET)$/],
      [several('', port, proxy.port), /^done$/],
    ]
    for (const [asked, said] of expected) {
      assert.match(await askEach(asked), said)
      await asked.end()
    }
    listener.close()
  })
}

const modes: [query: string, server_speaks_tls: boolean, said: string][] = [
  ['', true, 'done'],
  ['?sslmode=disable', false, 'done'],
  ['?sslmode=prefer', true, 'done, tls'],
  ['?sslmode=prefer', false, 'done'],
  ['?sslmode=require', true, 'done, tls'],
  ['?ssl=true', true, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['?sslmode=require', false, 'ECONNREFUSED'],
  ['?sslmode=verify-full', true, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ['?sslrootcert=system', true, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
]
for (const [query, speaks, expected] of modes) {
  test(`TLS: ${query || 'not asked for'}, of a server that ${speaks ? 'speaks it' : 'does not'}: ${expected}`, async () => {
    speaks_tls = speaks
    const handshakes: boolean[] = []
    secured = handshakes
    const asked = connect(through(query), { max: 1 })
    try {
      for (const db of [asked, byKey(asked), together(asked)]) {
        const said = await codeOf(db`select 1`)
        assert.equal(said === 'done' && handshakes.at(-1) ? 'done, tls' : said, expected)
      }
    } finally {
      speaks_tls = true
      await asked.end()
    }
  })
}

test('TLS: the certificate must name the server, by name or by address', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvitt-tls-'))
  const ca = join(folder, 'ca.crt')
  writeFileSync(ca, cert)
  // Which authorities are trusted is read when a process starts.
  const program = `import { connect } from './src/lib/db.ts'
    for (const url of process.argv.slice(1)) {
      const sql = connect(url, { max: 1 })
      console.log(await sql\`select 1\`.then(() => 'done', (error) => error.code))
      await sql.end()
    }`
  const urls = [
    ...['localhost', '127.0.0.1'].map((host) => through('?sslmode=verify-full', host)),
    through('?sslrootcert=system', 'localhost'),
  ]
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', program, '--', ...urls],
    { env: { ...process.env, NODE_EXTRA_CA_CERTS: ca }, cwd: join(import.meta.dirname, '..') },
  ).finally(() => rmSync(folder, { recursive: true }))
  assert.deepEqual(stdout.trim().split('\n'), ['done', 'ERR_TLS_CERT_ALTNAME_INVALID', 'done'])
})
