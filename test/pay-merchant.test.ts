import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { call, failed, has, startTransactions, type TransactionsServer, unknown } from './payments.ts'

let server: TransactionsServer
before(async () => {
  server = await startTransactions()
})
after(() => server.close())
beforeEach(() => {
  server.gateway.script = []
  server.gateway.calls = []
})

const type = 'dintero_psp.creditcard'
function body(merchant_reference = 'SUB-1', changes: object = {}) {
  return {
    url: { return_url: 'https://shop.example/x' },
    session: {
      url: { callback_url: 'https://shop.example/cb' },
      customer: { customer_id: 'c', tokens: { [type]: { payment_token: 'tok' } } },
      order: { amount: 29_990, currency: 'NOK', merchant_reference, items: [{ line_id: '1', amount: 29_990 }] },
      ...changes,
    },
    payment: { payment_product_type: type, operation: 'unscheduled_purchase' },
  }
}

async function pay(request: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/v1/sessions/pay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(request),
  })
  return {
    status: response.status,
    body: (await response.json()) as Record<string, unknown> & { events: Record<string, unknown>[] },
  }
}

test('sessions/pay: 200 with the transaction and the session id', async () => {
  const { status, body: paid } = await pay(body())
  assert.equal(status, 200)
  has(paid, { status: 'AUTHORIZED', success: true, amount: 29_990, payment_operation: 'unscheduled_purchase' })
  assert.deepEqual(paid.actions, [{ source: 'DINTERO_PSP', code: 'AUTHORIZED', type: 'success' }])
  has(server.gateway.calls[0]!.call, { operation: 'unscheduled_purchase', payment_token: 'tok' })
  const { customer_id, tokens } = paid.customer as Record<string, unknown>
  assert.deepEqual([customer_id, tokens], ['c', { [type]: { payment_token: 'tok' } }], 'WooCommerce reads its token from here')
  const read = await call(server, 'GET', `/v1/transactions/${paid.id}`)
  assert.equal((read.body.customer as { tokens?: object }).tokens, undefined)
  assert.equal((await call(server, 'POST', `/v1/transactions/${paid.id}/capture`, {})).body.status, 'CAPTURED')
})

test('sessions/pay: a decline is 200 with status FAILED and the reason', async () => {
  server.gateway.script = [{ ...failed, reason: 'rejected' }]
  const { status, body: paid } = await pay(body())
  assert.equal(status, 200)
  has(paid, { status: 'FAILED', success: false })
  assert.equal((paid.events[1]!.error as { message: string }).message, 'Insufficient funds')
})

test('sessions/pay: 200 with status UNKNOWN when nobody knows; the resolver settles it', async () => {
  server.gateway.script = [unknown]
  const { status, body: paid } = await pay(body())
  assert.equal(status, 200)
  has(paid, { status: 'UNKNOWN', success: false })
})

test('sessions/pay: strict-merchant-reference refuses any, strict-success-merchant-reference a paid one', async () => {
  const success = { 'dintero-feature-toggles': 'strict-success-merchant-reference' }
  const strict = { 'dintero-feature-toggles': 'other, strict-merchant-reference' }
  server.gateway.script = [{ ...failed, reason: 'failed' }]
  has((await pay(body('A'), strict)).body, { status: 'FAILED' })
  assert.equal((await pay(body('A'), strict)).status, 400)
  has((await pay(body('A'), success)).body, { status: 'AUTHORIZED' })
  assert.equal((await pay(body('A'), success)).status, 400)
  has((await pay(body('A'))).body, { status: 'AUTHORIZED' })
})

for (const toggle of ['strict-merchant-reference', 'strict-success-merchant-reference']) {
  test(`sessions/pay: with ${toggle}, one key twice at once: paid once, the other is in flight or repeated`, async () => {
    for (let round = 0; round < 5; round += 1) {
      const headers = { 'dintero-feature-toggles': toggle, 'idempotency-key': `${toggle} ${round}` }
      const answers = await Promise.all(Array.from({ length: 4 }, () => pay(body(`${toggle} ${round}`), headers)))
      for (const { status, body: answer } of answers) {
        const refusal = answer.error as { errors: { code: string }[] } | undefined
        if (status !== 200) assert.equal(refusal?.errors[0]?.code, 'idempotency_key_in_flight')
      }
      assert.equal((await pay(body(`${toggle} ${round}`), headers)).status, 200)
    }
    assert.equal(server.gateway.calls.length, 5)
  })
}

test('sessions/pay: of ten with one strict reference at once exactly one pays', async () => {
  const strict = { 'dintero-feature-toggles': 'strict-success-merchant-reference' }
  const answers = await Promise.all(Array.from({ length: 10 }, () => pay(body('RACE'), strict)))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.ok(answers.every(({ status }) => status === 200 || status === 400 || status === 409))
  assert.equal(server.gateway.calls.length, 1)
})

test('sessions/pay: the same Idempotency-Key pays once', async () => {
  const headers = { 'idempotency-key': 'renewal-1' }
  const answers = await Promise.all([pay(body('K'), headers), pay(body('K'), headers)])
  assert.ok(answers.every(({ status }) => status === 200 || status === 409))
  const [first] = answers.filter(({ status }) => status === 200)
  assert.equal((await call(server, 'POST', `/v1/transactions/${first!.body.id}/capture`, {})).body.status, 'CAPTURED')
  const again = await pay(body('K'), headers)
  has(again.body, { status: 'AUTHORIZED', success: true, version: 2 })
  assert.deepEqual(
    [again.body.actions, again.body.events],
    [first!.body.actions, first!.body.events],
    'whatever has happened since',
  )
  assert.equal((await pay(body('L'), headers)).status, 422)
  assert.equal(server.gateway.calls.filter(({ method }) => method === 'authorize').length, 1)
})

const refusals: [title: string, request: object][] = [
  ['the token is missing', body('B', { customer: {} })],
  ['the product has no tokens', { ...body(), payment: { payment_product_type: 'swish', operation: 'unscheduled_purchase' } }],
  ['the operation is unknown', { ...body(), payment: { payment_product_type: type, operation: 'purchase' } }],
  ['the amount is zero', body('B', { order: { amount: 0, currency: 'NOK', merchant_reference: 'B' } })],
  ['the callback_url is none', body('B', { url: { callback_url: 'ftp://x' } })],
  ['the order is missing', { payment: body().payment }],
]
for (const [title, request] of refusals) {
  test(`sessions/pay: 400 when ${title}`, async () => {
    assert.equal((await pay(request)).status, 400)
    assert.equal(server.gateway.calls.length, 0)
  })
}
