import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { findSession } from '../src/checkout/sessions/store.ts'
import { voidAuthorization } from '../src/checkout/transactions/operations.ts'
import { resolveOperations } from '../src/worker/resolve-operations.ts'
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
let resolve: () => Promise<number>
before(async () => {
  server = await startTransactions()
  const work = resolveOperations(server)
  resolve = () => work.run(new AbortController().signal)
})
after(() => server.close())
beforeEach(() => {
  server.gateway.script = []
  server.gateway.calls = []
})

const card = {
  payment_product_type: 'dintero_psp.creditcard',
  card: { number: '4000000000000002', expiry: '12/30', cvc: '123' },
}
const vipps = { payment_product_type: 'vipps', phone_number: '+4740230256' }
const redirect = { outcome: 'action_required', redirect_url: 'https://bank.example/3ds', gateway_reference: 'ref-2' } as const

async function read(sid: string) {
  const session = (await findSession(server.sql, account_id, sid, { events: true }))!
  const transaction = session.transaction_id
    ? (await call(server, 'GET', `/v1/transactions/${session.transaction_id}`)).body
    : undefined
  return { session, names: session.events!.map(({ name }) => name), transaction }
}

async function told(id: string) {
  const rows = await server.sql<{ event: string; sequence: number; details: Record<string, unknown> }[]>`
    select event, sequence, details from notifications.outbox where aggregate_id = ${id} order by sequence, event`
  return rows.map(({ event, sequence, details }) => [sequence, event, details.reason ?? details.error ?? ''])
}

/** The way back from the provider. */
async function comeBack(url: string): Promise<{ status: number; location: string | null }> {
  const response = await fetch(url, { redirect: 'manual' })
  return { status: response.status, location: response.headers.get('location') }
}

test('pay: approved makes the transaction, ends the session, and says where to go', async () => {
  const sid = await openSession(server)
  server.gateway.script = [
    {
      ...succeeded,
      card: { brand: 'Visa', masked_pan: '400000******0002', expiry_date: '12/2030' },
      metadata: { 'gateway:id': 'g' },
    },
  ]
  const { status, body } = await call(server, 'POST', `/v1/sessions/${sid}/pay`, card)
  assert.equal(status, 200)
  const { session, names, transaction } = await read(sid)
  assert.deepEqual(names, ['INITIATED', 'AUTHORIZED', 'COMPLETED'])
  has(session, { outcome: 'AUTHORIZED', operation_id: null })
  has(transaction, {
    id: session.transaction_id,
    session_id: sid,
    status: 'AUTHORIZED',
    amount: 33_890,
    payment_product: 'dintero_psp',
    metadata: { system_x_id: 'a', number_x: 1, 'gateway:id': 'g' },
    card: { brand: 'Visa', masked_pan: '400000******0002', expiry_date: '12/2030' },
    version: 2,
  })
  assert.deepEqual((transaction!.items as object[])[1], {
    id: 'pickup',
    line_id: 'pickup',
    description: 'Pick up',
    quantity: 1,
    amount: 3_900,
    type: 'shipping',
  })
  has(body, { success: true })
  assert.equal(
    body.redirect_url,
    `https://shop.example/done?gateway=x&transaction_id=${session.transaction_id}&merchant_reference=ORD-1`,
  )
  assert.deepEqual(
    transaction!.events.map(({ id, event, transaction_status, amount }) => [id, event, transaction_status, amount]),
    [
      ['1', 'INITIALIZE', 'INITIATED', undefined],
      ['2', 'AUTHORIZE', 'AUTHORIZED', 33_890],
    ],
  )
  assert.deepEqual(await told(session.transaction_id!), [
    [1, 'checkout_transaction', ''],
    [2, 'checkout_authorization', ''],
    [2, 'checkout_transaction', ''],
    [2, 'session_callback', 'authorized'],
  ])
  assert.equal((server.gateway.calls[0]!.call.payment as { card: { expiry: string } }).card.expiry, '12/30')
  const [stored] =
    await server.sql`select count(*)::int as n from checkout.operations where to_jsonb(operations)::text like '%4000000000000002%'`
  assert.equal(stored!.n, 0, 'the card number is nowhere')
  assert.equal((await call(server, 'POST', `/v1/transactions/${session.transaction_id}/capture`, {})).body.status, 'CAPTURED')
})

