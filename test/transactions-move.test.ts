import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { limits } from '../src/lib/limits.ts'
import { authorized, call, failed, has, startTransactions, succeeded, type TransactionsServer, unknown } from './payments.ts'

let server: TransactionsServer
before(async () => {
  server = await startTransactions()
})
after(() => server.close())
beforeEach(() => {
  server.gateway.script = []
  server.gateway.calls = []
})

test('capture, refund, void: the published walk ends REFUNDED', async () => {
  const path = `/v1/transactions/${await authorized(server)}`
  const first = await call(server, 'POST', `${path}/capture`, {
    amount: 29_990,
    capture_reference: 'C-1',
    items: [{ line_id: '1', amount: 29_990, quantity: 1 }],
  })
  assert.equal(first.status, 200)
  assert.equal(first.body.status, 'PARTIALLY_CAPTURED')
  assert.equal(first.body.amount, 33_890)
  const event = first.body.events.at(-1)!
  has(event, {
    id: '3',
    event: 'CAPTURE',
    amount: 29_990,
    event_reference: 'C-1',
    transaction_status: 'PARTIALLY_CAPTURED',
    success: true,
    metadata: {},
    created_by: 'client-1',
    request_headers: { 'dintero-system-name': 'woocommerce', 'user-agent': 'node' },
  })
  const rest = await call(server, 'POST', `${path}/capture`, { amount: 3_900, items: [{ line_id: 'pickup', amount: 3_900 }] })
  assert.equal(rest.body.status, 'CAPTURED')
  const refund = await call(server, 'POST', `${path}/refund`, { amount: 10_000, reason: 'damage', refund_reference: 'R-1' })
  assert.equal(refund.body.status, 'PARTIALLY_REFUNDED')
  assert.equal(refund.body.events.at(-1)!.event_reference, 'R-1')
  const last = await call(server, 'POST', `${path}/refund`, { amount: 23_890 })
  assert.equal(last.body.status, 'REFUNDED')
  assert.equal(last.body.version, 6)
  const refused = await call(server, 'POST', `${path}/void`)
  assert.equal(refused.status, 400)
  assert.deepEqual(
    (await call(server, 'GET', path)).body.events.map(({ id }) => id),
    ['1', '2', '3', '4', '5', '6'],
  )
  assert.deepEqual(
    [
      ...(await server.sql`select event, sequence from notifications.outbox where aggregate_id = ${path.split('/')[3]!} order by sequence, event`),
    ],
    [3, 4, 5, 6].flatMap((sequence) => [
      { event: 'checkout_transaction', sequence },
      { event: 'session_callback', sequence },
    ]),
  )
})

