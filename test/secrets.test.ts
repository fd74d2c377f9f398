import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from '../src/app.ts'
import { createLog } from '../src/lib/log.ts'
import { createTestAccount, send } from './client.ts'
import { cloneDatabase } from './database.ts'
import { startServer } from './server.ts'

const enabled = { type: 'payment_product_type', enabled: true }

test('pay: neither the log at its most talkative nor any table holds a card number or its code', async () => {
  const server = await startServer({ work: false })
  const lines: string[] = []
  const log = createLog('trace', { write: (line: string) => void lines.push(line) })
  const { app } = await buildApp({ ...server, log })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  try {
    const shop = await createTestAccount({ ...server, url })
    const cvc = '73519'
    const numbers = ['4000000000000002', '4000300000000006', '4100000000000019', '4000 0000 0000 0002']
    const pay = async (number: string) => {
      const session = await shop.call('POST', '/v1/sessions', {
        url: { return_url: 'https://shop.example/return' },
        order: {
          amount: 1_000,
          currency: 'NOK',
          merchant_reference: 'r',
          items: [{ id: 'a', line_id: '1', quantity: 1, amount: 1_000 }],
        },
        configuration: { dintero_psp: { type: 'payment_type', creditcard: enabled } },
      })
      const body = { payment_product_type: 'dintero_psp.creditcard', card: { number, expiry: '12/39', cvc } }
      return send(url, 'POST', `/v1/sessions/${session.body.id}/pay`, { body })
    }
    for (const number of numbers) assert.ok((await pay(number)).status < 500)
    // And when the database, or the provider, fails in the middle.
    await server.sql`alter table simulator.payments rename to payments_gone`
    await pay(numbers[0]!)
    await server.sql`alter table simulator.payments_gone rename to payments`
    await server.sql`alter table checkout.operations rename to operations_gone`
    assert.equal((await pay(numbers[0]!)).status, 500)
    await server.sql`alter table checkout.operations_gone rename to operations`

    const tables = await server.sql<{ name: string }[]>`
      select format('%I.%I', table_schema, table_name) as name from information_schema.tables
      where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`
    let stored = ''
    for (const { name } of tables) stored += JSON.stringify(await server.sql.unsafe(`select row_to_json(t)::text from ${name} t`))
    const logged = lines.join('')
    assert.ok(logged.includes('request failed'), 'the log was captured')
    assert.ok(stored.includes('masked_pan'), 'the tables were read')
    for (const secret of [...numbers, cvc]) {
      assert.ok(!logged.includes(secret), `${secret} is in the log`)
      assert.ok(!stored.includes(secret), `${secret} is in a table`)
    }
  } finally {
    await app.close()
    await server.close()
  }
})

test('log: nothing of a row that PostgreSQL refused', async () => {
  const database = await cloneDatabase()
  const lines: string[] = []
  const log = createLog('info', { write: (line: string) => void lines.push(line) })
  try {
    const refused = database.sql`
      insert into accounts.idempotency_keys (account_id, client_id, key, request_hash, status, body)
      values ('T00000001', 'c', 'k', '', null, 'Kari Nordmann')`
    await refused.catch((err) => log.error({ err }, 'request failed'))
  } finally {
    await database.drop()
  }
  assert.match(lines.join(), /violates not-null constraint/)
  assert.doesNotMatch(lines.join(), /Kari/)
})

test('log: a line names what the request was about and why it was refused; never a session, whose id opens its page', async () => {
  const server = await startServer({ work: false })
  const lines: string[] = []
  const log = createLog('info', { write: (line: string) => void lines.push(line) })
  const { app } = await buildApp({ ...server, log })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  try {
    const shop = await createTestAccount({ ...server, url })
    const shopping = `/v1/accounts/${shop.account_id}/shopping`
    const asked: [method: string, path: string, error: string | undefined, id: string | undefined][] = [
      ['GET', '/v1/transactions/T1.abc', 'not_found', 'T1.abc'],
      ['POST', '/v1/transactions/T1.abc/capture', 'not_found', 'T1.abc'],
      ['GET', '/v1/operations/6f0b2f7e-5e42-4d0a-a1ef-5f5b0a3a4b11', 'not_found', '6f0b2f7e-5e42-4d0a-a1ef-5f5b0a3a4b11'],
      ['POST', `${shopping}/orders/ORDER-7/captures`, 'invalid_request', 'ORDER-7'],
      ['GET', `${shopping}/orders`, undefined, undefined],
      ['GET', '/v1/sessions/T1.xyz', 'session_not_found', undefined],
      ['POST', '/v1/sessions/T1.xyz/cancel', 'session_not_found', undefined],
    ]
    for (const [method, path, error, id] of asked) {
      const { headers } = await shop.call(method, path, method === 'POST' ? {} : undefined)
      const line = lines.map((text) => JSON.parse(text)).find(({ request_id }) => request_id === headers.get('request-id'))
      assert.deepEqual([line.error, line.id, line.account_id], [error, id, shop.account_id], path)
    }
    await send(url, 'GET', '/v1/transactions/T1.abc')
    assert.deepEqual([JSON.parse(lines.at(-1)!).error, JSON.parse(lines.at(-1)!).id], ['unauthorized', undefined])
    assert.ok(!lines.join('').includes('T1.xyz'))
  } finally {
    await app.close()
    await server.close()
  }
})
