import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { testCards } from '../src/gateways/simulator/cards.ts'
import { faults, type Script } from '../src/gateways/simulator/faults.ts'
import type { Difference } from '../src/verify/difference.ts'
import { verify } from '../src/verify/operations.ts'
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
  dintero: { type: 'payment_type', external: enabled },
  vipps: enabled,
}
const types = [
  'dintero_psp.creditcard',
  'payex.creditcard',
  'bambora.creditcard',
  'klarna.klarna',
  'swish.swish',
  'collector.invoice',
  'dintero.external',
  'vipps',
] as const

type Step = { kind: 'capture' | 'refund' | 'void' | 'authorization' | 'cancel'; amount: number; final: boolean }
type Purchase = {
  type: (typeof types)[number]
  amount: number
  /** Nothing: the customer decides on the pretend page of the bank or wallet. */
  means: { card: string } | { simulate: 'approve' | 'hold' } | Record<string, never>
  decision: 'approve' | 'decline' | 'cancel'
  auto_capture: boolean
  pre_authorization: boolean
  at_once: boolean
  steps: Step[]
}

/** The customer's part of a purchase, over HTTP. Returns the session's id. */
async function pay({ type, amount, means, decision, ...settings }: Purchase): Promise<string> {
  const currency = type === 'swish.swish' ? 'SEK' : 'NOK'
  const { auto_capture, pre_authorization } = settings
  const created = await shop.call('POST', '/v1/sessions', {
    url: { return_url: 'https://shop.example/return' },
    order: {
      amount,
      currency,
      merchant_reference: `order-${amount}`,
      items: [{ id: '1', line_id: '1', description: 'Chair', quantity: 1, amount }],
    },
    configuration: { ...configuration, auto_capture, pre_authorization },
  })
  assert.equal(created.status, 200, JSON.stringify(created.body))
  const sid: string = created.body.id
  const details =
    'card' in means
      ? type.endsWith('creditcard')
        ? { card: { number: means.card, expiry: '12/39', cvc: '123' } }
        : { simulate: 'approve' }
      : means
  const paid = await send(server.url, 'POST', `/v1/sessions/${sid}/pay`, { body: { payment_product_type: type, ...details } })
  assert.ok(paid.status < 300, JSON.stringify(paid.body))
  const page = paid.body.redirect_url
  if (page?.includes('/simulator/')) {
    const pressed = await fetch(page, { method: 'POST', body: new URLSearchParams({ decision }), redirect: 'manual' })
    const back = pressed.headers.get('location')
    // Some customers never come back: the resolver asks.
    if (back && amount % 2 === 0) await fetch(back, { redirect: 'manual' })
  }
  return sid
}

/** The shop's part. Refusals belong to the story; faults of ours don't. */
async function handle({ at_once, steps }: Purchase, sid: string): Promise<void> {
  const { body: session } = await shop.call('GET', `/v1/sessions/${sid}`)
  const step = async ({ kind, amount, final }: Step) => {
    const items = [{ line_id: '1', amount }]
    const body =
      kind === 'capture'
        ? { amount, ...(final ? { final_capture: true } : {}) }
        : kind === 'authorization'
          ? { amount, items, final_authorization: final }
          : kind === 'refund'
            ? { amount }
            : undefined
    const path = kind === 'cancel' ? `/v1/sessions/${sid}/cancel` : `/v1/transactions/${session.transaction_id}/${kind}`
    if (kind !== 'cancel' && !session.transaction_id) return
    const { status, body: answer } = await shop.call('POST', path, body)
    assert.ok(status < 500, `${kind}: ${status} ${JSON.stringify(answer)}`)
  }
  if (at_once) await Promise.all(steps.map(step))
  else for (const one of steps) await step(one)
}

const work = (name: string) => server.work.find((one) => one.name === name)!.run(new AbortController().signal)

/** The time between rounds: everything is due again by then, and after some rounds sessions have expired. */
const hours_ms = 10_000_000

/** Runs the workers `rounds` times. */
async function resolve(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    time.now = new Date(time.now.getTime() + hours_ms)
    await work('auto-capture')
    while ((await work('resolve-operations')) > 0);
    const [open] = await server.sql`select from checkout.operations where next_attempt_at is not null limit 1`
    if (!open) return
  }
}

/** At the provider, people decide what is held for review. */
async function review(): Promise<void> {
  const held = await server.sql`select account_id, payment_id from simulator.movements where state = 'held'`
  for (const [index, { account_id, payment_id }] of held.entries()) {
    const body = new URLSearchParams({ decision: index % 3 === 2 ? 'decline' : 'approve' })
    await fetch(`${server.url}/simulator/${account_id}/${payment_id}`, { method: 'POST', body, redirect: 'manual' })
  }
}

