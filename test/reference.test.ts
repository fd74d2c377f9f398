import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createTestAccount, send } from './client.ts'
import { startServer } from './server.ts'

const server = await startServer({ work: false })
after(() => server.close())

test('reference: openapi.json describes every endpoint, and each operation has a name and a summary', async () => {
  const { status, body } = await send(server.url, 'GET', '/openapi.json')
  assert.equal(status, 200)
  const operations = Object.values(body.paths).flatMap((methods) =>
    Object.values(methods as Record<string, { operationId?: string }>),
  )
  assert.ok(operations.length > 30)
  const names = operations.map(({ operationId }) => operationId)
  assert.equal(new Set(names).size, names.length, 'an operationId stands for one operation')
})

test('reference: the headers that change what an operation does are named', async () => {
  const { body } = await send(server.url, 'GET', '/openapi.json')
  const named = (wanted: string) =>
    Object.entries(body.paths as Record<string, Record<string, { parameters?: { in: string; name: string }[] }>>).flatMap(
      ([path, methods]) =>
        Object.entries(methods)
          .filter(([, { parameters = [] }]) => parameters.some((one) => one.in === 'header' && one.name === wanted))
          .map(([method]) => `${method} ${path}`),
    )
  assert.deepEqual(named('dintero-feature-toggles').sort(), [
    'post /v1/sessions',
    'post /v1/sessions-profile',
    'post /v1/sessions/pay',
    'put /v1/sessions/{id}',
  ])
  assert.equal(named('if-unmodified-since').length, 5)
  assert.ok(named('idempotency-key').includes('post /v1/sessions'), 'beside those that all have')
})

test('reference: the page lists the endpoints, runs no script and asks nobody else', async () => {
  const { status, body, headers } = await send(server.url, 'GET', '/docs')
  assert.equal(status, 200)
  assert.match(headers.get('content-type') ?? '', /^text\/html/)
  assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/)
  assert.match(body, /\/v1\/transactions\/\{id\}\/capture/)
  assert.doesNotMatch(body, /<script|src=/)
})

type Schema = { $ref?: string; type?: string; properties?: Record<string, Schema>; items?: Schema }

test('reference: whatever an order and its draft are answered with is described, and so are the exports', async () => {
  const { body: document } = await send(server.url, 'GET', '/openapi.json')
  const undescribed = (value: unknown, given: Schema, at: string): string[] => {
    const schema: Schema = given.$ref ? document.components.schemas[given.$ref.split('/').pop()!] : given
    if (Array.isArray(value)) return value.flatMap((element) => undescribed(element, schema.items ?? {}, `${at}[]`))
    const { properties } = schema
    if (typeof value !== 'object' || value === null || !properties) return []
    return Object.entries(value).flatMap(([name, member]) =>
      properties[name] ? undescribed(member, properties[name], `${at}/${name}`) : [`${at}/${name}`],
    )
  }
  const account = await createTestAccount(server)
  const root = `/v1/accounts/${account.account_id}/shopping`
  const must = async (method: string, path: string, body?: unknown) => {
    const answer = await account.call(method, root + path, body)
    assert.equal(answer.status, 200, `${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const rate = {
    original_currency: 'SEK',
    original_gross_amount: 110,
    conversion_rate_ppm: 1_100_000,
    conversion_rate_source: 'ecb',
  }
  const item = {
    id: 'a',
    line_id: 1,
    quantity: 2,
    gross_amount: 100,
    tax_lines: [],
    description: 'Stol',
    status: 'packed',
    ...rate,
  }
  const content = { customer: { id: 'c' }, store: { id: 's' }, courier_id: 'c', external_ids: [{ id: 'e' }], metadata: { a: 1 } }
  const { id } = await must('POST', '/draft_orders', { order: { currency: 'NOK', items: [item], ...content } })
  const [{ order_id }] = (await must('PUT', `/draft_orders/${id}/complete`)).orders
  const record = { items: [{ line_id: 1, amount: 100, ...rate }], processed_by: 'x', payment_details: { psp: 'x' }, metadata: {} }
  await must('POST', `/orders/${order_id}/authorizations`, record)
  await must('POST', `/orders/${order_id}/events`, { service: 's', service_status: 'x', description: 'y', metadata: {} })
  await must('POST', `/orders/${order_id}/comments`, { comment: 'x' })
  await must('POST', `/orders/${order_id}/close`)
  await must('POST', `/orders/${order_id}/cancel`)
  const order = await must('GET', `/orders/${order_id}?include_events=true`)
  assert.deepEqual(undescribed(order, { $ref: '/Order' }, ''), [])
  assert.deepEqual(undescribed(await must('GET', `/draft_orders/${id}`), { $ref: '/DraftOrder' }, ''), [])
  const exported = Object.keys(document.paths['/v1/accounts/{aid}/shopping/orders'].get.responses[200].content)
  assert.deepEqual(exported, ['application/json', 'application/x-ndjson', 'text/csv'])
})
