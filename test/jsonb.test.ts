import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { chainEvents } from '../src/checkout/transactions/store.ts'
import { json } from '../src/lib/db.ts'
import { chainHash, jsonbText, timestampText } from '../src/lib/jsonb.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'

let database: TestDatabase
before(async () => {
  database = await cloneDatabase()
})
after(() => database.drop())

/** How PostgreSQL writes the value, and the hash it makes of that. */
async function stored(value: unknown): Promise<{ text: string; hash: Buffer }> {
  const { sql } = database
  const [row] = await sql<{ text: string; hash: Buffer }[]>`
    select v::text as text, sha256(convert_to(v::text, 'UTF8')) as hash from (select ${json(value)}::jsonb as v) x`
  return row!
}

const values: unknown[] = [
  'é\u2028\u0001\b\f\n\r\t"\\/',
  0,
  -0,
  1e21,
  -1.5e-7,
  1.25e25,
  5e-324,
  1.7976931348623157e308,
  29989.999999999996,
  [],
  {},
  [[], [{}], null, true],
  { b: 1, a: 2, aa: 3, é: 4, z: 5, '': 6, 'a b': 7, '10': 8, '9': 9, '🙂': 10, ü: 11 },
  { gone: undefined, kept: [undefined], at: new Date('2026-11-23T10:00:00.120Z') },
]
for (const [index, value] of values.entries()) {
  test(`jsonb text: as PostgreSQL writes it, value ${index}`, async () => {
    const { text, hash } = await stored(value)
    assert.equal(jsonbText(value), text)
    assert.deepEqual(chainHash(new Uint8Array(), jsonbText(value)), hash)
  })
}

test('jsonb text: as PostgreSQL writes it, whatever the value (property)', async () => {
  const value = fc.jsonValue({ stringUnit: 'grapheme' }).filter((value) => !/\\u0000|\\ud[89a-f]/i.test(JSON.stringify(value)))
  await fc.assert(
    fc.asyncProperty(value, async (value) => {
      assert.equal(jsonbText([value]), (await stored([value])).text)
    }),
    { numRuns: 500 },
  )
})

const times = ['2026-11-23T10:00:00.000Z', '2026-11-23T10:00:00.100Z', '2026-11-23T10:00:00.123Z', '2026-01-01T00:00:00.010Z']
for (const created_at of times) {
  test(`event chain: the hash that PostgreSQL computes of the columns, at ${created_at}`, async () => {
    const id = crypto.randomUUID()
    const event = { sequence: 3, event: 'CAPTURE', transaction_status: 'CAPTURED', success: true, request_id: id } as const
    const more = { amount: 100, operation_id: id, data: { items: [{ line_id: '1', amount: 9.5 }] }, created_by: 'Åse "x"' }
    const [chained] = chainEvents(Buffer.from('ab', 'hex'), [{ ...event, ...more, created_at }])
    const { sql } = database
    const [row] = await sql<{ hash: Buffer; time: string }[]>`
      select sha256('\\xab'::bytea || convert_to(jsonb_build_array(3, 'CAPTURE'::text, 'CAPTURED'::text, true, 100::bigint, ${id}::uuid,
        null::uuid, ${id}::uuid, ${json(more.data)}::jsonb, ${created_at}::timestamptz, ${more.created_by}::text)::text, 'UTF8')) as hash,
        to_jsonb(${created_at}::timestamptz)::text as time`
    assert.deepEqual(chained!.hash, row!.hash)
    assert.equal(`"${timestampText(created_at)}"`, row!.time)
  })
}
