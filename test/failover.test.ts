import assert from 'node:assert/strict'
import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { byKey, connect, inTransaction, type Sql } from '../src/lib/db.ts'
import { openEmbeddedPostgres } from '../src/lib/embedded-postgres.ts'
import { together } from '../src/lib/together.ts'

// Two servers, of which one is a standby: it answers, and takes no writes.
type Server = Awaited<ReturnType<typeof openEmbeddedPostgres>>
const folder = mkdtempSync(join(tmpdir(), 'kvitt-failover-'))
let primary: Server
let standby: Server
before(async () => {
  chmodSync(folder, 0o711)
  const open = (name: string) => openEmbeddedPostgres(join(folder, name), { durable: false })
  primary = await open('one')
  await primary.close()
  cpSync(join(folder, 'one'), join(folder, 'two'), { recursive: true })
  writeFileSync(join(folder, 'two', 'postgres', 'standby.signal'), '')
  primary = await open('one')
  standby = await open('two')
})
after(async () => {
  await primary?.close()
  await standby?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Both have the same users and passwords; `?host=` names the socket. */
function several(servers: readonly Server[], query = ''): Sql {
  const ports = servers.map(({ url }) => new URL(url).port || '5432')
  const { username, password, pathname } = new URL(servers[0]!.url)
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join()
  return connect(`postgres://${username}:${password}@${hosts}${pathname}${query}`, { max: 2 })
}

/** What each way to the database says of it. */
async function askEach(db: Sql): Promise<string> {
  const ask = (db: Sql) => db<{ standby: boolean }[]>`select pg_is_in_recovery() as standby`
  const asked = [ask(db), ask(byKey(db) as Sql), ask(together(db) as Sql), inTransaction(db, (tx) => ask(tx as unknown as Sql))]
  const said = await Promise.all(
    asked.map((answer) =>
      answer.then(
        ([row]) => (row!.standby ? 'standby' : 'primary'),
        (error) => error.code,
      ),
    ),
  )
  return [...new Set(said)].join()
}

const cases: [title: string, servers: () => Server[], query: string, says: string][] = [
  ['the standby first', () => [standby, primary], '', 'primary'],
  ['the primary first', () => [primary, standby], '', 'primary'],
  ['two standbys and the primary', () => [standby, standby, primary], '', 'primary'],
  ['the standby first, read-write', () => [standby, primary], '?target_session_attrs=read-write', 'primary'],
  ['the standby first, primary', () => [standby, primary], '?target_session_attrs=primary', 'primary'],
  ['the standby first, any', () => [standby, primary], '?target_session_attrs=any', 'standby'],
  ['standbys only', () => [standby, standby], '', 'ECONNREFUSED'],
  ['one, which must write', () => [standby], '?target_session_attrs=read-write', 'ECONNREFUSED'],
  ['one, which must write and can', () => [primary], '?target_session_attrs=read-write', 'primary'],
  ['one', () => [standby], '', 'standby'],
]
for (const [title, servers, query, says] of cases) {
  test(`several servers: ${title}: ${says}`, async () => {
    const sql = several(servers(), query)
    assert.equal(await askEach(sql), says)
    assert.equal(await askEach(sql), says)
    await sql.end()
  })
}

test('several servers: one that is read-only by its own settings is left, too', async () => {
  const admin = several([primary])
  await admin`create database reads`
  await admin`alter database reads set default_transaction_read_only = on`
  const url = new URL(primary.url)
  const reads = connect(
    `postgres://${url.username}:${url.password}@127.0.0.1:${url.port}/reads?target_session_attrs=read-write`,
    { max: 1 },
  )
  assert.equal(await askEach(reads), 'ECONNREFUSED')
  await reads.end()
  await admin.end()
})

test('several servers: what would not write is refused', () => {
  for (const wanted of ['standby', 'read-only', 'prefer-standby', 'x'])
    assert.throws(() => several([primary, standby], `?target_session_attrs=${wanted}`), /must be one of read-write, primary, any/)
})

test('several servers: the standby is promoted, and what was the primary is gone', async () => {
  const sql = several([primary, standby])
  assert.equal(await askEach(sql), 'primary')
  const direct = several([standby])
  await direct`select pg_promote()`
  await direct.end()
  await primary.close()
  const deadline = performance.now() + 10_000
  while ((await askEach(sql)) !== 'primary') assert.ok(performance.now() < deadline)
  await sql.end()
})
