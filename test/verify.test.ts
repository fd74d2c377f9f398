import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fanOut } from '../src/notifications/deliveries/operations.ts'
import { type Difference, stillKept } from '../src/verify/difference.ts'
import { verify } from '../src/verify/operations.ts'
import { createTestAccount, send, type TestAccount, testScopes } from './client.ts'
import { differences as allDifferences } from './crash.ts'
import { startServer, type TestServer } from './server.ts'
import { type Acknowledged, type Call, nothing, type Story, walk } from './walk.ts'

let server: TestServer
let shop: TestAccount
const told: Acknowledged[] = []
const stories: Story[] = [
  {
    amount: 10_000,
    steps: [
      { kind: 'capture', amount: 4_000 },
      { kind: 'capture', amount: 6_000 },
      { kind: 'refund', amount: 1_000 },
    ],
  },
  { amount: 5_000, steps: [{ kind: 'void' }] },
  { amount: 7_000, simulate: 'decline', steps: [] },
  { amount: 8_000, simulate: 'hold', steps: [] },
  // Answered with a time-out: pending until the resolver comes.
  { amount: 9_000, card: '4100000000000019', steps: [{ kind: 'capture', amount: 9_000 }] },
]

before(async () => {
  server = await startServer({ work: false })
  shop = await createTestAccount(server, { account_id: 'T00000008', scopes: [...testScopes, 'admin:reports'] })
  const call: Call = (method, path, body, options = {}) =>
    options.public
      ? send(server.url, method, path, { body })
      : shop.call(method, path, body, options.key ? { 'idempotency-key': options.key } : {})
  for (const [index, story] of stories.entries()) {
    const one = nothing()
    await walk(call, shop.account_id, `walk-${index}`, story, one)
    told.push(one)
  }
  const path = `/v1/accounts/${shop.account_id}/shopping/orders`
  const items = [
    { line_id: 1, gross_amount: 500, tax_lines: [] },
    { line_id: 2, gross_amount: 300, tax_lines: [] },
  ]
  const draft = await shop.call('POST', `${path.replace('orders', 'draft_orders')}`, {
    order: { currency: 'NOK', items, store: { id: 'oslo' } },
    options: { multiple_authorizations: true },
  })
  const made = await shop.call('PUT', `${path.replace('orders', 'draft_orders')}/${draft.body.id}/complete`)
  const multiple = made.body.orders[0].order_id
  assert.equal(
    (await shop.call('POST', `${path}/${multiple}/authorizations`, { id: 'a-1', items: [{ line_id: 1, amount: 500 }] })).status,
    200,
  )
  assert.equal(
    (await shop.call('POST', `${path}/${multiple}/events`, { state: 'success', service: 'erp', service_status: 'seen' })).status,
    200,
  )
  told.push({ ...nothing(), order_id: multiple })
  await pay({})
  await pay({ configuration: { auto_capture: true } })
  await server.work.find(({ name }) => name === 'auto-capture')!.run(new AbortController().signal)
  const external = await open({ configuration: { dintero: { type: 'payment_type', external: { enabled: true } } } })
  await send(server.url, 'POST', `/v1/sessions/${external}/pay`, { body: { payment_product_type: 'dintero.external' } })
  const { transaction_id } = (await shop.call('GET', `/v1/sessions/${external}`)).body
  assert.equal((await shop.call('POST', `/v1/transactions/${transaction_id}/authorization`, {})).status, 200)
  const cancelled = await open({})
  assert.equal((await shop.call('POST', `/v1/sessions/${cancelled}/cancel`, {})).status, 200)
  await open({})
  const settled = await shop.call('POST', `/v1/accounts/${shop.account_id}/settlements/reports/generate-test-report`, {})
  assert.equal(settled.status, 201, JSON.stringify(settled.body))
})
after(() => server.close())

