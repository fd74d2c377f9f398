import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { connect, violates } from '../src/lib/db.ts'
import { migrate, migrationFiles, schemas } from '../src/lib/migrate.ts'

// Migrations that find what the code before them left behind.
const server = process.env.PG_TEST_URL ?? 'postgres://postgres@127.0.0.1:54329'
const admin = connect(`${server}/postgres`, { max: 1 })
after(() => admin.end())

/** A database as it was before this migration; its own schema's later ones are missing too. */
async function databaseBefore(t: { after(cleanUp: () => Promise<unknown>): void }, migration: string) {
  const name = `kvitt_migrations_${randomBytes(6).toString('hex')}`
  await admin.unsafe(`create database ${name}`)
  const sql = connect(`${server}/${name}`, { max: 1 })
  t.after(async () => {
    await sql.end()
    await admin.unsafe(`drop database if exists ${name} with (force)`)
  })
  await migrate(sql, [])
  const [schema] = migration.split('/')
  for (const file of migrationFiles(schemas)) {
    if (file.schema === schema && `${schema}/${file.name}` >= migration) continue
    await sql.unsafe(file.text)
    const checksum = createHash('sha256').update(file.text).digest('hex')
    await sql`insert into public.kvitt_migrations (schema, name, checksum) values (${file.schema}, ${file.name}, ${checksum})`
  }
  return sql
}

test('migrations: of two changes of an authorization that are open both stay, and from then on there is one', async (t) => {
  const sql = await databaseBefore(t, 'checkout/0011_one_authorization_update.sql')
  const add = (id: string, transaction_id: string, at: string, state = 'unknown', kind = 'update_authorization') => sql`
    insert into checkout.operations (account_id, id, kind, session_id, transaction_id, gateway, payment_product_type, amount, currency,
      state, next_attempt_at, request, created_at, updated_at)
    values ('T12345678', ${id}, ${kind}, 'S', ${transaction_id}, 'fake', 'klarna.klarna', 1, 'NOK',
      ${state}, ${state === 'failed' ? null : at}, '{"update": "extend"}', ${at}, ${at})`
  const [second, first, failed, capture, other] = Array.from({ length: 5 }, () => randomUUID())
  await add(second!, 'A', '2026-11-02')
  await add(first!, 'A', '2026-11-01')
  await add(failed!, 'A', '2026-10-01', 'failed')
  await add(capture!, 'A', '2026-10-01', 'unknown', 'capture')
  await add(other!, 'B', '2026-11-03')
  assert.ok((await migrate(sql)).includes('checkout/0011_one_authorization_update.sql'))
  const rows = await sql<{ id: string; state: string; request: object }[]>`
    select id, state, request from checkout.operations order by created_at, state`
  const update = 'extend'
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [
      { id: failed, state: 'failed', request: { update } },
      { id: capture, state: 'unknown', request: { update } },
      { id: first, state: 'unknown', request: { update } },
      { id: second, state: 'unknown', request: { update, beside_another: true } },
      { id: other, state: 'unknown', request: { update } },
    ],
  )
  await assert.rejects(add(randomUUID(), 'A', '2026-11-04'), (error) => violates(error, 'one_authorization_update'))
  await add(randomUUID(), 'A', '2026-11-04', 'unknown', 'refund')
  await sql`update checkout.operations set state = 'succeeded', next_attempt_at = null where id = ${first!}`
  await add(randomUUID(), 'A', '2026-11-05')
})
