import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { limits } from '../src/lib/limits.ts'
import { resolveOperations } from '../src/worker/resolve-operations.ts'
import { until } from './client.ts'
import { authorized, call, failed, has, startTransactions, succeeded, type TransactionsServer, unknown } from './payments.ts'

let server: TransactionsServer
let run: () => Promise<number>
before(async () => {
  server = await startTransactions()
  const work = resolveOperations(server)
  run = () => work.run(new AbortController().signal)
})
after(() => server.close())
beforeEach(() => {
  server.gateway.script = []
  server.gateway.calls = []
})

test('resolver: settles an unknown capture once, with the same key and a correlation', async () => {
  const path = `/v1/transactions/${await authorized(server)}`
  server.gateway.script = [unknown, unknown, { outcome: 'pending' }, succeeded]
  const asked = await call(server, 'POST', `${path}/capture`, { amount: 100, capture_reference: 'C' })
  assert.equal(asked.status, 202)
  assert.equal(await run(), 0, 'not due yet')
  for (const seconds of [1, 2, 5]) {
    server.pass(seconds)
    assert.equal(await run(), 1)
    assert.equal(await run(), 0)
  }
  server.pass(100_000)
  assert.equal(await run(), 0)
  const { body } = await call(server, 'GET', path)
  assert.equal(body.status, 'PARTIALLY_CAPTURED')
  assert.equal(body.events.length, 4)
  has(body.events[3], {
    event: 'CAPTURE',
    success: true,
    amount: 100,
    event_reference: 'C',
    correlation_request_id: asked.headers.get('event-request-id'),
  })
  assert.equal(new Set(server.gateway.calls.map(({ call }) => call.idempotency_key)).size, 1)
})

test('resolver: a failed outcome frees the amount', async () => {
  const id = await authorized(server)
  server.gateway.script = [unknown, failed]
  await call(server, 'POST', `/v1/transactions/${id}/void`)
  assert.equal((await call(server, 'POST', `/v1/transactions/${id}/capture`, {})).status, 409)
  server.pass(1)
  await run()
  assert.equal((await call(server, 'POST', `/v1/transactions/${id}/capture`, {})).body.status, 'CAPTURED')
})

test('resolver: an operation left behind by a dead process is settled once, also when several processes look', async () => {
  const id = await authorized(server)
  const operation_id = server.ids.uuid()
  const now = server.clock.now()
  await server.sql`
    insert into checkout.operations (account_id, id, kind, session_id, transaction_id, gateway, payment_product_type, amount, currency,
      state, next_attempt_at, request, created_at, updated_at)
    values ('T12345678', ${operation_id}, 'capture', 's', ${id}, 'fake', 'dintero_psp.creditcard', 500, 'NOK', 'pending',
      ${new Date(now.getTime() + 15_000)}, '{}', ${now}, ${now})`
  await server.sql`update checkout.transactions set pending_capture = 500 where id = ${id}`
  assert.equal(await run(), 0, 'the lease still holds')
  server.pass(15)
  assert.deepEqual((await Promise.all([run(), run(), run()])).sort(), [0, 0, 1])
  const { body } = await call(server, 'GET', `/v1/transactions/${id}`)
  assert.equal(body.events.length, 3)
  has(body.events[2], { event: 'CAPTURE', amount: 500, success: true, request_id: operation_id })
  const [row] = await server.sql`select captured, pending_capture from checkout.transactions where id = ${id}`
  assert.deepEqual({ ...row }, { captured: 500, pending_capture: 0 })
})

test('resolver: a slow answer and the resolver at the same moment settle once', async () => {
  const id = await authorized(server)
  let release = () => {}
  const slow = new Promise<void>((resolve) => {
    release = resolve
  })
  server.gateway.script = [() => slow.then(() => succeeded), succeeded]
  const answer = call(server, 'POST', `/v1/transactions/${id}/capture`, { amount: 700 })
  while (server.gateway.calls.length === 0) await new Promise((resolve) => setImmediate(resolve))
  server.pass(20)
  release()
  await Promise.all([run(), answer])
  const { body } = await call(server, 'GET', `/v1/transactions/${id}`)
  assert.equal(body.events.filter(({ event }) => event === 'CAPTURE').length, 1)
  assert.equal((await answer).status, 200)
  const [row] = await server.sql`select captured, pending_capture from checkout.transactions where id = ${id}`
  assert.deepEqual({ ...row }, { captured: 700, pending_capture: 0 })
})