/** A session of customer `kari`, who lets the card be stored. */
async function open({ configuration = {} }: { configuration?: object }): Promise<string> {
  const creditcard = { type: 'payment_product_type', enabled: true, generate_payment_token: true }
  const made = await shop.call('POST', '/v1/sessions', {
    url: { return_url: 'https://shop.example/return', callback_url: 'https://shop.example/callback' },
    customer: { customer_id: 'kari' },
    order: {
      ...{ amount: 700, currency: 'NOK', merchant_reference: 'R', merchant_reference_2: 'R2' },
      ...{ store: { id: 'oslo', terminal_id: 'till' }, items: [{ id: '1', line_id: '1', quantity: 1, amount: 700 }] },
    },
    configuration: { dintero_psp: { type: 'payment_type', creditcard }, ...configuration },
  })
  assert.equal(made.status, 200, JSON.stringify(made.body))
  return made.body.id
}

async function pay(session: { configuration?: object }): Promise<void> {
  const card = { number: '4000000000000002', expiry: '12/39', cvc: '123' }
  const body = { payment_product_type: 'dintero_psp.creditcard', card }
  const paid = await send(server.url, 'POST', `/v1/sessions/${await open(session)}/pay`, { body })
  assert.equal(paid.status, 200, JSON.stringify(paid.body))
}

async function differences(account_id: string | null = null): Promise<Difference[]> {
  const found: Difference[] = []
  await verify(server.sql, { account_id, page_size: 2, onDifference: (difference) => found.push(difference) })
  return found
}

test('verify: no difference in what the services wrote, finished or under way', async () => {
  assert.deepEqual(await differences(), [])
  const result = await verify(server.sql, { account_id: null, onDifference: () => {} })
  assert.deepEqual(result, {
    checked: { drafts: 6, orders: 6, sessions: 10, transactions: 7, card_tokens: 2, settlements: 1 },
    differences: 0,
  })
  const other = await verify(server.sql, { account_id: 'T99999999', onDifference: () => {} })
  assert.deepEqual(Object.values(other.checked), [0, 0, 0, 0, 0, 0])
})