const bodies: [title: string, operation: string, body: unknown, status: string][] = [
  ['floats are rounded to the nearest unit', 'capture', '{"amount":33889.999999999996,"id":"x","items":[]}', 'CAPTURED'],
  ['nop sends nothing but the amount', 'capture', '{"amount":29990.0000}', 'PARTIALLY_CAPTURED'],
  ['no body captures all that is left', 'capture', undefined, 'CAPTURED'],
  ['an empty body with a JSON type does too', 'capture', '', 'CAPTURED'],
  [
    'null members mean nothing',
    'capture',
    { amount: 100, items: null, capture_reference: null, metadata: null },
    'PARTIALLY_CAPTURED',
  ],
  [
    'the shipping option as an item, and a rounding line',
    'capture',
    {
      capture_reference: '',
      amount: 33_890,
      items: [
        { line_id: 'x', id: 'x', title: 'Post', delivery_method: 'unspecified', quantity: 1, amount: 33_900 },
        { line_id: 'rounding-fee', amount: -10 },
      ],
    },
    'CAPTURED',
  ],
  ['numeric line ids', 'capture', { amount: 100, items: [{ line_id: 1, amount: 100 }] }, 'PARTIALLY_CAPTURED'],
  ['void with no body', 'void', undefined, 'AUTHORIZATION_VOIDED'],
  ['void with an empty body and a JSON type', 'void', '', 'AUTHORIZATION_VOIDED'],
  ['void with an empty array', 'void', [], 'AUTHORIZATION_VOIDED'],
  ['void with null', 'void', 'null', 'AUTHORIZATION_VOIDED'],
  ['void with the id repeated', 'void', { id: 'T12345678.x' }, 'AUTHORIZATION_VOIDED'],
]
for (const [title, operation, body, status] of bodies) {
  test(`${operation}: ${title}`, async () => {
    const answer = await call(server, 'POST', `/v1/transactions/${await authorized(server)}/${operation}`, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    assert.equal(answer.body.status, status)
  })
}

const final = { amount: 100, final_capture: true }
const refusals: [
  title: string,
  operation: string,
  changes: object,
  body: unknown,
  code: string,
  status?: number,
  allowed?: number,
][] = [
  ['more than authorized', 'capture', {}, { amount: 33_891 }, 'amount_exceeds_authorized', 400, 33_890],
  ['nothing', 'capture', {}, { amount: 0 }, 'amount_required', 400, 33_890],
  ['less than nothing', 'capture', {}, { amount: -1 }, 'amount_required', 400, 33_890],
  ['text as amount', 'capture', {}, { amount: '1' }, 'invalid_request'],
  ['an item without a line', 'capture', {}, { amount: 1, items: [{ amount: 1 }] }, 'invalid_request'],
  ['an item without an amount', 'capture', {}, { amount: 1, items: [{ line_id: '1' }] }, 'invalid_request'],
  [
    'an item without an amount',
    'refund',
    { status: 'CAPTURED', captured: 33_890 },
    { amount: 1, items: [{ line_id: '1', amount: null }] },
    'invalid_request',
  ],
  ['already captured', 'capture', { status: 'CAPTURED', captured: 33_890 }, { amount: 1 }, 'transaction_status_conflict'],
  ['pre-authorized and not final', 'capture', { final_authorization: false }, { amount: 1 }, 'transaction_status_conflict'],
  ['another capture is not settled', 'capture', { pending_capture: 33_890 }, { amount: 1 }, 'operation_pending', 409, 0],
  ['a void is not settled', 'capture', { pending_void: 33_890 }, { amount: 1 }, 'operation_pending', 409],
  ['final on another gateway', 'capture', { payment_product_type: 'vipps' }, { final_capture: true }, 'operation_unsupported'],
  ['final, and another capture is not settled', 'capture', { pending_capture: 1 }, final, 'operation_pending', 409],
  ['final, and a change is not settled', 'capture', { data: { updating: 'op' } }, final, 'operation_pending', 409],
  ['a change is not settled', 'void', { data: { updating: 'op' } }, undefined, 'operation_pending', 409],
  ['Instabank without items', 'capture', { payment_product_type: 'instabank.invoice' }, { amount: 100 }, 'items_invalid'],
  ['metadata without ext_', 'capture', {}, { amount: 1, metadata: { a: 'b' } }, 'metadata_invalid'],
  ['metadata too long', 'capture', {}, { amount: 1, metadata: { ext_a: 'b'.repeat(257) } }, 'metadata_invalid', 400, 256],
  ['nothing captured', 'refund', {}, { amount: 1 }, 'transaction_status_conflict'],
  ['no amount', 'refund', { status: 'CAPTURED', captured: 33_890 }, {}, 'amount_required', 400, 33_890],
  [
    'more than captured',
    'refund',
    { status: 'CAPTURED', captured: 33_890 },
    { amount: 33_891 },
    'amount_exceeds_captured',
    400,
    33_890,
  ],
  [
    'another refund is not settled',
    'refund',
    { status: 'CAPTURED', captured: 33_890, pending_refund: 1 },
    { amount: 33_890 },
    'operation_pending',
    409,
    33_889,
  ],
  ['a capture is not settled', 'void', { pending_capture: 1 }, undefined, 'operation_pending', 409],
  ['captured', 'void', { status: 'CAPTURED', captured: 33_890 }, undefined, 'transaction_status_conflict'],
  [
    'the rest of a product that can not',
    'void',
    { status: 'PARTIALLY_CAPTURED', captured: 1, payment_product_type: 'swish.swish' },
    undefined,
    'operation_unsupported',
  ],
]
for (const [title, operation, changes, body, code, status = 400, allowed] of refusals) {
  test(`${operation}: ${status} ${code} when ${title}, and nothing is stored`, async () => {
    const id = await authorized(server, changes as Record<string, unknown>)
    const answer = await call(server, 'POST', `/v1/transactions/${id}/${operation}`, body)
    const error = answer.body.error as { message: string; errors: { code: string; allowed?: number }[] }
    assert.equal(answer.status, status, JSON.stringify(answer.body))
    assert.equal(error.errors[0]!.code, code)
    // A wrong status says which would do; everything else how much, or nothing.
    if (code !== 'transaction_status_conflict') assert.equal(error.errors[0]!.allowed, allowed)
    assert.equal(server.gateway.calls.length, 0)
    assert.equal((await call(server, 'GET', `/v1/transactions/${id}`)).body.events.length, 2)
  })
}

test('capture, refund, void, get: 404 when the transaction does not exist, 403 when it is of another account', async () => {
  for (const [method, suffix] of [['GET', ''] as const, ['POST', '/capture'] as const, ['POST', '/void'] as const]) {
    assert.equal((await call(server, method, `/v1/transactions/T12345678.nope${suffix}`)).status, 404)
    assert.equal((await call(server, method, `/v1/transactions/T87654321.nope${suffix}`)).status, 403)
  }
  assert.equal((await call(server, 'POST', '/v1/transactions/T12345678.nope/refund', { amount: 1 })).status, 404)
})

test('capture: 400 and an event with success false when the provider refuses; the amount is free again', async () => {
  const path = `/v1/transactions/${await authorized(server)}`
  server.gateway.script = [failed]
  const answer = await call(server, 'POST', `${path}/capture`, { amount: 100 })
  assert.equal(answer.status, 400)
  assert.match((answer.body.error as { message: string }).message, /Insufficient funds/)
  const { body } = await call(server, 'GET', path)
  assert.equal(body.status, 'AUTHORIZED')
  has(body.events.at(-1), {
    event: 'CAPTURE',
    success: false,
    amount: 100,
    transaction_status: 'AUTHORIZED',
  })
  assert.equal((body.events.at(-1)!.error as { message: string }).message, 'Insufficient funds')
  assert.equal((await call(server, 'GET', `${path}?includes=events.success.true`)).body.events.length, 2)
  assert.equal((await call(server, 'POST', `${path}/capture`, {})).body.status, 'CAPTURED')
})

for (const operation of ['capture', 'refund', 'void'] as const) {
  test(`${operation}: 202 with event-request-id when the outcome is unknown`, async () => {
    const id = await authorized(server, operation === 'refund' ? { status: 'CAPTURED', captured: 33_890 } : {})
    server.gateway.script = [
      operation === 'capture'
        ? () => {
            throw new Error('connection reset')
          }
        : unknown,
    ]
    const answer = await call(server, 'POST', `/v1/transactions/${id}/${operation}`, { amount: 100 })
    assert.equal(answer.status, 202)
    assert.equal(answer.body.status, operation === 'refund' ? 'CAPTURED' : 'AUTHORIZED')
    has(answer.body.events.at(-1), {
      id: '3',
      event: `INITIATE_${operation.toUpperCase()}`,
      request_id: answer.headers.get('event-request-id'),
      success: true,
      amount: operation === 'void' ? 33_890 : 100,
    })
  })
}

test('capture, refund: refused before the provider is asked when the events are too large; what it answers is recorded, and voids are', async () => {
  const { events_size_max: most } = limits
  const id = await authorized(server)
  const path = `/v1/transactions/${id}`
  // As if by another process: this one would take what it remembers.
  const sized = (size: number) =>
    server.sql`update checkout.transactions set events_size = ${size}, version = version + 1 where id = ${id}`
  const items = [{ line_id: '1', amount: 100, quantity: 1, description: 'd'.repeat(5_000) }]
  const refused = async (operation: string, body: object) => {
    const asked = server.gateway.calls.length
    const answer = await call(server, 'POST', `${path}/${operation}`, body)
    has(answer, { status: 400 })
    assert.match(JSON.stringify(answer.body.error), /events_full/)
    assert.equal(server.gateway.calls.length, asked)
  }
  assert.equal((await call(server, 'POST', `${path}/capture`, { amount: 100, items })).status, 200)
  const [counted] = await server.sql`select events_size from checkout.transactions where id = ${id}`
  assert.ok(counted!.events_size > 10_000, 'the event and its request')
  await sized(most)
  await refused('capture', { amount: 100, items })
  await refused('refund', { amount: 100, items })
  server.gateway.script = [
    async () => {
      await sized(3 * most)
      return succeeded
    },
  ]
  assert.equal((await call(server, 'POST', `${path}/capture`, { amount: 100 })).status, 200)
  await refused('capture', { amount: 100 })
  await refused('refund', { amount: 100 })
  const { status, body } = await call(server, 'POST', `${path}/void`)
  assert.equal(status, 200)
  assert.deepEqual(body.events.map(({ event, amount }) => [event, amount]).slice(2), [
    ['CAPTURE', 100],
    ['CAPTURE', 100],
    ['VOID', 33_690],
  ])
})

test('capture: final_capture voids the rest', async () => {
  const id = await authorized(server)
  const { body } = await call(server, 'POST', `/v1/transactions/${id}/capture`, { amount: 30_000, final_capture: true })
  assert.equal(body.status, 'CAPTURED')
  assert.deepEqual(
    body.events.slice(2).map(({ event, amount, transaction_status }) => [event, amount, transaction_status]),
    [
      ['CAPTURE', 30_000, 'PARTIALLY_CAPTURED'],
      ['VOID', 3_890, 'CAPTURED'],
    ],
  )
  assert.equal(server.gateway.calls[0]!.call.final_capture, true)
})

test('void: the rest of a part capture leaves the transaction CAPTURED', async () => {
  const path = `/v1/transactions/${await authorized(server)}`
  await call(server, 'POST', `${path}/capture`, { amount: 30_000 })
  const { body } = await call(server, 'POST', `${path}/void`)
  assert.equal(body.status, 'CAPTURED')
  has(body.events.at(-1), { event: 'VOID', amount: 3_890 })
})

test('capture, refund, void: a zero amount changes the status only', async () => {
  const paid = `/v1/transactions/${await authorized(server, { amount: 0 })}`
  assert.equal((await call(server, 'POST', `${paid}/capture`, { amount: 0 })).body.status, 'CAPTURED')
  assert.equal((await call(server, 'POST', `${paid}/refund`, { amount: 0 })).body.status, 'REFUNDED')
  assert.equal(
    (await call(server, 'POST', `/v1/transactions/${await authorized(server, { amount: 0 })}/void`)).body.status,
    'AUTHORIZATION_VOIDED',
  )
})

test('capture: the same Idempotency-Key captures once and answers the same; another body is refused', async () => {
  const path = `/v1/transactions/${await authorized(server)}/capture`
  const headers = { 'idempotency-key': 'K-1', 'content-type': 'application/json' }
  const send = (amount: number) => fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify({ amount }) })
  let answer: (outcome: typeof succeeded) => void = () => {}
  const asked = new Promise<void>((tell) => {
    server.gateway.script = [
      () => {
        tell()
        return new Promise((resolve) => {
          answer = resolve
        })
      },
    ]
  })
  const first = send(100)
  await asked
  // While the provider thinks, the same request again is told so.
  for (const response of await Promise.all([send(100), send(100)])) {
    assert.equal(response.status, 409)
    assert.equal(
      ((await response.json()) as { error: { errors: { code: string }[] } }).error.errors[0]!.code,
      'idempotency_key_in_flight',
    )
  }
  answer(succeeded)
  assert.equal((await first).status, 200)
  assert.equal(((await (await send(100)).json()) as { events: unknown[] }).events.length, 3)
  assert.equal((await send(200)).status, 422)
  assert.equal(server.gateway.calls.length, 1)
})

