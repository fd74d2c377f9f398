import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { schemas } from '../src/lib/migrate.ts'
import { cloneDatabase } from './database.ts'

// Kvitt outgrows one PostgreSQL by distributing its tables by account: that works as long as each row's identity begins with it.
const exceptions = new Map([['public.kvitt_migrations', 'one row a migration; belongs to the database, not to an account']])

const database = await cloneDatabase()
after(() => database.drop())
const { sql } = database
const ours = ['public', ...schemas]

const indexes = await sql<{ table: string; index: string; primary: boolean; first_column: string | null }[]>`
  select n.nspname || '.' || c.relname as table, x.relname as index, i.indisprimary as primary, a.attname as first_column
  from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0] and i.indkey[0] > 0
  where i.indisunique and n.nspname in ${sql(ours)} order by 1, 2`

for (const { table, index, primary, first_column } of indexes) {
  if (exceptions.has(table)) continue
  test(`schema: ${primary ? 'primary key' : 'unique index'} ${index} of ${table} begins with account_id`, () => {
    assert.equal(first_column, 'account_id')
  })
}

test('schema: every table has a primary key', async () => {
  const rows = await sql`
    select n.nspname || '.' || c.relname as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname in ${sql(ours)}
      and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)`
  assert.deepEqual([...rows], [])
})

test('schema: no foreign key crosses accounts or services', async () => {
  const rows = await sql<{ name: string; from: string; to: string; columns: string[]; targets: string[] }[]>`
    select k.conname as name, f.nspname as from, t.nspname as to,
      array(select a.attname::text from unnest(k.conkey) with ordinality as u (number, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number order by u.place) as columns,
      array(select a.attname::text from unnest(k.confkey) with ordinality as u (number, place)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number order by u.place) as targets
    from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace f on f.oid = c.relnamespace
    join pg_class d on d.oid = k.confrelid join pg_namespace t on t.oid = d.relnamespace
    where k.contype = 'f' and f.nspname in ${sql(ours)}`
  for (const { name, from, to, columns, targets } of rows) {
    assert.equal(from, to, `${name} points into another service's schema`)
    assert.equal(columns[targets.indexOf('account_id')], 'account_id', `${name} does not carry account_id`)
  }
})

test('schema: the exceptions exist', async () => {
  for (const table of exceptions.keys()) {
    const [row] = await sql<{ found: string | null }[]>`select to_regclass(${table})::text as found`
    assert.ok(row?.found, `${table} is gone: take it off the list`)
  }
})
