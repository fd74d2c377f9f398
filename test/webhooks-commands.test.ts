import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { insertNotifications, type Notification } from '../src/lib/outbox.ts'
import { createTestAccount, type TestAccount } from './client.ts'
import { kvitt, runKvitt } from './process.ts'
import { startReceiver } from './receiver.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let account: TestAccount
let env: Record<string, string>
before(async () => {
  server = await startServer()
  account = await createTestAccount(server)
  const [row] = await server.sql<{ name: string }[]>`select current_database() as name`
  const postgres = process.env.PG_TEST_URL ?? 'postgres://postgres@127.0.0.1:54329'
  env = { DATABASE_URL: `${postgres}/${row!.name}`, KVITT_ALLOW_LOOPBACK_CALLBACKS: '1', KVITT_LOG: 'fatal' }
})
after(() => server.close())

async function tell(...notifications: Notification[]) {
  const { sql } = server
  await sql`with changed as (select 1), told as (${insertNotifications(account.account_id, notifications)}) select from changed`
}

test('trigger and replay: the running server sends what they ask for', async () => {
  const shop = await startReceiver()
  const base = `/v1/accounts/${account.account_id}/hooks/subscriptions`
  await account.call('POST', base, { config: { url: shop.url }, events: ['settlement_add'] })
  await shop.arrived(1)
  const triggered = runKvitt(['trigger', 'settlement_add', '--account', account.account_id], env)
  assert.equal(await triggered.exit, 0, triggered.output())
  await shop.arrived(2)
  assert.equal(shop.received[1]!.headers.event, 'settlement_add')
  assert.equal(JSON.parse(shop.received[1]!.body).settlement.sample, true)

  const delivery = String(shop.received[1]!.headers['event-delivery'])
  const replayed = runKvitt(['replay', delivery, '--account', account.account_id, '--url', `${shop.url}/again`], env)
  assert.equal(await replayed.exit, 0, replayed.output())
  await shop.arrived(3)
  assert.equal(shop.received[2]!.path, '/again')
  assert.equal(JSON.parse(shop.received[2]!.body).replay_of, delivery)
  await shop.close()
})

test('--account: every command that takes it refuses one that is not there, in one line', async () => {
  const commands = [
    ['verify'],
    ['client', 'list'],
    ['client', 'rotate'],
    ['client', 'create'],
    ['listen', '--forward-to', 'http://localhost:3000'],
    ['trigger', 'settlement_add'],
    ['replay', '5f0c9b9e-5a8e-4a4e-9a52-1f6a0f3c2b11'],
  ]
  for (const command of commands) {
    const { code, output } = await kvitt([...command, '--account', 'T99999999'], env)
    assert.deepEqual([command, code], [command, 1])
    assert.match(output, /^kvitt: There is no account T99999999 in this database\. The first one is T\d{8}\.\n$/)
  }
  const verified = await kvitt(['verify', '--account', account.account_id], env)
  assert.match(verified.output, /^No difference; compared /)
})

test('listen: forwards events and session callbacks as they happen', async () => {
  const local = await startReceiver()
  const forward_to = `${local.url}/callback?mine=1`
  const listening = runKvitt(['listen', '--account', account.account_id, '--forward-to', forward_to, '--secret', 's3'], env)
  await new Promise<void>((resolve) => {
    listening.child.stdout!.on('data', () => /Forwarding/.test(listening.output()) && resolve())
  })
  const details = {
    url: 'http://127.0.0.1:1/shop?report_event=CAPTURE',
    session_id: `${account.account_id}.s`,
    merchant_reference: 'order 1',
    time: '2026-03-01T12:00:00.000Z',
    reason: 'authorized',
  }
  const aggregate_id = `${account.account_id}.s`
  // The newest position is read after the first line is printed, so it may take more than one event to be seen.
  for (let sequence = 1; local.received.length < 2; sequence += 1) {
    await tell(
      { event: 'settlement_add', aggregate_type: 'settlement', aggregate_id: 'se1', sequence, details: { amount: 5 } },
      { event: 'session_callback', aggregate_type: 'session', aggregate_id, sequence, details },
    )
    await Promise.race([local.arrived(2), new Promise((resolve) => setTimeout(resolve, 500))])
  }
  const callback = local.received.find(({ method }) => method === 'GET')!
  assert.equal(callback.path, '/callback')
  assert.equal(callback.query.get('mine'), '1')
  assert.equal(callback.query.get('merchant_reference'), 'order 1')
  const webhook = local.received.find(({ method }) => method === 'POST')!
  assert.equal(webhook.headers.event, 'settlement_add')
  assert.equal(JSON.parse(webhook.body).settlement.amount, 5)
  for (const name of ['event-signature', 'kvitt-signature', 'webhook-signature']) assert.ok(webhook.headers[name], name)
  assert.equal(webhook.headers['webhook-signature'], webhook.headers['kvitt-signature'])
  listening.child.kill('SIGINT')
  assert.equal(await listening.exit, 0, listening.output())
  await local.close()
})
