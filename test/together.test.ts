import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { connect, inTransaction, openTransaction, type Sql } from '../src/lib/db.ts'
import { joiningTransactions, running } from '../src/lib/idempotency.ts'
import { together } from '../src/lib/together.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'

let database: TestDatabase
let sql: Sql
before(async () => {
  database = await cloneDatabase()
  sql = connect(database.url, { max: 3, batch: { wait_ms: 60_000, lock_wait_ms: 60_000 } })
  await sql`create table public.things (name text primary key, version int not null default 0 check (version < 100))`
})
after(async () => {
  await sql.end()
  await database.drop()
})

const add = (name: string, db: Sql = sql) =>
  together(db)<{ name: string }[]>`insert into things (name) values (${name}) returning name`
const names = (rows: Iterable<{ name: string }>) => [...rows].map(({ name }) => name)

/** How many database transactions wrote the things whose names begin so. */
async function transactions(prefix: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(distinct xmin::text)::int as count from things where starts_with(name, ${prefix})`
  return row!.count
}

/** The turn of the event loop ends: what was written in it has been sent, if it could be. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** The same, by a proxy that tells what is sent, and may keep each answer a while. */
async function connectThrough({ onsent, answer_after_ms = 0 }: { onsent?: (bytes: Buffer) => void; answer_after_ms?: number }) {
  const { hostname, port } = new URL(database.url)
  const proxy = net.createServer((client) => {
    const server = net.connect(Number(port), hostname)
    if (onsent) client.on('data', onsent)
    client.pipe(server)
    server.on('data', (bytes) => setTimeout(() => client.write(bytes), answer_after_ms))
    client.on('close', () => server.destroy())
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  const place = Object.assign(new URL(database.url), { host: `127.0.0.1:${(proxy.address() as net.AddressInfo).port}` })
  const through = connect(place.href, { max: 1, batch: { wait_ms: 60_000, lock_wait_ms: 60_000 } })
  return {
    sql: through,
    async close() {
      await through.end()
      proxy.close()
    },
  }
}

/** Somebody else has the row of that name until `commit` or `rollback`. */
async function lockRow(name: string) {
  const holder = await openTransaction(database.sql)
  await holder.tx`select from things where name = ${name} for update`
  return holder
}

/** Waits until so many connections wait for a lock. */
async function lockWaits(count: number): Promise<void> {
  for (;;) {
    const rows = await database.sql`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    if (rows.length >= count) return
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

test('together: those made at once share a commit, and each has its own answer', async () => {
  const wanted = Array.from({ length: 20 }, (_, index) => `shared-${index}`)
  const answers = await Promise.all(wanted.map((name) => add(name)))
  assert.deepEqual(
    answers.map(names),
    wanted.map((name) => [name]),
  )
  assert.equal(await transactions('shared-'), 1)
})

test('together: more than a batch holds are several', async () => {
  await Promise.all(Array.from({ length: 2 * 32 + 1 }, (_, index) => add(`many-${index}`)))
  assert.equal(await transactions('many-'), 3)
})

test('together: what is written while two batches are under way is the next', async () => {
  await add('held')
  const holder = await lockRow('held')
  const first = together(sql)`update things set version = 1 where name = 'held'`
  await turn()
  const others = [add('meanwhile-0')]
  await turn()
  for (const number of [1, 2, 3]) {
    others.push(add(`meanwhile-${number}`))
    await turn()
  }
  await holder.commit()
  await Promise.all([first, ...others])
  assert.equal(await transactions('meanwhile-'), 2)
})

test('together: a batch is sent whole, however large, and does not wait for the answers to its first writes', async () => {
  let sent = ''
  const far = await connectThrough({
    onsent: (bytes) => {
      sent += bytes.toString('latin1')
    },
  })
  const large = (name: string) => together(far.sql)`insert into things (name) select rtrim(left(${name.padEnd(8_000)}, 10))`
  const touch = () => together(far.sql)`update things set version = 1 where name = 'slow'`
  await large('slow')
  await touch()
  const holder = await lockRow('slow')
  const written = [touch(), ...Array.from({ length: 9 }, (_, index) => large(`large-${index}`))]
  await lockWaits(1)
  for (let tries = 0; !sent.includes('large-8') && tries < 1_000; tries++) await new Promise((resolve) => setTimeout(resolve, 2))
  assert.ok(sent.includes('large-8'), 'the last one is sent while the first one waits')
  await holder.commit()
  await Promise.all(written)
  assert.equal(await transactions('large-'), 1)
  await far.close()
})

test('together: a kind of write that is new goes through under load, and those behind it go together again', async () => {
  let sent = 0
  const through = await connectThrough({ onsent: () => (sent += 1), answer_after_ms: 2 })
  await add('load', through.sql)
  let rounds = 0
  const writer = async (name: string) => {
    for (let round = 0; round < 30; round += 1) {
      await add(`load-${name}-${round}`, through.sql)
      rounds += 1
    }
  }
  // Two batches, one behind the other, all the time.
  const early = Array.from({ length: 12 }, (_, index) => writer(`early-${index}`))
  await turn()
  await turn()
  const late = Array.from({ length: 12 }, (_, index) => writer(`late-${index}`))
  while (rounds < 24) await turn()
  const before = { sent, rounds }
  await together(through.sql)`insert into things (name, version) values (${'load-new'}, ${1})`
  await Promise.all([...early, ...late])
  await through.close()
  const writes = rounds - before.rounds
  assert.ok(sent - before.sent < writes / 2, `${sent - before.sent} messages for ${writes} writes`)
})

test('together: of two that race in one batch, one wins and the other sees it', async () => {
  await add('raced')
  const update = () => together(sql)`update things set version = version + 1 where name = 'raced' and version = 0 returning name`
  const rows = await Promise.all([update(), update(), update()])
  assert.deepEqual(
    rows.map(({ length }) => length),
    [1, 0, 0],
  )
})

test('together: one that is refused has its own error, and the others are written', async () => {
  const results = await Promise.allSettled([add('refused-0'), add('refused-1'), add('refused-0'), add('refused-2')])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  )
  assert.equal((results[2] as PromiseRejectedResult).reason.constraint_name, 'things_pkey')
  assert.deepEqual(
    names(await sql<{ name: string }[]>`select name from things where starts_with(name, 'refused-') order by name`),
    ['refused-0', 'refused-1', 'refused-2'],
  )
})

