import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { settleAccount, settleDay, tellSettlement } from '../src/checkout/settlements/operations.ts'
import type { Difference } from '../src/verify/difference.ts'
import { verify } from '../src/verify/operations.ts'
import { type SettlingServer, startSettling } from './settling.ts'

let server: SettlingServer
before(async () => {
  server = await startSettling('2026-11-20T09:00:00.000Z')
})
after(() => server.close())

const rows = async () => [
  ...(await server.sql`
    select provider, currency, start_at::date::text as day, capture, refund, fee, amount from checkout.settlements
    where account_id = ${server.shop.account_id} order by start_at, provider, currency`),
]

async function differences(): Promise<Difference[]> {
  const found: Difference[] = []
  await verify(server.sql, { account_id: null, onDifference: (difference) => found.push(difference) })
  return found
}

/** Each successful capture and refund with money in it, beside what is settled of it. */
const mismatches = () => server.sql`
  select e.transaction_id, e.sequence from checkout.transaction_events e
  join checkout.transactions t on t.account_id = e.account_id and t.id = e.transaction_id
  left join checkout.settlement_items i on i.account_id = e.account_id and i.transaction_id = e.transaction_id
    and i.event_sequence = e.sequence and i.capture - i.refund = case e.event when 'CAPTURE' then e.amount else -e.amount end
  where e.success and e.amount > 0 and e.event in ('CAPTURE', 'REFUND') and t.payment_product_type <> 'dintero.zero'
    and e.created_at < '2026-11-23' and i.settlement_id is null`

test('settle: days of mixed traffic sum to the minor unit, one settlement a day, currency and provider', async () => {
  const { shop } = server
  const fees = [{ provider: 'dintero_psp', currency: 'NOK', basis_points: 175, fixed: 99 }]
  await server.sql`insert into checkout.settlement_fees select * from jsonb_populate_recordset(null::checkout.settlement_fees,
    ${server.sql.json(fees.map((fee) => ({ ...fee, account_id: shop.account_id })))})`
  const whole = await server.pay({ amount: 39_800, reference: 'whole' })
  const part = await server.pay({ amount: 10_001, reference: 'part' })
  const vipps = await server.pay({ type: 'vipps', amount: 25_000, reference: 'vipps' })
  const euro = await server.pay({ currency: 'EUR', amount: 1_999, reference: 'euro' })
  const uncaptured = await server.pay({ amount: 777, reference: 'uncaptured' })
  // A capture that failed is an event, too.
  await shop.call('PUT', '/v1/simulator/script', { rules: [{ when: { operation: 'capture' }, do: 'decline' }] })
  await shop.call('POST', `/v1/transactions/${uncaptured}/capture`, { amount: 777 })
  assert.equal((await server.transaction(uncaptured)).events.at(-1).success, false)
  await shop.call('DELETE', '/v1/simulator/script')
  const zero = await server.pay({ type: 'dintero.zero', amount: 0, reference: 'zero' })
  await shop.call('POST', `/v1/transactions/${zero}/capture`, { amount: 0 })
  await server.move(whole, 'capture', 39_800)
  await server.move(part, 'capture', 3_333)
  await server.move(vipps, 'capture', 25_000)
  await server.move(euro, 'capture', 1_999)
  await server.move(euro, 'refund', 500)
  server.to('2026-11-20T23:59:59.999Z')
  await server.move(part, 'capture', 1)

  assert.deepEqual([await server.settle(), await rows()], [0, []])
  server.to('2026-11-21T00:05:00.000Z')
  assert.equal(await server.settle(), 0, 'a day is settled ten minutes after its end')
  // In the new day, before the old one is settled.
  await server.move(part, 'capture', 6_667)
  server.to('2026-11-21T00:10:00.000Z')
  assert.equal(await server.settle(), 3 + 4)
  assert.deepEqual(await rows(), [
    { provider: 'dintero_psp', currency: 'EUR', day: '2026-11-20', capture: 1_999, refund: 500, fee: 0, amount: 1_499 },
    // 39 800 at 1.75 % is 696.5, 3 333 is 58.3, 1 is 0.02: 697 + 58 + 0, and three times 99.
    { provider: 'dintero_psp', currency: 'NOK', day: '2026-11-20', capture: 43_134, refund: 0, fee: 1_052, amount: 42_082 },
    { provider: 'vipps', currency: 'NOK', day: '2026-11-20', capture: 25_000, refund: 0, fee: 0, amount: 25_000 },
  ])
  assert.equal((await server.transaction(whole)).settlement_status, 'SETTLED')
  assert.equal((await server.transaction(part)).settlement_status, 'PARTIALLY_SETTLED')
  for (const id of [uncaptured, zero]) assert.equal((await server.transaction(id)).settlement_status, 'NOT_SETTLED')

  // Refunds on a later day make that day negative.
  await server.move(vipps, 'refund', 24_000)
  assert.equal((await server.transaction(vipps)).settlement_status, 'PARTIALLY_SETTLED')
  server.to('2026-11-23T12:00:00.000Z')
  assert.equal(await server.settle(), 2 + 2)
  assert.deepEqual((await rows()).slice(3), [
    { provider: 'dintero_psp', currency: 'NOK', day: '2026-11-21', capture: 6_667, refund: 0, fee: 216, amount: 6_451 },
    { provider: 'vipps', currency: 'NOK', day: '2026-11-21', capture: 0, refund: 24_000, fee: 0, amount: -24_000 },
  ])
  for (const id of [part, vipps]) assert.equal((await server.transaction(id)).settlement_status, 'SETTLED')
  assert.deepEqual([...(await mismatches())], [])
  assert.equal(await server.settle(), 0)
  assert.deepEqual(await differences(), [])
})

