import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { listCardTokens } from '../src/checkout/card-tokens/store.ts'
import { countOpenOperations, listOperations } from '../src/checkout/operations-log/store.ts'
import { listSessions, type SessionFilter } from '../src/checkout/sessions/store.ts'
import { filterOf, type TransactionFilter } from '../src/checkout/transactions/list.ts'
import { listTransactions } from '../src/checkout/transactions/listing/store.ts'
import { countWaiting } from '../src/notifications/deliveries/store.ts'
import { listEvents } from '../src/notifications/events/store.ts'
import type { DeliveriesQuery } from '../src/notifications/log/log.ts'
import { listDeliveries } from '../src/notifications/log/store.ts'
import { listDraftRows } from '../src/orders/drafts/store.ts'
import { listOrderRows } from '../src/orders/orders/listing/store.ts'
import { findEventsUntil } from '../src/orders/orders/store.ts'
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
    from generate_series(1, 10000) i, unnest(array['${account_id}', 'T00000002']) a;
    insert into checkout.transactions (account_id, id, session_id, event_count, hash, status, gateway, payment_product_type,
      payment_operation, currency, amount, merchant_reference, store_id, customer_id, search_terms, data, captured_at, created_at,
      updated_at)
    select account_id, transaction_id, id, 1, '', case when rare then 'ON_HOLD' else 'AUTHORIZED' end, 'g', 'dintero_psp.creditcard',
      'unscheduled_purchase', currency, amount, merchant_reference, store_id, 'c' || substr(merchant_reference, 2),
      array[account_id || '/' || lower(merchant_reference)] || case when rare then array[account_id || '|payout_destination_id:d1'] else '{}' end,
      case when rare then '{"metadata": {"payout_correlation_id": "p1"}, "items": [{"splits": [{"payout_destination_id": "d1"}]}]}'::jsonb
        else jsonb_build_object('filler', repeat('x', 500)) end,
      case when rare then created_at + interval '60 days' end, created_at, created_at
    from (select *, merchant_reference in ('R1', 'R2', 'R3') as rare from checkout.sessions) s;
    insert into checkout.transaction_events (account_id, transaction_id, sequence, event, transaction_status, success, request_id, data,
      created_at, hash)
    select account_id, id, 1, 'INITIALIZE', 'INITIATED', true, gen_random_uuid(), '{}', created_at, '' from checkout.transactions;
    insert into checkout.operations (account_id, id, kind, session_id, transaction_id, gateway, payment_product_type, amount, currency,
      state, next_attempt_at, request, created_at, updated_at)
    select account_id, gen_random_uuid(), 'authorize', session_id, id, 'g', 'p', amount, currency,
      case when open then 'unknown' else 'succeeded' end, case when open then created_at end, '{}', created_at, created_at
    from (select *, merchant_reference like 'R%00' as open from checkout.transactions) t;
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
    insert into orders.drafts select account_id, gen_random_uuid(), 1, '', 'completed', 'NOK', created_at, created_at
    from orders.orders, generate_series(1, 3);
    insert into orders.draft_events (account_id, draft_id, version, body, hash) select account_id, id, 1, '{}', '' from orders.drafts;
    insert into checkout.card_tokens (account_id, id, type, token, status, payment_product_type, transaction_id, created_at, updated_at)
    select account_id, id, 'payment_token', id, 'ACTIVE', 'dintero_psp.creditcard', 't', created_at, created_at from checkout.sessions;
    insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event, position, created_at)
    select account_id, 'transaction', transaction_id, n, case when rare then 'card_token' else 'checkout_transaction' end,
      row_number() over (partition by account_id order by created_at desc), created_at
    from (select *, n = 3 and merchant_reference in ('R1', 'R2', 'R3') as rare from checkout.sessions, generate_series(1, 3) n) s;
    insert into notifications.deliveries (account_id, id, endpoint, lane, position, subscription_id, event, aggregate_type, aggregate_id,
      sequence, details, method, url, state, request, created_at)
    select account_id, gen_random_uuid(), 'subscription:s', aggregate_id, position, 's', event, aggregate_type, aggregate_id, sequence, '{}',
      'POST', 'https://shop.example/', case when event = 'card_token' then 'dead' else 'delivered' end,
      jsonb_build_object('filler', repeat('x', 500)), created_at
    from notifications.outbox where sequence = 3;
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
const orders = (filter: { order_id?: string; external_id?: string; status?: string[]; currency?: string }) => () =>
  listOrderRows(plans.sql, {
    account_id,
    source: {},
    after: undefined,
    limit: 11,
    now: '2026-06-01T00:00:00.000Z',
    with_events: false,
    filter: {
      status: filter.status,
      payment_status: undefined,
      currency: filter.currency,
      order_id: filter.order_id,
      store_id: undefined,
      customer_id: undefined,
      created_at_gte: undefined,
      created_at_lte: undefined,
      search: filter.external_id ? { external_ids: [filter.external_id] } : {},
    },
  })

const drafts = (filter: { status?: string[]; currency?: string }) => () =>
  listDraftRows(plans.sql, {
    ...{ account_id, status: filter.status, currency: filter.currency, created_at_gte: undefined, created_at_lte: undefined },
    ...{ after: undefined, limit: 10, now: '2026-06-01T00:00:00.000Z' },
  })

const operations = () =>
  listOperations(plans.sql, { account_id, transaction_id: undefined, limit: 10, starting_after: undefined })
