import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { AuthorizeCall } from '../src/gateways/gateway.ts'
import { createGateways } from '../src/gateways/registry.ts'
import { createTestAccount, send, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let account: TestAccount
before(async () => {
  server = await startServer({ work: false })
  account = await createTestAccount(server, { account_id: 'T00000001' })
})
after(() => server.close())

const gateway = (type: string) => createGateways(server).find('T00000001', type)!
const authorization = (payment_product_type: string, changes: Partial<AuthorizeCall> = {}): AuthorizeCall => ({
  account_id: 'T00000001',
  idempotency_key: randomUUID(),
  transaction_id: `T00000001.${randomUUID()}`,
  session_id: 'T00000001.session',
  merchant_reference: 'order <1>',
  payment_product_type,
  amount: 12_345,
  currency: payment_product_type.endsWith('swish') ? 'SEK' : 'NOK',
  operation: 'purchase',
  payment: {},
  return_url: 'http://localhost/return',
  ...changes,
})
const press = (url: string, decision: string) =>
  fetch(url, { method: 'POST', body: new URLSearchParams({ decision }), redirect: 'manual' })

async function opened(type: string, payment: Record<string, unknown> = {}) {
  const call = authorization(type, { payment })
  const answer = await gateway(type).authorize(call)
  assert.ok(answer.outcome === 'action_required', JSON.stringify(answer))
  return { call, url: answer.redirect_url, find: () => gateway(type).find(call) }
}

test('pretend page: shows the amount and the reference, escaped, under a policy that runs nothing', async () => {
  const { url } = await opened('vipps')
  const page = await fetch(url)
  const text = await page.text()
  assert.equal(page.status, 200)
  assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'none'; style-src 'sha256-/)
  assert.match(text, /NOK\s123\.45/)
  assert.match(text, /order &lt;1&gt;/)
  assert.doesNotMatch(text, /<script/)
})

for (const [decision, outcome, reason] of [
  ['approve', 'succeeded', undefined],
  ['decline', 'failed', 'declined'],
  ['cancel', 'failed', 'cancelled'],
] as const) {
  test(`pretend page: ${outcome} after ${decision}, and it can't be decided again`, async () => {
    const { url, find } = await opened('vipps')
    assert.equal((await find()).outcome, 'action_required')
    const answer = await press(url, decision)
    assert.equal(answer.status, 303)
    assert.equal(answer.headers.get('location'), 'http://localhost/return')
    const found = await find()
    assert.equal(found.outcome, outcome)
    if (found.outcome === 'failed') assert.equal(found.reason, reason)
    await press(url, decision === 'approve' ? 'decline' : 'approve')
    assert.deepEqual(await find(), found)
    assert.match(await (await fetch(url)).text(), /data-testid="outcome"/)
  })
}

test('pretend page: held, then approved by the reviewer, when the type may be held', async () => {
  const { url, find } = await opened('collector.invoice')
  await press(url, 'hold')
  assert.equal((await find()).outcome, 'held')
  await press(url, 'approve')
  assert.equal((await find()).outcome, 'succeeded')
})

test('pretend page: a hold is 400 when the type is never held', async () => {
  const { url, find } = await opened('vipps')
  assert.equal((await press(url, 'hold')).status, 400)
  assert.equal((await find()).outcome, 'action_required')
})

test('pretend page: the 3-D Secure challenge of a card, approved', async () => {
  const card = { number: '4000 1000 0000 0000', expiry: '12/39', cvc: '123' }
  const { url, find } = await opened('dintero_psp.creditcard', { card })
  await press(url, 'approve')
  const found = await find()
  assert.ok(found.outcome === 'succeeded' && 'card' in found)
  assert.equal(found.card?.masked_pan, '400010******0000')
})

test('pretend page: swish is captured when it is approved', async () => {
  const { url, find } = await opened('swish.swish')
  await press(url, 'approve')
  const found = await find()
  assert.ok(found.outcome === 'succeeded' && 'captured' in found && found.captured)
})

test('pretend page: an authorization nobody decided is taken back by a void of 0', async () => {
  const { call, url, find } = await opened('klarna.klarna')
  const voided = await gateway('klarna.klarna').void({ ...call, idempotency_key: randomUUID(), amount: 0 })
  assert.equal(voided.outcome, 'succeeded')
  await press(url, 'approve')
  const found = await find()
  assert.ok(found.outcome === 'failed' && found.reason === 'cancelled')
})

test('pretend page: 404 for a payment that does not exist, 400 for another decision', async () => {
  assert.equal((await fetch(`${server.url}/simulator/T00000001/none`)).status, 404)
  assert.equal((await press(`${server.url}/simulator/T00000001/none`, 'approve')).status, 404)
  const { url } = await opened('vipps')
  assert.equal((await press(url, 'steal')).status, 400)
})

test('book: every movement with its truth, by transaction, by reference, page by page', async () => {
  const type = 'dintero_psp.creditcard'
  const call = authorization(type, { payment: { simulate: 'approve' }, merchant_reference: 'book' })
  await gateway(type).authorize(call)
  for (const amount of [1_000, 2_000, 99_999]) await gateway(type).capture({ ...call, amount, idempotency_key: randomUUID() })
  const { status, body } = await account.call('GET', `/v1/simulator/book?transaction_id=${call.transaction_id}`)
  assert.equal(status, 200)
  assert.deepEqual(
    body.movements.map(({ kind, amount, state }: Record<string, unknown>) => [kind, amount, state]),
    [
      ['authorize', 12_345, 'succeeded'],
      ['capture', 1_000, 'succeeded'],
      ['capture', 2_000, 'succeeded'],
      ['capture', 99_999, 'failed'],
    ],
  )
  assert.equal(body.payments[0].captured, 3_000)
  const first = await account.call('GET', '/v1/simulator/book?merchant_reference=book&limit=2')
  const rest = await account.call(
    'GET',
    `/v1/simulator/book?merchant_reference=book&starting_after=${first.body.movements[1].id}`,
  )
  assert.deepEqual([...first.body.movements, ...rest.body.movements], body.movements)
})

test('payment product types: 41 on a test account, none on a production account', async () => {
  const { status, body } = await account.call('GET', '/v1/payment-product-types')
  assert.equal(status, 200)
  assert.equal(body.length, 41)
  const production = await createTestAccount(server, { account_id: 'P00000001' })
  assert.deepEqual((await production.call('GET', '/v1/payment-product-types')).body, [])
})

test('simulator: 403 on a production account, 401 without a token', async () => {
  const production = await createTestAccount(server, { account_id: 'P00000002' })
  for (const [method, path, body] of [
    ['PUT', '/v1/simulator/script', {}],
    ['GET', '/v1/simulator/script', undefined],
    ['DELETE', '/v1/simulator/script', undefined],
    ['GET', '/v1/simulator/book', undefined],
  ] as const) {
    assert.equal((await production.call(method, path, body)).status, 403)
    assert.equal((await send(server.url, method, path, { body })).status, 401)
  }
})

test('script: put, read with its seed, replaced, deleted; a misspelt member is refused', async () => {
  const put = await account.call('PUT', '/v1/simulator/script', {
    rules: [{ when: { card: '4000000000000002' }, do: 'decline' }],
  })
  assert.equal(put.status, 200)
  assert.ok(put.body.seed.length > 0)
  assert.equal(put.body.rules[0].when.card, '400000******0002')
  assert.deepEqual((await account.call('GET', '/v1/simulator/script')).body, put.body)
  const wrong = await account.call('PUT', '/v1/simulator/script', { rules: [{ when: { crad: 'x' }, do: 'decline' }] })
  assert.equal(wrong.status, 400)
  assert.equal((await account.call('PUT', '/v1/simulator/script', { rules: [{ do: 'explode' }] })).status, 400)
  assert.equal((await account.call('PUT', '/v1/simulator/script', { seed: 'mine' })).body.seed, 'mine')
  assert.equal((await account.call('DELETE', '/v1/simulator/script')).status, 200)
  assert.equal((await account.call('GET', '/v1/simulator/script')).status, 404)
})
