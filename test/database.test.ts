import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import type postgres from 'postgres'
import {
  byKey,
  connect,
  type Db,
  inTransaction,
  isPooled,
  openTransaction,
  part,
  placeOf,
  plannedForValues,
  reconnectWait,
  type Sql,
} from '../src/lib/db.ts'
import { mayBeAskedAgain } from '../src/lib/driver.ts'
import { createServer } from '../src/lib/http.ts'
import { serversOf } from '../src/lib/socket.ts'
import { together } from '../src/lib/together.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'

let database: TestDatabase
before(async () => {
  database = await cloneDatabase()
  await database.sql`create table public.things (name text primary key)`
})
after(() => database.drop())

test('open transaction: committed and rolled back from elsewhere', async () => {
  const kept = await openTransaction(database.sql)
  await kept.tx`insert into public.things values ('kept')`
  await kept.commit()
  const undone = await openTransaction(database.sql)
  await undone.tx`insert into public.things values ('undone')`
  await undone.rollback()
  assert.deepEqual([...(await database.sql`select name from public.things`)], [{ name: 'kept' }])
})

test('open transaction: after a statement that failed, commit says so and nothing is written', async () => {
  const transaction = await openTransaction(database.sql)
  await transaction.tx`insert into public.things values ('lost')`
  await assert.rejects(transaction.tx`insert into public.things values ('kept')`, { code: '23505' })
  await assert.rejects(transaction.commit())
  assert.equal((await database.sql`select from public.things where name = 'lost'`).length, 0)
})

test('a statement is made of its pieces, whoever makes them: parts, queries of the driver, its names and its lists', async () => {
  const [a, b] = [part`${1}::int as a`, database.sql`${'x'}::text || ${'y'}::text as b`]
  assert.deepEqual([...(await database.sql`select ${a}, ${b}, ${3}::int as c`)], [{ a: 1, b: 'xy', c: 3 }])
  const list = database.sql`(${1}::int), (${2})`
  assert.deepEqual([...(await database.sql`select * from (values ${list}) as v (${database.sql('n')})`)], [{ n: 1 }, { n: 2 }])
  assert.deepEqual([...(await database.sql`select ${part`${database.sql`${1}::int`} + ${2}`} as sum`)], [{ sum: 3 }])
  assert.deepEqual([...(await plannedForValues(database.sql`select ${2}::int as d`))], [{ d: 2 }])
})
test('a statement that fails after its first row: the next one on its connection has its own rows, and no others', async () => {
  const sql = connect(database.url, { max: 1 })
  const failing = () => assert.rejects(sql`select 1 / (3 - n) from generate_series(1, 5) n`, { code: '22012' })
  try {
    await failing()
    assert.deepEqual([...(await sql`select n from generate_series(1, 2) n`)], [{ n: 1 }, { n: 2 }])
    const [, pipelined] = await Promise.all([failing(), sql`select 7 as n`])
    assert.deepEqual([...pipelined], [{ n: 7 }])
    await failing()
    assert.deepEqual(await sql.begin((tx) => tx`select 8 as n`.then((rows) => [...rows])), [{ n: 8 }])
  } finally {
    await sql.end()
  }
})

const places: [url: string, place: ReturnType<typeof placeOf>][] = [
  ['postgres://u:p@h:1/d', { url: 'postgres://u:p@h:1/d' }],
  ['postgres://u:p@h:1/d?host=/run/pg', { url: 'postgres://u:p@h:1/d', path: '/run/pg/.s.PGSQL.1' }],
  ['postgres://u@h/d?host=%2Frun%2Fa%20b&ssl=true', { url: 'postgres://u@h/d?ssl=true', path: '/run/a b/.s.PGSQL.5432' }],
  ['postgres://u@h/d?host=other', { url: 'postgres://u@h/d?host=other' }],
  ['postgres://a,b/d', { url: 'postgres://a,b/d' }],
]
for (const [url, place] of places) test(`database: the place that ${url} names`, () => assert.deepEqual(placeOf(url), place))

