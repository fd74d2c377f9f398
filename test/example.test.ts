import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { playShop, type Service } from '../examples/shop.ts'
import { createTestAccount } from './client.ts'
import { runExample } from './process.ts'
import { startServer, type TestServer } from './server.ts'

async function service(server: TestServer): Promise<Service> {
  const { account_id, client_id, client_secret } = await createTestAccount(server, {
    scopes: ['admin:checkout', 'admin:shopping'],
  })
  return { url: server.url, account_id, client_id, client_secret }
}

describe('the published walk', () => {
  const servers: TestServer[] = []
  before(async () => {
    servers.push(await startServer(), await startServer({ role: 'orders' }), await startServer({ role: 'checkout' }))
  })
  after(() => Promise.all(servers.map((server) => server.close())))

  test('ends refunded on both sides when one server runs both services', async () => {
    const both = await service(servers[0]!)
    const end = await playShop({ orders: both, checkout: both, print: () => {} })
    assert.deepEqual(
      { payment_status: end.payment_status, status: end.status },
      { payment_status: 'refunded', status: 'REFUNDED' },
    )
    assert.match(end.order_id, /^[A-Z0-9]{9}$/)
    assert.match(end.transaction_id, new RegExp(`^${both.account_id}\\.[0-9A-Za-z]{22}$`))
  })

  test('ends the same with two servers, two databases and two accounts that share nothing', async () => {
    const end = await playShop({ orders: await service(servers[1]!), checkout: await service(servers[2]!), print: () => {} })
    assert.deepEqual(
      { payment_status: end.payment_status, status: end.status },
      { payment_status: 'refunded', status: 'REFUNDED' },
    )
  })

  test('npm run example: says in one line what to set when it finds no server, or not its database', async () => {
    const KVITT_DATA = '/nowhere/at/all'
    const alone = await runExample({ KVITT_DATA, PORT: '1' })
    assert.deepEqual([alone.code, alone.output.trim().split('\n').length], [1, 1])
    assert.match(alone.output, /^example: no Kvitt answers at http:\/\/localhost:1\. .*set PORT .*KVITT_URL/)
    const apart = await runExample({ KVITT_DATA, KVITT_URL: servers[0]!.url })
    assert.deepEqual([apart.code, apart.output.trim().split('\n').length], [1, 1])
    assert.match(apart.output, /^example: .*no database in \/nowhere\/at\/all\. Set KVITT_DATA or DATABASE_URL/)
  })
})
