import type { Sql } from '../../src/lib/db.ts'

/** One list or read, as it is asked for again and again, each time with other values. */
export type Query = { name: string; paths: readonly string[] }
type Sample = Record<string, string>

/** Every list with every filter of its contract, found and not found; first pages, and pages far from the first; reads by id. */
export async function queriesOf(sql: Sql, account_id: string): Promise<Query[]> {
  const walks = await sampleWalks(sql, account_id)
  const settled = await sampleSettlements(sql, account_id)
  const told = await sampleNotifications(sql, account_id)
  const shopping = `/v1/accounts/${account_id}/shopping`
  const account = `/v1/accounts/${account_id}`
  const each = (name: string, samples: readonly Sample[], path: (sample: Sample) => string): Query => ({
    name,
    paths: samples.map(path),
  })
  const walk = (name: string, path: (sample: Sample) => string) => each(name, walks, path)
  const list = (resource: string, root: string) => (filter: string, query: (sample: Sample) => string) =>
    walk(`${resource} ${filter}`, (sample) => `${root}?${query(sample)}`)
  const orders = list('orders', `${shopping}/orders`)
  const drafts = list('drafts', `${shopping}/draft_orders`)
  const sessions = list('sessions', '/v1/sessions')
  const transactions = list('transactions', '/v1/transactions')
  const window = ({ from, until }: Sample) => `created_at.gte=${from}&created_at.lte=${until}`
  return [
    walk('order get', ({ order_id }) => `${shopping}/orders/${order_id}`),
    walk('transaction get', ({ transaction }) => `/v1/transactions/${transaction}`),
    walk('session get', ({ session }) => `/v1/sessions/${session}`),
    ...paged(orders, ({ cursor }) => cursor!),
    orders('created_at', window),
    orders('status=open', () => 'status=open'),
    orders('status=closed (none)', () => 'status=closed'),
    orders('payment_status=refunded', () => 'payment_status=refunded'),
    orders('currency', () => 'currency=NOK'),
    orders('currency (none)', () => 'currency=USD'),
    orders('order_id', ({ order_id }) => `order_id=${order_id}`),
    orders('external_id', ({ external_id }) => `external_id=${external_id}`),
    orders('external_id (none)', () => 'external_id=nobody'),
    orders('merchant_reference', ({ reference_2 }) => `merchant_reference=${reference_2}`),
    orders('store_id', ({ store }) => `store_id=${store}`),
    orders('store_id, deep', ({ store, cursor }) => `store_id=${store}&starting_after=${cursor}`),
    orders('customer_id', ({ customer }) => `customer_id=${customer}`),
    orders('customer_id (none)', () => 'customer_id=nobody'),
    orders('customer and store', ({ customer, store }) => `customer_id=${customer}&store_id=${store}`),
    orders('include_events', () => 'include_events=true'),
    walk('orders of a store', ({ store }) => `${shopping}/stores/${store}/orders`),
    walk('orders of a customer', ({ customer }) => `${shopping}/customers/${customer}/orders`),
    ...paged(drafts, ({ draft_cursor }) => draft_cursor!),
    drafts('created_at', window),
    drafts('status=completed', () => 'status=completed'),
    drafts('status=open (none)', () => 'status=open'),
    ...paged(sessions, ({ session }) => session!),
    sessions('created_at', window),
    sessions('id', ({ session }) => `id=${session}`),
    sessions('transaction_id', ({ transaction }) => `transaction_id=${transaction}`),
    sessions('store_id', ({ store }) => `store_id=${store}`),
    sessions('store_id (none)', () => 'store_id=nobody'),
    sessions('search reference', ({ order_id }) => `search=${order_id}`),
    sessions('search reference 2', ({ reference_2 }) => `search=${reference_2}`),
    sessions('search name', ({ surname }) => `search=Kari%20${surname}`),
    sessions('search (none)', () => 'search=nobody'),
    ...paged(transactions, ({ transaction }) => transaction!),
    transactions('created_at', window),
    transactions('created_at, rare status', (sample) => `${window(sample)}&status=ON_HOLD`),
    transactions('captured_at', ({ from, until }) => `captured_at.gte=${from}&captured_at.lte=${until}`),
    transactions('captured_at.gte, latest', ({ last }) => `captured_at.gte=${last}`),
    transactions('refunded_at', ({ from, until }) => `refunded_at.gte=${from}&refunded_at.lte=${until}`),
    transactions('id', ({ transaction }) => `id=${transaction}`),
    transactions('session_id', ({ session }) => `session_id=${session}`),
    transactions('status=CAPTURED', () => 'status=CAPTURED'),
    transactions('status=AUTHORIZED', () => 'status=AUTHORIZED'),
    transactions('status=ON_HOLD (none)', () => 'status=ON_HOLD'),
    transactions('payment_product', () => 'payment_product=dintero_psp'),
    transactions('payment_product (none)', () => 'payment_product=klarna'),
    transactions('payment_product_type', () => 'payment_product_type=dintero_psp.creditcard'),
    transactions('payment_product_type (none)', () => 'payment_product_type=vipps'),
    transactions('card_brand', () => 'card_brand=visa'),
    transactions('card_brand (none)', () => 'card_brand=amex'),
    transactions('store_id', ({ store }) => `store_id=${store}`),
    transactions('store_id (none)', () => 'store_id=nobody'),
    transactions('payout_correlation_id', ({ payout }) => `payout_correlation_id=${payout}`),
    transactions('payout_correlation_id (none)', () => 'payout_correlation_id=nobody'),
    transactions('currency', () => 'currency=NOK'),
    transactions('currency (none)', () => 'currency=USD'),
    transactions('token_id', ({ token_id }) => `token_id=${token_id}`),
    transactions('token_id (none)', () => 'token_id=nobody'),
    transactions('merchant_reference', ({ order_id }) => `merchant_reference=${order_id}`),
    transactions('merchant_reference_2', ({ reference_2 }) => `merchant_reference_2=${reference_2}`),
    transactions('customer_id', ({ customer }) => `customer_id=${customer}`),
    transactions('customer_id (none)', () => 'customer_id=nobody'),
    transactions('payment_operation (none)', () => 'payment_operation=recurring_purchase'),
    transactions('payout_destination_id (none)', () => 'payout_destination_id=nobody'),
    transactions('terminal_id', ({ terminal }) => `terminal_id=${terminal}`),
    transactions('terminal_id (none)', () => 'terminal_id=nobody'),
    transactions('channel (none)', () => 'channel=in_store'),
    transactions('amount', () => 'amount=39800'),
    transactions('amount (none)', () => 'amount=39801'),
    transactions('amount.gte (none)', () => 'amount.gte=100000'),
    transactions('search reference', ({ order_id }) => `search=${order_id}`),
    transactions('search name', ({ surname }) => `search=kari%20${surname}`),
    transactions('search phone', ({ phone }) => `search=${encodeURIComponent(phone!)}`),
    transactions('search (none)', () => 'search=nobody'),
    walk('operations of a transaction', ({ transaction }) => `/v1/operations?transaction_id=${transaction}`),
    walk('operations not settled', () => '/v1/operations'),
    walk('card tokens first', () => '/v1/card-tokens'),
    walk('card tokens of a customer', ({ customer }) => `/v1/card-tokens?customer_id=${customer}`),
    walk('card tokens status (none)', () => '/v1/card-tokens?status=SUSPENDED'),
    walk('settlements first', () => `${account}/settlements`),
    ...(settled.length === 0
      ? []
      : [
          each('settlements deep', settled, ({ after }) => `${account}/settlements?${after}`),
          each('settlements settled_at', settled, ({ window }) => `${account}/settlements?${window}`),
          walk('settlements search', ({ transaction }) => `${account}/settlements?search=${transaction}`),
          walk('settlements search (none)', () => `${account}/settlements?search=nobody`),
          walk('settlements provider (none)', () => `${account}/settlements?provider=klarna`),
        ]),
    walk('deliveries first', () => `${account}/notifications/deliveries`),
    each('deliveries deep', told.deliveries, ({ id }) => `${account}/notifications/deliveries?starting_after=${id}`),
    walk('deliveries status=dead (none)', () => `${account}/notifications/deliveries?status=dead`),
    walk('deliveries event', () => `${account}/notifications/deliveries?event=shopping_order_update`),
    walk('deliveries event (none)', () => `${account}/notifications/deliveries?event=card_token`),
    each(
      'deliveries aggregate_id',
      told.deliveries,
      ({ aggregate_id }) => `${account}/notifications/deliveries?aggregate_id=${aggregate_id}`,
    ),
    walk('deliveries aggregate_id (none)', () => `${account}/notifications/deliveries?aggregate_id=nobody`),
    each(
      'deliveries of a subscription',
      told.deliveries,
      ({ subscription_id }) => `${account}/hooks/subscriptions/${subscription_id}/deliveries`,
    ),
    walk('events first', () => `${account}/events`),
    each('events deep', told.events, ({ position }) => `${account}/events?starting_after=${position}`),
    each('events event', told.events, ({ event }) => `${account}/events?event=${event}`),
    walk('events event (none)', () => `${account}/events?event=settlement_delete`),
  ]
}