test('database: an IPv6 address is taken whole, without a word on whether that server writes', () => {
  const found = serversOf('postgres://u:p@[2001:db8::1]:5433/d', null)
  assert.deepEqual([found?.places, found?.must_write], [[{ host: '2001:db8::1', port: 5433 }], false])
  assert.equal(serversOf('postgres://u:p@h:5433/d', null), undefined)
})

const waits: [failed: number, seconds: number][] = [
  [0, 0.05],
  [1, 0.1],
  [4, 0.8],
  [5, 1],
  [2_000, 1],
]
for (const [failed, seconds] of waits) {
  test(`database: after ${failed} attempts that failed, the next one in ${seconds} s`, () => {
    assert.equal(reconnectWait(failed), seconds)
  })
}

test('statements that PostgreSQL has forgotten are prepared anew, also several at once, by key, and in a transaction', async () => {
  const sql = connect(database.url, { max: 1, batch: { wait_ms: 60_000, lock_wait_ms: 60_000 } })
  const one = (db: Db, value: number) => db<{ n: number }[]>`select ${value}::int + 1 as n`
  const two = (db: Db, value: number) => db<{ text: string; n: number }[]>`select 'x' as text, ${value}::int + 2 as n`
  for (const db of [sql, byKey(sql)]) {
    const both = async () => (await Promise.all([one(db, 1), two(db, 1), one(db, 5)])).map(([row]) => row!.n)
    assert.deepEqual(await both(), [2, 3, 6])
    await db`deallocate all`
    assert.deepEqual(await both(), [2, 3, 6])
  }
  let runs = 0
  const sum = await inTransaction(sql, async (tx) => {
    runs += 1
    if (runs === 1) await tx`deallocate all`
    return (await one(tx, 7))[0]!.n
  })
  assert.deepEqual([sum, runs], [8, 2])
  // What is wrong with the statement itself comes from the same part of PostgreSQL as a statement whose types have changed.
  await sql`create table public.counts (count int)`
  const wrong = await sql`insert into public.counts values ('many'::text)`.catch((error: postgres.PostgresError) => error)
  assert.deepEqual(['routine' in wrong && wrong.routine, mayBeAskedAgain(wrong)], ['transformAssignedExpr', false])
  await sql.end()
})

test('a transaction ends also on a server that has forgotten everything: its connection is free again', async () => {
  const sql = connect(database.url, { max: 1 })
  for (const round of [1, 2, 3]) {
    await assert.rejects(
      inTransaction(sql, async (tx) => {
        await tx`insert into public.things values ('never')`
        await tx`deallocate all`
        throw new Error('undone')
      }),
      /undone/,
    )
    await inTransaction(sql, async (tx) => {
      await tx`insert into public.things values (${`round ${round}`})`
      await tx`deallocate all`
    })
  }
  assert.deepEqual(
    [...(await sql`select name from public.things where name like 'round%' or name = 'never' order by 1`)],
    [{ name: 'round 1' }, { name: 'round 2' }, { name: 'round 3' }],
  )
  await sql.end({ timeout: 1 })
})

const ways: [string, (sql: Sql) => Db][] = [
  ['on the pool', (sql) => sql],
  ['by key', byKey],
  ['together with others', together],
]
for (const [title, way] of ways) {
  test(`a time that is none is refused, ${title}, and every other statement has its own rows`, async () => {
    const sql = connect(database.url, { max: 2 })
    const asked = Array.from({ length: 60 }, (_, n) =>
      n % 6 === 5
        ? way(sql)`select ${new Date(Number.NaN)}::timestamptz as n`
        : way(sql)`select ${n}::int as n, pg_sleep(0.001) is null as x`,
    )
    const settled = await Promise.allSettled(asked)
    for (const [n, one] of settled.entries()) {
      if (n % 6 === 5) assert.equal(one.status === 'rejected' && one.reason.code, '22007', `${n}`)
      else assert.equal(one.status === 'fulfilled' && one.value[0]!.n, n)
    }
    await sql.end({ timeout: 1 })
  })
}

