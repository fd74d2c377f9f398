import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createTestAccount, fetchToken, send, type TestAccount, until } from './client.ts'
import { startServer, type TestServer } from './server.ts'

describe('clients', () => {
  let server: TestServer
  let account: TestAccount
  let other: TestAccount
  let base: string
  let audience: string
  before(async () => {
    server = await startServer({ work: false })
    account = await createTestAccount(server)
    other = await createTestAccount(server)
    base = `/v1/accounts/${account.account_id}/auth`
    audience = `https://api.dintero.com/v1/accounts/${account.account_id}`
  })
  after(() => server.close())

  async function add(body: object = {}) {
    const answer = await account.call('POST', `${base}/clients`, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body
  }
  async function grant(client_id: string, scope: string[]) {
    const answer = await account.call('POST', `${base}/client-grants`, { client_id, audience, scope })
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body
  }
  const credentials = (client: { client_id: string; client_secret: string }) => ({ account_id: account.account_id, ...client })
  const read = (token: string) => send(server.url, 'GET', `${base}/clients`, { headers: { authorization: `Bearer ${token}` } })

  test('client create: 200 with a secret of 43 characters that is stored nowhere and never shown again', async () => {
    const client = await add({ name: 'Web shop', description: 'The shop', callbacks: ['https://shop.example'], unknown: 1 })
    assert.match(client.client_secret, /^[\w-]{43}$/)
    assert.equal(client.created_by, account.client_id)
    assert.match(client.created_at, /^\d{4}-.*\.\d{3}Z$/)
    const shown = await account.call('GET', `${base}/clients/${client.id}`)
    const { client_secret, ...rest } = client
    assert.deepEqual(shown.body, rest)
    const { body: listed } = await account.call('GET', `${base}/clients`)
    assert.ok(!JSON.stringify(listed).includes(client_secret))
    assert.deepEqual(
      listed.find((one: { id: string }) => one.id === client.id),
      rest,
    )
    const rows = await server.sql`select row_to_json(c)::text as text from accounts.clients c`
    assert.ok(!JSON.stringify(rows).includes(client_secret))
  })

  test('client create: 409 when the client_id is taken, also by a deleted client', async () => {
    const client = await add({ client_id: 'my-shop' })
    assert.equal(client.client_id, 'my-shop')
    const again = await account.call('POST', `${base}/clients`, { client_id: 'my-shop' })
    assert.equal(again.status, 409)
    assert.equal(again.body.error.errors[0].path, '/client_id')
    await account.call('DELETE', `${base}/clients/${client.id}`)
    assert.equal((await account.call('POST', `${base}/clients`, { client_id: 'my-shop' })).status, 409)
  })

  test('client create: exactly one succeeds when twenty race for a client_id', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => account.call('POST', `${base}/clients`, { client_id: 'raced' })),
    )
    const statuses = answers.map(({ status }) => status).sort()
    assert.deepEqual(statuses, [200, ...Array(19).fill(409)])
  })

  const wrong: [name: string, path: string, body: unknown, at: string][] = [
    ['client_id has a colon', 'clients', { client_id: 'a:b' }, '/client_id'],
    ['name is a number', 'clients', { name: 1 }, '/name'],
    ['callbacks is no list', 'clients', { callbacks: 'https://a.example' }, '/callbacks'],
    ['the grant has no client', 'client-grants', { audience: 'x', scope: ['read:accounts'] }, '/client_id'],
    ['the grant has no scope', 'client-grants', { client_id: 'x', audience: 'x', scope: [] }, '/scope'],
    ['a scope is none', 'client-grants', { client_id: 'x', audience: 'x', scope: ['everything'] }, '/scope'],
    ['the audience is none', 'client-grants', { client_id: 'x', audience: 'x', scope: ['read:accounts'] }, '/audience'],
    [
      'the audience is another account',
      'client-grants',
      { client_id: 'x', audience: 'https://api.dintero.com/v1/accounts/T00000001', scope: ['read:accounts'] },
      '/audience',
    ],
    ['the type is unknown', 'client-grants', { client_id: 'x', audience: 'x', scope: ['read:accounts'], type: 'magic' }, '/type'],
  ]
  for (const [name, path, body, at] of wrong) {
    test(`client and grant create: 400 when ${name}`, async () => {
      const answer = await account.call('POST', `${base}/${path}`, body)
      assert.equal(answer.status, 400, JSON.stringify(answer.body))
      assert.equal(answer.body.error.errors[0].path, at)
    })
  }

  test("client: 404 when the id is unknown, deleted or another account's, 403 on another account's path", async () => {
    const deleted = await add()
    const { body } = await account.call('DELETE', `${base}/clients/${deleted.id}`)
    assert.equal(body.deleted_by, account.client_id)
    assert.ok(body.deleted_at)
    const [foreign] = (await other.call('GET', `/v1/accounts/${other.account_id}/auth/clients`)).body
    for (const id of ['unknown', deleted.id, foreign.id, '%00', "a'b"]) {
      assert.equal((await account.call('GET', `${base}/clients/${id}`)).status, id === '%00' ? 400 : 404, id)
      if (id === '%00') continue
      assert.equal((await account.call('DELETE', `${base}/clients/${id}`)).status, 404)
      assert.equal((await account.call('POST', `${base}/clients/${id}/rotate-secret`)).status, 404)
    }
    assert.equal((await other.call('GET', `${base}/clients`)).status, 403)
    assert.equal((await other.call('POST', `${base}/clients`, {})).status, 403)
  })

  test('lists: 400, never 500, when a query holds what PostgreSQL refuses', async () => {
    for (const path of [
      `${base}/client-grants?client_id=%00`,
      `${base}/client-grants?audience=%00`,
      '/v1/admin/api-keys?starting_after=%00',
    ]) {
      assert.equal((await account.call('GET', path)).status, 400, path)
    }
  })

  test('token: 403 until the client has a grant, then only what the grant says', async () => {
    const client = await add()
    assert.equal((await fetchToken(server.url, credentials(client))).status, 403)
    const given = await grant(client.id, ['read:accounts', 'read:accounts'])
    assert.deepEqual(given.scope, ['read:accounts'])
    assert.equal(given.type, 'any')
    assert.equal(given.client_id, client.id)
    const token = (await fetchToken(server.url, credentials(client))).body.access_token
    assert.equal((await read(token)).status, 200)
    const headers = { authorization: `Bearer ${token}` }
    const forbidden = await send(server.url, 'POST', `${base}/clients`, { body: {}, headers })
    assert.equal(forbidden.status, 403)
    assert.match(forbidden.body.error.message, /admin:accounts, write:accounts/)
    assert.deepEqual(forbidden.body.error.errors[0].allowed, ['admin:accounts', 'write:accounts'])
  })

  test('grant: 409 when there is one for the audience, 404 when the client is unknown; listed by client and audience', async () => {
    const client = await add({ client_id: 'with-grant' })
    const given = await grant('with-grant', ['read:accounts'])
    assert.equal(given.client_id, client.id)
    const body = { client_id: client.id, audience, scope: ['write:accounts'] }
    assert.equal((await account.call('POST', `${base}/client-grants`, body)).status, 409)
    assert.equal((await account.call('POST', `${base}/client-grants`, { ...body, client_id: 'unknown' })).status, 404)
    const foreign = (await other.call('GET', `/v1/accounts/${other.account_id}/auth/clients`)).body[0].id
    assert.equal((await account.call('POST', `${base}/client-grants`, { ...body, client_id: foreign })).status, 404)
    for (const query of [`client_id=${client.id}`, 'client_id=with-grant', `client_id=with-grant&audience=${audience}`]) {
      assert.deepEqual((await account.call('GET', `${base}/client-grants?${query}`)).body, [given], query)
    }
    assert.deepEqual((await account.call('GET', `${base}/client-grants?audience=https://x.example`)).body, [])
    const { body: ended } = await account.call('DELETE', `${base}/client-grants/${given.id}`)
    assert.ok(ended.deleted_at)
    assert.equal((await account.call('DELETE', `${base}/client-grants/${given.id}`)).status, 404)
    assert.equal((await account.call('POST', `${base}/client-grants`, body)).status, 200)
  })

  test('grant delete: takes its scopes from tokens that are out', async () => {
    const client = await add()
    const given = await grant(client.id, ['read:accounts'])
    const token = (await fetchToken(server.url, credentials(client))).body.access_token
    assert.equal((await read(token)).status, 200)
    await account.call('DELETE', `${base}/client-grants/${given.id}`)
    await until(async () => (await read(token)).status === 403)
    // A wider grant later does not widen a token that was issued before it.
    await grant(client.id, ['admin:accounts'])
    await until(async () => (await read(token)).status === 200)
    const headers = { authorization: `Bearer ${token}` }
    assert.equal((await send(server.url, 'POST', `${base}/clients`, { body: {}, headers })).status, 403)
    const wider = (await fetchToken(server.url, credentials(client))).body.access_token
    const answer = await send(server.url, 'POST', `${base}/clients`, { body: {}, headers: { authorization: `Bearer ${wider}` } })
    assert.equal(answer.status, 200, 'a new token has the new grant at once')
  })

  test('rotate secret: the old secret stops at once, its tokens soon after, the new secret works', async () => {
    const client = await add()
    await grant(client.id, ['read:accounts'])
    const token = (await fetchToken(server.url, credentials(client))).body.access_token
    assert.equal((await read(token)).status, 200)
    const { status, body: rotated } = await account.call('POST', `${base}/clients/${client.id}/rotate-secret`)
    assert.equal(status, 200)
    assert.notEqual(rotated.client_secret, client.client_secret)
    assert.equal((await fetchToken(server.url, credentials(client))).status, 401)
    const { body } = await fetchToken(server.url, credentials(rotated))
    assert.equal((await read(body.access_token)).status, 200)
    await until(async () => (await read(token)).status === 401)
    assert.equal((await read(body.access_token)).status, 200)
  })

  test('revoke: 200 with or without a body, as no refresh token is in force', async () => {
    assert.equal((await account.call('POST', `${base}/revoke`, { refresh_token: 'x' })).status, 200)
    assert.equal((await account.call('POST', `${base}/revoke`)).status, 200)
  })
})