const kinds = ['capture', 'capture', 'capture', 'refund', 'refund', 'void', 'authorization', 'cancel'] as const
const cards = Object.keys(testCards)
const purchase: fc.Arbitrary<Purchase> = fc.record({
  type: fc.constantFrom(...types),
  amount: fc.integer({ min: 100, max: 90_000 }),
  means: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...cards).map((card) => ({ card })) },
    { weight: 1, arbitrary: fc.constant({ simulate: 'approve' as const }) },
    { weight: 1, arbitrary: fc.constant({ simulate: 'hold' as const }) },
    { weight: 1, arbitrary: fc.constant({}) },
  ),
  decision: fc.constantFrom('approve', 'approve', 'decline', 'cancel'),
  auto_capture: fc.boolean(),
  pre_authorization: fc.boolean(),
  at_once: fc.boolean(),
  steps: fc.array(
    fc.record({ kind: fc.constantFrom(...kinds), amount: fc.integer({ min: 1, max: 60_000 }), final: fc.boolean() }),
    { maxLength: 6 },
  ),
})

const names = (Object.keys(faults) as (keyof typeof faults)[]).filter((name) => name !== 'slow')
/** Faults by chance, and rules that hit a certain call. */
const script: fc.Arbitrary<Script> = fc.record({
  seed: fc.string({ minLength: 1, maxLength: 8 }),
  fault_rate: fc.constantFrom(0, 0.2, 0.5),
  faults: fc.constant(names),
  after_s: fc.constantFrom(0, 60, 200_000),
  rules: fc.array(
    fc.record({
      do: fc.constantFrom(...names),
      when: fc.record(
        {
          operation: fc.constantFrom('authorize', 'capture', 'refund', 'void', 'update_authorization'),
          payment_product_type: fc.constantFrom(...types),
          card: fc.constantFrom(...cards),
          nth: fc.integer({ min: 1, max: 3 }),
        },
        { requiredKeys: ['operation'] },
      ),
    }),
    { maxLength: 4 },
  ),
})

/** A story in which nothing goes wrong, so that every run has each kind of success. */
const plain: [Script, Purchase[]] = [
  { seed: 'plain' },
  (['capture', 'void'] as const).map((kind) => ({
    type: 'payex.creditcard',
    amount: 60_000,
    means: { card: '4000000000000002' },
    decision: 'approve',
    auto_capture: false,
    pre_authorization: false,
    at_once: false,
    steps: [
      { kind, amount: 40_000, final: false },
      { kind: 'refund', amount: 10_000, final: false },
    ],
  })),
]

test('property: whatever goes wrong, after the resolver checkout and the simulator have the same books', async () => {
  const seen: Record<string, number> = {}
  await fc.assert(
    fc.asyncProperty(script, fc.array(purchase, { minLength: 1, maxLength: 4 }), async (wrong, purchases) => {
      const put = await shop.call('PUT', '/v1/simulator/script', wrong)
      assert.equal(put.status, 200, JSON.stringify(put.body))
      // Time only moves between the steps: a call that is under way longer than its lease is another story.
      const sessions = await Promise.all(purchases.map(pay))
      await resolve(1)
      await Promise.all(purchases.map((purchase, index) => handle(purchase, sessions[index]!)))
      await review()
      await resolve(200)
      await assertSameBooks()
      const found: Difference[] = []
      await verify(server.sql, { account_id: shop.account_id, onDifference: (difference) => found.push(difference) })
      assert.deepEqual(found, [], 'kvitt verify finds nothing')
    }),
    { numRuns: 12, examples: [plain], endOnFailure: true, includeErrorInReport: true },
  )
  // The last day must have ended to be settled.
  time.now = new Date(time.now.getTime() + 90_000_000)
  await work('settle')
  await assertSettled()
  const rows = await server.sql`
    select kind || ' ' || state as what, count(*)::int as count from checkout.operations group by 1
    union all select 'faults', count(*) from simulator.movements where answered <> state`
  for (const { what, count } of rows) seen[what] = count
  for (const what of [
    'authorize succeeded',
    'authorize failed',
    'capture succeeded',
    'refund succeeded',
    'void succeeded',
    'faults',
  ])
    assert.ok((seen[what] ?? 0) > 0, `the stories have: ${what}; ${JSON.stringify(seen)}`)
})

async function assertSameBooks(): Promise<void> {
  const open = await server.sql`select id, kind, state from checkout.operations where next_attempt_at is not null`
  assert.deepEqual([...open], [], 'everything is settled')
  const differences = await server.sql`
    with ours as (
      select transaction_id, kind, id::text as key, case kind when 'void' then (request ->> 'void_amount')::bigint else amount end
      from checkout.operations
      where account_id = ${shop.account_id} and state = 'succeeded' and kind <> 'update_authorization'
    ), theirs as (
      select transaction_id, kind, idempotency_key as key, amount from simulator.movements
      where account_id = ${shop.account_id} and state = 'succeeded' and kind <> 'update_authorization'
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
}

/** What was settled of all this is what the provider says it took and gave back. */
async function assertSettled(): Promise<void> {
  const sums = await server.sql`
    select 'settled' as what, currency, sum(capture)::bigint as capture, sum(refund)::bigint as refund from checkout.settlements
    group by currency
    union all
    select 'moved', currency, sum(captured), sum(refunded) from simulator.payments group by currency order by 1, 2`
  const of = (what: string) => sums.filter((row) => row.what === what && row.capture > 0).map(({ what: _, ...row }) => row)
  assert.ok(of('moved').length > 0, 'the stories move money')
  assert.deepEqual(of('settled'), of('moved'))
}
