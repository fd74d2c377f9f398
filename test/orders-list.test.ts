import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import postgres from 'postgres'
import type { Sql } from '../src/lib/db.ts'
import { listDraftRows } from '../src/orders/drafts/store.ts'
import { listOrderRows } from '../src/orders/orders/listing/store.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'

const [account_id, customer_id, store_id] = ['T00000001', 'c7', 's7']
const search = {}
const filter = {
  status: undefined,
  payment_status: undefined,
  currency: undefined,
  order_id: undefined,
  store_id: undefined,
  customer_id: undefined,
  created_at_gte: undefined,
  created_at_lte: undefined,
  search,
}
const now = '2026-06-01T00:00:00.000Z'
const after_row = { created_at: '2026-01-01T00:30:00.000Z', id: '00000000-0000-4000-8000-000000000000' }

let database: TestDatabase
let statement = ''
let sql: Sql

before(async () => {
  database = await cloneDatabase()
  const types = { bigint: { to: 20, from: [20], serialize: String, parse: Number } }
  sql = postgres(database.url, {
    max: 1,
    types,
    debug: (_, query) => {
      statement = query
    },
  }) as unknown as Sql
  await sql.unsafe(`
    insert into orders.orders (account_id, id, order_id, version, hash, status, payment_status, currency, customer_id, gross_amount, net_amount,
      due, authorized, cancelled, captured, refunded, search, created_at, updated_at)
    select a, gen_random_uuid(), 'o' || i, 1, '', case when i % 50 = 0 then 'closed' else 'open' end, 'pending', 'NOK', 'c' || i % 100, 1, 1, 1,
      0, 0, 0, 0, '{}', timestamptz '2026-01-01Z' + i * interval '1 s', now()
    from generate_series(1, 4000) i, unnest(array['${account_id}', 'T00000002']) a;
    insert into orders.order_stores select account_id, 's' || (substr(order_id, 2)::int % 100), id, created_at from orders.orders;
    insert into orders.order_events (account_id, order_uuid, version, type, event_id, body, hash)
    select account_id, id, 1, 'created', 'e', jsonb_build_object('type', 'created', 'version', 1, 'order_uuid', id, 'order_id', order_id,
      'currency', currency, 'options', '{}'::jsonb, 'content', '{}'::jsonb, 'items', '[]'::jsonb,
      'created_at', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'created_by', 'c'), '' from orders.orders;
    insert into orders.drafts (account_id, id, version, hash, status, currency, created_at, updated_at)
    select account_id, id, 1, '', 'open', 'NOK', created_at, created_at from orders.orders;
    insert into orders.draft_events (account_id, draft_id, version, body, hash)
    select account_id, order_uuid, 1, body, '' from orders.order_events;
    analyze orders.orders; analyze orders.order_stores; analyze orders.order_events; analyze orders.drafts; analyze orders.draft_events`)
})
after(async () => {
  await sql.end()
  await database.drop()
})

type Plan = { 'Node Type': string; 'Index Name'?: string; 'Relation Name'?: string; Plans?: Plan[] }
const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

/** The plan of the last statement, as it is for any parameters at all. */
async function genericPlan(): Promise<Plan[]> {
  const [row] = await sql.unsafe<{ 'QUERY PLAN': [{ Plan: Plan }] }[]>(`explain (generic_plan, format json) ${statement}`)
  return nodes(row!['QUERY PLAN'][0].Plan)
}

const base = { account_id, filter, limit: 11, now, with_events: false }
for (const [title, index, run] of [
  ['the first page', 'orders_by_created', () => listOrderRows(sql, { ...base, source: {}, after: undefined })],
  ['a later page', 'orders_by_created', () => listOrderRows(sql, { ...base, source: {}, after: after_row })],
  [
    'filters',
    'orders_by_created',
    () =>
      listOrderRows(sql, {
        ...base,
        source: {},
        after: undefined,
        filter: { ...filter, status: ['closed'], created_at_gte: after_row.created_at },
      }),
  ],
  ['of a customer', 'orders_by_customer', () => listOrderRows(sql, { ...base, source: { customer_id }, after: undefined })],
  ['of a store', 'order_stores_by_created', () => listOrderRows(sql, { ...base, source: { store_id }, after: after_row })],
] as const) {
  test(`list of orders, ${title}: walks ${index} from the cursor, no full scan, no sort, no count`, async () => {
    const rows = await run()
    assert.equal(rows.length, 11)
    const times = rows.map((row) => row?.order.created_at)
    assert.deepEqual(times, [...times].sort().reverse())
    const plan = await genericPlan()
    const types = plan.map((node) => node['Node Type'])
    assert.ok(
      plan.some((node) => node['Index Name'] === index),
      JSON.stringify(plan.map((node) => [node['Node Type'], node['Index Name']])),
    )
    for (const type of ['Seq Scan', 'Bitmap Heap Scan', 'Incremental Sort']) assert.ok(!types.includes(type), types.join())
    // The only sort is that of one order's own events.
    assert.ok(types[0] === 'Limit' && types[1] !== 'Sort', types.join())
  })
}

test('list of drafts: walks drafts_by_created, no full scan, no sort', async () => {
  const query = {
    account_id,
    status: undefined,
    currency: undefined,
    created_at_gte: undefined,
    created_at_lte: undefined,
    limit: 5,
    now,
  }
  assert.equal((await listDraftRows(sql, { ...query, after: after_row })).length, 5)
  const plan = await genericPlan()
  assert.ok(plan.some((node) => node['Index Name'] === 'drafts_by_created'))
  assert.ok(!plan.some((node) => ['Seq Scan', 'Incremental Sort'].includes(node['Node Type'])))
})

/** Second of 1 January 2026 at which the order was made, as the id `o{second}` has it. */
const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1_000).toISOString()
const middle = { created_at: at(2_000), id: '00000000-0000-4000-8000-000000000000' }
const starts: [title: string, after: typeof middle | undefined, until: number, newest: number][] = [
  ['at the end that was asked for, which belongs to it', undefined, 1_000, 1_000],
  ['at that end, when the cursor is later', middle, 1_000, 1_000],
  ['after the cursor, when that is earlier', middle, 3_000, 1_999],
  ['after the cursor, when both are at once', { ...middle, id: 'ffffffff-ffff-ffff-ffff-ffffffffffff' }, 2_000, 2_000],
]
for (const [title, after, until, newest] of starts) {
  test(`lists of orders and drafts: a page starts ${title}`, async () => {
    const window = { ...filter, created_at_gte: at(newest - 100), created_at_lte: at(until) }
    const seconds = Array.from({ length: 11 }, (_, index) => at(newest - index))
    for (const source of [{}, { customer_id: `c${newest % 100}` }, { store_id: `s${newest % 100}` }]) {
      const rows = await listOrderRows(sql, { ...base, source, after, filter: window })
      const expected = 'customer_id' in source || 'store_id' in source ? [at(newest), at(newest - 100)] : seconds
      assert.deepEqual(
        rows.map((row) => row?.order.created_at),
        expected,
        JSON.stringify(source),
      )
    }
    const drafts = await listDraftRows(sql, { account_id, ...window, after, limit: 11, now })
    assert.deepEqual(
      drafts.map((row) => row?.draft.created_at),
      seconds,
    )
  })
}
