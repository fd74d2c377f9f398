import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { limits } from '../src/lib/limits.ts'
import { createTestAccount, fetchToken, send, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

describe('token limits', () => {
  let server: TestServer
  let shop: TestAccount
  before(async () => {
    server = await startServer({ work: false })
    shop = await createTestAccount(server)
  })
  after(() => server.close())

  const guess = (secret: string, account = shop) => fetchToken(server.url, { ...account, client_secret: secret })
  /** A query, which must not start another count. */
  const guessElsewhere = (secret: string) => {
    const authorization = `Basic ${Buffer.from(`${shop.client_id}:${secret}`).toString('base64')}`
    const body = { grant_type: 'client_credentials' }
    return send(server.url, 'POST', `/v1/accounts/${shop.account_id}/auth/token?${secret}`, { body, headers: { authorization } })
  }

  test('token: 429 with Retry-After after wrong secrets, also for guesses at once, while the right secret still works', async () => {
    const guesses = Array.from({ length: limits.secret_attempts_per_minute + 10 }, (_, index) => guess(`wrong-${index}`))
    const answers = await Promise.all(guesses)
    const refused = answers.filter(({ status }) => status === 429)
    assert.equal(answers.filter(({ status }) => status === 401).length + refused.length, answers.length)
    assert.ok(refused.length >= 10, `${refused.length} of ${answers.length} guesses refused`)
    for (const { body, headers } of refused) {
      assert.equal(body.error.code, 'TOO_MANY_REQUESTS')
      assert.equal(typeof body.error.message, 'string')
      assert.ok(Number(headers.get('retry-after')) > 0 && Number(headers.get('retry-after')) <= 60)
    }
    assert.equal((await guessElsewhere('wrong')).status, 429)
    assert.equal((await guess(shop.client_secret)).status, 200)
    const other = await createTestAccount(server)
    assert.equal((await guess('wrong', other)).status, 401, 'another client is not slowed down')
  })

  test('token: a plugin that asks before every call is never refused', async () => {
    const magento = await createTestAccount(server)
    for (let round = 0; round < 10; round += 1) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => fetchToken(server.url, magento)))
      assert.ok(answers.every(({ status }) => status === 200))
    }
  })

  test('token: workers that start together with one secret share one attempt', async () => {
    const account = await createTestAccount({ ...server, url: server.url })
    const created = await account.call('POST', `/v1/accounts/${account.account_id}/auth/clients`, {})
    const audience = `https://api.dintero.com/v1/accounts/${account.account_id}`
    const grant = { client_id: created.body.id, audience, scope: ['read:checkout'] }
    await account.call('POST', `/v1/accounts/${account.account_id}/auth/client-grants`, grant)
    const credentials = { account_id: account.account_id, ...created.body }
    const answers = await Promise.all(
      Array.from({ length: 3 * limits.secret_attempts_per_minute }, () => fetchToken(server.url, credentials)),
    )
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  })

  test('token: 429 with Retry-After and the envelope when one address asks far too often', async () => {
    // Through inject: no sockets, so that thousands are quick. The limit counts before anything is read or compared.
    const ask = () =>
      server.app.inject({
        method: 'POST',
        url: `/v1/accounts/${shop.account_id}/auth/token`,
        remoteAddress: '203.0.113.7',
        payload: '{',
      })
    for (let asked = 0; asked < limits.tokens_per_address_and_minute; asked += 500)
      await Promise.all(Array.from({ length: 500 }, ask))
    const answer = await ask()
    assert.equal(answer.statusCode, 429)
    assert.ok(Number(answer.headers['retry-after']) > 0)
    assert.equal(answer.json().error.code, 'TOO_MANY_REQUESTS')
    assert.equal((await fetchToken(server.url, shop)).status, 200, 'another address is not slowed down')
  })
})