test('together: whatever is written at once, with whatever duplicates, each name is written once and one of its writers is told', async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 60 }), async (wanted) => {
      run += 1
      const name = (number: number) => `property-${run}-${number}`
      const results = await Promise.allSettled(wanted.map((number) => add(name(number))))
      const told = results.flatMap((result) => (result.status === 'fulfilled' ? names(result.value) : []))
      const refused = results.filter((result) => result.status === 'rejected' && result.reason.code === '23505').length
      const distinct = [...new Set(wanted)].map(name).sort()
      assert.deepEqual(told.sort(), distinct)
      assert.equal(refused, wanted.length - distinct.length)
      const written = await sql<
        { name: string }[]
      >`select name from things where starts_with(name, ${`property-${run}-`}) order by name`
      assert.deepEqual(names(written).sort(), distinct)
    }),
    { numRuns: 60 },
  )
})

test('together: one that waits for a lock holds nobody up for long, and waits by itself', async () => {
  const impatient = connect(database.url, { max: 3 })
  await add('locked')
  const holder = await lockRow('locked')
  let done = false
  const waits = Promise.all([
    add('lock-0', impatient),
    together(impatient)`update things set version = 1 where name = 'locked' returning name`.then(() => {
      done = true
    }),
    add('lock-1', impatient),
  ])
  assert.deepEqual(names(await add('lock-2', impatient)), ['lock-2'])
  assert.equal(done, false)
  await holder.commit()
  await waits
  await impatient.end()
  assert.equal(done, true)
})

test('together: two processes whose batches wait for each other: all of both is written, once', async () => {
  const [one, other] = [0, 1].map(() => connect(database.url, { max: 3, batch: { wait_ms: 60_000, lock_wait_ms: 60_000 } }))
  const count = (name: string, db: Sql) =>
    together(db)`update things set version = version + 1 where name = ${name} returning name`
  await Promise.all(['cross-x', 'cross-y', 'cross-z'].map((name) => add(name)))
  const holder = await lockRow('cross-z')
  const first = [add('cross-0', one!), count('cross-x', one!), count('cross-z', one!), count('cross-y', one!)]
  await lockWaits(1)
  const second = [add('cross-1', other!), count('cross-y', other!), count('cross-x', other!)]
  await lockWaits(2)
  await holder.commit()
  for (const { length } of await Promise.all([...first, ...second])) assert.equal(length, 1)
  const rows = await sql<{ name: string; version: number }[]>`
    select name, version from things where starts_with(name, 'cross-') and version > 0 order by name`
  assert.deepEqual(
    rows.map(({ name, version }) => [name, version]),
    [
      ['cross-x', 2],
      ['cross-y', 2],
      ['cross-z', 1],
    ],
  )
  await Promise.all([one!.end(), other!.end()])
})

