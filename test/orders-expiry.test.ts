import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { expireOrders } from '../src/worker/expire-orders.ts'
import { createTestAccount, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let account: TestAccount
let now = Date.now()
before(async () => {
  server = await startServer({ role: 'orders', work: false, clock: { now: () => new Date(now) } })
  account = await createTestAccount(server)
})
after(() => server.close())

test('order_time_to_live: not found when it has passed, then removed with its draft and announced', async () => {
  const call = (method: string, path: string, body?: unknown) =>
    account.call(method, `/v1/accounts/${account.account_id}/shopping${path}`, body)
  const order = {
    currency: 'NOK',
    order_id: 'short-lived',
    store: { id: 's' },
    items: [{ id: 'a', line_id: 1, gross_amount: 100, tax_lines: [] }],
  }
  const draft = (await call('POST', '/draft_orders', { options: { order_time_to_live: 60 }, order })).body
  const [made] = (await call('PUT', `/draft_orders/${draft.id}/complete`)).body.orders
  const stays = (await call('POST', '/orders', { currency: 'NOK', items: order.items })).body
  await call('POST', `/orders/${made.id}/authorizations`, { items: [{ line_id: 1, amount: 100 }] })

  now += 59_000
  assert.equal((await call('GET', '/orders/short-lived')).status, 200)
  assert.equal(await expireOrders(server).run(new AbortController().signal), 0)

  now += 2_000
  for (const path of ['/orders/short-lived', `/orders/${made.id}/events`, `/draft_orders/${draft.id}`]) {
    assert.equal((await call('GET', path)).status, 404)
  }
  assert.equal((await call('POST', `/orders/${made.id}/captures`, { items: [{ line_id: 1, amount: 100 }] })).status, 404)
  assert.equal((await call('GET', '/orders')).body.orders.length, 1)
  assert.equal((await call('GET', '/stores/s/orders')).body.orders.length, 0)

  assert.equal(await expireOrders(server).run(new AbortController().signal), 2)
  assert.equal(await expireOrders(server).run(new AbortController().signal), 0)
  const tables = ['orders', 'order_events', 'order_lines', 'order_stores', 'names']
  for (const table of tables) {
    const rows = await server.sql.unsafe(`select * from orders.${table}`)
    const left = rows.filter((row) => [row.id, row.order_uuid].includes(made.id))
    assert.deepEqual(left, [], table)
  }
  const told = await server.sql`
    select event, sequence, details->>'order_id' as order_id from notifications.outbox
    where account_id = ${account.account_id} and aggregate_id = ${made.id} order by sequence`
  assert.deepEqual(
    [...told],
    [
      { event: 'shopping_order_update', sequence: 2, order_id: null },
      { event: 'shopping_order_delete', sequence: 3, order_id: 'short-lived' },
    ],
  )
  assert.equal((await call('GET', `/orders/${stays.id}`)).status, 200)
  assert.equal((await call('POST', '/orders', { ...order, store: undefined })).status, 200)
})

test('order_time_to_live: a draft that comes into an order stays as long as the order does', async () => {
  const call = (method: string, path: string, body?: unknown) =>
    account.call(method, `/v1/accounts/${account.account_id}/shopping${path}`, body)
  const add = async (options: object) => {
    const order = { currency: 'NOK', items: [{ gross_amount: 100 }] }
    const draft = (await call('POST', '/draft_orders', { options, order })).body
    const completed = await call('PUT', `/draft_orders/${draft.id}/complete`)
    assert.equal(completed.status, 200, JSON.stringify(completed.body))
    return { draft, order: completed.body.orders[0] }
  }
  const { order } = await add({ order_time_to_live: 60 })
  await add({ order_id: order.id, order_time_to_live: 600 })
  now += 100_000
  const { draft } = await add({ order_id: order.id })
  assert.equal((await call('GET', `/draft_orders/${draft.id}`)).status, 200)
  assert.equal((await call('PUT', `/draft_orders/${draft.id}/complete`)).status, 409)
  now += 600_000
  assert.equal((await call('GET', `/draft_orders/${draft.id}`)).status, 404)
})
