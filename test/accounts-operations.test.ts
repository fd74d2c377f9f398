import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createAccount, createClient, ensureAccount, ensureClient, ensureFirstClient } from '../src/accounts/operations.ts'
import { fetchToken, send } from './client.ts'
import { startServer, type TestServer } from './server.ts'

const times = <T>(count: number, work: () => Promise<T>) => Promise.all(Array.from({ length: count }, work))

describe('accounts', () => {
  let server: TestServer
  before(async () => {
    server = await startServer({ work: false })
  })
  after(() => server.close())

  test('first client: one account and one client when eight processes start at once; later starts find them', async () => {
    const firsts = await times(8, () => ensureFirstClient(server, {}))
    assert.equal(new Set(firsts.map(({ account_id, client_id }) => `${account_id}/${client_id}`)).size, 1)
    const [made, ...more] = firsts.filter(({ client_created }) => client_created)
    assert.ok(made && more.length === 0)
    assert.match(made.account_id, /^T\d{8}$/)
    assert.equal(made.account_created, true)
    assert.equal((await fetchToken(server.url, { ...made, client_secret: made.client_secret! })).status, 200)
    const again = await ensureFirstClient(server, {})
    const expected = { account_id: made.account_id, account_created: false, client_id: made.client_id, client_created: false }
    assert.deepEqual(again, expected)
  })

  test('first client: the given credentials work, whatever was there before', async () => {
    const settings = { account_id: 'T00000042', client_id: 'shop', client_secret: 'first secret' }
    const works = async (client_secret: string) => (await fetchToken(server.url, { ...settings, client_secret })).status === 200
    await times(4, () => ensureFirstClient(server, settings))
    assert.ok(await works('first secret'))
    const { body } = await fetchToken(server.url, settings)
    const headers = { authorization: `Bearer ${body.access_token}` }
    const clients = '/v1/accounts/T00000042/auth/clients'

    const same = await ensureFirstClient(server, settings)
    assert.equal(same.client_created, false)
    assert.equal((await send(server.url, 'GET', clients, { headers })).status, 200, 'a start with the same secret ends no token')

    const changed = { ...settings, client_secret: 'second secret' }
    await times(4, () => ensureFirstClient(server, changed))
    assert.ok(await works('second secret'))
    assert.equal(await works('first secret'), false)

    const token = (await fetchToken(server.url, changed)).body.access_token
    const [client] = (await send(server.url, 'GET', clients, { headers: { authorization: `Bearer ${token}` } })).body
    await send(server.url, 'DELETE', `${clients}/${client.id}`, { headers: { authorization: `Bearer ${token}` } })
    assert.equal(await works('second secret'), false)
    await ensureFirstClient(server, changed)
    assert.ok(await works('second secret'))
  })

  test('first client: one is made for the given account, with the given client_id', async () => {
    const first = await ensureFirstClient(server, { account_id: 'P00000043', client_id: 'named' })
    assert.equal(first.client_id, 'named')
    assert.equal((await fetchToken(server.url, { ...first, client_secret: first.client_secret! })).status, 200)
    const again = await ensureFirstClient(server, { account_id: 'P00000043' })
    assert.deepEqual([again.client_id, again.client_secret, again.client_created], ['named', undefined, false])
  })

  test('first client: a secret alone is in force for the client that is made, and refused when it is not the secret of the first', async () => {
    const settings = { account_id: 'T00000045', client_secret: 'a secret of our own' }
    const made = await ensureFirstClient(server, settings)
    assert.equal(made.client_secret, settings.client_secret)
    assert.equal((await fetchToken(server.url, { ...made, client_secret: settings.client_secret })).status, 200)
    assert.equal((await ensureFirstClient(server, settings)).client_id, made.client_id)
    const changed = { ...settings, client_secret: 'another secret of ours' }
    const message = new RegExp(`KVITT_CLIENT_SECRET is not the secret of .*KVITT_CLIENT_ID=${made.client_id} too`)
    await assert.rejects(ensureFirstClient(server, changed), { code: 'invalid_request', message })
    const named = await ensureFirstClient(server, { ...changed, client_id: made.client_id })
    assert.equal((await fetchToken(server.url, { ...named, client_secret: changed.client_secret })).status, 200)
  })

  test('ensure: an account and a client may be ensured by several at once', async () => {
    const created = await times(4, () => ensureAccount(server, { account_id: 'T00000044' }))
    assert.equal(created.filter((one) => one.created).length, 1)
    const credentials = { account_id: 'T00000044', client_id: 'c', client_secret: 's' }
    await times(4, () => ensureClient(server, credentials))
    assert.equal((await fetchToken(server.url, credentials)).status, 200)
    const keys = await server.sql`select from accounts.signing_keys where account_id = 'T00000044'`
    assert.equal(keys.length, 1)
  })

  test('account create: random ids differ, P when asked for; refused when taken or no account id', async () => {
    const { account_id } = await createAccount(server, { name: 'A shop' })
    assert.match(account_id, /^T\d{8}$/)
    assert.match((await createAccount(server, { production: true })).account_id, /^P\d{8}$/)
    await assert.rejects(createAccount(server, { account_id }), { code: 'account_exists' })
    await assert.rejects(createAccount(server, { account_id: 'X1' }), { code: 'invalid_request' })
  })

  test('client create: refused for an unknown account, a taken client_id, a text that is no scope', async () => {
    const { account_id } = await createAccount(server)
    const options = { account_id, client_id: 'one', scopes: ['read:checkout'] }
    const made = await createClient(server, options)
    assert.equal((await fetchToken(server.url, { account_id, ...made })).status, 200)
    await assert.rejects(createClient(server, options), { code: 'client_exists' })
    await assert.rejects(createClient(server, { ...options, account_id: 'T99999999' }), { code: 'account_not_found' })
    await assert.rejects(createClient(server, { ...options, scopes: ['everything'] }), { code: 'invalid_request' })
    for (const client_id of ['', 'a:b', 'x'.repeat(256)]) {
      await assert.rejects(createClient(server, { ...options, client_id }), { code: 'invalid_request' }, client_id)
      await assert.rejects(ensureClient(server, { ...options, client_id, client_secret: 's' }), { code: 'invalid_request' })
    }
  })
})
