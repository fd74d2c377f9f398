import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { limits } from '../src/lib/limits.ts'
import { forgetNotifications } from '../src/worker/forget-notifications.ts'
import { account_id, changeOf, startDelivering, subscribe } from './delivering.ts'
import { type Receiver, startReceiver } from './receiver.ts'

let engine: Awaited<ReturnType<typeof startDelivering>>
let shop: Receiver
before(async () => {
  engine = await startDelivering()
  shop = await startReceiver((request, response) => {
    const { sequence } = JSON.parse(request.body) as { sequence: number }
    response.writeHead(sequence === 2 ? 500 : 200).end()
  })
  await subscribe(engine.sql, shop.url)
})
after(async () => {
  await engine.close()
  await shop.close()
})

const forget = () => forgetNotifications(engine.delivering).run(new AbortController().signal)
const states = async () =>
  (await engine.sql`select state, sequence from notifications.deliveries order by sequence`).map(
    ({ state, sequence }) => `${sequence} ${state}`,
  )
const feed = async () =>
  (await engine.sql`select sequence, position from notifications.outbox order by sequence`).map(({ sequence }) => sequence)

test('forget: delivered after 30 days, dead and events after 90, and nothing that is still to be told', async () => {
  await engine.tell(changeOf('a', 1), changeOf('b', 2))
  for (let round = 0; round < limits.webhook_attempts; round += 1) {
    await engine.run()
    engine.pass(200)
  }
  assert.deepEqual(await states(), ['1 delivered', '2 dead'])
  // The outbox has the database's clock; put its rows on the clock of the test.
  await engine.sql`update notifications.outbox set created_at = ${engine.delivering.clock.now()}`
  engine.pass(limits.delivered_kept_s - 3_600)
  assert.equal(await forget(), 0)
  engine.pass(7_200)
  assert.equal(await forget(), 1)
  assert.deepEqual([await states(), await feed()], [['2 dead'], [1, 2]])

  engine.pass(limits.dead_kept_s - limits.delivered_kept_s)
  // One delivery still pending, one row that has not become a delivery, both as old as the others; one event that is young.
  const [{ endpoint }] = (await engine.sql`select endpoint from notifications.deliveries`) as [{ endpoint: string }]
  await engine.tell(changeOf('c', 3))
  await engine.sql`update notifications.endpoints set failures = 9, down_since = now(), probe_at = '2100-01-01' where endpoint = ${endpoint}`
  await engine.run()
  await engine.sql`update notifications.deliveries set created_at = '2026-03-01' where sequence = 3`
  await engine.tell(changeOf('d', 4))
  await engine.sql`update notifications.outbox set created_at = '2026-03-01T12:00:00Z' where sequence <> 3`
  await engine.sql`update notifications.outbox set created_at = ${engine.delivering.clock.now()} where sequence = 3`
  assert.equal(await forget(), 3)
  assert.deepEqual([await states(), await feed()], [['3 pending'], [3, 4]])
  assert.equal(await forget(), 0)
})

test('forget: takes the oldest of every account, a batch at a time', async () => {
  const rows = limits.forget_batch + 5
  await engine.sql`delete from notifications.outbox`
  await engine.sql`
    insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event, created_at, position)
    select a, 'order', 'x', n, 'shopping_order_update', '2020-01-01', n
    from unnest(array[${account_id}, 'T33334444']) a, generate_series(1, ${rows}) n`
  await engine.sql`insert into notifications.feeds (account_id, position) values ('T33334444', ${rows})`
  const counts: number[] = []
  for (let count = await forget(); count > 0; count = await forget()) counts.push(count)
  assert.deepEqual(counts, [1_000, 1_000, 10])
  assert.equal((await engine.sql`select from notifications.outbox`).length, 0)
})
