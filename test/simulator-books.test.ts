import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { faults } from '../src/gateways/simulator/faults.ts'
import { createTestAccount, send, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let shop: TestAccount
const time = { now: new Date('2026-11-23T10:00:00Z') }
before(async () => {
  server = await startServer({ work: false, clock: { now: () => new Date(time.now) } })
  shop = await createTestAccount(server, { account_id: 'T00000001' })
})
after(() => server.close())

const enabled = { type: 'payment_product_type', enabled: true }
const configuration = {
  dintero_psp: { type: 'payment_type', creditcard: enabled },
  payex: { type: 'payment_type', creditcard: enabled },
  bambora: { type: 'payment_type', creditcard: enabled },
  klarna: { type: 'payment_type', klarna: enabled },
  swish: { type: 'payment_type', swish: enabled },
  collector: { type: 'payment_type', invoice: enabled },
  vipps: enabled,
}
const types = [
  'dintero_psp.creditcard',
  'payex.creditcard',
  'bambora.creditcard',
  'klarna.klarna',
  'swish.swish',
  'collector.invoice',
  'vipps',
] as const

type Step = { kind: 'capture' | 'refund' | 'void'; amount: number; final: boolean }
type Purchase = { type: (typeof types)[number]; amount: number; card: string | undefined; at_once: boolean; steps: Step[] }

/** The customer's part of a purchase, over HTTP. Returns the session's id. */
async function pay({ type, amount, card }: Purchase): Promise<string> {
  const currency = type === 'swish.swish' ? 'SEK' : 'NOK'
  const items = [
    { id: '1', line_id: '1', description: 'Chair', quantity: 1, amount, vat: 25, vat_amount: Math.round(amount / 5) },
  ]
  const created = await shop.call('POST', '/v1/sessions', {
    url: { return_url: 'https://shop.example/return' },
    order: { amount, currency, merchant_reference: `order-${amount}`, items },
    configuration,
  })
  assert.equal(created.status, 200, JSON.stringify(created.body))
  const sid: string = created.body.id
  const address = {
    first_name: 'A',
    last_name: 'B',
    address_line: 'C 1',
    postal_code: '0001',
    postal_place: 'Oslo',
    country: 'NO',
  }
  const means =
    card && type.endsWith('creditcard')
      ? { card: { number: card, expiry: '12/39', cvc: '123' } }
      : { simulate: 'approve', social_security_number: '12345678901', shipping_address: address, billing_address: address }
  const paid = await send(server.url, 'POST', `/v1/sessions/${sid}/pay`, { body: { payment_product_type: type, ...means } })
  assert.ok(paid.status < 300, JSON.stringify(paid.body))
  return sid
}

/** The shop's part. Refusals belong to the story; faults of ours don't. */
async function handle({ at_once, steps }: Purchase, sid: string): Promise<void> {
  const { body: session } = await shop.call('GET', `/v1/sessions/${sid}`)
  if (!session.transaction_id) return
  const step = async ({ kind, amount, final }: Step) => {
    const body = kind === 'void' ? {} : { amount, ...(kind === 'capture' && final ? { final_capture: true } : {}) }
    const { status, body: answer } = await shop.call('POST', `/v1/transactions/${session.transaction_id}/${kind}`, body)
    assert.ok(status < 500, `${kind}: ${status} ${JSON.stringify(answer)}`)
  }
  if (at_once) await Promise.all(steps.map(step))
  else for (const one of steps) await step(one)
}

/** Runs the resolver `rounds` times, each after enough time that everything is due. */
async function resolve(rounds: number): Promise<void> {
  const resolver = server.work.find(({ name }) => name === 'resolve-operations')!
  for (let round = 0; round < rounds; round++) {
    time.now = new Date(time.now.getTime() + 1_000_000)
    while ((await resolver.run(new AbortController().signal)) > 0);
    const [open] = await server.sql`select from checkout.operations where next_attempt_at is not null limit 1`
    if (!open) return
  }
}

const purchase: fc.Arbitrary<Purchase> = fc.record({
  type: fc.constantFrom(...types),
  amount: fc.integer({ min: 100, max: 90_000 }),
  card: fc.constantFrom(
    undefined,
    '4000000000000002',
    '4100000000000001',
    '4100000000000019',
    '4100000000000027',
    '4100000000000043',
    '4000300000000006',
  ),
  at_once: fc.boolean(),
  steps: fc.array(
    fc.record({
      kind: fc.constantFrom('capture', 'capture', 'refund', 'void' as const),
      amount: fc.integer({ min: 1, max: 60_000 }),
      final: fc.boolean(),
    }),
    { maxLength: 6 },
  ),
})

test('property: whatever goes wrong, after the resolver checkout and the simulator have the same books', async () => {
  const names = (Object.keys(faults) as (keyof typeof faults)[]).filter((name) => name !== 'slow')
  let moved = 0
  await fc.assert(
    fc.asyncProperty(
      fc.string({ minLength: 1, maxLength: 8 }),
      fc.array(purchase, { minLength: 1, maxLength: 4 }),
      async (seed, purchases) => {
        const script = await shop.call('PUT', '/v1/simulator/script', { seed, fault_rate: 0.4, faults: names, after_s: 60 })
        assert.equal(script.status, 200)
        // Time only moves between the two: a call that is under way longer than its lease is another story.
        const sessions = await Promise.all(purchases.map(pay))
        await resolve(1)
        await Promise.all(purchases.map((purchase, index) => handle(purchase, sessions[index]!)))
        await resolve(40)

        const open = await server.sql`select id, kind, state from checkout.operations where next_attempt_at is not null`
        assert.deepEqual([...open], [], 'everything is settled')
        const differences = await server.sql`
        with ours as (
          select transaction_id, kind, id::text as key, amount from checkout.operations
          where account_id = ${shop.account_id} and state = 'succeeded' and kind <> 'void'
        ), theirs as (
          select transaction_id, kind, idempotency_key as key, amount from simulator.movements
          where account_id = ${shop.account_id} and state = 'succeeded' and kind <> 'void'
        )
        (select 'only ours' as side, * from ours except select 'only ours', * from theirs)
        union all
        (select 'only theirs' as side, * from theirs except select 'only theirs', * from ours)`
        assert.deepEqual([...differences], [], 'each call was done exactly when we say so')
        const totals = await server.sql`
        select t.id, t.payment_product_type, t.authorized, t.captured, t.refunded, t.voided, p.authorized as p_authorized,
          p.captured as p_captured, p.refunded as p_refunded, p.voided as p_voided
        from checkout.transactions t
        full join (select * from simulator.payments where state = 'authorized') p
          on p.account_id = t.account_id and p.transaction_id = t.id
        where coalesce(t.account_id, p.account_id) = ${shop.account_id}
          and (coalesce(t.authorized, 0), coalesce(t.captured, 0), coalesce(t.refunded, 0), coalesce(t.voided, 0))
            <> (coalesce(p.authorized, 0), coalesce(p.captured, 0), coalesce(p.refunded, 0), coalesce(p.voided, 0))`
        assert.deepEqual([...totals], [], 'the totals agree')
        const [reserved] = await server.sql`
        select from checkout.transactions where pending_capture + pending_refund + pending_void > 0 limit 1`
        assert.equal(reserved, undefined, 'nothing stays reserved')
        const [sum] = await server.sql`select coalesce(sum(captured), 0)::bigint as captured from simulator.payments`
        moved = Number(sum!.captured)
      },
    ),
    { numRuns: 10, endOnFailure: true, includeErrorInReport: true },
  )
  assert.ok(moved > 0, 'the stories move money')
})
