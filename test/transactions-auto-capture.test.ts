import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { limits } from '../src/lib/limits.ts'
import { createLog } from '../src/lib/log.ts'
import { autoCapture } from '../src/worker/auto-capture.ts'
import { resolveOperations } from '../src/worker/resolve-operations.ts'
import { until } from './client.ts'
import {
  account_id,
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
const logged: string[] = []
let run: () => Promise<number>
let resolve: () => Promise<number>
before(async () => {
  server = await startTransactions()
  const signal = new AbortController().signal
  const log = createLog('error', { write: (line: string) => void logged.push(line) })
  const [work, resolver] = [autoCapture({ ...server, log }), resolveOperations(server)]
  run = () => work.run(signal)
  resolve = () => resolver.run(signal)
})
after(() => server.close())
beforeEach(() => {
  server.gateway.script = []
  server.gateway.calls = []
})

/** The path of a transaction paid with auto_capture. */
async function paid(payment_product_type = 'vipps', { configuration = {}, ...more }: { configuration?: object } = {}) {
  const enabled = { type: 'payment_product_type', enabled: true }
  const [product, type] = payment_product_type.split('.') as [string, string?]
  const own = { [product]: type ? { [type]: enabled } : enabled }
  const sid = await openSession(server, { configuration: { auto_capture: true, ...own, ...configuration }, ...more })
  const answer = await call(server, 'POST', `/v1/sessions/${sid}/pay`, { payment_product_type })
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  const [row] = await server.sql<{ id: string }[]>`select id from checkout.transactions where session_id = ${sid}`
  return `/v1/transactions/${row!.id}`
}

async function callbacks(path: string) {
  const rows = await server.sql<{ sequence: number; details: { reason: string; transaction_sequence?: number } }[]>`
    select sequence, details from notifications.outbox
    where aggregate_id = ${path.split('/')[3]!} and event = 'session_callback' order by sequence`
  return rows.map(({ sequence, details }) => [sequence, details.reason, details.transaction_sequence])
}

test('auto-capture: captures once, and only then the callback says authorized', async () => {
  const path = await paid()
  assert.deepEqual(await callbacks(path), [])
  assert.deepEqual((await Promise.all([run(), run()])).sort(), [0, 1])
  const { body } = await call(server, 'GET', path)
  assert.equal(body.status, 'CAPTURED')
  assert.equal(body.events.at(-1)!.created_by, undefined)
  assert.equal(server.gateway.calls.at(-1)!.call.automatic, true)
  assert.deepEqual(await callbacks(path), [
    [2, 'authorized', 3],
    [3, 'event', undefined],
  ])
  server.pass(100_000)
  assert.equal(await run(), 0)
})

test('auto-capture: a refusal sends the callback and is tried again, for 48 hours', async () => {
  const path = await paid()
  server.gateway.script = Array.from({ length: 100 }, () => failed)
  await run()
  assert.deepEqual(await callbacks(path), [[2, 'authorized', 3]])
  let attempts = 1
  for (let minutes = 0; minutes < 50 * 60; minutes += 10) {
    server.pass(600)
    attempts += await run()
  }
  assert.ok(attempts > 40 && attempts < 60, `${attempts} attempts`)
  assert.equal((await call(server, 'GET', path)).body.status, 'AUTHORIZED')
  assert.equal((await callbacks(path)).length, 1)
})

const lines = [{ id: 'a', line_id: '1', quantity: 1, amount: 60_000 }]
const dear = { amount: 60_000, currency: 'NOK', merchant_reference: 'DEAR', items: lines }
const free = { amount: 0, currency: 'NOK', merchant_reference: 'FREE', items: [] }
// what is paid with auto_capture, and whether it is captured at once
const kinds: [title: string, payment_product_type: string, more: object, status: string][] = [
  ['Instabank, which wants the lines', 'instabank.invoice', { order: dear }, 'CAPTURED'],
  ['nothing to pay', 'dintero.zero', { order: free }, 'CAPTURED'],
  ['a pre-authorization', 'dintero_psp.creditcard', { configuration: { pre_authorization: true } }, 'AUTHORIZED'],
]
for (const [title, payment_product_type, more, status] of kinds) {
  test(`auto-capture: ${title}: ${status}, and the callback goes out`, async () => {
    const path = await paid(payment_product_type, more)
    await run()
    assert.equal((await call(server, 'GET', path)).body.status, status)
    const told = await callbacks(path)
    assert.deepEqual(told[0]!.slice(0, 2), [2, 'authorized'], JSON.stringify(told))
    if (status === 'CAPTURED') return
    // Not before it is final, and then at once.
    server.pass(7_200)
    await run()
    assert.equal((await call(server, 'GET', path)).body.status, 'AUTHORIZED')
    const final = await call(server, 'POST', `${path}/authorization`, { amount: 33_890, final_authorization: true })
    assert.equal(final.status, 200, JSON.stringify(final.body))
    await run()
    assert.equal((await call(server, 'GET', path)).body.status, 'CAPTURED')
    assert.equal((await callbacks(path)).filter(([, reason]) => reason === 'authorized').length, 1)
  })
}

test('auto-capture: ends when the payment is void, and tells what it had not', async () => {
  const path = await paid()
  await server.sql`update checkout.transactions set status = 'AUTHORIZATION_VOIDED', voided = authorized, version = version + 1
    where id = ${path.split('/')[3]!}`
  assert.equal(await run(), 1)
  assert.deepEqual(
    (await callbacks(path)).map(([, reason]) => reason),
    ['authorized'],
  )
  server.pass(100_000)
  assert.equal(await run(), 0)
})

test('auto-capture: the callback about the capture comes after the one that says authorized', async () => {
  const path = await paid()
  await run()
  const rows = await server.sql<{ details: { reason: string } }[]>`
    select details from notifications.outbox
    where aggregate_id = ${path.split('/')[3]!} and event = 'session_callback' order by id`
  assert.deepEqual(
    rows.map(({ details }) => details.reason),
    ['authorized', 'event'],
  )
})

test('auto-capture: a capture by hand ends it', async () => {
  const path = await paid()
  server.gateway.script = [failed]
  await run()
  assert.equal((await call(server, 'POST', `${path}/capture`, { amount: 100 })).body.status, 'PARTIALLY_CAPTURED')
  server.pass(3_600)
  assert.equal(await run(), 0)
})

test('auto-capture: an unknown outcome is left to the resolver, and is no error', async () => {
  const path = await paid()
  server.gateway.script = [unknown, succeeded]
  await run()
  server.pass(1)
  assert.equal(await run(), 0)
  server.pass(100)
  assert.equal(await run(), 1)
  assert.deepEqual(logged, [])
  await resolve()
  has((await call(server, 'GET', path)).body, { status: 'CAPTURED' })
  server.pass(100_000)
  assert.equal(await run(), 0)
  assert.equal(server.gateway.calls.length, 3)
})

test('auto-capture: an account whose provider does not answer leaves room for others', async () => {
  const id = (await paid()).split('/')[3]!
  const other = 'T22222222'
  const hanging = limits.resolve_account_concurrency + 10
  const like = (account: string, copy: string) => server.sql`
    with t as (
      insert into checkout.transactions
      select (jsonb_populate_record(null::checkout.transactions, to_jsonb(t) || jsonb_build_object('account_id', ${account}::text,
        'id', ${copy}::text, 'session_id', ${copy}::text))).*
      from checkout.transactions t where account_id = ${account_id} and id = ${id})
    insert into checkout.transaction_events
    select (jsonb_populate_record(null::checkout.transaction_events, to_jsonb(e) || jsonb_build_object('account_id', ${account}::text,
      'transaction_id', ${copy}::text, 'operation_id', gen_random_uuid()))).*
    from checkout.transaction_events e where account_id = ${account_id} and transaction_id = ${id}`
  for (let count = 1; count < hanging; count += 1) await like(account_id, `${id}${count}`)
  await like(other, id)
  await server.sql`update checkout.transactions set auto_capture_at = auto_capture_at + interval '1 ms' where account_id = ${other}`
  const release: (() => void)[] = []
  const captured = () => server.sql`select from checkout.transactions where account_id = ${other} and status = 'CAPTURED'`
  const { capture } = server.gateway
  server.gateway.capture = (call) =>
    call.account_id === other ? Promise.resolve(succeeded) : new Promise((resolve) => release.push(() => resolve(succeeded)))
  server.pass(1)
  const running = run()
  await until(async () => (await captured()).length === 1)
  assert.ok(release.length < hanging, `${release.length} at once`)
  server.gateway.capture = capture
  for (const answer of release) answer()
  assert.equal(await running, hanging + 1)
})
