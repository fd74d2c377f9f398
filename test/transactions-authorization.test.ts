import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, beforeEach, test } from 'node:test'
import { armFailpoints } from '../src/lib/failpoints.ts'
import { resolveOperations } from '../src/worker/resolve-operations.ts'
import {
  authorized,
  call,
  failed,
  has,
  openSession,
  startTransactions,
  succeeded,
  type TransactionsServer,
  unknown,
} from './payments.ts'

let server: TransactionsServer
before(async () => {
  server = await startTransactions()
})
after(() => server.close())
beforeEach(() => {
  server.gateway.script = []
  server.gateway.calls = []
})

const klarna = { payment_product_type: 'klarna.klarna' }
const pre = { final_authorization: false }
const items = (amount: number) => [{ line_id: '1', amount }]

const cases: [title: string, changes: object, body: object, expected: object][] = [
  ['klarna extends', klarna, { reason: 'late', reference: 'x' }, { amount: 33_890, status: 'AUTHORIZED' }],
  ['klarna grows', klarna, { amount: 40_000, items: items(40_000) }, { amount: 40_000, status: 'AUTHORIZED' }],
  ['klarna shrinks', klarna, { amount: 30_000, items: items(30_000) }, { amount: 30_000, status: 'AUTHORIZED' }],
  [
    'klarna shrinks to what is captured',
    { ...klarna, captured: 20_000, status: 'PARTIALLY_CAPTURED' },
    { amount: 20_000, items: items(20_000) },
    { amount: 20_000, status: 'CAPTURED' },
  ],
  ['a pre-authorization grows', pre, { amount: 40_000, items: items(40_000) }, { amount: 40_000, items: items(40_000) }],
  ['a pre-authorization is made final and smaller', pre, { amount: 20_000, final_authorization: true }, { amount: 20_000 }],
]
for (const [title, changes, body, expected] of cases) {
  test(`authorization: 200 when ${title}`, async () => {
    const path = `/v1/transactions/${await authorized(server, changes as Record<string, unknown>)}`
    const answer = await call(server, 'POST', `${path}/authorization`, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    has(answer.body, expected as Record<string, unknown>)
    has(answer.body.events.at(-1), { event: 'AUTHORIZE', success: true, amount: answer.body.amount })
    const [row] =
      await server.sql`select authorized, pending_void, amount from checkout.transactions where id = ${path.split('/')[3]!}`
    assert.deepEqual({ ...row }, { authorized: answer.body.amount, pending_void: 0, amount: answer.body.amount })
  })
}

const refusals: [title: string, changes: object, body: object, status: number, code: string][] = [
  ['the product can not', { payment_product_type: 'vipps' }, { amount: 1 }, 400, 'operation_unsupported'],
  ['it is final already', {}, { amount: 40_000 }, 409, 'authorization_final'],
  ['not final and not more', pre, { amount: 33_890 }, 400, 'amount_not_allowed'],
  ['items are missing', klarna, { amount: 40_000 }, 400, 'items_invalid'],
  ['items do not add up', klarna, { amount: 40_000, items: items(1) }, 400, 'items_invalid'],
  [
    'less than is captured',
    { ...klarna, captured: 20_000, status: 'PARTIALLY_CAPTURED' },
    { amount: 10_000, items: items(10_000) },
    400,
    'amount_not_allowed',
  ],
  ['all is captured', { ...klarna, captured: 33_890, status: 'CAPTURED' }, {}, 400, 'transaction_status_conflict'],
]
for (const [title, changes, body, status, code] of refusals) {
  test(`authorization: ${status} ${code} when ${title}`, async () => {
    const path = `/v1/transactions/${await authorized(server, changes as Record<string, unknown>)}`
    const answer = await call(server, 'POST', `${path}/authorization`, body)
    assert.equal(answer.status, status)
    assert.equal((answer.body.error as { errors: { code: string }[] }).errors[0]!.code, code)
    assert.equal(server.gateway.calls.length, 0)
  })
}

test('authorization: a final pre-authorization can be captured', async () => {
  const path = `/v1/transactions/${await authorized(server, pre)}`
  assert.equal((await call(server, 'POST', `${path}/capture`, {})).status, 400)
  await call(server, 'POST', `${path}/authorization`, { final_authorization: true })
  assert.equal((await call(server, 'POST', `${path}/capture`, {})).body.status, 'CAPTURED')
})

test('authorization: a smaller amount is reserved while nobody knows, and settled by the resolver', async () => {
  const id = await authorized(server, klarna)
  const path = `/v1/transactions/${id}`
  server.gateway.script = [unknown]
  assert.equal((await call(server, 'POST', `${path}/authorization`, { amount: 30_000, items: items(30_000) })).status, 202)
  assert.equal((await call(server, 'POST', `${path}/capture`, { amount: 33_890 })).status, 409)
  server.pass(1)
  await resolveOperations(server).run(new AbortController().signal)
  has((await call(server, 'GET', path)).body, { amount: 30_000 })
  assert.equal((await call(server, 'POST', `${path}/capture`, {})).body.status, 'CAPTURED')
})

for (const [title, changes, more, other] of [
  ['a larger amount', klarna, { amount: 50_000, items: items(50_000) }, { amount: 40_000, items: items(40_000) }],
  ['an extension', klarna, {}, { amount: 50_000, items: items(50_000) }],
  ['a final amount', pre, { amount: 40_000, final_authorization: true }, { amount: 50_000 }],
] as const) {
  test(`authorization: while nobody knows of ${title}, no other change and no void is asked for`, async () => {
    const id = await authorized(server, changes)
    const path = `/v1/transactions/${id}`
    server.gateway.script = [unknown]
    assert.equal((await call(server, 'POST', `${path}/authorization`, more)).status, 202)
    for (const [name, body] of [
      ['authorization', other],
      ['void', undefined],
    ] as const) {
      const refused = await call(server, 'POST', `${path}/${name}`, body)
      assert.deepEqual(
        [refused.status, (refused.body.error as { errors: { code: string }[] }).errors[0]!.code],
        [409, 'operation_pending'],
        name,
      )
    }
    assert.equal(server.gateway.calls.length, 1)
    server.pass(60)
    await resolveOperations(server).run(new AbortController().signal)
    const { amount = 33_890 } = more as { amount?: number }
    has((await call(server, 'GET', path)).body, { amount, status: 'AUTHORIZED' })
    assert.equal((await call(server, 'POST', `${path}/void`)).body.status, 'AUTHORIZATION_VOIDED')
  })
}

test('authorization: of many changes at once one is asked for', async () => {
  const path = `/v1/transactions/${await authorized(server, klarna)}`
  server.gateway.script = Array.from({ length: 10 }, () => unknown)
  const answers = await Promise.all(
    server.gateway.script.map((_, index) =>
      call(server, 'POST', `${path}/authorization`, { amount: 50_000 + index, items: items(50_000 + index) }),
    ),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [202, ...Array(9).fill(409)])
  assert.equal(server.gateway.calls.length, 1)
})

test('authorization: one change at a time also where the transaction does not say that one is under way', async () => {
  const id = await authorized(server, klarna)
  const path = `/v1/transactions/${id}`
  server.gateway.script = [unknown]
  assert.equal((await call(server, 'POST', `${path}/authorization`, {})).status, 202)
  await server.sql`update checkout.transactions set data = data - 'updating', version = version + 1 where id = ${id}`
  const refused = await call(server, 'POST', `${path}/authorization`, { amount: 50_000, items: items(50_000) })
  assert.equal(refused.status, 409, JSON.stringify(refused.body))
  has((refused.body.error as { errors: object[] }).errors[0]!, {
    code: 'operation_pending',
    message: 'A void or a change of the authorization is not settled yet.',
  })
  assert.equal(server.gateway.calls.length, 1)
})

test('authorization: 400 and an event when the provider refuses', async () => {
  const path = `/v1/transactions/${await authorized(server, klarna)}`
  server.gateway.script = [failed]
  assert.equal((await call(server, 'POST', `${path}/authorization`, {})).status, 400)
  has((await call(server, 'GET', path)).body.events.at(-1), {
    event: 'AUTHORIZE',
    success: false,
    transaction_status: 'AUTHORIZED',
  })
})

async function held(): Promise<string> {
  const enabled = { type: 'payment_product_type', enabled: true }
  const sid = await openSession(server, { configuration: { dintero: { external: enabled } } })
  server.gateway.script = [{ outcome: 'held', gateway_reference: 'h' }]
  await call(server, 'POST', `/v1/sessions/${sid}/pay`, { payment_product_type: 'dintero.external' })
  const [row] = await server.sql<{ id: string }[]>`select id from checkout.transactions where session_id = ${sid}`
  return `/v1/transactions/${row!.id}/authorization`
}

test('authorization: a hold is released once, and the session is completed', async () => {
  const path = await held()
  assert.equal((await call(server, 'POST', path, { amount: 1 })).status, 400)
  server.gateway.script = [succeeded, succeeded]
  const { status, body } = await call(server, 'POST', path, {})
  assert.equal(status, 200)
  has(body, { status: 'AUTHORIZED', version: 2 })
  assert.equal((await call(server, 'POST', path, {})).status, 400)
})

test('authorization: a release of a hold is answered the same again for the same key, also when it broke half-way', async () => {
  const path = await held()
  const key = { 'idempotency-key': 'release' }
  server.gateway.script = [succeeded, unknown]
  assert.equal((await call(server, 'POST', path, {}, key)).status, 202)
  server.gateway.script = [succeeded, succeeded]
  armFailpoints('idempotency.before_commit=throw')
  assert.equal((await call(server, 'POST', path, {}, key)).status, 500)
  armFailpoints(undefined)
  assert.equal((await call(server, 'GET', path.replace('/authorization', ''))).body.status, 'ON_HOLD')
  server.gateway.script = [succeeded, succeeded]
  const first = await call(server, 'POST', path, {}, key)
  assert.deepEqual([first.status, first.body.status], [200, 'AUTHORIZED'])
  server.gateway.calls = []
  const again = await call(server, 'POST', path, {}, key)
  assert.deepEqual([again.status, again.body, again.headers.get('idempotent-replayed')], [200, first.body, 'true'])
  assert.deepEqual(server.gateway.calls, [])
  assert.equal((await call(server, 'POST', path, { reason: 'other' }, key)).status, 422)
})

test('a text too long for an index fails neither the payment nor a change of it', async () => {
  const long = randomBytes(4_000).toString('base64')
  const sid = await openSession(server, {
    customer: { email: long },
    order: {
      amount: 33_890,
      currency: 'NOK',
      merchant_reference: 'LONG',
      items: [{ line_id: '1', amount: 33_890, splits: [{ payout_destination_id: long, amount: 33_890 }] }],
    },
  })
  const paid = await call(server, 'POST', `/v1/sessions/${sid}/pay`, { payment_product_type: 'klarna.klarna' })
  assert.equal(paid.status, 200, JSON.stringify(paid.body))
  const [row] = await server.sql<{ id: string }[]>`select id from checkout.transactions where session_id = ${sid}`
  const other = [{ line_id: '1', amount: 33_890, splits: [{ payout_destination_id: `${long}2`, amount: 33_890 }] }]
  const changed = await call(server, 'POST', `/v1/transactions/${row!.id}/authorization`, { amount: 33_890, items: other })
  assert.equal(changed.status, 200, JSON.stringify(changed.body))
  const found = await call(server, 'GET', `/v1/transactions?search=${encodeURIComponent(long)}`)
  assert.deepEqual(
    (found.body as unknown as { id: string }[]).map(({ id }) => id),
    [row!.id],
  )
})
