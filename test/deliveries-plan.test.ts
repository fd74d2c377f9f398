import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, afterEach, before, test } from 'node:test'
import { insertNotifications, type Notification } from '../src/lib/outbox.ts'
import { replay } from '../src/notifications/log/operations.ts'
import { account_id, callbackTo, changeOf, startDelivering, subscribe } from './delivering.ts'
import { type Receiver, startReceiver } from './receiver.ts'

const shops: Receiver[] = []
let engine: Awaited<ReturnType<typeof startDelivering>>
before(async () => {
  engine = await startDelivering()
})
after(() => engine.close())
afterEach(async () => {
  for (const shop of shops.splice(0)) await shop.close()
  await engine.sql`alter table notifications.deliveries drop constraint if exists unwanted`
  await engine.sql`delete from notifications.subscriptions`
  await engine.sql`delete from notifications.deliveries`
  await engine.sql`delete from notifications.outbox`
})

async function open() {
  const shop = await startReceiver()
  shops.push(shop)
  return shop
}

/** Two accounts, one before and one after the account of the others in the order in which they are worked on. */
const [first, last] = ['T00000001', 'T99999999']

async function tellAs(account: string, ...notifications: Notification[]) {
  await engine.sql`with changed as (select 1), told as (${insertNotifications(account, notifications)}) select from changed`
}
const untold = () => engine.sql`select from notifications.outbox where position is null`
const failures = async (what: 'round' | 'event') => {
  const { values } = await engine.delivering.metrics!.untold.get()
  return values.find(({ labels }) => labels.what === what)!.value
}
const of = async (account: string) => (await engine.deliveries()).filter((row) => row.account_id === account)

test('callback: a host name that no index takes is a dead delivery with its reason, and holds up neither its account nor others', async () => {
  const shop = await open()
  const host = BigInt(`0x${randomBytes(3_000).toString('hex')}`).toString(36)
  await tellAs(first, callbackTo(`https://${host}.example/cb`), callbackTo(`${shop.url}/same`, { aggregate_id: `${first}.b` }))
  await tellAs(last, callbackTo(`${shop.url}/other`))
  await engine.run()
  assert.deepEqual(shop.received.map(({ path }) => path).sort(), ['/other', '/same'])
  assert.equal((await untold()).length, 0)
  const [dead, delivered] = await of(first)
  assert.deepEqual([dead!.state, delivered!.state], ['dead', 'delivered'])
  assert.equal(dead!.next_attempt_at, null)
  assert.ok(dead!.settled_at)
  assert.match(dead!.response.error, /^The host name has \d+ characters; none has more than 253\.$/)

  // The merchant sends it again, as it is and to where it should have gone.
  const parts = { ...engine.delivering, config: { allow_loopback_callbacks: true, callback_networks: [] } as never }
  await replay(parts, { account_id: first }, dead!.id, undefined)
  await replay(parts, { account_id: first }, dead!.id, `${shop.url}/mended`)
  await engine.run()
  assert.deepEqual(
    (await of(first))
      .filter(({ replay_of }) => replay_of)
      .map(({ state }) => state)
      .sort(),
    ['dead', 'delivered'],
  )
  assert.equal(shop.received.at(-1)!.query.get('merchant_reference'), 'order 1')
})

test('deliveries: the event that the database refuses is dead, and those around it are told in order', async () => {
  const shop = await open()
  await subscribe(engine.sql, shop.url)
  await engine.sql`alter table notifications.deliveries add constraint unwanted check (sequence <> 13 or state = 'dead')`
  const sequences = Array.from({ length: 30 }, (_, index) => index + 1)
  await engine.tell(...sequences.map((sequence) => changeOf('a', sequence)))
  while ((await untold()).length > 0) await engine.run()
  await engine.run()
  assert.deepEqual(
    shop.received.map(({ body }) => JSON.parse(body).sequence),
    sequences.filter((sequence) => sequence !== 13),
  )
  const dead = (await of(account_id)).filter(({ state }) => state === 'dead')
  assert.deepEqual(
    dead.map(({ sequence }) => sequence),
    [13],
  )
  assert.match(dead[0]!.response.error, /unwanted/)
  assert.equal(await failures('event'), 1)
  const positions = await engine.sql`select position from notifications.outbox order by sequence`
  assert.deepEqual(
    positions.map(({ position }) => position),
    sequences.map((sequence) => Number(positions[0]!.position) + sequence - 1),
  )
})

test('deliveries: an event that can not be read is dead with the reason', async () => {
  await engine.tell(callbackTo('https://shop.example/cb'))
  await engine.sql`update notifications.outbox set details = 'null'`
  await engine.run()
  assert.equal((await untold()).length, 0)
  const [dead] = await of(account_id)
  assert.equal(dead!.state, 'dead')
  assert.match(dead!.response.error, /^It could not be planned/)
})

test('deliveries: an account for which nothing works does not keep others from being told, and goes on when it works', async () => {
  const shop = await open()
  await engine.sql`alter table notifications.deliveries add constraint unwanted check (account_id <> ${engine.sql.unsafe(`'${first}'`)})`
  await tellAs(first, callbackTo(`${shop.url}/first`))
  await tellAs(last, callbackTo(`${shop.url}/last`))
  await engine.run()
  assert.deepEqual(
    shop.received.map(({ path }) => path),
    ['/last'],
  )
  assert.equal((await untold()).length, 1)
  assert.equal(await failures('round'), 1)
  await engine.sql`alter table notifications.deliveries drop constraint unwanted`
  await engine.run()
  assert.equal((await untold()).length, 0)
  assert.deepEqual(
    shop.received.map(({ path }) => path),
    ['/last', '/first'],
  )
})

test('replay: the lane of a replay that is replayed again and again stays as long as it is', async () => {
  const shop = await open()
  await engine.tell(callbackTo(`${shop.url}/cb`))
  await engine.run()
  const parts = { ...engine.delivering, config: { allow_loopback_callbacks: true, callback_networks: [] } as never }
  let [{ id }] = (await engine.deliveries()) as unknown as [{ id: string }]
  const lengths = new Set<number>()
  for (let times = 0; times < 5; times += 1) {
    ;({ id } = await replay(parts, { account_id }, id, undefined))
    const [row] = await engine.sql`select length(lane) as length from notifications.deliveries where id = ${id}`
    lengths.add(row!.length)
  }
  assert.equal(lengths.size, 1)
})
