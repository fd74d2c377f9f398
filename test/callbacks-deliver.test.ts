import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { dinteroSignature } from '../src/notifications/signature/signature.ts'
import { account_id, callbackTo, startDelivering } from './delivering.ts'
import { startReceiver } from './receiver.ts'

let engine: Awaited<ReturnType<typeof startDelivering>>
before(async () => {
  engine = await startDelivering()
})
after(() => engine.close())

/** A transaction of its own for each test, so that lanes don't meet. */
let counter = 0
const aggregate = () => ({ aggregate_id: `${account_id}.tx${++counter}` })

test('callback: GET with the published parameters, sorted, switches kept, and a session event when delivered', async () => {
  const shop = await startReceiver()
  const tx = aggregate()
  await engine.tell(
    callbackTo(`${shop.url}/wc-api/cb/?gateway=dintero&report_event=VOID&report_event=CAPTURE&sid_parameter_name=sid`, tx),
  )
  await engine.run()
  const [request] = shop.received
  assert.equal(request!.method, 'GET')
  assert.equal(
    request!.url,
    `${shop.url}/wc-api/cb/?gateway=dintero&merchant_reference=order+1&report_event=CAPTURE&report_event=VOID` +
      `&sid=${account_id}.se1&sid_parameter_name=sid&time=2026-03-01T11%3A59%3A58.123Z&transaction_id=${tx.aggregate_id}`,
  )
  assert.match(String(request!.headers['event-delivery']), /^[0-9a-f-]{36}$/)
  assert.equal(request!.headers['dintero-signature'], undefined)
  assert.equal(request!.body, '')
  const told = engine.sent.at(-1)
  assert.deepEqual(told, { session_id: `${account_id}.se1`, name: 'AUTH_CALLBACK_SENT', details: { transaction_event_id: '2' } })
  await shop.close()
})

test('callback: POST with the transaction as it was, and its session when asked for', async () => {
  const shop = await startReceiver()
  const url = `${shop.url}/magento?method=POST&includes=session`
  await engine.tell(callbackTo(url, { ...aggregate(), sequence: 3, details: { reason: 'on_hold' } }))
  await engine.run()
  const [request] = shop.received
  assert.equal(request!.method, 'POST')
  assert.match(String(request!.headers['content-type']), /^application\/json/)
  const body = JSON.parse(request!.body)
  assert.equal(body.version, 3)
  assert.deepEqual(body.session, { id: `${account_id}.se1` })
  assert.equal(engine.sent.at(-1)?.name, 'ON_HOLD_CALLBACK_SENT')
  await shop.close()
})

test('callback: retried after 500 with the same delivery id and a fresh signature, until 2xx', async () => {
  await engine.sql`insert into notifications.signatures (account_id, id, secret, created_at, created_by)
    values (${account_id}, gen_random_uuid(), 'hemmelig', now(), 'test')`
  const shop = await startReceiver((_request, response) => response.writeHead(500).end('no such order yet'))
  await engine.tell(callbackTo(`${shop.url}/cb`, aggregate()))
  await engine.run()
  await engine.run()
  assert.equal(shop.received.length, 1, 'not again before its time')
  engine.pass(6)
  shop.answer((_request, response) => response.writeHead(204).end())
  await engine.run()
  engine.pass(100_000)
  await engine.run()
  assert.equal(shop.received.length, 2)
  const [first, second] = shop.received
  assert.equal(first!.headers['event-delivery'], second!.headers['event-delivery'])
  for (const request of shop.received) {
    const header = String(request.headers['dintero-signature'])
    const t = Number(/^t=(\d+),/.exec(header)?.[1])
    assert.equal(header, dinteroSignature('hemmelig', t, account_id, 'GET', request.url))
  }
  assert.notEqual(first!.headers['dintero-signature'], second!.headers['dintero-signature'])
  const delivery = (await engine.deliveries()).at(-1)!
  assert.deepEqual(
    delivery.history.map(({ attempt, status }: Record<string, number>) => [attempt, status]),
    [
      [1, 500],
      [2, 204],
    ],
  )
  await shop.close()
})