test('pay: a direct-capture product is CAPTURED at once', async () => {
  const sid = await openSession(server, { order: { amount: 100, currency: 'SEK', merchant_reference: 'S' } })
  server.gateway.script = [{ ...succeeded, captured: true }]
  await call(server, 'POST', `/v1/sessions/${sid}/pay`, { payment_product_type: 'swish.swish' })
  const { transaction } = await read(sid)
  has(transaction, { status: 'CAPTURED' })
  assert.deepEqual(
    transaction!.events.map(({ event }) => event),
    ['INITIALIZE', 'AUTHORIZE', 'CAPTURE'],
  )
})

test('pay: rejected leaves the session open, and another try succeeds', async () => {
  const sid = await openSession(server)
  server.gateway.script = [{ ...failed, reason: 'rejected' }]
  const { status, body } = await call(server, 'POST', `/v1/sessions/${sid}/pay`, card)
  assert.equal(status, 200)
  has(body, { success: false, error: 'Rejected', redirect_url: undefined })
  assert.equal((body.error_details as { message: string }).message, 'Insufficient funds')
  assert.deepEqual((await read(sid)).names, ['INITIATED', 'PAY_FAILED'])
  assert.equal((await call(server, 'POST', `/v1/sessions/${sid}/pay`, vipps)).body.success, true)
  assert.deepEqual((await read(sid)).names, ['INITIATED', 'PAY_FAILED', 'AUTHORIZED', 'COMPLETED'])
})

const finals = [
  ['declined', 'DECLINED', 'DECLINED', 'authorization', true],
  ['failed', 'FAILED', 'FAILED', 'failed', true],
] as const
for (const [reason, status, outcome, error, named] of finals) {
  test(`pay: ${reason} ends the session with error=${error}`, async () => {
    const sid = await openSession(server)
    server.gateway.script = [{ ...failed, reason }]
    const { body } = await call(server, 'POST', `/v1/sessions/${sid}/pay`, vipps)
    const { session, names, transaction } = await read(sid)
    has(body, { success: false })
    assert.deepEqual(names, ['INITIATED', outcome])
    has(transaction, { status })
    has(transaction!.events[1], { event: 'AUTHORIZE', success: false, transaction_status: status })
    const query = new URL(body.redirect_url as string).searchParams
    assert.equal(query.get('error'), error)
    assert.equal(query.has('transaction_id'), named)
    assert.deepEqual((await told(session.transaction_id!)).slice(1), [
      [2, 'checkout_authorization', error],
      [2, 'checkout_transaction', ''],
      [2, 'session_callback', 'error'],
    ])
    const again = await call(server, 'POST', `/v1/sessions/${sid}/pay`, vipps)
    assert.equal(again.status, 404)
    assert.equal((again.body.error as { cause: string }).cause, outcome)
  })
}

test('pay: cancelled in the wallet leaves the session open when nothing is published', async () => {
  const sid = await openSession(server)
  server.gateway.script = [{ outcome: 'failed', error: { message: 'Cancelled' }, reason: 'cancelled' }]
  has((await call(server, 'POST', `/v1/sessions/${sid}/pay`, vipps)).body, {
    success: false,
    error: 'Cancelled',
    redirect_url: undefined,
  })
  assert.equal((await call(server, 'POST', `/v1/sessions/${sid}/pay`, vipps)).body.success, true)
})