for (const late of [unknown, succeeded]) {
  test(`resolver: an answer that is ${late.outcome}, and comes when somebody else has settled the operation, changes nothing`, async (context) => {
    const id = await authorized(server)
    const errors = context.mock.method(server.log, 'error')
    let release = () => {}
    const slow = new Promise<void>((resolve) => {
      release = resolve
    })
    const second = async () => {
      release()
      assert.equal((await answer).status, 200)
      return late
    }
    server.gateway.script = [() => slow.then(() => succeeded), second]
    const answer = call(server, 'POST', `/v1/transactions/${id}/capture`, { amount: 700 })
    while (server.gateway.calls.length === 0) await new Promise((resolve) => setImmediate(resolve))
    server.pass(20)
    assert.equal(await run(), 1)
    const { body } = await call(server, 'GET', `/v1/transactions/${id}`)
    assert.deepEqual(
      body.events.map(({ event }) => event),
      ['INITIALIZE', 'AUTHORIZE', 'CAPTURE'],
    )
    assert.equal(errors.mock.callCount(), 0)
  })
}

/** A transaction of another account, with a capture that is due. */
async function dueCapture(account: string, gateway: string): Promise<string> {
  const { sql, ids, clock } = server
  const id = await authorized(server)
  const theirs = sql.json({ account_id: account })
  await sql`
    insert into checkout.transactions
    select (jsonb_populate_record(null::checkout.transactions, to_jsonb(t) || ${theirs}::jsonb)).*
    from checkout.transactions t where id = ${id}`
  await sql`
    insert into checkout.transaction_events
    select (jsonb_populate_record(null::checkout.transaction_events, to_jsonb(e) || ${theirs}::jsonb)).*
    from checkout.transaction_events e where transaction_id = ${id}`
  const operation_id = ids.uuid()
  const now = clock.now()
  await sql`
    insert into checkout.operations (account_id, id, kind, session_id, transaction_id, gateway, payment_product_type, amount, currency,
      state, next_attempt_at, request, created_at, updated_at)
    values (${account}, ${operation_id}, 'capture', 's', ${id}, ${gateway}, 'dintero_psp.creditcard', 500, 'NOK', 'pending',
      ${now}, '{}', ${now}, ${now})`
  await sql`update checkout.transactions set pending_capture = 500 where account_id = ${account} and id = ${id}`
  return operation_id
}

for (const [what, slow, other] of [
  ['an account', ['T11111111', 'fake'], ['T22222222', 'fake']],
  ['a provider', [undefined, 'hanging'], ['T22222222', 'fake']],
] as const) {
  test(`resolver: ${what} that does not answer leaves room for others, which come and go meanwhile`, async () => {
    const release: (() => void)[] = []
    const hanging = new Set<string>()
    for (let count = 0; count < limits.resolve_concurrency; count += 1) {
      hanging.add(await dueCapture(slow[0] ?? `T3333${String(1_000 + count)}`, slow[1]))
    }
    const asked = () => new Set(server.gateway.calls.map(({ call }) => String(call.idempotency_key)))
    const answered = async (id: string) =>
      (await server.sql`select from checkout.operations where id = ${id} and state = 'succeeded'`).length
    server.gateway.capture = (call) => {
      server.gateway.calls.push({ method: 'capture', call: call as never })
      if (!hanging.has(call.idempotency_key)) return Promise.resolve(succeeded)
      return new Promise((resolve) => release.push(() => resolve(succeeded)))
    }
    const running = run()
    await until(async () => release.length >= limits.resolve_account_concurrency)
    for (let times = 0; times < 3; times += 1) {
      const quick = await dueCapture(...other)
      await until(async () => (await answered(quick)) === 1)
    }
    assert.ok(release.length < limits.resolve_concurrency / 2, `${release.length} at once`)
    // They go on as they are answered, and each is asked about once.
    for (const id of hanging) hanging.delete(id)
    for (const answer of release) answer()
    assert.equal(await running, limits.resolve_concurrency + 3)
    assert.equal(server.gateway.calls.length, asked().size)
  })
}

test('resolver: told to stop, it claims nothing more and waits for what is under way', async () => {
  const first = await dueCapture('T44444444', 'fake')
  const stop = new AbortController()
  let release = () => {}
  server.gateway.capture = (call) => {
    server.gateway.calls.push({ method: 'capture', call: call as never })
    return new Promise((resolve) => {
      release = () => resolve(succeeded)
    })
  }
  const running = resolveOperations(server).run(stop.signal)
  await until(async () => server.gateway.calls.length === 1)
  stop.abort()
  const later = await dueCapture('T44444444', 'fake')
  release()
  assert.equal(await running, 1)
  const rows = await server.sql<
    { id: string; state: string }[]
  >`select id, state from checkout.operations where account_id = 'T44444444'`
  assert.deepEqual(
    new Map(rows.map(({ id, state }) => [id, state])),
    new Map([
      [first, 'succeeded'],
      [later, 'pending'],
    ]),
  )
})
