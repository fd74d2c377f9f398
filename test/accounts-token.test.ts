import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { buildApp } from '../src/app.ts'
import { limits } from '../src/lib/limits.ts'
import { createTestAccount, fetchToken, send, type TestAccount, until } from './client.ts'
import { startServer, type TestServer } from './server.ts'

const T1 = 'T12345678'
const keysPath = `/v1/accounts/${T1}/auth/keys`

describe('token', () => {
  let server: TestServer
  let account: TestAccount
  let other: TestAccount
  let now = new Date('2026-11-23T10:00:00.000Z')
  before(async () => {
    server = await startServer({ work: false, clock: { now: () => now } })
    account = await createTestAccount(server, { account_id: T1 })
    other = await createTestAccount(server)
  })
  after(() => server.close())

  const bearer = (token: string, url = server.url) =>
    send(url, 'GET', keysPath, { headers: { authorization: `Bearer ${token}` } })

  test('token: 200 when the request is a form, as RFC 6749 has it', async () => {
    const authorization = `Basic ${Buffer.from(`${account.client_id}:${account.client_secret}`).toString('base64')}`
    const answer = await fetch(`${server.url}/v1/accounts/${T1}/auth/token`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    })
    assert.equal(answer.status, 200)
    assert.equal((await bearer(((await answer.json()) as { access_token: string }).access_token)).status, 200)
  })

  const granted: [name: string, audience: string | null | undefined][] = [
    ['the published host', `https://api.dintero.com/v1/accounts/${T1}`],
    ['the account as user-info too', `https://${T1}@api.dintero.com/v1/accounts/${T1}`],
    ['our own URL with a trailing slash', `http://localhost:8080/v1/accounts/${T1}/`],
    ['left out', undefined],
    ['null', null],
  ]
  for (const [name, audience] of granted) {
    test(`token: 200 when the audience is ${name}`, async () => {
      const { status, body, headers } = await fetchToken(server.url, {
        ...account,
        body: { grant_type: 'client_credentials', audience },
      })
      assert.equal(status, 200, JSON.stringify(body))
      assert.deepEqual(Object.keys(body), ['access_token', 'token_type', 'expires_in'])
      assert.equal(body.token_type, 'Bearer')
      assert.equal(body.expires_in, 14_400)
      assert.equal(headers.get('cache-control'), 'no-store')
      assert.equal((await bearer(body.access_token)).status, 200)
    })
  }

  const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  const good = { grant_type: 'client_credentials', audience: `https://api.dintero.com/v1/accounts/${T1}` }
  const refused: [name: string, status: number, path: string | undefined, body: unknown, header?: () => string | undefined][] = [
    ['the grant type is another', 400, '/grant_type', { ...good, grant_type: 'password' }],
    ['the grant type is missing', 400, '/grant_type', { audience: good.audience }],
    ['the audience is no URL', 400, '/audience', { ...good, audience: T1 }],
    ['the audience names no account', 400, '/audience', { ...good, audience: 'https://api.dintero.com/v1' }],
    ['the audience is another account', 403, '/audience', { ...good, audience: 'https://api.dintero.com/v1/accounts/T00000001' }],
    ['the body is no JSON', 400, undefined, '{'],
    ['the body is missing', 400, '/', undefined],
    ['there is no Authorization', 401, undefined, good, () => undefined],
    ['Authorization is not Basic', 401, undefined, good, () => `Bearer ${account.token}`],
    ['Basic is not readable', 401, undefined, good, () => 'Basic %%%'],
    ['Basic has no colon', 401, undefined, good, () => `Basic ${Buffer.from('abc').toString('base64')}`],
    ['the secret is wrong', 401, undefined, good, () => basic(account.client_id, 'wrong')],
    ['the secret is empty', 401, undefined, good, () => basic(account.client_id, '')],
    ['the client is unknown', 401, undefined, good, () => basic('nobody', account.client_secret)],
    ["the client is another account's", 401, undefined, good, () => basic(other.client_id, other.client_secret)],
    ['the client_id holds what PostgreSQL refuses', 401, undefined, good, () => basic('a\u0000b', 'x')],
  ]
  for (const [name, status, path, body, header] of refused) {
    test(`token: ${status} when ${name}`, async () => {
      const authorization = header ? header() : basic(account.client_id, account.client_secret)
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
      const answer = await send(server.url, 'POST', `/v1/accounts/${T1}/auth/token`, { body, headers })
      assert.equal(answer.status, status, JSON.stringify(answer.body))
      assert.equal(typeof answer.body.error.message, 'string')
      if (path) assert.equal(answer.body.error.errors[0].path, path)
      if (path === '/grant_type' && name.includes('another'))
        assert.deepEqual(answer.body.error.errors[0].allowed, ['client_credentials'])
    })
  }

  test('token: 401 when the account is unknown, 400 when the path names none', async () => {
    assert.equal((await fetchToken(server.url, { ...account, account_id: 'T99999999', body: good })).status, 401)
    assert.equal((await fetchToken(server.url, { ...account, account_id: 'nonsense', body: good })).status, 400)
  })

  test('token: has the proposed claims and is verified by the published keys', async () => {
    const { body: keys } = await account.call('GET', keysPath)
    assert.deepEqual(Object.keys(keys[0]), ['kty', 'kid', 'alg', 'use', 'n', 'e'])
    const { payload, protectedHeader } = await jwtVerify(account.token, createLocalJWKSet({ keys }), { currentDate: now })
    assert.equal(protectedHeader.alg, 'RS256')
    assert.ok(protectedHeader.kid!.startsWith(`${T1}.`))
    assert.equal(payload.iss, `https://${T1}@api.dintero.com`)
    assert.equal(payload.aud, `https://api.dintero.com/v1/accounts/${T1}`)
    assert.equal(payload.sub, account.client_id)
    assert.equal(payload.azp, account.client_id)
    assert.equal(payload.scope, 'admin:accounts admin:checkout admin:hooks admin:settlements admin:shopping')
    assert.equal(payload.exp! - payload.iat!, 14_400)
    assert.ok(payload.jti)
    assert.equal(payload[`${server.url}/account_id`], T1)
  })

  test('token: 401 when it was signed by another key, by none, or tampered with', async () => {
    const header = { ...decodeProtectedHeader(account.token), alg: 'RS256' }
    const claims = decodeJwt(account.token)
    const { privateKey } = await generateKeyPair('RS256', { extractable: true })
    const forged = await new SignJWT(claims).setProtectedHeader(header).sign(privateKey)
    const otherKid = decodeProtectedHeader(other.token).kid!
    const strangeKid = await new SignJWT(claims).setProtectedHeader({ ...header, kid: `${T1}.none` }).sign(privateKey)
    const [, payload, signature] = account.token.split('.')
    const code = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    // The public key as an HMAC secret: the classic confusion of algorithms.
    const publicPart = new TextEncoder().encode(JSON.stringify(await exportJWK(privateKey)))
    const hmac = await new SignJWT(claims).setProtectedHeader({ ...header, alg: 'HS256' }).sign(publicPart)
    const tokens = [
      forged,
      strangeKid,
      hmac,
      `${code({ ...header, alg: 'none' })}.${payload}.`,
      `${code({ ...header, kid: otherKid })}.${payload}.${signature}`,
      `${code(header)}.${code({ ...claims, scope: 'admin:everything' })}.${signature}`,
      ...[`${T1}.\0`, { toString: 1 }, [`${T1}.none`], 5].map((kid) => `${code({ ...header, kid })}.${payload}.${signature}`),
      'not.a.token',
      'x',
    ]
    for (const token of tokens) assert.equal((await bearer(token)).status, 401, token)
    assert.equal((await send(server.url, 'GET', keysPath)).status, 401)
    assert.equal((await send(server.url, 'GET', keysPath, { headers: { authorization: `Basic ${account.token}` } })).status, 401)
  })

  test("token: 403 on another account's path", async () => {
    const { status, body } = await other.call('GET', keysPath)
    assert.equal(status, 403)
    assert.match(body.error.message, new RegExp(T1))
  })

  test('token: accepted for the grace time after its announced end, 401 after that', async () => {
    const issued = now
    const { body } = await fetchToken(server.url, account)
    const after_s = async (seconds: number) => {
      now = new Date(issued.getTime() + seconds * 1000)
      return (await bearer(body.access_token)).status
    }
    assert.equal(await after_s(limits.token_lifetime_s + limits.token_grace_s - 1), 200)
    assert.equal(await after_s(limits.token_lifetime_s + limits.token_grace_s + 1), 401)
    // A process that has not seen it before.
    const { app } = await buildApp(server)
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    assert.equal((await bearer(body.access_token, url)).status, 401)
    await app.close()
    now = issued
  })

  test('token: the same one when asked again within a minute, and good for the whole time that is announced', async () => {
    const issued = now
    const first = (await fetchToken(server.url, account)).body
    now = new Date(issued.getTime() + (limits.token_reuse_s - 1) * 1000)
    const asked = now
    const second = (await fetchToken(server.url, account)).body
    assert.deepEqual(second, first)
    now = new Date(issued.getTime() + limits.token_reuse_s * 1000)
    assert.notEqual((await fetchToken(server.url, account)).body.access_token, first.access_token)
    now = new Date(asked.getTime() + second.expires_in * 1000)
    assert.equal((await bearer(second.access_token)).status, 200)
    now = issued
  })

  test('token: stops in every process when its client is deleted', async () => {
    const client = (await account.call('POST', `/v1/accounts/${T1}/auth/clients`, { name: 'soon gone' })).body
    const audience = `https://api.dintero.com/v1/accounts/${T1}`
    await account.call('POST', `/v1/accounts/${T1}/auth/client-grants`, {
      client_id: client.id,
      audience,
      scope: ['read:accounts'],
    })
    const token = (await fetchToken(server.url, { account_id: T1, ...client })).body.access_token
    const { app } = await buildApp(server)
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    try {
      assert.equal((await bearer(token)).status, 200)
      assert.equal((await bearer(token, url)).status, 200)
      assert.equal((await account.call('DELETE', `/v1/accounts/${T1}/auth/clients/${client.id}`)).status, 200)
      assert.equal((await fetchToken(server.url, { account_id: T1, ...client })).status, 401)
      for (const one of [server.url, url]) await until(async () => (await bearer(token, one)).status === 401)
    } finally {
      await app.close()
    }
  })
})
