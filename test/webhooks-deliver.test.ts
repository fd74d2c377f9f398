import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, afterEach, before, test } from 'node:test'
import { limits } from '../src/lib/limits.ts'
import { deleteSubscription } from '../src/notifications/subscriptions/store.ts'
import { deliver } from '../src/worker/deliver.ts'
import { account_id, changeOf, startDelivering, subscribe } from './delivering.ts'
import { type Receiver, startReceiver } from './receiver.ts'

let engine: Awaited<ReturnType<typeof startDelivering>>
const shops: Receiver[] = []
before(async () => {
  engine = await startDelivering({ timeout_ms: 300 })
})
after(() => engine.close())
afterEach(async () => {
  for (const shop of shops.splice(0)) await shop.close()
  await engine.sql`delete from notifications.subscriptions`
  await engine.sql`delete from notifications.deliveries`
  await engine.sql`delete from notifications.outbox`
  await engine.sql`delete from notifications.endpoints`
})

async function open(...args: Parameters<typeof startReceiver>) {
  const shop = await startReceiver(...args)
  shops.push(shop)
  return shop
}
const sequences = (shop: Receiver) => shop.received.map(({ body }) => JSON.parse(body).sequence)
const states = async () => (await engine.deliveries()).map(({ state }) => state)

test('webhook: published headers and body, and all three signatures over the raw body', async () => {
  const shop = await open()
  const id = await subscribe(engine.sql, `${shop.url}/hook?x=1`, { secret: 'hemmelig' })
  await engine.tell(changeOf('a', 1))
  await engine.run()
  const [{ method, path, headers, body }] = shop.received as [(typeof shop.received)[0]]
  assert.equal(`${method} ${path}`, 'POST /hook')
  assert.deepEqual(JSON.parse(body), {
    account_id,
    event: 'checkout_transaction',
    event_delivery: headers['event-delivery'],
    sequence: 1,
    transaction: { id: `${account_id}.a`, merchant_reference: 'order 1', version: 1, status: 'AUTHORIZED' },
  })
  assert.equal(headers.event, 'checkout_transaction')
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['user-agent'], `Dintero-Hook/${id.replaceAll('-', '').slice(0, 12)}`)
  assert.equal(headers['event-signature'], createHmac('sha1', 'hemmelig').update(body).digest('hex'))
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
  const kvitt = `v1,${createHmac('sha256', 'hemmelig').update(signed).digest('base64')}`
  assert.equal(headers['kvitt-signature'], kvitt)
  assert.equal(headers['webhook-signature'], kvitt)
  assert.equal(headers['webhook-id'], headers['event-delivery'])
})

test('webhook: only to subscriptions of the event, and masked as they ask', async () => {
  const [masked, excluded, other] = [await open(), await open(), await open()]
  await subscribe(engine.sql, masked.url, { fields: 'transaction(id,status)' })
  await subscribe(engine.sql, excluded.url, { exclude_fields: ['status', 'transaction/version'] })
  await subscribe(engine.sql, other.url, { events: ['settlement_add'] })
  await engine.tell(changeOf('a', 1))
  await engine.run()
  assert.deepEqual(JSON.parse(masked.received[0]!.body).transaction, { id: `${account_id}.a`, status: 'AUTHORIZED' })
  assert.deepEqual(JSON.parse(excluded.received[0]!.body).transaction, { id: `${account_id}.a`, merchant_reference: 'order 1' })
  assert.equal(JSON.parse(masked.received[0]!.body).sequence, 1)
  assert.equal(other.received.length, 0)
})

test('webhook: checkout_authorization names the error and has no transaction when there is none', async () => {
  const shop = await open()
  await subscribe(engine.sql, shop.url, { events: ['checkout_authorization'] })
  const details = { merchant_reference: 'order 1', session_id: `${account_id}.s`, error: 'cancelled' }
  const event = 'checkout_authorization'
  await engine.tell({ event, aggregate_type: 'session', aggregate_id: `${account_id}.s`, sequence: 3, details })
  await engine.tell({ ...changeOf('a', 2), event, details: { session_id: `${account_id}.s` } })
  await engine.run()
  const bodies = shop.received.map(({ body }) => JSON.parse(body)).sort((a, b) => b.sequence - a.sequence)
  assert.deepEqual(bodies[0].authorization, details)
  assert.equal('transaction' in bodies[0], false)
  assert.deepEqual(bodies[1].authorization, {
    merchant_reference: 'order 1',
    session_id: `${account_id}.s`,
    transaction_id: `${account_id}.a`,
  })
  assert.equal(bodies[1].transaction.id, `${account_id}.a`)
})

test('webhook: 5 attempts 120 s apart whatever the status, the same body each time, then dead and the next in line goes', async () => {
  const shop = await open((_request, response) => response.writeHead(302, { location: '/loop' }).end())
  await subscribe(engine.sql, shop.url)
  await engine.tell(changeOf('a', 1), changeOf('a', 2))
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    await engine.run()
    const expected = attempt === 5 ? 6 : attempt
    assert.equal(shop.received.length, expected)
    engine.pass(119)
    await engine.run()
    assert.equal(shop.received.length, expected, 'too early')
    engine.pass(14)
  }
  assert.deepEqual(sequences(shop), [1, 1, 1, 1, 1, 2])
  assert.equal(new Set(shop.received.slice(0, 5).map(({ body }) => body)).size, 1)
  assert.deepEqual(await states(), ['dead', 'pending'])
})