const tokens = (status: string) => () => listCardTokens(plans.sql, account_id, { status, limit: 10 })
const events = (event: string) => () => listEvents(plans.sql, account_id, { after: 0, limit: 10, event, callbacks: false })
const deliveries = (query: DeliveriesQuery) => () => listDeliveries(plans.sql, account_id, undefined, query)

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
  ['sessions by name', sessions({ search: 'kari nordmann 17' }), 1, ['sessions_by_reference', 'sessions_by_term']],
  ['sessions by second reference', sessions({ search: 'F17' }), 1, ['sessions_by_reference', 'sessions_by_term']],
  ['operations that are not settled', operations, 10, ['operations_due', 'operations_pkey']],
  ['orders, the first page', orders({}), 11, ['orders_by_created']],
  ['orders by order_id', orders({ order_id: `o${account_id}.s17` }), 1, ['order_name_unique', 'orders_pkey']],
  ['orders by external id', orders({ external_id: 'R17' }), 1, ['orders_by_created', 'orders_by_search']],
]
const by_range: Case[] = [
  ['transactions of a rare status', transactions({ status: ['ON_HOLD'] }), 3, ['transactions_by_range']],
  ['transactions of no status', transactions({ status: ['FAILED'] }), 0, ['transactions_by_range']],
  ['transactions above an amount', transactions({ 'amount.gte': 100_000 }), 0, ['transactions_by_range']],
  ['transactions captured lately', transactions({ 'captured_at.gte': '2026-02-01' }), 3, ['transactions_by_range']],
  ['transactions of two statuses', transactions({ status: ['ON_HOLD', 'FAILED'] }), 3, ['transactions_by_range']],
  [
    'transactions of a rare status that are small',
    transactions({ status: ['ON_HOLD'], 'amount.lte': 1 }),
    0,
    ['transactions_by_range'],
  ],
  [
    'transactions of a rare status within a time',
    transactions({ status: ['ON_HOLD'], 'created_at.gte': '2026-01-01', 'created_at.lte': '2026-01-02' }),
    3,
    ['transactions_by_range'],
  ],
  ['transactions of a payout', transactions({ payout_correlation_id: ['p1'] }), 3, ['transactions_by_payout']],
  [
    'transactions of two payouts and a store',
    transactions({ payout_correlation_id: ['p1', 'p2'], store_id: ['store-1'] }),
    1,
    ['transactions_by_payout'],
  ],
  ['transactions of a destination', transactions({ payout_destination_id: 'd1' }), 3, [by_term]],
  ['orders of no status', orders({ status: ['closed'] }), 0, ['orders_by_range']],
  ['orders of no currency', orders({ currency: 'USD' }), 0, ['orders_by_range']],
  ['drafts of no status', drafts({ status: ['open'] }), 0, ['drafts_by_range']],
  ['drafts of no currency', drafts({ currency: 'USD' }), 0, ['drafts_by_range']],
  ['card tokens of no status', tokens('SUSPENDED'), 0, ['card_tokens_by_range']],
  ['events of a rare kind', events('card_token'), 3, ['outbox_of_rare_events']],
  ['events of a common kind that there are none of', events('shopping_draft_add'), 0, ['outbox_by_range']],
  ['dead deliveries', deliveries({ status: 'dead' }), 3, ['deliveries_dead']],
  ['deliveries of no event', deliveries({ event: 'settlement' }), 0, ['deliveries_by_range']],
  ['deliveries of an aggregate', deliveries({ aggregate_id: `${account_id}.t17` }), 1, ['deliveries_by_aggregate']],
]

for (const [title, run, found, indexes] of cases) checkPlans({ title, run, found, indexes, for_values: false })
// With these PostgreSQL chooses by how many rows match.
for (const [title, run, found, indexes] of by_range) checkPlans({ title, run, found, indexes, for_values: true })

function checkPlans(list: {
  title: string
  run: () => Promise<unknown[]>
  found: number
  indexes: string[]
  for_values: boolean
}) {
  const { title, run, found, indexes, for_values } = list
  test(`list of ${title}: by ${indexes.join(', ')}; no table is read`, async () => {
    const statements = await plans.plansOf(async () => assert.equal((await run()).length, found), { for_values })
    const used = statements.flatMap((statement) => statement.indexes)
    for (const index of indexes) assert.ok(used.includes(index), `${index} is not among ${used}`)
    const searched = used.filter((index) => /by_term|by_search|by_range/.test(index) && !indexes.includes(index))
    assert.deepEqual(searched, [])
    for (const { scans, types } of statements) {
      assert.deepEqual(scans, [])
      assert.ok(types.includes('Limit'))
    }
  })
}

test('what a webhook tells of an order is found by its id, whatever else the account has', async () => {
  const [order] = await plans.sql<{ id: string }[]>`select id from orders.orders where account_id = ${account_id} limit 1`
  const [plan] = await plans.plansOf(async () =>
    assert.equal((await findEventsUntil(plans.sql, account_id, order!.id, 1)).length, 1),
  )
  assert.deepEqual(plan!.indexes, ['order_events_pkey'])
  assert.match(plan!.conditions.join(), /order_uuid = /)
  assert.deepEqual(await findEventsUntil(plans.sql, account_id, `${account_id}.sample`, 1), [])
})

test('what waits is counted by indexes of it', async () => {
  const [waiting] = await plans.plansOf(() => countWaiting(plans.sql, 10))
  assert.deepEqual(waiting!.scans, [])
  for (const index of ['deliveries_lanes', 'deliveries_dead', 'outbox_waiting'])
    assert.ok(waiting!.indexes.includes(index), index)
  const [operations] = await plans.plansOf(() => countOpenOperations(plans.sql, 10))
  assert.deepEqual(operations!.indexes, ['operations_due'])
})
