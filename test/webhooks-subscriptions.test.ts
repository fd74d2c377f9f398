import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createTestAccount, type TestAccount } from './client.ts'
import { startReceiver } from './receiver.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let account: TestAccount
let base: string
before(async () => {
  server = await startServer()
  account = await createTestAccount(server)
  base = `/v1/accounts/${account.account_id}/hooks/subscriptions`
})
after(() => server.close())

test('subscription create: 200, a ping arrives whose body is the subscription, and the secret is hidden', async () => {
  const shop = await startReceiver()
  const wanted = {
    config: {
      url: `${shop.url}/hook`,
      content_type: 'application/json',
      secret: { type: 'HMAC-SHA1', value: 's3' },
      insecure_ssl: 0,
    },
    events: ['checkout_transaction', 'shopping_order_event_add'],
    unknown_member: 1,
  }
  const { status, body } = await account.call('POST', base, wanted)
  assert.equal(status, 200)
  assert.deepEqual(body.config, {
    url: `${shop.url}/hook`,
    content_type: 'application/json',
    secret: { type: 'HMAC-SHA1' },
    insecure_ssl: 0,
  })
  assert.equal(body.active, true)
  assert.equal(body.created_by, account.client_id)
  assert.equal(body.health.state, 'healthy')
  const [ping] = await shop.arrived(1)
  assert.equal(ping!.headers.event, 'ping')
  const said = JSON.parse(ping!.body)
  assert.equal(said.id, body.id)
  assert.deepEqual(said.events, wanted.events)
  assert.doesNotMatch(ping!.body, /s3/)

  const again = await account.call('POST', `${base}/${body.id}/ping`)
  assert.equal(again.status, 204)
  await shop.arrived(2)
  assert.notEqual(shop.received[0]!.headers['event-delivery'], shop.received[1]!.headers['event-delivery'])
  await shop.close()
})

for (const secret of ['plain', { type: 'HMAC-SHA1', value: 'v' }, { type: 'HMAC-SHA1', secret: 'x' }]) {
  test(`subscription create: takes a secret written as ${JSON.stringify(secret)}`, async () => {
    const shop = await startReceiver()
    const { status, body } = await account.call('POST', base, { config: { url: shop.url, secret }, events: ['settlement_add'] })
    assert.equal(status, 200)
    assert.deepEqual(body.config.secret, { type: 'HMAC-SHA1' })
    const [ping] = await shop.arrived(1)
    assert.match(String(ping!.headers['event-signature']), /^[0-9a-f]{40}$/)
    await shop.close()
  })
}

const refused: [what: string, body: object, path: string][] = [
  [
    'an unknown event',
    { config: { url: 'https://example.com' }, events: ['checkout_transaction', 'shopping_order_add'] },
    '/events/1',
  ],
  ['no events', { config: { url: 'https://example.com' }, events: [] }, '/events'],
  ['no URL', { config: {}, events: ['settlement_add'] }, '/config/url'],
  ['a private address', { config: { url: 'https://10.1.2.3/' }, events: ['settlement_add'] }, '/config/url'],
  ['a metadata address', { config: { url: 'http://169.254.169.254/latest' }, events: ['settlement_add'] }, '/config/url'],
  ['another scheme', { config: { url: 'ftp://example.com' }, events: ['settlement_add'] }, '/config/url'],
  [
    'a URL of 2,001 characters',
    { config: { url: `https://example.com/${'a'.repeat(1_981)}` }, events: ['settlement_add'] },
    '/config/url',
  ],
  ['a host of 254', { config: { url: `https://${'a.'.repeat(123)}example.` }, events: ['settlement_add'] }, '/config/url'],
  ['a broken mask', { config: { url: 'https://example.com' }, events: ['settlement_add'], fields: 'a(b' }, '/fields'],
]
for (const [what, body, path] of refused) {
  test(`subscription create: 400 with ${what}`, async () => {
    const answer = await account.call('POST', base, body)
    assert.equal(answer.status, 400)
    assert.equal(answer.body.error.errors[0].path, path)
  })
}

test('subscription: read, list, update, delete', async () => {
  const shop = await startReceiver()
  const config = { url: shop.url, secret: 'a' }
  const { body: made } = await account.call('POST', base, { config, events: ['settlement_add'], fields: 'settlement/id' })
  assert.deepEqual((await account.call('GET', `${base}/${made.id}`)).body.config, made.config)
  assert.equal((await account.call('GET', `${base}?limit=1`)).body[0].id, made.id)
  const next = await account.call('GET', `${base}?limit=100&starting_after=${made.id}`)
  assert.ok(next.body.every(({ id }: { id: string }) => id !== made.id))

  assert.deepEqual((await account.call('GET', `${base}?starting_after=unknown`)).body, [])

  const changed = { config: { url: `${shop.url}/new` }, events: ['checkout_authorization'], active: false }
  const updated = await account.call('PUT', `${base}/${made.id}`, changed)
  assert.equal(updated.status, 200)
  assert.deepEqual(updated.body.config.secret, { type: 'HMAC-SHA1' }, 'a secret left out stays')
  assert.deepEqual(updated.body.events, ['checkout_authorization'])
  assert.equal(updated.body.active, false)
  assert.equal(updated.body.fields, undefined)

  const deleted = await account.call('DELETE', `${base}/${made.id}`)
  assert.equal(deleted.status, 200)
  assert.ok(deleted.body.deleted_at)
  const after_deleted = await account.call('GET', `${base}?limit=100&starting_after=${made.id}`)
  assert.deepEqual(after_deleted.body, next.body, 'the page after one that was deleted meanwhile')
  for (const [method, path] of [
    ['GET', ''],
    ['DELETE', ''],
    ['POST', '/ping'],
  ]) {
    assert.equal((await account.call(method!, `${base}/${made.id}${path}`)).status, 404)
  }
  assert.equal((await account.call('GET', `${base}/no-such-thing/deliveries/also-none`)).status, 404)
  await shop.close()
})

test("subscription: one account never sees another's, and scopes are needed", async () => {
  const { body: mine } = await account.call('POST', base, { config: { url: 'http://127.0.0.1:1' }, events: ['settlement_add'] })
  const other = await createTestAccount(server, { scopes: ['read:hooks'] })
  assert.equal((await other.call('GET', base)).status, 403)
  assert.equal((await other.call('GET', `/v1/accounts/${other.account_id}/hooks/subscriptions/${mine.id}`)).status, 404)
  const write = await other.call('POST', `/v1/accounts/${other.account_id}/hooks/subscriptions`, {})
  assert.equal(write.status, 403)
})