const returns = [
  ['approves', { ...succeeded }, 'AUTHORIZED', null, ['INITIATED', 'AUTHORIZED', 'COMPLETED']],
  ['declines', { ...failed, reason: 'declined' }, 'DECLINED', 'authorization', ['INITIATED', 'DECLINED']],
  ['fails the challenge', { ...failed, reason: 'rejected' }, 'FAILED', 'failed', ['INITIATED', 'FAILED']],
  ['cancels', { ...failed, reason: 'cancelled' }, 'DECLINED', 'cancelled', ['INITIATED', 'CANCELLED']],
] as const
test('pay: from a payment app straight to the merchant app, which asks until the payment has ended', async () => {
  const configuration = { channel: 'in_app', vipps: { type: 'payment_product_type', enabled: true } }
  const sid = await openSession(server, { url: { return_url: 'myapp://back?initial_recipient=merchant' }, configuration })
  server.gateway.script = [redirect, redirect, succeeded]
  await call(server, 'POST', `/v1/sessions/${sid}/pay`, vipps)
  const { href, searchParams } = new URL(server.gateway.calls[0]!.call.return_url as string)
  const { transaction_id } = (await read(sid)).session
  assert.match(href, /^myapp:\/\/back\?/)
  const { payment_return_url, ...told } = Object.fromEntries(searchParams)
  const expected = { initial_recipient: 'merchant', transaction_id, merchant_reference: 'ORD-1', session_id: sid }
  assert.deepEqual(told, expected)
  const early = await call(server, 'GET', new URL(payment_return_url!).pathname)
  has({ ...early.body, status: early.status }, { status: 202, keep_polling: true })
  const { status, location } = await comeBack(payment_return_url!)
  assert.equal(status, 302)
  assert.deepEqual(Object.fromEntries(new URL(location!).searchParams), expected)
})

for (const [what, outcome, status, error, names] of returns) {
  test(`pay: the customer ${what} at the provider and comes back to the merchant`, async () => {
    const sid = await openSession(server)
    server.gateway.script = [redirect]
    const { body } = await call(server, 'POST', `/v1/sessions/${sid}/pay`, vipps)
    has(body, { success: true, redirect_url: 'https://bank.example/3ds' })
    const under_way = await read(sid)
    has(under_way.transaction, { status: 'INITIATED' })
    has(under_way.session, { outcome: 'PAYMENT_INITIATED' })
    assert.equal((await call(server, 'POST', `/v1/sessions/${sid}/pay`, vipps)).status, 409)
    server.gateway.script = [redirect, outcome]
    const poll = await call(server, 'GET', new URL(body.poll_url as string).pathname)
    has({ ...poll.body, status: poll.status }, { status: 202, keep_polling: true })
    const back = server.gateway.calls[0]!.call.return_url as string
    const { status: code, location } = await comeBack(back)
    assert.equal(code, 302)
    assert.equal(new URL(location!).searchParams.get('error'), error)
    const { transaction, ...after } = await read(sid)
    assert.deepEqual(after.names, names)
    has(transaction, { status })
    assert.deepEqual(await comeBack(back), { status: 302, location })
    assert.equal((await call(server, 'GET', new URL(body.poll_url as string).pathname)).body.redirect_url, location)
    assert.equal(transaction!.events.length, 2)
  })
}

test('pay: held for review is ON_HOLD, then the resolver authorizes', async () => {
  const sid = await openSession(server)
  server.gateway.script = [{ outcome: 'held', gateway_reference: 'ref-3' }]
  const { body } = await call(server, 'POST', `/v1/sessions/${sid}/pay`, card)
  const { session, transaction } = await read(sid)
  has(session, { outcome: 'ON_HOLD' })
  has(transaction!.events[0], { event: 'INITIALIZE', transaction_status: 'ON_HOLD' })
  assert.equal(new URL(body.redirect_url as string).searchParams.get('transaction_id'), session.transaction_id)
  server.gateway.script = [
    { outcome: 'held', gateway_reference: 'ref-3' },
    { outcome: 'succeeded', gateway_reference: 'ref-3' },
  ]
  for (const seconds of [1, 2]) {
    server.pass(seconds)
    assert.equal(await resolve(), 1)
  }
  const settled = await read(sid)
  has(settled.transaction, { status: 'AUTHORIZED' })
  assert.deepEqual(settled.names, ['INITIATED', 'AUTHORIZED', 'COMPLETED'])
  assert.deepEqual(
    (await told(session.transaction_id!)).filter(([, event]) => event === 'session_callback'),
    [
      [1, 'session_callback', 'on_hold'],
      [2, 'session_callback', 'authorized'],
    ],
  )
})