// Each statement breaks one thing; `first` is the transaction of the first story, `last` the one whose capture nobody knows of.
const tampering: [what: RegExp, type: string, statement: string][] = [
  [/^captured$/, 'order', 'update orders.orders set captured = captured - 1 where captured > 0'],
  [/^payment_status$/, 'order', `update orders.orders set payment_status = 'paid' where payment_status = 'pending'`],
  [/^customer_id$/, 'order', `update orders.orders set customer_id = 'somebody' where true`],
  [/^expires_at$/, 'order', 'update orders.orders set expires_at = now()'],
  [/^created_at$/, 'draft', `update orders.drafts set created_at = created_at + interval '1 hour'`],
  [/^line 1 captured$/, 'order', 'update orders.order_lines set captured = captured - 1, refunded = 0 where captured > 0'],
  [/^line 1$/, 'order', 'delete from orders.order_lines where captured > 0'],
  [/^authorization a-1 1 authorized$/, 'order', 'update orders.order_authorizations set authorized = authorized + 1'],
  [/^stores$/, 'order', 'delete from orders.order_stores'],
  [/^names$/, 'order', 'delete from orders.names where name in (select order_id from orders.orders)'],
  [
    /^hash of event 2$/,
    'order',
    `update orders.order_events set body = body || '{"created_by": "x"}' where version = 2 and type <> 'service'`,
  ],
  [/^hash of event 2$/, 'order', `update orders.order_events set hash = sha256(hash) where version = 2 and type <> 'service'`],
  [/^event 2$/, 'order', 'delete from orders.order_events where version = 2'],
  [
    /^number of events$/,
    'order',
    `delete from orders.order_events e where version > 1 and not exists (
     select from orders.order_events l where l.order_uuid = e.order_uuid and l.version > e.version)`,
  ],
  [/^events$/, 'order', 'delete from orders.orders'],
  [
    /^notification 2 shopping_order_update$/,
    'order',
    `delete from notifications.outbox where aggregate_type = 'order' and sequence = 2`,
  ],
  [/^status$/, 'draft', `update orders.drafts set status = 'open'`],
  ...['orders.orders', 'orders.drafts', 'checkout.sessions', 'checkout.transactions'].map((table): (typeof tampering)[number] => {
    const type = table.split('.')[1]!.slice(0, -1)
    return [/^events_size$/, type, `update ${table} set events_size = 8400000`]
  }),
  [/^hash of event 1$/, 'draft', `update orders.draft_events set body = body || '{"currency": "SEK"}' where version = 1`],
  [/^notification 1 shopping_draft_add$/, 'draft', `delete from notifications.outbox where event = 'shopping_draft_add'`],
  [/^hash$/, 'session', `update checkout.sessions set hash = sha256('')`],
  [/^outcome$/, 'session', `update checkout.sessions set outcome = null where outcome = 'AUTHORIZED'`],
  [/^outcome$/, 'session', `update checkout.sessions set outcome = 'CANCELLED' where outcome = 'AUTHORIZED'`],
  [/^outcome$/, 'session', `update checkout.sessions set outcome = 'DECLINED' where outcome is null`],
  [/^outcome$/, 'session', `update checkout.sessions set outcome = null where outcome = 'CANCELLED'`],
  [/^merchant_reference_2$/, 'session', `update checkout.sessions set merchant_reference_2 = null`],
  [/^store_id$/, 'session', `update checkout.sessions set store_id = 'bergen'`],
  [/^amount$/, 'session', `update checkout.sessions set amount = 1, data = jsonb_set(data, '{order,amount}', '1')`],
  [/^currency$/, 'session', `update checkout.sessions set currency = 'SEK', data = jsonb_set(data, '{order,currency}', '"SEK"')`],
  [/^id$/, 'card_token', `update checkout.card_tokens set token = 'of another customer'`],
  [/^id$/, 'card_token', `update checkout.card_tokens set payment_product_type = 'payex.creditcard'`],
  [/^customer_id$/, 'card_token', `update checkout.card_tokens set customer_id = 'ola'`],
  [/^masked_pan$/, 'card_token', `update checkout.card_tokens set masked_pan = '510000******0000'`],
  [/^card_brand$/, 'card_token', 'update checkout.card_tokens set card_brand = null'],
  [/^transaction_id$/, 'card_token', `update checkout.card_tokens set type = 'recurrence_token'`],
  [/^transaction_id$/, 'card_token', `update checkout.card_tokens set transaction_id = 'none'`],
  [/^deleted$/, 'card_token', `update checkout.card_tokens set status = 'DELETED', deleted_at = now()`],
  [/^notification 1$/, 'card_token', `delete from notifications.outbox where aggregate_type = 'card_token'`],
  [/^payment_token .*$/, 'transaction', 'delete from checkout.card_tokens'],
  [/^card_brand$/, 'transaction', `update checkout.transactions set card_brand = 'visa2' where token_id is not null`],
  [/^token_id$/, 'transaction', 'update checkout.transactions set token_id = null'],
  [/^customer_id$/, 'transaction', `update checkout.transactions set customer_id = 'ola'`],
  [/^terminal_id$/, 'transaction', `update checkout.transactions set terminal_id = null`],
  [/^auto_capture_at$/, 'transaction', `update checkout.transactions set auto_capture_at = now()`],
  [/^updating$/, 'transaction', `update checkout.transactions set data = data || '{"updating": "x"}'`],
  [
    /^notification 2 session_callback details$/,
    'transaction',
    `update notifications.outbox set details = details || '{"url": "https://elsewhere.example"}' where event = 'session_callback'`,
  ],
  [/^notification 2 session_callback$/, 'transaction', `delete from notifications.outbox where details ? 'transaction_sequence'`],
  [
    /^notification . shopping_order_event_add details$/,
    'order',
    `update notifications.outbox set details = '{}' where event = 'shopping_order_event_add'`,
  ],
  [/^currency in the simulator's book$/, 'transaction', `update simulator.payments set currency = 'SEK'`],
  [
    /^event \d+: settlements with its items$/,
    'transaction',
    'delete from checkout.settlements; delete from checkout.settlement_items',
  ],
  [/^transaction_id$/, 'session', `update checkout.sessions set transaction_id = 'none' where outcome = 'AUTHORIZED'`],
  [/^hash of event 1$/, 'session', `update checkout.session_events set body = body || '{"x": 1}' where sequence = 1`],
  [/^captured$/, 'transaction', 'update checkout.transactions set captured = captured - 1 where captured > 0'],
  [/^amount$/, 'transaction', 'update checkout.transactions set amount = amount + 1 where captured > 0'],
  [/^status$/, 'transaction', `update checkout.transactions set status = 'CAPTURED' where captured > 0`],
  [
    /^pending_capture$/,
    'transaction',
    'update checkout.transactions set pending_capture = pending_capture - 1 where pending_capture > 0',
  ],
  [/^captured_at$/, 'transaction', `update checkout.transactions set captured_at = captured_at + interval '1 hour'`],
  [/^merchant_reference$/, 'transaction', `update checkout.transactions set merchant_reference = 'x'`],
  [/^search_terms$/, 'transaction', `update checkout.transactions set merchant_reference_2 = 'x'`],
  [/^payout_destination_id$/, 'transaction', `update checkout.transactions set payout_destination_id = 'mine' where voided > 0`],
  [/^final_authorization$/, 'transaction', 'update checkout.transactions set final_authorization = false'],
  [/^gateway_reference$/, 'transaction', `update checkout.transactions set gateway_reference = 'x'`],
  [/^operation .*: currency$/, 'transaction', `update checkout.transactions set currency = 'SEK' where voided > 0`],
  [/^operation .*: gateway$/, 'transaction', `update checkout.transactions set gateway = 'x' where voided > 0`],
  [/^operation .*: amount$/, 'transaction', `update checkout.operations set amount = amount + 1 where kind = 'authorize'`],
  [/^hash of event 2$/, 'transaction', 'update checkout.transaction_events set amount = amount + 1 where sequence = 2'],
  [/^event 1$/, 'transaction', 'delete from checkout.transaction_events where sequence = 1'],
  [
    /^operation .* \(capture, succeeded\): events that settle it$/,
    'transaction',
    `update checkout.transaction_events set operation_id = null where event = 'CAPTURE'`,
  ],
  [/^operation .*: amount$/, 'transaction', `update checkout.operations set amount = amount + 1 where kind = 'refund'`],
  [
    /^operation .* \(refund, failed\): success|operation .*: success$/,
    'transaction',
    `update checkout.operations set state = 'failed', outcome = '{}' where kind = 'refund'`,
  ],
  [/^event 3 operation_id$/, 'transaction', `delete from checkout.operations where kind = 'capture' and state = 'succeeded'`],
  [
    /^notification 3 checkout_transaction$/,
    'transaction',
    `delete from notifications.outbox where event = 'checkout_transaction' and sequence = 3`,
  ],
  [
    /^notification 3 session_callback$/,
    'transaction',
    `delete from notifications.outbox where event = 'session_callback' and sequence = 3`,
  ],
  [
    /^notification 2 checkout_authorization$/,
    'transaction',
    `delete from notifications.outbox where event = 'checkout_authorization'`,
  ],
  [/^session_id$/, 'transaction', 'delete from checkout.sessions'],
  [/^events$/, 'transaction', 'delete from checkout.transactions'],
  [
    /^captured in the simulator's book$/,
    'transaction',
    'update simulator.payments set captured = captured - 1 where refunded > 0',
  ],
  [/^voided in the simulator's book$/, 'transaction', 'update simulator.payments set voided = 0'],
  [/^authorized in the simulator's book$/, 'transaction', `delete from simulator.payments where state = 'authorized'`],
  [
    /^payment .* in the simulator's book/,
    'transaction',
    `update simulator.payments set transaction_id = 'T00000008.stray' where captured > 0`,
  ],
  [
    /^movement capture [-0-9a-f]+$/,
    'transaction',
    `update simulator.movements set idempotency_key = 'x' || idempotency_key where kind = 'capture'`,
  ],
  [/^movement capture [-0-9a-f]+ amount$/, 'transaction', `update simulator.movements set amount = 1 where kind = 'capture'`],
  [/^movement refund [-0-9a-f]+$/, 'transaction', `delete from simulator.movements where kind = 'refund'`],
  [/^end_at$/, 'settlement', `update checkout.settlements set end_at = start_at + interval '1 millisecond'`],
  [/^start_at$/, 'settlement', `update checkout.settlements set start_at = end_at - interval '1 millisecond'`],
  [/^start_at$/, 'settlement', `update checkout.settlements set kind = 'day'`],
  [/^capture$/, 'settlement', 'update checkout.settlements set capture = capture + 1, amount = amount + 1'],
  [/^refund$/, 'settlement', 'update checkout.settlements set refund = refund - 1, amount = amount + 1'],
  [/^fee$/, 'settlement', 'update checkout.settlements set fee = fee + 1, amount = amount - 1'],
  [
    /^amount$/,
    'settlement',
    `alter table checkout.settlements drop constraint amount_is_capture_less_refund_and_fee;
     update checkout.settlements set amount = amount - 1`,
  ],
  [/^item_count$/, 'settlement', 'delete from checkout.settlement_items where refund > 0'],
  [/^item .* 3 capture$/, 'settlement', 'update checkout.settlement_items set capture = capture + 1 where event_sequence = 3'],
  [/^item .* 3 capture$/, 'settlement', `update checkout.settlement_items set capture = 10000 - capture where capture > 0`],
  [/^item .* currency$/, 'settlement', `update checkout.settlements set currency = 'SEK'`],
  [/^provider_reference$/, 'settlement', `update checkout.settlements set provider_reference = 'x'`],
  [/^item .* created_at$/, 'settlement', `update checkout.settlement_items set created_at = created_at + interval '1 hour'`],
  [/^item .* provider$/, 'settlement', `update checkout.transactions set payment_product_type = 'vipps' where captured > 0`],
  [/^item .* 5$/, 'settlement', 'update checkout.transaction_events set success = false where sequence = 5'],
  [
    /^item .* SETTLEMENT event$/,
    'settlement',
    `update checkout.transaction_events set data = jsonb_set(data, '{settlements,events,0,fee}', '1') where event = 'SETTLEMENT'`,
  ],
  [/^item .* SETTLEMENT event$/, 'settlement', 'update checkout.settlement_items set settlement_sequence = null'],
  [/^items$/, 'settlement', 'delete from checkout.settlements'],
  [
    /^event 5, a REFUND of 1000 that is in no settlement$/,
    'transaction',
    `delete from checkout.settlement_items where refund > 0; update checkout.settlement_accounts set settled_until = now() + '9 days'`,
  ],
  [
    /^a capture that is succeeded without a transaction$/,
    'operation',
    `update checkout.operations set transaction_id = 'none' where kind = 'capture'`,
  ],
]
for (const [what, type, statement] of tampering) {
  test(`verify: names ${what.source} of a ${type} after: ${statement.replace(/\s+/g, ' ').slice(0, 90)}`, async () => {
    const rollback = new Error('rollback')
    let found: Difference[] = []
    await server.sql
      .begin(async (tx) => {
        await tx.unsafe(statement)
        await verify(tx as never, { account_id: null, onDifference: (difference) => found.push(difference) })
        throw rollback
      })
      .catch((error) => {
        if (error !== rollback) throw error
      })
    const named = found.filter((difference) => difference.aggregate_type === type)
    assert.ok(
      named.some((difference) => what.test(difference.what)),
      `found ${JSON.stringify(found.map(({ aggregate_type, what }) => `${aggregate_type} ${what}`))}`,
    )
    assert.ok(found.every(({ account_id }) => account_id === shop.account_id))
    found = []
  })
}

test('verify: still no difference, and the settled capture agrees with the simulator once the resolver has come', async () => {
  const resolver = server.work.find(({ name }) => name === 'resolve-operations')!
  await server.sql`update checkout.operations set next_attempt_at = ${new Date(0)} where next_attempt_at is not null`
  await server.sql`update simulator.movements set known_at = ${new Date(0)} where known_at is not null`
  await resolver.run(new AbortController().signal)
  assert.deepEqual(await differences(), [])
})

test('verify: a delivery that is gone is missed, to a subscription and to the callback URL; one nobody asked for is not', async () => {
  const { sql } = server
  const hook = {
    config: { url: 'https://93.184.216.34/hook', content_type: 'application/json' },
    events: ['checkout_transaction'],
  }
  const subscribed = await shop.call('POST', `/v1/accounts/${shop.account_id}/hooks/subscriptions`, hook)
  assert.equal(subscribed.status, 200, JSON.stringify(subscribed.body))
  const call: Call = (method, path, body, { public: open } = {}) =>
    open ? send(server.url, method, path, { body }) : shop.call(method, path, body)
  const one = nothing()
  await walk(call, shop.account_id, 'told', { amount: 1_000, steps: [{ kind: 'capture', amount: 600 }] }, one)
  await fanOut(server)
  const of = (differences: Difference[]) =>
    differences.filter(({ expected }) => expected === 'a delivery').map(({ what, aggregate_id }) => [aggregate_id, what])
  assert.deepEqual(of(await allDifferences(sql)), [])
  const deleted = await sql<{ sequence: number; event: string; subscription_id: string | null }[]>`
    delete from notifications.deliveries where aggregate_id = ${one.transaction_id!} returning sequence, event, subscription_id`
  assert.deepEqual([...new Set(deleted.map(({ event }) => event))].sort(), ['checkout_transaction', 'session_callback'])
  const to = (id: string | null) => (id === null ? 'the callback URL' : `subscription ${id}`)
  assert.deepEqual(
    of(await allDifferences(sql)).sort(),
    deleted
      .map(({ sequence, event, subscription_id: id }) => [one.transaction_id, `notification ${sequence} ${event} to ${to(id)}`])
      .sort(),
  )
  await sql`delete from notifications.outbox where aggregate_id = ${one.transaction_id!} and event = 'session_callback'`
  await sql`update notifications.subscriptions set updated_at = now() where id = ${subscribed.body.id}`
  assert.deepEqual(of(await allDifferences(sql)), [])
})

test('verify: nothing new while payments, captures and settlements go on', async () => {
  // The test before has deleted rows.
  const known = new Set((await differences()).map((difference) => JSON.stringify(difference)))
  const others = async () => (await differences()).filter((difference) => !known.has(JSON.stringify(difference)))
  const call: Call = (method, path, body, { public: open } = {}) =>
    open ? send(server.url, method, path, { body }) : shop.call(method, path, body)
  const workers = server.work.filter(({ name }) => name === 'auto-capture' || name === 'resolve-operations')
  const shops = [0, 1, 2].map(async (index) => {
    for (const [number, story] of stories.entries()) {
      await walk(call, shop.account_id, `busy-${index}-${number}`, story, nothing())
      await pay({ configuration: { auto_capture: number % 2 === 0 } })
      for (const worker of workers) await worker.run(new AbortController().signal)
      await shop.call('POST', `/v1/accounts/${shop.account_id}/settlements/reports/generate-test-report`, {})
    }
  })
  let busy = true
  const done = Promise.all(shops).finally(() => (busy = false))
  const found: Difference[] = []
  let rounds = 0
  while (busy) {
    found.push(...(await others()))
    rounds += 1
  }
  await done
  assert.deepEqual(found, [])
  assert.ok(rounds > 1)
  assert.deepEqual(await others(), [])
})

test('verify: notifications of events from before the outbox was cleaned are not missed', () => {
  const events = [
    { sequence: 1, at: '2026-01-01T00:00:00Z' },
    { sequence: 2, at: '2026-05-01T00:00:00Z' },
  ]
  const expected = [[1, 'shopping_draft_add'] as const, [2, 'shopping_draft_update'] as const]
  assert.deepEqual(stillKept(expected, events, new Date('2026-02-01T00:00:00Z')), [[2, 'shopping_draft_update']])
})