test('capture: of three at once with one Idempotency-Key one captures; the others get its answer, or are told to wait', async () => {
  const path = `/v1/transactions/${await authorized(server)}/capture`
  const headers = { 'idempotency-key': 'K-2', 'content-type': 'application/json' }
  const send = () => fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify({ amount: 100 }) })
  const statuses = (await Promise.all([send(), send(), send()])).map(({ status }) => status)
  assert.ok(statuses.includes(200), String(statuses))
  assert.ok(
    statuses.every((status) => status === 200 || status === 409),
    String(statuses),
  )
  assert.equal((await send()).status, 200)
  assert.equal(server.gateway.calls.length, 1)
})

test('capture: of twenty at once exactly as many succeed as the authorization allows', async () => {
  const id = await authorized(server)
  server.gateway.script = Array.from({ length: 20 }, () => async () => succeeded)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => call(server, 'POST', `/v1/transactions/${id}/capture`, { amount: 10_000 })),
  )
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual(statuses.slice(0, 3), [200, 200, 200])
  assert.ok(
    statuses.slice(3).every((status) => status === 400 || status === 409),
    String(statuses),
  )
  assert.equal(server.gateway.calls.length, 3)
  const [row] = await server.sql`select captured, pending_capture from checkout.transactions where id = ${id}`
  assert.deepEqual({ ...row }, { captured: 30_000, pending_capture: 0 })
})

test('refund: of twenty at once exactly one gives the whole back', async () => {
  const id = await authorized(server, { status: 'CAPTURED', captured: 33_890 })
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => call(server, 'POST', `/v1/transactions/${id}/refund`, { amount: 33_890 })),
  )
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.ok(answers.every(({ status }) => status === 200 || status === 400 || status === 409))
  assert.equal(server.gateway.calls.length, 1)
  assert.equal((await call(server, 'GET', `/v1/transactions/${id}`)).body.status, 'REFUNDED')
})

test('capture against void: of twenty and twenty at once the money goes one way only', async () => {
  const id = await authorized(server)
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      call(server, 'POST', `/v1/transactions/${id}/${index % 2 ? 'void' : 'capture'}`, {}),
    ),
  )
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.ok(answers.every(({ status }) => status === 200 || status === 400 || status === 409))
})
