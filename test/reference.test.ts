import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { send } from './client.ts'
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

test('reference: the page lists the endpoints, runs no script and asks nobody else', async () => {
  const { status, body, headers } = await send(server.url, 'GET', '/docs')
  assert.equal(status, 200)
  assert.match(headers.get('content-type') ?? '', /^text\/html/)
  assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/)
  assert.match(body, /\/v1\/transactions\/\{id\}\/capture/)
  assert.doesNotMatch(body, /<script|src=/)
})
