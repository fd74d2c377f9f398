import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createTestAccount, fetchToken, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

describe('token', () => {
  let server: TestServer
  let account: TestAccount
  before(async () => {
    server = await startServer({ work: false })
    account = await createTestAccount(server, { account_id: 'T12345678' })
  })
  after(() => server.close())

  const audiences: [name: string, audience: string | undefined][] = [
    ['the published host', 'https://api.dintero.com/v1/accounts/T12345678'],
    ['the account as user-info too', 'https://T12345678@api.dintero.com/v1/accounts/T12345678'],
    ['another host and a trailing slash', 'http://localhost:8080/v1/accounts/T12345678/'],
    ['no audience', undefined],
  ]
  for (const [name, audience] of audiences) {
    test(`token: 200 when the audience is ${name}`, async () => {
      const { status, body } = await fetchToken(server.url, { ...account, body: { grant_type: 'client_credentials', audience } })
      assert.equal(status, 200, JSON.stringify(body))
      assert.equal(body.token_type, 'Bearer')
      assert.equal(body.expires_in, 14_400)
    })
  }

  test('keys: 200 with the public parts only when the token may read accounts', async () => {
    const { status, body } = await account.call('GET', '/v1/accounts/T12345678/auth/keys')
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual(Object.keys(body[0]), ['kty', 'kid', 'alg', 'use', 'n', 'e'])
    assert.ok(body[0].kid.startsWith('T12345678.'))
  })
})
