import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { callMerchant } from '../src/notifications/call-merchant.ts'
import { createOutbound } from '../src/notifications/outbound.ts'
import { dinteroSignature } from '../src/notifications/signature/signature.ts'
import { createTestAccount, type TestAccount } from './client.ts'
import { startReceiver } from './receiver.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let account: TestAccount
before(async () => {
  server = await startServer({ work: false })
  account = await createTestAccount(server)
})
after(() => server.close())

test('signature secret: 404 before there is one, then shown, then replaced', async () => {
  assert.equal((await account.call('GET', '/v1/admin/signature')).status, 404)
  const created = await account.call('POST', '/v1/admin/signature')
  assert.equal(created.status, 200)
  assert.equal(created.body.signature.type, 'v0-hmac-sha256')
  assert.ok(created.body.signature.secret.length >= 32)
  assert.deepEqual((await account.call('GET', '/v1/admin/signature')).body, created.body)
  const replaced = await account.call('POST', '/v1/admin/signature', {})
  assert.notEqual(replaced.body.signature.secret, created.body.signature.secret)
  assert.deepEqual((await account.call('GET', '/v1/admin/signature')).body, replaced.body)
})

test('signature secret: needs the published scopes', async () => {
  const reader = await createTestAccount(server, { scopes: ['read:checkout'] })
  assert.equal((await reader.call('POST', '/v1/admin/signature')).status, 403)
  assert.equal((await reader.call('GET', '/v1/admin/signature')).status, 404)
})

test('asking the merchant: one signed POST, the answer parsed, no redirect followed, no retry', async () => {
  const { body } = await account.call('POST', '/v1/admin/signature')
  const shop = await startReceiver((_request, response) => response.end('{"shipping_options":[]}'))
  const outbound = createOutbound({ allow_loopback: true })
  const ask = callMerchant({ ...server, outbound })
  assert.deepEqual(await ask(account.account_id, `${shop.url}/shipping?b=1&a=2`, { id: 'session' }), {
    status: 200,
    body: { shipping_options: [] },
  })
  const [request] = shop.received
  const t = Number(/t=(\d+)/.exec(String(request!.headers['dintero-signature']))?.[1])
  assert.equal(
    request!.headers['dintero-signature'],
    dinteroSignature(body.signature.secret, t, account.account_id, 'POST', request!.url),
  )
  assert.equal(request!.body, '{"id":"session"}')

  shop.answer((_request, response) => response.writeHead(302, { location: `${shop.url}/other` }).end())
  assert.deepEqual(await ask(account.account_id, shop.url, {}), { status: 302, body: undefined })
  assert.equal(shop.received.length, 2)

  shop.answer((_request, _response, socket) => socket.destroy())
  const broken = await ask(account.account_id, shop.url, {})
  assert.equal(broken.status, undefined)
  assert.equal(shop.received.length, 3)
  await outbound.close()
  await shop.close()
})