test('settle: one SETTLEMENT event a transaction and settlement, told of, with each capture and refund in it', async () => {
  const [{ id }] = (await server.sql`select id from checkout.transactions where merchant_reference = 'euro'`) as never as [
    { id: string },
  ]
  const transaction = await server.transaction(id)
  const [, , capture, refund, settlement] = transaction.events
  assert.equal(transaction.events.length, 5)
  const [row] = await server.sql`select id, provider_reference from checkout.settlements where currency = 'EUR'`
  assert.equal(row!.provider_reference, 'dintero_psp-EUR-2026-11-20')
  const about = { settlement_id: row!.id, provider_reference: row!.provider_reference, fee: 0 }
  assert.deepEqual(settlement.settlements, {
    settlement_status: 'SETTLED',
    events: [
      { ...about, amount: 1_999, capture: 1_999, refund: 0, event_correlation_id: capture.request_id },
      { ...about, amount: -500, capture: 0, refund: 500, event_correlation_id: refund.request_id },
    ],
  })
  assert.deepEqual(
    [settlement.event, settlement.transaction_status, settlement.success, settlement.amount],
    ['SETTLEMENT', 'PARTIALLY_REFUNDED', true, 1_499],
  )
  const told = await server.sql`
    select event, sequence from notifications.outbox where aggregate_id in (${id}, ${row!.id}) and event <> 'checkout_authorization'
    order by aggregate_type, sequence`
  assert.deepEqual(
    told.map(({ event, sequence }) => [event, sequence]),
    [['settlement_add', 1], ...[1, 2, 3, 4, 5].map((sequence) => ['checkout_transaction', sequence])],
  )
})

test('settle: an event that is committed late is settled with the next day', async () => {
  const late = await server.pay({ amount: 4_200, reference: 'late' })
  await server.move(late, 'capture', 4_200)
  await server.sql`
    update checkout.transaction_events set created_at = '2026-11-22T23:59:00Z' where transaction_id = ${late} and event = 'CAPTURE'`
  server.to('2026-11-24T00:30:00.000Z')
  await server.settle()
  const [last] = (await rows()).slice(-1)
  assert.deepEqual([last!.day, last!.capture], ['2026-11-23', 4_200])
})

test('settle: nothing is settled twice when several workers race, and the transactions move meanwhile', async () => {
  const ids = await Promise.all(
    Array.from({ length: 12 }, (_, index) => server.pay({ amount: 1_000, reference: `race-${index}` })),
  )
  for (const id of ids) await server.move(id, 'capture', 600)
  server.to('2026-11-25T06:00:00.000Z')
  const workers = Array.from({ length: 4 }, async () => {
    for (let round = 0; round < 8; round++) await settleAccount(server, server.shop.account_id)
  })
  const moves = ids.map((id) => server.move(id, 'capture', 400))
  await Promise.all([...workers, ...moves])
  await server.settle()
  const [sum] = await server.sql`
    select sum(i.capture) as capture, count(*)::int as items, count(distinct i.settlement_id)::int as settlements,
      count(*) filter (where i.settlement_sequence is null)::int as untold
    from checkout.settlement_items i join checkout.transactions t on t.account_id = i.account_id and t.id = i.transaction_id
    where t.merchant_reference like 'race-%'`
  assert.deepEqual({ ...sum }, { capture: '7200', items: 12, settlements: 1, untold: 0 })
  for (const id of ids) {
    const { events, settlement_status } = await server.transaction(id)
    assert.equal(events.filter(({ event }: { event: string }) => event === 'SETTLEMENT').length, 1)
    assert.equal(settlement_status, 'PARTIALLY_SETTLED')
  }
})

test('settle: nothing is lost when the worker dies between the steps', async () => {
  const id = await server.pay({ amount: 5_000, reference: 'crash' })
  await server.move(id, 'capture', 5_000)
  server.to('2026-11-26T06:00:00.000Z')
  const { account_id } = server.shop
  const count = async () => (await server.sql`select count(*)::int as n from checkout.settlements`)[0]!.n
  const known = await count()
  // Dies before the commit: nothing happened.
  await server.sql
    .begin(async (tx) => {
      await settleDay({ ...server, sql: tx as never }, account_id)
      throw new Error('died')
    })
    .catch(() => undefined)
  assert.equal(await count(), known)
  // Dies after the settlement, before any event: the next worker goes on.
  assert.equal(await settleDay(server, account_id), 1)
  assert.equal((await server.transaction(id)).settlement_status, 'NOT_SETTLED')
  await server.sql
    .begin(async (tx) => {
      await tellSettlement({ ...server, sql: tx as never }, account_id)
      throw new Error('died')
    })
    .catch(() => undefined)
  assert.equal((await server.transaction(id)).settlement_status, 'NOT_SETTLED')
  await server.settle()
  assert.equal((await server.transaction(id)).settlement_status, 'SETTLED')
  assert.equal(await count(), known + 1)
  for (const table of ['transaction_events', 'settlement_items']) {
    await server.sql`
      update checkout.${server.sql(table)} set created_at = '2026-11-23T12:00:00Z' where created_at = '2026-11-22T23:59:00Z'`
  }
})

test('settle: the database refuses to settle an event a second time', async () => {
  await assert.rejects(
    server.sql`
      insert into checkout.settlement_items (account_id, transaction_id, event_sequence, settlement_id, capture, created_at)
      select account_id, transaction_id, event_sequence, 'other', capture, created_at from checkout.settlement_items
      where capture > 0 limit 1`,
    /settlement_items_pkey/,
  )
  await assert.rejects(server.sql`update checkout.settlements set amount = amount + 1`, /amount_is_capture_less_refund_and_fee/)
})

test('verify: finds nothing after all of this', async () => assert.deepEqual(await differences(), []))
