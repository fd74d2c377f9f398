import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from '../src/app.ts'
import { createLog } from '../src/lib/log.ts'
import { createTestAccount, fetchToken, send } from './client.ts'
import { startServer } from './server.ts'

test('secrets: neither the log at its most talkative nor any table holds a secret, a token or a key', async () => {
  const server = await startServer({ work: false })
  const lines: string[] = []
  const log = createLog('trace', { write: (line: string) => void lines.push(line) })
  const { app } = await buildApp({ ...server, log })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  try {
    const account = await createTestAccount({ ...server, url })
    const base = `/v1/accounts/${account.account_id}/auth`
    const key = { 'idempotency-key': 'made-once' }
    const client = (await account.call('POST', `${base}/clients`, { client_id: 'shop' }, key)).body
    const rotated = (await account.call('POST', `${base}/clients/${client.id}/rotate-secret`, undefined, key)).body
    const apiKey = (await account.call('POST', '/v1/admin/api-keys', { name: 'one' }, key)).body
    const newKey = (await account.call('POST', `/v1/admin/api-keys/${apiKey.id}/rotate-api-key`, undefined, key)).body
    await send(url, 'GET', '/v1/admin/api-keys', { headers: { 'x-api-key': newKey.access_token } })
    await fetchToken(url, { ...account, client_secret: 'wrong-secret-of-a-shop' })
    await fetchToken(url, { ...account, body: { grant_type: 'password', password: 'password-of-a-person' } })
    await send(url, 'GET', `${base}/clients?access_token=${account.token}`, {
      headers: { authorization: `Bearer ${account.token}x` },
    })
    // And when the database fails in the middle: what is logged then must not hold the parameters.
    await server.sql`alter table accounts.clients rename to clients_gone`
    assert.equal((await fetchToken(url, account)).status, 500)
    assert.equal((await account.call('POST', `${base}/clients`, {})).status, 500)
    await server.sql`alter table accounts.clients_gone rename to clients`

    const secrets = [
      account.client_secret,
      account.token,
      client.client_secret,
      rotated.client_secret,
      apiKey.access_token,
      newKey.access_token,
      newKey.access_token.split('.')[2],
      'wrong-secret-of-a-shop',
      'password-of-a-person',
      Buffer.from(`${account.client_id}:${account.client_secret}`).toString('base64'),
    ]
    const tables = await server.sql<{ name: string }[]>`
      select format('%I.%I', table_schema, table_name) as name from information_schema.tables
      where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`
    let stored = ''
    for (const { name } of tables) stored += JSON.stringify(await server.sql.unsafe(`select row_to_json(t)::text from ${name} t`))
    const logged = lines.join('')
    assert.ok(logged.includes('request failed'), 'the log was captured')
    assert.ok(stored.includes(client.id), 'the tables were read')
    for (const [index, secret] of secrets.entries()) {
      assert.equal(typeof secret, 'string')
      assert.ok(!logged.includes(secret), `secret ${index} is in the log`)
      assert.ok(!stored.includes(secret), `secret ${index} is in a table`)
    }
    assert.doesNotMatch(logged, /scrypt\$/, 'hashes stay out of the log too')
  } finally {
    await app.close()
    await server.close()
  }
})
