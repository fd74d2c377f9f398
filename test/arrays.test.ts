import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { cloneDatabase, type TestDatabase } from './database.ts'

let database: TestDatabase
before(async () => {
  database = await cloneDatabase()
})
after(() => database.drop())

// Each list as PostgreSQL reads it (its JSON says so), and as it comes back. Texts that need quotes, and one that looks like nothing.
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '"', '\\', ',', '{', '}', ' ', '\n', 'ø', '😀', "'") }),
  fc.constantFrom('', 'NULL', 'null', '{}', '{a,b}'),
)
const kinds: Record<string, fc.Arbitrary<unknown>> = {
  text,
  varchar: text,
  bigint: fc.maxSafeInteger(),
  int: fc.integer(),
  smallint: fc.integer({ min: -32_768, max: 32_767 }),
  'double precision': fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  uuid: fc.uuid(),
  numeric: fc.integer().map((value) => `${value}.50`),
}
for (const [type, element] of Object.entries(kinds)) {
  test(`lists: ${type}[] goes to PostgreSQL and comes back`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(element, fc.constant(null)), { maxLength: 5 }), async (values) => {
        const [row] = await database.sql.unsafe<{ back: unknown[]; seen: unknown[] | null }[]>(
          `select $1::${type}[] as back, array_to_json($1::${type}[]::text[]) as seen`,
          [values] as never,
          { prepare: true },
        )
        assert.deepEqual(row!.back, values)
        if (['text', 'varchar', 'uuid', 'numeric', 'bigint', 'int'].includes(type)) {
          assert.deepEqual(
            row!.seen,
            values.map((value) => (value === null ? null : String(value))),
          )
        }
      }),
      { numRuns: 60 },
    )
  })
}

test('lists: a bigint past the safe range is refused, and every list of the schema is known', async () => {
  await assert.rejects(database.sql`select array[9007199254740993] as n`, /out of range/)
  const at = '2026-11-28T20:46:07.123Z'
  const rest = await database.sql`select array[true, false, null] as b, array['a'::name] as n, array[${at}::timestamptz] as t`
  assert.deepEqual([...rest], [{ b: [true, false, null], n: ['a'], t: [new Date(at)] }])
  const rows = await database.sql<{ oid: number; name: string }[]>`
    select distinct a.atttypid::int as oid, format_type(a.atttypid, null) as name
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid
    where t.typcategory = 'A' and c.relkind = 'r' and c.relnamespace::regnamespace::text
      not in ('pg_catalog', 'information_schema')`
  const { parsers } = database.sql.options as unknown as { parsers: Record<number, unknown> }
  assert.ok(rows.length >= 2)
  for (const { oid, name } of rows) assert.ok(parsers[oid], name)
})