test('pay: an unknown outcome is UNKNOWN with a poll_url, and is settled once by the resolver', async () => {
  const sid = await openSession(server)
  server.gateway.script = [unknown]
  const { status, body } = await call(server, 'POST', `/v1/sessions/${sid}/pay`, card)
  assert.equal(status, 202)
  assert.ok(body.poll_url)
  has((await read(sid)).transaction, { status: 'UNKNOWN' })
  server.gateway.script = [unknown, succeeded]
  server.pass(1)
  await resolve()
  server.pass(2)
  await Promise.all([resolve(), resolve()])
  const { transaction, names } = await read(sid)
  has(transaction, { status: 'AUTHORIZED' })
  assert.deepEqual(names, ['INITIATED', 'AUTHORIZED', 'COMPLETED'])
  assert.deepEqual(
    server.gateway.calls.map(({ method }) => method),
    ['authorize', 'find', 'find'],
  )
})

for (const [what, outcome, names, status] of [
  ['had been approved', succeeded, ['INITIATED', 'AUTHORIZED', 'COMPLETED'], 'AUTHORIZED'],
  ['never reached the provider', { outcome: 'absent' }, ['INITIATED', 'PAY_FAILED'], undefined],
] as const) {
  test(`resolver: a payment left behind by a dead process ${what}`, async () => {
    const sid = await openSession(server)
    const operation_id = server.ids.uuid()
    const now = server.clock.now()
    await server.sql`
      insert into checkout.operations (account_id, id, kind, session_id, transaction_id, gateway, payment_product_type, amount, currency,
        state, next_attempt_at, request, created_at, updated_at)
      values (${account_id}, ${operation_id}, 'authorize', ${sid}, ${server.ids.short(account_id)}, 'fake', 'vipps', 33890, 'NOK', 'pending',
        ${new Date(now.getTime() + 15_000)}, '{}', ${now}, ${now})`
    await server.sql`update checkout.sessions set operation_id = ${operation_id} where id = ${sid}`
    assert.equal((await call(server, 'POST', `/v1/sessions/${sid}/pay`, vipps)).status, 409)
    server.gateway.script = [outcome]
    server.pass(15)
    assert.equal(await resolve(), 1)
    const after = await read(sid)
    assert.deepEqual(after.names, names)
    assert.equal(after.transaction?.status, status)
    assert.equal((await call(server, 'POST', `/v1/sessions/${sid}/pay`, vipps)).status, status ? 404 : 200)
  })
}

test('pay: the void of a cancelled session ends a payment that the customer has not finished', async () => {
  const sid = await openSession(server)
  server.gateway.script = [redirect]
  await call(server, 'POST', `/v1/sessions/${sid}/pay`, vipps)
  const back = server.gateway.calls[0]!.call.return_url as string
  const { session } = await read(sid)
  const command = { account_id, id: session.transaction_id!, created_by: 'client-1', request: { cancelling: true } }
  const { transaction } = await voidAuthorization(server, command)
  has(transaction, { status: 'AUTHORIZATION_VOIDED' })
  server.gateway.script = [succeeded]
  await comeBack(back)
  server.pass(100_000)
  assert.equal(await resolve(), 0)
  has((await read(sid)).transaction, { status: 'AUTHORIZATION_VOIDED', version: 2 })
})

test('pay: of twenty at once exactly one reaches the provider', async () => {
  const sid = await openSession(server)
  const answers = await Promise.all(Array.from({ length: 20 }, () => call(server, 'POST', `/v1/sessions/${sid}/pay`, card)))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.ok(
    answers.every(({ status }) => status === 200 || status === 404 || status === 409),
    answers.map(({ status }) => status).join(),
  )
  assert.equal(server.gateway.calls.length, 1)
  assert.equal((await read(sid)).transaction!.events.length, 2)
})

test('pay: while the provider thinks about the first of twenty, the others are refused, and there is one transaction', async () => {
  const sid = await openSession(server)
  let answer = (_: typeof succeeded) => {}
  server.gateway.script = [() => new Promise((resolve) => (answer = resolve))]
  let refused = 0
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const { status } = await call(server, 'POST', `/v1/sessions/${sid}/pay`, card)
      if (status !== 200) refused += 1
      // Whoever is first waits for the provider, which answers when all the others have been told.
      if (refused === 19) answer(succeeded)
      return status
    }),
  )
  assert.deepEqual(
    answers.sort().map((status) => (status === 404 ? 409 : status)),
    [200, ...Array.from({ length: 19 }, () => 409)],
  )
  assert.equal(server.gateway.calls.length, 1)
  const [row] = await server.sql<{ transactions: number; operations: number }[]>`
    select (select count(*)::int from checkout.transactions where session_id = ${sid}) as transactions,
      (select count(*)::int from checkout.operations where session_id = ${sid}) as operations`
  assert.deepEqual({ ...row }, { transactions: 1, operations: 1 })
})