test('how a database writes times and bytes by default does not matter', async () => {
  const other = await cloneDatabase()
  const name = new URL(other.url).pathname.slice(1)
  await other.sql.unsafe(`alter database ${name} set datestyle = 'SQL, DMY'; alter database ${name} set bytea_output = 'escape'`)
  const sql = connect(other.url, { max: 1 })
  const values = { at: new Date('2026-02-01T10:20:30.123Z'), bytes: Buffer.from([...Array(256).keys()]) }
  const [row] = await sql`select ${values.at}::timestamptz as at, ${values.bytes}::bytea as bytes`
  await sql.end()
  await other.drop()
  assert.deepEqual({ ...row }, values)
})

test('a pooler between us and PostgreSQL is seen', async () => {
  assert.equal(await isPooled(database.sql), false)
})

test('a database whose socket is not there: 503, as for one that refuses', async () => {
  const gone = connect('postgres://u:p@h:1/d?host=/nowhere', { max: 1 })
  const app = createServer({ authenticate: async () => assert.fail(), logger: undefined })
  app.get('/', { config: { access: 'public' } }, () => gone`select 1`)
  const { statusCode, headers } = await app.inject('/')
  assert.deepEqual([statusCode, headers['retry-after']], [503, '1'])
  await gone.end({ timeout: 0 })
  await app.close()
})

test('a statement waits for the first connection that is free, not behind what takes long on another', async () => {
  const sql = connect(database.url, { max: 2 })
  const holder = await openTransaction(database.sql)
  await holder.tx`select pg_advisory_xact_lock(4711)`
  await database.sql`create table public.late (n int)`
  const slow = sql`insert into late select 1 from pg_advisory_xact_lock(4711)`.then(
    () => assert.fail('it waits'),
    () => 'ended',
  )
  for (let round = 0; round < 3; round += 1) {
    const values = Array.from({ length: 10 }, (_, index) => index)
    const rows = await Promise.all(values.map((value) => sql<{ value: number }[]>`select ${value}::int as value`))
    assert.deepEqual(
      rows.map(([row]) => row!.value),
      values,
    )
    assert.equal(await inTransaction(sql, async (tx) => (await tx<{ n: number }[]>`select 1 as n`)[0]!.n), 1)
  }
  await database.sql`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and not granted and objid = 4711`
  assert.equal(await slow, 'ended')
  await holder.rollback()
  // The one that was lost is used again, as one: a transaction has the one, and statements have the other.
  const pidOf = async (db: Db) => (await db<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]!.pid
  const open = await openTransaction(sql)
  const pid = await pidOf(open.tx)
  for (let round = 0; round < 3; round += 1) assert.notEqual(await pidOf(sql), pid)
  await open.rollback()
  // What was refused as lost is not done again, however often the driver refuses it. The end waits for what is under way.
  await sql.end()
  assert.equal((await database.sql`select from late`).length, 0)
})

test('a database that is away refuses all who wait at once, not one after the other', async (t) => {
  let tries = 0
  const nowhere = net.createServer((socket) => {
    tries += 1
    socket.resetAndDestroy()
  })
  await once(nowhere.listen(0, '127.0.0.1'), 'listening')
  t.after(() => nowhere.close())
  const sql = connect(`postgres://u:p@127.0.0.1:${(nowhere.address() as net.AddressInfo).port}/d`, { max: 4 })
  const kinds: Record<string, () => Promise<unknown>> = {
    statement: () => sql`select 1`,
    'by key': () => byKey(sql)`select 1`,
    write: () => together(sql)`select 1`,
    transaction: () => inTransaction(sql, (tx) => tx`select 1`),
  }
  for (const [kind, ask] of Object.entries(kinds)) {
    tries = 0
    const settled = await Promise.allSettled(Array.from({ length: 150 }, ask))
    assert.deepEqual(new Set(settled.map((one) => one.status === 'rejected' && one.reason.code)), new Set(['ECONNRESET']), kind)
    assert.ok(tries < 20, `${kind}: ${tries} attempts for 150`)
  }
  await sql.end({ timeout: 0 })
})