const silences: [what: string, answer: Parameters<typeof startReceiver>[0]][] = [
  ['hangs', () => {}],
  ['resets', (_request, _response, socket) => socket.resetAndDestroy()],
  ['closes without an answer', (_request, _response, socket) => socket.end()],
  ['sends its head byte by byte', (_request, _response, socket) => drip(socket, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')],
  ['speaks another protocol', (_request, _response, socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n')],
]
function drip(socket: import('node:net').Socket, text: string) {
  const timer = setInterval(() => {
    if (text === '' || socket.destroyed) return clearInterval(timer)
    socket.write(text[0]!)
    text = text.slice(1)
  }, 40)
}
for (const [what, answer] of silences) {
  test(`webhook: a receiver that ${what} goes down after five attempts, is probed, and then gets everything in order`, async () => {
    const shop = await open(answer)
    await subscribe(engine.sql, shop.url)
    await engine.tell(changeOf('a', 1), changeOf('a', 2), changeOf('a', 3))
    for (let attempt = 1; attempt <= 7; attempt += 1) {
      await engine.run()
      engine.pass(700)
    }
    assert.equal(shop.received.length, 7)
    assert.deepEqual(new Set(sequences(shop)), new Set([1]), 'nothing overtakes what is not delivered')
    const [health] = await engine.sql`select failures, down_since, last_error from notifications.endpoints`
    assert.equal(health!.failures, 7)
    assert.ok(health!.down_since && health!.last_error)
    shop.answer((_request, response) => response.end())
    await engine.run()
    assert.deepEqual(sequences(shop).slice(-3), [1, 2, 3])
    assert.deepEqual(await states(), ['delivered', 'delivered', 'delivered'])
    const [well] = await engine.sql`select failures, down_since from notifications.endpoints`
    assert.deepEqual({ ...well }, { failures: 0, down_since: null })
  })
}

test('webhook: a down endpoint gets one probe at a time, and its deliveries are given up after three days', async () => {
  const shop = await open(() => {})
  await subscribe(engine.sql, shop.url)
  await engine.tell(...Array.from({ length: 30 }, (_, index) => changeOf(`t${index}`, 1)))
  await engine.run()
  // Its slots; and those that get free before the time-out that calls it down is the fifth.
  const tried = shop.received.length
  assert.ok(tried >= 16 && tried < 16 + limits.endpoint_failures_max, `${tried} at once`)
  engine.pass(700)
  await engine.run()
  assert.equal(shop.received.length, tried + 1)
  engine.pass(3 * 86_400)
  for (let probe = 0; probe < 3; probe += 1) {
    await engine.run()
    engine.pass(700)
  }
  assert.equal((await states()).filter((state) => state === 'dead').length, 3)
})

test('webhook: an answer that is too long is cut, and one whose body never ends still counts', async () => {
  const shop = await open((_request, response) => response.end('x'.repeat(200_000)))
  await subscribe(engine.sql, shop.url)
  await engine.tell(changeOf('a', 1))
  await engine.run()
  shop.answer((_request, response) => response.writeHead(200, { 'content-length': 100 }).write('par\u0000tly'))
  await engine.tell(changeOf('a', 2))
  await engine.run()
  const [long, endless] = await engine.deliveries()
  assert.equal(long!.response.body.length, 65_536)
  assert.equal(endless!.state, 'delivered')
  assert.equal(endless!.response.body, 'par\ufffdtly')
})

test('webhook: what a full endpoint has waiting goes on when its calls end while others are claimed', async () => {
  const shop = await open((_request, response) => setTimeout(() => response.end(), 150))
  await subscribe(engine.sql, shop.url)
  await engine.tell(...Array.from({ length: 40 }, (_, n) => changeOf(`t${n}`, 1)))
  const claimSlowly = async (strings: TemplateStringsArray, ...values: unknown[]) => {
    const rows = await Reflect.apply(engine.sql, undefined, [strings, ...values])
    if (strings.join('').includes('with recursive endpoints')) await new Promise((resolve) => setTimeout(resolve, 600))
    return rows
  }
  const sql = new Proxy(engine.sql, { apply: (_sql, _this, args: Parameters<typeof claimSlowly>) => claimSlowly(...args) })
  await deliver({ ...engine.delivering, sql }, new AbortController().signal)
  assert.equal(shop.received.length, 40)
})

test('webhook: a subscription that is deleted gives up what waits, however much that is, and calls nobody', async () => {
  const shop = await open()
  const id = await subscribe(engine.sql, shop.url)
  const count = limits.given_up_at_once + 20
  await engine.sql`
    insert into notifications.deliveries (account_id, id, endpoint, lane, position, subscription_id, event, aggregate_type, aggregate_id,
      sequence, details, method, url, next_attempt_at, created_at)
    select ${account_id}, gen_random_uuid(), ${`subscription:${id}`}, n::text, n, ${id}, 'checkout_transaction', 'transaction', n::text, 1,
      '{}', 'POST', ${shop.url}, '2026-01-01', '2026-01-01' from generate_series(1, ${count}::int) n`
  await engine.sql`
    insert into notifications.endpoints (account_id, endpoint, failures, down_since, probe_at)
    values (${account_id}, ${`subscription:${id}`}, 5, '2026-01-01', '2026-01-01')`
  // As the worker does when a table has grown.
  await engine.sql`analyze notifications.deliveries`
  const waiting = () => engine.sql`select from notifications.deliveries where state = 'pending'`
  assert.ok(await deleteSubscription(engine.sql, account_id, id, { at: new Date(), by: 'test' }))
  assert.equal((await waiting()).length, 20)
  await engine.run()
  assert.equal((await waiting()).length, 0)
  assert.equal(shop.received.length, 0)
})