const refusals: [title: string, sid: () => Promise<string>, body: unknown, status: number][] = [
  ['the session does not exist', async () => 'T12345678.nope', card, 404],
  ['the id is no session id', async () => 'nope', card, 404],
  ['the product is not enabled', () => openSession(server), { payment_product_type: 'payex.creditcard' }, 400],
  ['no product is named', () => openSession(server), {}, 400],
  ['the express address is missing', () => openSession(server, { express: { shipping_options: [] } }), card, 400],
]
for (const [title, session, body, status] of refusals) {
  test(`pay: ${status} when ${title}`, async () => {
    assert.equal((await call(server, 'POST', `/v1/sessions/${await session()}/pay`, body)).status, status)
    assert.equal(server.gateway.calls.length, 0)
  })
}

for (const late of ['unknown', 'absent'] as const) {
  test(`pay: a resolver that hears "${late}" after somebody else has ended that attempt leaves the next one alone`, async () => {
    const sid = await openSession(server)
    let answerFirst = () => {}
    const first = new Promise<void>((done) => {
      answerFirst = done
    })
    let answerSecond = () => {}
    const second = new Promise<void>((done) => {
      answerSecond = done
    })
    let next: ReturnType<typeof pay> | undefined
    const pay = () => call(server, 'POST', `/v1/sessions/${sid}/pay`, card)
    const calls = (count: number) =>
      (async () => {
        while (server.gateway.calls.length < count) await new Promise((wake) => setImmediate(wake))
      })()
    // The process that asked first is slow, its lease runs out; while a resolver asks, its answer comes, and the customer pays again.
    const find = async () => {
      answerFirst()
      assert.equal((await attempt).body.success, false)
      next = pay()
      await calls(3)
      return { outcome: late } as never
    }
    server.gateway.script = [
      () => first.then(() => ({ ...failed, reason: 'rejected' }) as never),
      find,
      () => second.then(() => succeeded),
    ]
    const attempt = pay()
    await calls(1)
    server.pass(20)
    await resolve()
    answerSecond()
    assert.equal((await next!).body.success, true)
    const { session, names, transaction } = await read(sid)
    assert.equal(transaction?.status, 'AUTHORIZED')
    assert.equal(session.operation_id, null)
    assert.equal(names.filter((name) => name === 'PAY_FAILED').length, 1)
  })
}

test('redirect, status: 404 when the payment is not known, whatever its id looks like', async () => {
  const sid = await openSession(server)
  for (const id of ['nope', server.ids.uuid(), '%00', "'; drop"]) {
    const encoded = encodeURIComponent(id)
    assert.equal((await comeBack(`${server.url}/v1/sessions/${sid}/redirect/${encoded}`)).status, 404)
    assert.equal((await comeBack(`${server.url}/v1/view/${sid}/payments/${encoded}/status`)).status, 404)
  }
})

test('pay: 404 with EXPIRED when the session has expired, 412 when it has changed or is locked', async () => {
  const sid = await openSession(server)
  const pay = (since: string) =>
    fetch(`${server.url}/v1/sessions/${sid}/pay`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'if-unmodified-since': since },
      body: JSON.stringify(card),
    })
  assert.equal((await pay('2020-01-01T00:00:00.000Z')).status, 412)
  await server.sql`update checkout.sessions set pay_lock_id = ${server.ids.uuid()}, pay_lock_expires_at = ${new Date(server.clock.now().getTime() + 1000)} where id = ${sid}`
  assert.equal((await pay('1')).status, 412)
  server.pass(90_000)
  const expired = await pay('1')
  assert.equal(expired.status, 404)
  assert.equal(((await expired.json()) as { error: { cause: string } }).error.cause, 'EXPIRED')
})
