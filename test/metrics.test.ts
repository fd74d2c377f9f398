import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { send } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
const now = new Date('2026-11-23T10:00:00Z')
before(async () => {
  server = await startServer({ work: false, clock: { now: () => now } })
})
after(() => server.close())

/** The gauges of what waits, by name and labels. */
async function waiting(url: string): Promise<Record<string, number>> {
  const { status, body } = await send(url, 'GET', '/metrics')
  assert.equal(status, 200)
  assert.match(body, /kvitt_fan_out_failures_total/)
  const lines = [...body.matchAll(/^kvitt_((?:operations|deliveries|outbox)\S*) (\S+)$/gm)]
  return Object.fromEntries(lines.map(([, name, value]) => [name, Number(value)]))
}

const none = {
  ...{ 'operations_open{state="pending"}': 0, 'operations_open_oldest_seconds{state="pending"}': 0 },
  ...{ 'operations_open{state="unknown"}': 0, 'operations_open_oldest_seconds{state="unknown"}': 0 },
  ...{ 'operations_open{state="action_required"}': 0, 'operations_open_oldest_seconds{state="action_required"}': 0 },
  ...{ 'operations_open{state="held"}': 0, 'operations_open_oldest_seconds{state="held"}': 0 },
  ...{ 'operations_open{state="succeeded"}': 0, 'operations_open_oldest_seconds{state="succeeded"}': 0 },
  ...{ deliveries_pending: 0, deliveries_dead: 0, outbox_waiting: 0 },
}

test('metrics: what waits is 0 when nothing does, and is counted up to a bound', async () => {
  assert.deepEqual(await waiting(server.url), none)
  await server.sql.unsafe(`
    insert into checkout.operations (account_id, id, kind, session_id, transaction_id, gateway, payment_product_type, amount, currency,
      state, next_attempt_at, request, created_at, updated_at)
    select 'T00000001', gen_random_uuid(), 'capture', 's', 't', 'g', 'p', 1, 'NOK', state,
      case when state <> 'succeeded' then timestamptz '2026-11-23T10:00Z' end, '{}', timestamptz '2026-11-23T10:00Z' - age, now()
    from (values ('unknown', interval '90 s'), ('unknown', '10 s'), ('held', '2 h'), ('succeeded', '3 h')) o (state, age);
    insert into notifications.deliveries (account_id, id, endpoint, lane, position, event, aggregate_type, aggregate_id, sequence, details,
      method, url, state, next_attempt_at, created_at)
    select 'T00000001', gen_random_uuid(), 'e', 'l', n, 'x', 'order', 'o', 1, '{}', 'POST', 'https://shop.example/', state,
      case when state = 'pending' then now() end, now()
    from (values ('pending', 10100), ('dead', 3), ('delivered', 5)) d (state, many), generate_series(1, many) n;
    insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event, position)
    values ('T00000001', 'order', 'o', 1, 'x', null), ('T00000002', 'order', 'o', 1, 'x', null), ('T00000002', 'order', 'o', 2, 'x', 1)`)
  assert.deepEqual(await waiting(server.url), {
    ...none,
    ...{ 'operations_open{state="unknown"}': 2, 'operations_open_oldest_seconds{state="unknown"}': 90 },
    ...{ 'operations_open{state="held"}': 1, 'operations_open_oldest_seconds{state="held"}': 7_200 },
    ...{ deliveries_pending: 10_001, deliveries_dead: 3, outbox_waiting: 2 },
  })
})

test('metrics: what the database does not tell is left out, and asked for once', async () => {
  let scrapes: Record<string, number>[] = []
  let asking = 0
  await server.sql.begin(async (tx) => {
    await tx`lock table notifications.outbox`
    scrapes = await Promise.all([waiting(server.url), waiting(server.url)])
    const [row] =
      await tx`select count(*)::int as count from pg_locks where not granted and relation = 'notifications.outbox'::regclass`
    asking = row!.count
  })
  for (const scrape of scrapes) {
    assert.deepEqual(
      Object.keys(scrape).sort(),
      Object.keys(none)
        .filter((name) => name.startsWith('operations'))
        .sort(),
    )
  }
  assert.equal(asking, 1)
  assert.equal((await waiting(server.url)).outbox_waiting, 2)
})

test('metrics: of orders alone there are no operations', async () => {
  const orders = await startServer({ role: 'orders', work: false })
  try {
    assert.deepEqual(await waiting(orders.url), { deliveries_pending: 0, deliveries_dead: 0, outbox_waiting: 0 })
    await orders.sql.end()
    assert.deepEqual(await waiting(orders.url), {})
  } finally {
    await orders.close()
  }
})
