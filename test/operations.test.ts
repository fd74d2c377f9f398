import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { armFailpoints } from '../src/lib/failpoints.ts'
import type { Difference } from '../src/verify/difference.ts'
import { verify } from '../src/verify/operations.ts'
import { createTestAccount, send, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'
import { type Call, nothing, walk } from './walk.ts'

let server: TestServer
let shop: TestAccount
let reader: TestAccount
const time = { now: new Date('2026-11-23T10:00:00Z') }
before(async () => {
  server = await startServer({ work: false, clock: { now: () => new Date(time.now) } })
  shop = await createTestAccount(server, { account_id: 'T00000030' })
  reader = await createTestAccount(server, { account_id: 'T00000031', scopes: ['read:checkout'] })
})
after(() => server.close())

const resolver = () => server.work.find(({ name }) => name === 'resolve-operations')!
const pass = (seconds: number) => {
  time.now = new Date(time.now.getTime() + seconds * 1_000)
}
/** An authorized transaction whose next capture the provider says nothing about, for `known_after_s`. */
async function lostCapture(known_after_s: number) {
  const call: Call = (method, path, body, { public: open } = {}) =>
    open ? send(server.url, method, path, { body }) : shop.call(method, path, body)
  const told = nothing()
  await walk(call, shop.account_id, 'w', { amount: 1_000, steps: [] }, told)
  const rules = [{ when: { operation: 'capture' }, do: 'timeout_after', after_s: known_after_s }]
  assert.equal((await shop.call('PUT', '/v1/simulator/script', { seed: 's', rules })).status, 200)
  const captured = await shop.call('POST', `/v1/transactions/${told.transaction_id}/capture`, { amount: 400 })
  assert.equal(captured.status, 202)
  await shop.call('DELETE', '/v1/simulator/script')
  return { transaction: `/v1/transactions/${told.transaction_id}`, id: captured.headers.get('event-request-id')!, ...told }
}

test('operation: intent, attempts and what happens next; of a transaction, or all that are open', async () => {
  const { id, transaction_id } = await lostCapture(60)
  const { status, body } = await shop.call('GET', `/v1/operations/${id}`)
  assert.equal(status, 200)
  assert.deepEqual(
    [body.kind, body.state, body.amount, body.attempts, body.transaction_id],
    ['capture', 'unknown', 400, 1, transaction_id],
  )
  assert.equal(new Date(body.next_attempt_at).getTime() - time.now.getTime(), 1_000)
  assert.match(body.next, /asked again/)
  assert.equal(body.intent.request_hash, undefined)
  const ofTransaction = await shop.call('GET', `/v1/operations?transaction_id=${transaction_id}`)
  assert.deepEqual(ofTransaction.body.map(({ kind }: { kind: string }) => kind).sort(), ['authorize', 'capture'])
  const open = await shop.call('GET', '/v1/operations')
  assert.deepEqual(
    open.body.map((operation: { id: string }) => operation.id),
    [id],
  )
  assert.deepEqual((await shop.call('GET', `/v1/operations?starting_after=${id}`)).body, [])
  assert.equal((await reader.call('GET', `/v1/operations/${id}`)).status, 404)
  assert.deepEqual((await reader.call('GET', '/v1/operations')).body, [])
  pass(61)
  await resolver().run(new AbortController().signal)
  const settled = (await shop.call('GET', `/v1/operations/${id}`)).body
  assert.deepEqual([settled.state, settled.next_attempt_at, settled.attempts], ['succeeded', undefined, 2])
})

for (const outcome of ['succeeded', 'failed'] as const) {
  test(`resolve: ${outcome} when a person says so, with the evidence in the event; then for good`, async () => {
    const { id, transaction } = await lostCapture(100_000)
    pass(5)
    const path = `/v1/operations/${id}/resolve`
    const body = { outcome, evidence: 'Statement line 17' }
    const answer = await shop.call('POST', path, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    assert.equal(answer.body.state, outcome)
    const { body: shown } = await shop.call('GET', transaction)
    const event = shown.events.at(-1)
    assert.deepEqual(
      [event.event, event.success, event.metadata.resolution_evidence],
      ['CAPTURE', outcome === 'succeeded', body.evidence],
    )
    assert.equal(event.metadata.resolved_by, shop.client_id)
    assert.equal(shown.status, outcome === 'succeeded' ? 'PARTIALLY_CAPTURED' : 'AUTHORIZED')
    const again = await shop.call('POST', path, body)
    assert.equal(again.status, 409)
    assert.equal(again.body.error.errors[0].code, 'operation_settled')
    const found: Difference[] = []
    await verify(server.sql, { account_id: null, onDifference: (difference) => found.push(difference) })
    const wrong = found.filter(({ aggregate_id }) => transaction.endsWith(aggregate_id)).map(({ what }) => what)
    // What a person says wrongly is found when the provider's book is compared.
    assert.deepEqual(wrong, outcome === 'succeeded' ? [] : ["captured in the simulator's book", `movement capture ${id}`])
  })
}

test('resolve: a change of the authorization that nobody knows of can be settled by a person; a dry run says so before', async () => {
  const { id: session_id } = (
    await shop.call('POST', '/v1/sessions', {
      url: { return_url: 'https://shop.example/return' },
      order: { amount: 1_000, currency: 'NOK', merchant_reference: 'k', items: [{ id: '1', line_id: '1', amount: 1_000 }] },
      configuration: { klarna: { type: 'payment_type', klarna: { type: 'payment_product_type', enabled: true } } },
    })
  ).body
  const pay = { payment_product_type: 'klarna.klarna', simulate: 'approve' }
  assert.equal((await send(server.url, 'POST', `/v1/sessions/${session_id}/pay`, { body: pay })).status, 200)
  const { transaction_id } = (await shop.call('GET', `/v1/sessions/${session_id}`)).body
  const rules = [{ when: { operation: 'update_authorization' }, do: 'timeout_after', after_s: 100_000 }]
  assert.equal((await shop.call('PUT', '/v1/simulator/script', { seed: 's', rules })).status, 200)
  const less = { amount: 800, items: [{ line_id: '1', amount: 800 }] }
  const asked = await shop.call('POST', `/v1/transactions/${transaction_id}/authorization`, less)
  assert.equal(asked.status, 202)
  await shop.call('DELETE', '/v1/simulator/script')
  const path = `/v1/operations/${asked.headers.get('event-request-id')}`
  assert.equal((await shop.call('GET', path)).body.state, 'unknown')
  pass(5)
  const body = { outcome: 'failed', evidence: 'Call with the provider' }
  assert.equal((await shop.call('POST', `${path}/resolve?dry_run=true`, body)).status, 200)
  assert.equal((await shop.call('GET', path)).body.state, 'unknown')
  assert.equal((await shop.call('POST', `${path}/resolve`, body)).body.state, 'failed')
  assert.equal(
    (await shop.call('POST', `/v1/transactions/${transaction_id}/capture`, { amount: 800 })).body.status,
    'PARTIALLY_CAPTURED',
  )
})

test('resolve: a crash before the answer is stored leaves the operation open; the same key then settles it, and replays', async () => {
  const { id } = await lostCapture(100_000)
  pass(5)
  const path = `/v1/operations/${id}/resolve`
  const ask = () =>
    shop.call('POST', path, { outcome: 'failed', evidence: 'Statement line 18' }, { 'idempotency-key': 'resolve' })
  armFailpoints('idempotency.before_commit=throw')
  assert.equal((await ask()).status, 500)
  armFailpoints(undefined)
  assert.equal((await shop.call('GET', `/v1/operations/${id}`)).body.state, 'unknown')
  const settled = await ask()
  assert.deepEqual([settled.status, settled.body.state], [200, 'failed'])
  const again = await ask()
  assert.deepEqual([again.body, again.headers.get('idempotent-replayed')], [settled.body, 'true'])
})

test('resolve: of people with keys and the resolver at once, one settles it; nobody gets a 500', async () => {
  const { id } = await lostCapture(100_000)
  pass(5)
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      shop.call(
        'POST',
        `/v1/operations/${id}/resolve`,
        { outcome: index % 2 === 0 ? 'failed' : 'succeeded', evidence: `Person ${index}` },
        index < 6 ? { 'idempotency-key': `person-${index}` } : {},
      ),
    ),
  )
  const { state } = (await shop.call('GET', `/v1/operations/${id}`)).body
  assert.ok(state === 'succeeded' || state === 'failed')
  assert.deepEqual(
    answers.filter(({ status }) => status !== 200 && status !== 409).map(({ body }) => body),
    [],
  )
  for (const { status, body } of answers) if (status === 200) assert.equal(body.state, state)
})

test('resolve: refused when the provider can tell, without evidence, of another account, and with less than admin:checkout', async () => {
  const { id } = await lostCapture(0)
  pass(5)
  const path = `/v1/operations/${id}/resolve`
  const body = { outcome: 'failed', evidence: 'I think so' }
  const known = await shop.call('POST', path, body)
  assert.equal(known.status, 409)
  assert.equal(known.body.error.errors[0].code, 'operation_known')
  assert.equal((await shop.call('POST', path, { outcome: 'failed' })).status, 400)
  assert.equal((await shop.call('POST', '/v1/operations/x/resolve', body)).status, 404)
  assert.equal((await reader.call('POST', path, body)).status, 403)
  await resolver().run(new AbortController().signal)
  assert.equal((await shop.call('GET', `/v1/operations/${id}`)).body.state, 'succeeded')
})