function paged(list: (filter: string, query: (sample: Sample) => string) => Query, cursor: (sample: Sample) => string): Query[] {
  return [
    list('first 10', () => ''),
    list('first 20', () => 'limit=20'),
    list('first 100', () => 'limit=100'),
    list('deep 20', (sample) => `limit=20&starting_after=${cursor(sample)}`),
  ]
}

const count = 40

/** Walks from all over the year, with what they can be found by. */
function sampleWalks(sql: Sql, account_id: string): Promise<Sample[]> {
  return sql<Sample[]>`
    with picked as (
      select p.* from generate_series(1, ${count}) i cross join lateral (
        select * from checkout.transactions t
        where t.account_id = ${account_id} and t.customer_id is not null
          and t.created_at >= (select min(created_at) from checkout.transactions)
            + i * ((select max(created_at) - min(created_at) from checkout.transactions) / ${count + 1}::float8)
        order by t.created_at limit 1) p)
    select o.order_id, t.id as transaction, t.session_id as session, t.customer_id as customer, t.store_id as store,
      t.terminal_id as terminal, t.merchant_reference_2 as reference_2, o.search #>> '{external_ids,0}' as external_id,
      t.data #>> '{billing_address,last_name}' as surname, t.data #>> '{customer,phone_number}' as phone,
      t.data #>> '{metadata,payout_correlation_id}' as payout,
      (select k.token_id from checkout.transactions k where k.token_id is not null and k.created_at >= t.created_at
       order by k.created_at limit 1) as token_id,
      ${iso(sql, 't.created_at')} as from, ${iso(sql, "t.created_at + interval '7 days'")} as until,
      ${iso(sql, "(select max(created_at) from checkout.transactions) - interval '1 hour'")} as last,
      translate(encode(convert_to(${iso(sql, 'o.created_at')} || ' ' || o.id, 'UTF8'), 'base64'), E'+/=\n', '-_') as cursor,
      translate(encode(convert_to(${iso(sql, 'o.created_at')} || ' ' || d.id, 'UTF8'), 'base64'), E'+/=\n', '-_') as draft_cursor
    from picked t
    join orders.names n on n.account_id = t.account_id and n.name = t.merchant_reference
    join orders.orders o on o.account_id = n.account_id and o.id = n.order_uuid
    cross join lateral (select id from orders.drafts where account_id = t.account_id and created_at <= t.created_at
      order by created_at desc limit 1) d`
}

function iso(sql: Sql, expression: string) {
  return sql`to_char((${sql.unsafe(expression)}) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
}

function sampleSettlements(sql: Sql, account_id: string): Promise<Sample[]> {
  return sql<Sample[]>`
    select 'starting_after_id=' || id || '&starting_after_date=' || ${iso(sql, 'settled_at')} as after,
      'created_at.gte=' || ${iso(sql, 'start_at')} || '&created_at.lte=' || ${iso(sql, 'end_at')} as window
    from checkout.settlements where account_id = ${account_id} order by md5(id) limit ${count}`
}

async function sampleNotifications(sql: Sql, account_id: string): Promise<{ deliveries: Sample[]; events: Sample[] }> {
  const deliveries = await sql<Sample[]>`
    select id::text, aggregate_id, subscription_id from notifications.deliveries
    where account_id = ${account_id} and subscription_id is not null order by md5(id::text) limit ${count}`
  const events = await sql<Sample[]>`
    select position::text, event from notifications.outbox
    where account_id = ${account_id} and position is not null order by md5(position::text) limit ${count}`
  return { deliveries: [...deliveries], events: [...events] }
}