test('together: a lane that breaks refuses what was under way, writes none of it, and what waits has a new one', async () => {
  await add('broken')
  const holder = await lockRow('broken')
  const under_way = [add('break-0'), together(sql)`update things set version = 1 where name = 'broken' returning name`]
  await turn()
  under_way.push(add('break-1'))
  await turn()
  const waiting = add('break-2')
  await lockWaits(1)
  const refused = Promise.allSettled(under_way)
  await database.sql`
    select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
  for (const result of await refused)
    assert.match((result as PromiseRejectedResult).reason.code, /^(57P01|CONNECTION_CLOSED|ECONNRESET|EPIPE)$/)
  await holder.rollback()
  assert.deepEqual(names(await waiting), ['break-2'])
  const again = ['break-3', 'break-4', 'break-5']
  await Promise.all(again.map((name) => add(name)))
  assert.equal(await transactions('break-'), 2, 'the new lane gathers')
  assert.deepEqual(
    names(await sql<{ name: string }[]>`select name from things where starts_with(name, 'break-') order by name`),
    ['break-2', ...again],
  )
})

test('together: a write that fails after its first row leaves nothing for the next one', async () => {
  const failing = () =>
    assert.rejects(together(sql)`insert into things select 'row-' || n, 98 + n from generate_series(1, 5) n returning name`, {
      code: '23514',
    })
  await failing()
  assert.deepEqual(names(await add('rows-0')), ['rows-0'])
  const [, ...answers] = await Promise.all([failing(), add('rows-1'), add('rows-2')])
  assert.deepEqual(answers.map(names), [['rows-1'], ['rows-2']])
})

test('together: a statement that PostgreSQL has forgotten fails its batch, and all of it is written, each once', async () => {
  const touch = () => together(sql)`update things set version = version + 1 where name = ${'forgotten'} returning version`
  await add('forgotten')
  await touch()
  await together(sql)`deallocate all`
  await add('forgotten-0')
  const [added, touched] = await Promise.all([add('forgotten-1'), touch()])
  assert.deepEqual(names(added), ['forgotten-1'])
  assert.equal(touched[0]!.version, 2)
  assert.equal((await touch())[0]!.version, 3)
})

test('together: a write by itself that PostgreSQL has forgotten is not undone with the batch behind it, and neither hangs', async () => {
  // The answer comes late, so that the batch has been sent by then.
  const far = await connectThrough({ answer_after_ms: 30 })
  await add('far')
  const touch = () =>
    together(far.sql)<{ version: number }[]>`update things set version = version + 1 where name = ${'far'} returning version`
  await touch()
  await together(far.sql)`deallocate all`
  const touched = touch()
  await turn()
  await turn()
  // Both are new, and sent one by one, when each has been described.
  const [first, second] = await Promise.allSettled([
    together(far.sql)`insert into things (name, version) values (${'far-0'}, 7)`,
    together(far.sql)`insert into things (version, name) values (700, ${'far-1'})`,
  ])
  assert.deepEqual([first.status, second.status], ['fulfilled', 'rejected'])
  assert.equal((await touched)[0]!.version, 2)
  const [{ version }] = await sql<[{ version: number }]>`select version from things where name = 'far'`
  assert.equal(version, 2)
  await far.close()
})

test('together: inside a transaction it is a statement of that', async () => {
  await assert.rejects(
    inTransaction(sql, async (tx) => {
      await together(tx)`insert into things (name) values ('undone')`
      throw new Error('undo')
    }),
    /undo/,
  )
  assert.deepEqual([...(await sql`select from things where name = 'undone'`)], [])
})

test('together: in a request that has a transaction of its own it is a statement of that', async () => {
  const joining = joiningTransactions(sql)
  const holder = await openTransaction(sql)
  await running.run({ tx: holder.tx, dry_run: false }, () => add('joined', joining))
  await holder.rollback()
  assert.deepEqual([...(await sql`select from things where name = 'joined'`)], [])
  assert.deepEqual(names(await add('joined', joining)), ['joined'])
})

test('together: what is under way when the pool ends is still written', async () => {
  const ending = connect(database.url, { max: 1, batch: { wait_ms: 60_000, lock_wait_ms: 60_000 } })
  const under_way = [add('ending-0', ending), add('ending-1', ending), add('ending-2', ending)]
  await Promise.all([...under_way, ending.end()])
  assert.equal(await transactions('ending-'), 1)
  await assert.rejects(async () => add('ended', ending), { code: 'CONNECTION_ENDED' })
})

test('together: without a database each is refused as it would be alone', async () => {
  const gone = connect('postgres://u:p@h:1/d?host=/nowhere', { max: 1 })
  for (const { reason } of (await Promise.allSettled([add('a', gone), add('b', gone)])) as PromiseRejectedResult[]) {
    assert.equal(reason.code, 'ENOENT')
  }
  await gone.end({ timeout: 0 })
})
