import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createTestAccount, send, type TestAccount, until } from './client.ts'
import { startServer, type TestServer } from './server.ts'

const path = '/v1/admin/api-keys'

describe('api keys', () => {
  let server: TestServer
  let account: TestAccount
  let other: TestAccount
  // Every look at the clock is a millisecond later, so that no two keys are of the same moment.
  let time = Date.now()
  before(async () => {
    server = await startServer({ work: false, clock: { now: () => new Date(time++) } })
    account = await createTestAccount(server)
    other = await createTestAccount(server)
  })
  after(() => server.close())

  const withKey = (key: string, at = path, method = 'GET') => send(server.url, method, at, { headers: { 'x-api-key': key } })
  async function create(name?: string) {
    const { status, body } = await account.call('POST', path, name === undefined ? undefined : { name })
    assert.equal(status, 200, JSON.stringify(body))
    return body
  }

  test('api key create: 200 with the key, once; it opens the admin endpoints and nothing else', async () => {
    const key = await create('Reports')
    assert.ok(key.access_token.startsWith(`${key.id}.`))
    const { status, body } = await withKey(key.access_token)
    assert.equal(status, 200)
    assert.deepEqual(body, [{ id: key.id, created_at: key.created_at, name: 'Reports', updated_at: key.updated_at }])
    assert.equal((await withKey(key.access_token, `/v1/accounts/${account.account_id}/auth/keys`)).status, 401)
    const rows = await server.sql`select row_to_json(k)::text as text from accounts.api_keys k`
    assert.ok(!JSON.stringify(rows).includes(key.access_token.split('.')[2]))
    assert.equal((await create()).name, undefined)
  })

  test('api key: 401 when it is wrong or has expired, 403 on a key of another account', async () => {
    const key = await create('one')
    const [aid, id, secret] = key.access_token.split('.')
    const changed = `${secret[0] === 'A' ? 'B' : 'A'}${secret.slice(1)}`
    for (const text of [
      '',
      'x',
      `${aid}.${id}`,
      `${aid}.${id}.${changed}`,
      `${other.account_id}.${id}.${secret}`,
      `${aid}.zz.${secret}`,
    ]) {
      assert.equal((await withKey(text)).status, 401, text)
    }
    assert.equal((await other.call('DELETE', `${path}/${key.id}`)).status, 403)
    assert.equal((await other.call('DELETE', `${path}/unknown`)).status, 404)
    const expired = await create('expired')
    await server.sql`update accounts.api_keys set expires_at = ${new Date(time)} where id = ${expired.id}`
    assert.equal((await withKey(expired.access_token)).status, 401)
    const forged = key.id.replace(account.account_id, other.account_id)
    assert.equal((await other.call('DELETE', `${path}/${forged}`)).status, 404)
  })

  test('api key rotate and delete: the key before stops, 404 when it is gone', async () => {
    const key = await create('rotated')
    assert.equal((await withKey(key.access_token)).status, 200)
    const { body: rotated } = await account.call('POST', `${path}/${key.id}/rotate-api-key`)
    assert.equal(rotated.id, key.id)
    assert.equal((await withKey(rotated.access_token)).status, 200)
    assert.equal((await withKey(key.access_token)).status, 401)
    const { body: deleted } = await withKey(rotated.access_token, `${path}/${key.id}`, 'DELETE')
    assert.equal(deleted.deleted_by, `api-key:${key.id}`)
    await until(async () => (await withKey(rotated.access_token)).status === 401)
    assert.equal((await account.call('DELETE', `${path}/${key.id}`)).status, 404)
    assert.equal((await account.call('POST', `${path}/${key.id}/rotate-api-key`)).status, 404)
  })

  test('api key list: newest first, page by page, deleted ones when asked for', async () => {
    const lister = await createTestAccount(server)
    const made: string[] = []
    for (const name of ['a', 'b', 'c']) made.unshift((await lister.call('POST', path, { name })).body.id)
    await lister.call('DELETE', `${path}/${made[1]}`)
    const list = async (query: string) => (await lister.call('GET', `${path}?${query}`)).body.map(({ id }: { id: string }) => id)
    assert.deepEqual(await list(''), [made[0], made[2]])
    assert.deepEqual(await list('include_deleted=true'), made)
    assert.deepEqual(await list('include_deleted=true&limit=1'), [made[0]])
    assert.deepEqual(await list(`include_deleted=true&limit=1&starting_after=${made[0]}`), [made[1]])
    assert.deepEqual(await list(`starting_after=${made[1]}`), [made[2]])
    assert.deepEqual(await list('starting_after=unknown'), [])
    assert.equal((await lister.call('GET', `${path}?limit=101`)).status, 400)
    assert.equal((await lister.call('GET', `${path}?include_deleted=perhaps`)).status, 400)
  })
})