for (const status of [301, 400, 404, 409, 410]) {
  test(`callback: ${status} is final, kept as dead, and a redirect is not followed`, async () => {
    const shop = await startReceiver((_request, response) => response.writeHead(status, { location: '/elsewhere' }).end('no'))
    await engine.tell(callbackTo(`${shop.url}/cb`, aggregate()))
    await engine.run()
    engine.pass(10_000)
    await engine.run()
    assert.equal(shop.received.length, 1)
    const delivery = (await engine.deliveries()).at(-1)!
    assert.equal(delivery.state, 'dead')
    assert.equal(delivery.response.status, status)
    assert.equal(delivery.response.body, 'no')
    await shop.close()
  })
}

test('callback: 20 retries on 500, at least as far apart as the schedule says, then dead', async () => {
  const shop = await startReceiver((_request, response) => response.writeHead(500).end())
  await engine.tell(callbackTo(`${shop.url}/cb`, aggregate()))
  await engine.run()
  const waits = [5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, ...Array<number>(11).fill(3_600)]
  for (const [index, wait] of waits.entries()) {
    engine.pass(wait - 1)
    await engine.run()
    assert.equal(shop.received.length, index + 1, `retry ${index + 1} came early`)
    engine.pass(wait / 10 + 1)
    await engine.run()
    assert.equal(shop.received.length, index + 2, `retry ${index + 1} did not come`)
  }
  engine.pass(100_000)
  await engine.run()
  assert.equal(shop.received.length, 21)
  assert.equal((await engine.deliveries()).at(-1)!.state, 'dead')
  await shop.close()
})

test('callback: what is behind one that is tried later is due no sooner, so that nobody looks for it, and is told right after it', async () => {
  const shop = await startReceiver((_request, response) => response.writeHead(500).end())
  const tx = aggregate()
  const change = (sequence: number) => callbackTo(`${shop.url}/cb`, { ...tx, sequence })
  const waiting = async () => (await engine.deliveries()).filter(({ state }) => state === 'pending')
  await engine.tell(change(1), change(2))
  await engine.run()
  await engine.tell(change(3))
  await engine.run()
  const rows = await waiting()
  assert.deepEqual(
    rows.map(({ attempts, sequence }) => [sequence, attempts]),
    [
      [1, 1],
      [2, 0],
      [3, 0],
    ],
  )
  assert.equal(new Set(rows.map(({ next_attempt_at }) => String(next_attempt_at))).size, 1)
  shop.answer((_request, response) => response.end())
  engine.pass(6)
  await engine.run()
  assert.deepEqual(await waiting(), [])
  await shop.close()
})

test('callback: errors and events are told only to who asked for them', async () => {
  const shop = await startReceiver()
  const declined = { reason: 'error', error: 'authorization' }
  const captured = { reason: 'event', event: 'CAPTURE', event_id: '4' }
  const session = { aggregate_type: 'session' as const, aggregate_id: `${account_id}.se9` }
  await engine.tell(
    callbackTo(`${shop.url}/quiet`, { ...aggregate(), details: declined }),
    callbackTo(`${shop.url}/quiet?report_event=REFUND`, { ...aggregate(), details: captured }),
    callbackTo(`${shop.url}/errors?report_error=true`, { ...session, details: { ...declined, transaction_id: undefined } }),
    callbackTo(`${shop.url}/events?report_event=REFUND&report_event=CAPTURE`, { ...aggregate(), details: captured }),
  )
  await engine.run()
  const [errors, events] = [...shop.received].sort((a, b) => a.path.localeCompare(b.path))
  assert.equal(shop.received.length, 2)
  assert.equal(errors!.query.get('error'), 'authorization')
  assert.equal(errors!.query.has('transaction_id'), false)
  assert.equal(errors!.query.get('session_id'), `${account_id}.se1`)
  assert.equal(events!.query.get('event'), 'CAPTURE')
  assert.equal(events!.query.get('event_id'), '4')
  await shop.close()
})

test('callback: delay_callback waits, but never more than 60 seconds', async () => {
  const shop = await startReceiver()
  await engine.tell(
    callbackTo(`${shop.url}/?delay_callback=30`, aggregate()),
    callbackTo(`${shop.url}/?delay_callback=120`, aggregate()),
  )
  await engine.run()
  engine.pass(29)
  await engine.run()
  assert.equal(shop.received.length, 0)
  engine.pass(1)
  await engine.run()
  assert.equal(shop.received.length, 1)
  engine.pass(30)
  await engine.run()
  assert.equal(shop.received.length, 2)
  assert.equal(shop.received[1]!.query.get('delay_callback'), '120')
  await shop.close()
})
