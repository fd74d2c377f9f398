import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { listSessions, type SessionFilter } from '../src/checkout/sessions/store.ts'
import { filterOf, type TransactionFilter } from '../src/checkout/transactions/list.ts'
import { listTransactions } from '../src/checkout/transactions/listing/store.ts'
import { listOrderRows } from '../src/orders/orders/store.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'
import { connectForPlans } from './plans.ts'

const account_id = 'T00000001'
let database: TestDatabase
let plans: ReturnType<typeof connectForPlans>

before(async () => {
  database = await cloneDatabase()
  plans = connectForPlans(database.url)
  await plans.sql.unsafe(`
    insert into checkout.sessions (account_id, id, event_count, hash, merchant_reference, merchant_reference_2, store_id, amount, currency,
      data, transaction_id, expires_at, created_at, updated_at)
    select a, a || '.s' || i, 0, '', 'R' || i, 'F' || i, 'store-' || i % 100, 100, 'NOK', jsonb_build_object('order', jsonb_build_object(
        'amount', 100, 'currency', 'NOK', 'merchant_reference', 'R' || i, 'billing_address', jsonb_build_object('first_name', 'Kari',
        'last_name', 'Nordmann ' || i))), a || '.t' || i, now(), timestamptz '2026-01-01Z' + i * interval '1 s', now()
    from generate_series(1, 4000) i, unnest(array['${account_id}', 'T00000002']) a;
    insert into checkout.transactions (account_id, id, session_id, event_count, hash, status, gateway, payment_product_type,
      payment_operation, currency, amount, merchant_reference, store_id, customer_id, search_terms, data, created_at, updated_at)
    select account_id, transaction_id, id, 1, '', 'AUTHORIZED', 'g', 'dintero_psp.creditcard', 'unscheduled_purchase', currency, amount,
      merchant_reference, store_id, 'c' || substr(merchant_reference, 2), array[account_id || '/' || lower(merchant_reference)], '{}',
      created_at, created_at
    from checkout.sessions;
    insert into checkout.transaction_events (account_id, transaction_id, sequence, event, transaction_status, success, request_id, data,
      created_at, hash)
    select account_id, id, 1, 'INITIALIZE', 'INITIATED', true, gen_random_uuid(), '{}', created_at, '' from checkout.transactions;
    insert into checkout.session_events (account_id, session_id, sequence, body, hash)
    select account_id, id, 1, '{"id": "1", "name": "INITIATED", "created_at": "2026"}', '' from checkout.sessions;
    insert into orders.orders (account_id, id, order_id, version, hash, status, payment_status, currency, gross_amount, net_amount,
      due, authorized, cancelled, captured, refunded, search, created_at, updated_at)
    select account_id, gen_random_uuid(), 'o' || id, 1, '', 'open', 'pending', 'NOK', 1, 1, 1, 0, 0, 0, 0,
      jsonb_build_object('external_ids', jsonb_build_array(merchant_reference)), created_at, created_at
    from checkout.sessions;
    insert into orders.names select account_id, order_id, id from orders.orders;
    insert into orders.order_events (account_id, order_uuid, version, type, event_id, body, hash)
    select account_id, id, 1, 'created', 'e', jsonb_build_object('type', 'created', 'version', 1, 'order_uuid', id, 'order_id', order_id,
      'currency', currency, 'options', '{}'::jsonb, 'content', '{}'::jsonb, 'items', '[]'::jsonb,
      'created_at', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'created_by', 'c'), '' from orders.orders;
    analyze`)
})
after(async () => {
  await plans.sql.end()
  await database.drop()
})

const transactions = (query: object) => () =>
  listTransactions(plans.sql, account_id, filterOf(query, account_id) as TransactionFilter)
