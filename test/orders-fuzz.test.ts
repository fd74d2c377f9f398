import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { createTestAccount, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let account: TestAccount
before(async () => {
  server = await startServer({ role: 'orders', work: false })
  account = await createTestAccount(server)
})
after(() => server.close())

const call = (method: string, path: string, body?: unknown) =>
  account.call(method, `/v1/accounts/${account.account_id}/shopping${path}`, body)

const item = {
  id: 'a',
  line_id: 1,
  quantity: 2,
  gross_amount: 100,
  tax_lines: [{ amount: 20, percentage: 25, included_in_price: true }],
  discount_lines: [{ amount: 5, discount_type: 'manual' }],
  related_item: { line_id: 1, type: 'reversed' },
  manual_payout: { destinations: [{ destination: 'a', percentage: 50 }] },
  store: { id: 's' },
}
const order = {
  currency: 'NOK',
  items: [item],
  customer: { id: 'c' },
  store: { id: 's' },
  external_ids: [{ id: 'e' }],
  itinerary: [{ travel_mode: 'TRAIN', arrival_address: { id: 'x' } }],
  metadata: { a: 1 },
}
const options = {
  split_draft: false,
  payout: {},
  multiple_authorizations: true,
  order_time_to_live: 600,
  serial_order_number_suffix: 'x',
}
const targets: [method: string, path: string, body: object][] = [
  ['POST', '/draft_orders', { order, options }],
  ['POST', '/orders', { ...order, options }],
  ['PUT', '/draft_orders/DRAFT', { order, options }],
  ['POST', '/draft_orders/DRAFT/items', item],
  ['PUT', '/draft_orders/DRAFT/items/1', item],
  ['PUT', '/orders/ORDER', { ...order, courier_id: 'c' }],
  ['POST', '/orders/ORDER/comments', { comment: 'x' }],
  ['POST', '/orders/ORDER/events', { service: 's', service_status: 'x', metadata: {} }],
  ['POST', '/orders/ORDER/authorizations', { items: [{ line_id: 1, amount: 10 }], payment_details: { payment_id: 'x' } }],
  ['POST', '/orders/ORDER/captures', { items: [{ line_id: 1, amount: 1 }], authorization_id: 'x', id: 'y', success: true }],
  ['POST', '/orders/ORDER/refunds', { items: [{ line_id: 1, amount: 1 }], processed_at: '2026-01-01T00:00:00Z' }],
]

/** The same JSON with the members on a random path replaced by something odd. */
function mutate(value: unknown, path: readonly number[], odd: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined || typeof value !== 'object' || value === null) return odd
  const names = Object.keys(value)
  const name = names[step % Math.max(names.length, 1)]
  if (name === undefined) return odd
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...value] : { ...value }
  ;(copy as Record<string, unknown>)[name] = mutate((value as Record<string, unknown>)[name], rest, odd)
  return copy
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    '0',
    0,
    -0,
    -1,
    1e12,
    -1e12,
    1e300,
    0.5,
    2 ** 53,
    true,
    false,
    [],
    {},
    [[]],
    [null],
    { id: null },
    '\u0000',
  ),
  fc.constantFrom<unknown>(
    '__proto__',
    'x'.repeat(300),
    'x'.repeat(20_000),
    'æøå🦊\ud800',
    '2016-12-31T23:59:60Z',
    'NOK',
    'ALPHANUMERIC_9',
  ),
  fc.jsonValue({ maxDepth: 2 }),
)

test('whatever is sent, the answer is 200 or says what is wrong; never a 500', async () => {
  const draft_id = (await call('POST', '/draft_orders', { order })).body.id
  const order_id = (await call('POST', '/orders', { currency: 'NOK', items: [{ ...item, related_item: null }] })).body.id
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...targets),
      fc.array(fc.nat(12), { maxLength: 5 }),
      odd,
      async ([method, path, body], steps, value) => {
        const answer = await call(
          method,
          path.replace('DRAFT', draft_id).replace('ORDER', order_id),
          mutate(body, steps, value) ?? null,
        )
        assert.ok([200, 400, 404, 409, 413].includes(answer.status), `${answer.status} ${JSON.stringify(answer.body)}`)
        if (answer.status !== 200) assert.equal(typeof answer.body.error.message, 'string')
      },
    ),
    { numRuns: Number(process.env.FUZZ_RUNS ?? 150) },
  )
  for (const path of [
    `/draft_orders/${draft_id}`,
    `/orders/${order_id}?include_events=true`,
    '/orders?limit=100&include_events=true',
    '/draft_orders?limit=100',
  ]) {
    assert.equal((await call('GET', path)).status, 200)
  }
})
