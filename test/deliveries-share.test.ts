import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { limits } from '../src/lib/limits.ts'
import { insertNotifications } from '../src/lib/outbox.ts'
import { callbackTo, changeOf, startDelivering, subscribe } from './delivering.ts'
import { startReceiver } from './receiver.ts'

let engine: Awaited<ReturnType<typeof startDelivering>>
before(async () => {
  engine = await startDelivering({ timeout_ms: 60_000 })
})
after(() => engine.close())

test('deliveries: an account whose servers are slow has its share of the calls, and others are served', async () => {
  const answers: (() => void)[] = []
  const slow = await startReceiver((_request, response) => {
    answers.push(() => response.end())
  })
  const quick = await startReceiver()
  // More than all the calls that one process makes.
  const subscriptions = Math.ceil(limits.delivery_concurrency / limits.endpoint_concurrency) + 1
  for (let count = 0; count < subscriptions; count += 1) await subscribe(engine.sql, slow.url)
  const each = limits.endpoint_concurrency
  await engine.tell(...Array.from({ length: each }, (_, index) => changeOf(`t${index}`, 1)))
  const running = engine.run()
  await slow.arrived(limits.account_concurrency)

  const callback = insertNotifications('T99999999', [callbackTo(`${quick.url}/cb`)])
  await engine.sql`with changed as (select 1), told as (${callback}) select from changed`
  await quick.arrived(1)
  assert.equal(slow.received.length, limits.account_concurrency)

  // What waited for a call of the account's goes on as these end.
  slow.answer((_request, response) => response.end())
  for (const answer of answers) answer()
  await running
  assert.equal(slow.received.length, subscriptions * each)
  const left = await engine.sql`select from notifications.deliveries where state <> 'delivered'`
  assert.equal(left.length, 0)
  await slow.close()
  await quick.close()
})

test('webhook: a hanging endpoint holds up nobody else', async () => {
  await engine.sql`delete from notifications.subscriptions`
  const [dead, alive] = [await startReceiver(() => {}), await startReceiver()]
  await subscribe(engine.sql, dead.url)
  await subscribe(engine.sql, alive.url)
  await engine.tell(...Array.from({ length: 200 }, (_, index) => changeOf(`t${index}`, 3)))
  const stop = new AbortController()
  const running = engine.run(stop.signal)
  await alive.arrived(200)
  assert.ok(dead.received.length <= limits.endpoint_concurrency)
  stop.abort()
  await running
  await dead.close()
  await alive.close()
})

test('webhook: a hanging endpoint does not even hold up those on the same host', async () => {
  await engine.sql`delete from notifications.subscriptions`
  const shop = await startReceiver((request, response) => {
    if (request.path === '/alive') response.end()
  })
  await subscribe(engine.sql, `${shop.url}/hangs`)
  const alive = await subscribe(engine.sql, `${shop.url}/alive`)
  // More than one endpoint may have under way, so that it has as many as it may.
  await engine.tell(...Array.from({ length: 40 }, (_, n) => changeOf(`t${n}`, 2)))
  const stop = new AbortController()
  const running = engine.run(stop.signal)
  const told = async () => (await engine.deliveries()).filter((row) => row.subscription_id === alive && row.state === 'delivered')
  while ((await told()).length < 40) await setTimeout(20)
  assert.deepEqual(new Set((await told()).map(({ attempts }) => attempts)), new Set([1]))
  assert.equal((await shop.arrived(40 + limits.endpoint_concurrency)).length, 40 + limits.endpoint_concurrency)
  stop.abort()
  await running
  await shop.close()
})