const sessions = (filter: Partial<SessionFilter>) => () => {
  const none = { starting_after: null, id: null, search: null, transaction_id: null, store_id: null }
  return listSessions(plans.sql, account_id, { ...none, limit: 10, created_at_gte: null, created_at_lte: null, ...filter })
}
const orders = (filter: { order_id?: string; external_id?: string }) => () =>
  listOrderRows(plans.sql, {
    account_id,
    source: {},
    after: undefined,
    limit: 11,
    now: '2026-06-01T00:00:00.000Z',
    with_events: false,
    filter: {
      status: undefined,
      payment_status: undefined,
      currency: undefined,
      order_id: filter.order_id,
      customer_id: undefined,
      created_at_gte: undefined,
      created_at_lte: undefined,
      search: filter.external_id ? { external_ids: [filter.external_id] } : {},
    },
  })

type Case = [title: string, run: () => Promise<unknown[]>, found: number, indexes: string[]]
const by_created = 'transactions_by_created'
const by_term = 'transactions_by_term'
const cases: Case[] = [
  ['transactions, the first page', transactions({}), 10, [by_created]],
  ['transactions, a later page', transactions({ starting_after: `${account_id}.t2000` }), 10, [by_created]],
  ['transactions of some days', transactions({ 'created_at.gte': '2026-01-01' }), 10, [by_created]],
  ['transactions of a status', transactions({ status: ['AUTHORIZED'] }), 10, [by_created]],
  ['transactions of a common store', transactions({ store_id: ['store-7'], limit: 5 }), 5, [by_created]],
  ['transactions of no store', transactions({ store_id: ['nobody'] }), 0, [by_created, by_term]],
  [
    'transactions of no currency and status',
    transactions({ currency: ['SEK'], status: ['AUTHORIZED'] }),
    0,
    [by_created, by_term],
  ],
  ['transactions of a customer', transactions({ customer_id: 'c17' }), 1, [by_term]],
  ['transactions by reference', transactions({ merchant_reference: 'R17' }), 1, [by_term]],
  ['transactions by search', transactions({ search: 'r17' }), 1, [by_term]],
  ['transactions by id', transactions({ id: [`${account_id}.t17`] }), 1, ['transactions_pkey']],
  ['transactions of a session', transactions({ session_id: [`${account_id}.s17`] }), 1, ['one_transaction_per_session']],
  ['sessions, the first page', sessions({}), 10, ['sessions_by_created']],
  ['sessions of a store', sessions({ store_id: ['store-7'] }), 10, ['sessions_by_created']],
  ['sessions of no store', sessions({ store_id: ['nobody'] }), 0, ['sessions_by_created', 'sessions_by_term']],
  ['sessions of a transaction', sessions({ transaction_id: [`${account_id}.t17`] }), 1, ['sessions_pkey']],
  ['sessions by name', sessions({ search: 'Kari Nordmann 17' }), 1, ['sessions_by_reference', 'sessions_by_term']],
  ['sessions by second reference', sessions({ search: 'F17' }), 1, ['sessions_by_reference', 'sessions_by_term']],
  ['orders, the first page', orders({}), 11, ['orders_by_created']],
  ['orders by order_id', orders({ order_id: `o${account_id}.s17` }), 1, ['order_name_unique', 'orders_pkey']],
  ['orders by external id', orders({ external_id: 'R17' }), 1, ['orders_by_created', 'orders_by_search']],
]
for (const [title, run, found, indexes] of cases) {
  test(`list of ${title}: by ${indexes.join(', ')}; no table is read`, async () => {
    const statements = await plans.plansOf(async () => assert.equal((await run()).length, found))
    const used = statements.flatMap((statement) => statement.indexes)
    for (const index of indexes) assert.ok(used.includes(index), `${index} is not among ${used}`)
    const searched = used.filter((index) => /by_term|by_search/.test(index) && !indexes.includes(index))
    assert.deepEqual(searched, [])
    for (const { scans, types } of statements) {
      assert.deepEqual(scans, [])
      assert.ok(types.includes('Limit'))
    }
  })
}
