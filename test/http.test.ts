import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import Type from 'typebox'
import { ApiError } from '../src/lib/errors.ts'
import { createServer, type Server } from '../src/lib/http.ts'
import { limits } from '../src/lib/limits.ts'
import { AmountIn, DateTime, LineIdIn, PositiveAmountIn } from '../src/lib/schema.ts'

let app: Server
before(() => {
  app = createServer({
    logger: undefined,
    authenticate: async ({ url }) => {
      if (url === '/v1/known') return { account_id: 'T12345678', subject: 'c', scopes: [] }
      throw new ApiError('unauthorized', 'No.')
    },
  })
  const body = Type.Object({
    amount: Type.Optional(AmountIn),
    items: Type.Optional(Type.Array(Type.Object({ amount: PositiveAmountIn }))),
    kind: Type.Optional(Type.Enum(['a', 'b'])),
    at: Type.Optional(DateTime),
    line_id: Type.Optional(LineIdIn),
  })
  const querystring = Type.Object({ limit: Type.Optional(Type.Integer()), id: Type.Optional(Type.Array(Type.String())) })
  app.post('/v1/echo', { config: { access: 'public' }, schema: { body, querystring } }, async ({ body, query }) => ({
    body,
    query,
  }))
  app.post('/v1/accounts/:aid/shopping/echo', { config: { access: 'public' }, schema: { body } }, async ({ body }) => body)
  app.post('/v1/empty', { config: { access: 'public' } }, async ({ body }) => ({ body: body ?? 'nothing' }))
  app.post('/v1/known', { config: { scopes: ['read:known'] } }, async () => ({}))
  app.post('/v1/keep', { config: { access: 'public', nulls: 'keep' } }, async ({ body }) => body)
  app.get('/v1/fault', { config: { access: 'public' } }, async () => {
    throw new Error('secret detail')
  })
  app.get('/v1/database/:code', { config: { access: 'public' } }, async ({ params }) => {
    throw Object.assign(new Error('secret detail'), { code: (params as { code: string }).code })
  })
  app.get('/v1/own/:id', { config: { scopes: ['read:checkout'] } }, async () => ({}))
})
after(() => app.close())
let url: Promise<string> | undefined
const listening = () => (url ??= app.listen({ port: 0, host: '127.0.0.1' }))

const post = (url: string, payload: string, type = 'application/json') =>
  app.inject({ method: 'POST', url, payload, headers: { 'content-type': type } })

// body -> what the route sees, or the status and the path of the refusal
const bodies: [name: string, body: string, expected: unknown][] = [
  ['an amount', '{"amount":100}', { amount: 100 }],
  ['a float within an øre (clients §4.4)', '{"amount":29989.999999999996}', { amount: 29990 }],
  ['a float in a line', '{"items":[{"amount":1998.9999999999998}]}', { items: [{ amount: 1999 }] }],
  ['null for an optional member', '{"amount":null,"x":{"y":null,"z":1}}', { x: { z: 1 } }],
  ['an unknown member', '{"amount":1,"tax_rate":"25"}', { amount: 1, tax_rate: '25' }],
  ['text for a number', '{"amount":"100"}', [400, '/amount']],
  ['a number beyond a safe sum', '{"amount":1e15}', [400, '/amount']],
  ['a negative amount of a line', '{"items":[{"amount":1},{"amount":-5}]}', [400, '/items/1/amount']],
  ['a missing member', '{"items":[{}]}', [400, '/items/0/amount']],
  ['an unknown value', '{"kind":"c"}', [400, '/kind']],
  ['an array for an object', '[]', [400, '/']],
  ['broken JSON', '{"amount":', [400, undefined]],
  ['U+0000', '{"kind":"a","x":"\\u0000"}', [400, '/x']],
  ['half a surrogate pair', '{"x":{"y":"\\ud800"}}', [400, '/x/y']],
  ['a prototype', '{"__proto__":{"admin":true}}', [400, undefined]],
  ['nesting without end', `{"x":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, [400, undefined]],
]
for (const [name, body, expected] of bodies) {
  test(`body: ${name}`, async () => {
    const response = await post('/v1/echo', body)
    if (!Array.isArray(expected)) {
      assert.equal(response.statusCode, 200, response.body)
      return assert.deepEqual(response.json().body, expected)
    }
    assert.equal(response.statusCode, expected[0], response.body)
    const { error } = response.json()
    assert.equal(error.code, 'INVALID_REQUEST_PARAMETER')
    assert.ok(error.message && error.errors[0].message && error.errors[0].description)
    if (expected[1]) assert.equal(error.errors[0].path, expected[1])
  })
}

test('body: "", null, [] and {"id":1} are all read as sent, whatever the content type (clients §6.6)', async () => {
  assert.deepEqual((await post('/v1/empty', '')).json(), { body: 'nothing' })
  assert.deepEqual((await post('/v1/empty', 'null')).json(), { body: 'nothing' })
  assert.deepEqual((await post('/v1/empty', '[]')).json(), { body: [] })
  assert.deepEqual((await post('/v1/empty', '{"id":1}', 'text/plain')).json(), { body: { id: 1 } })
  assert.deepEqual((await app.inject({ method: 'POST', url: '/v1/empty' })).json(), { body: 'nothing' })
  assert.deepEqual((await post('/v1/keep', '{"a":null}')).json(), { a: null })
})
test('body: over the limit is 413, which is lower where nobody says who he is', async () => {
  for (const [url, limit] of [
    ['/v1/known', limits.body_bytes],
    ['/v1/echo', limits.public_body_bytes],
  ] as const) {
    const body = (bytes: number) => `{"x":"${'a'.repeat(bytes - 8)}"}`
    assert.equal((await post(url, body(limit))).statusCode, 200, url)
    const answer = await post(url, body(limit + 1))
    assert.deepEqual([answer.statusCode, answer.json().message], [413, `The body is larger than ${limit} bytes.`])
  }
})
test('a request that never arrives whole is not waited for without end', () => {
  assert.equal(app.server.requestTimeout, limits.request_arrival_ms)
})
test('body: __proto__ is 400, also spelt with an escape', async () => {
  for (const name of ['__proto__', '\\u005f_proto__'])
    assert.equal((await post('/v1/echo', `{"${name}":{"x":1}}`)).statusCode, 400)
})
test('query: a member without a value is not given', async () => {
  const response = await app.inject({ method: 'POST', url: '/v1/echo?limit=&id=&other=', payload: '{}' })
  assert.equal(response.statusCode, 200)
  assert.deepEqual(response.json().query, {})
})

test('query: text is read as the number or the list it stands for', async () => {
  const response = await post('/v1/echo?limit=10&id=A', '{}')
  assert.deepEqual(response.json().query, { limit: 10, id: ['A'] })
  const refused = await post('/v1/echo?limit=ten', '{}')
  assert.equal(refused.json().error.errors[0].path, '?limit')
})
test('query: lists as PHP writes them', async () => {
  for (const [query, id] of [
    ['id[]=A&id[]=B', ['A', 'B']],
    ['id%5B0%5D=A&id%5B1%5D=B', ['A', 'B']],
    ['id=A&id[]=B', ['A', 'B']],
    ['id[]=', undefined],
    ['[]=A', undefined],
    ['id[x]=A', undefined],
  ] as const) {
    assert.deepEqual((await post(`/v1/echo?${query}`, '{}')).json().query.id, id, query)
  }
})
test('body: what is no UTF-8, or is packed, is refused and says so; another content type is no matter', async () => {
  const send = async (payload: Buffer | string, headers: Record<string, string>) =>
    (await app.inject({ method: 'POST', url: '/v1/echo', payload, headers })).json()
  const latin = Buffer.from('{"x":"K\u00f8"}', 'latin1')
  for (const type of ['application/json', 'application/json; charset=ISO-8859-1']) {
    assert.match((await send(latin, { 'content-type': type })).error.message, /is not UTF-8/)
  }
  assert.equal((await send('{"x":"K\u00f8"}', { 'content-type': 'application/json; charset=utf-8' })).body.x, 'K\u00f8')
  const packed = await send(gzipSync('{}'), { 'content-type': 'application/json', 'content-encoding': 'gzip' })
  assert.match(packed.error.message, /content-encoding gzip/)
  const form = await send('a=b', { 'content-type': 'application/x-www-form-urlencoded' })
  assert.equal(form.message, 'The body is not valid JSON; its content type is application/x-www-form-urlencoded.')
  assert.match((await send('{', { 'content-type': 'application/json' })).message, /^The body is not valid JSON: .*position 1/)
})
test('url: doubled slashes are one', async () => {
  assert.equal((await post('//v1//echo', '{}')).statusCode, 200)
})
test('error: a refusal can be read by a page of another origin', async () => {
  for (const url of ['/v1/own/x', '/nowhere', '/v1/fault']) {
    assert.equal((await app.inject({ url, headers: { origin: 'https://x' } })).headers['access-control-allow-origin'], '*', url)
  }
})
for (const [title, bytes, status] of [
  ['lines that end in LF alone', 'GET / HTTP/1.1\nhost: x\n\n', 400],
  ['headers that are too large', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
] as const) {
  test(`error: ${title}: ${status} in the envelope`, async () => {
    const url = new URL(await listening())
    const socket = connect(Number(url.port), url.hostname)
    socket.end(bytes)
    const [head, body] = (await text(socket)).split('\r\n\r\n')
    assert.match(head!, new RegExp(`^HTTP/1.1 ${status} `))
    const { error, message } = JSON.parse(body!)
    assert.equal(error.message, message)
  })
}
test('url: %00 is refused', async () => {
  assert.equal((await app.inject('/v1/own/%00')).statusCode, 400)
})
test('url: what can not be decoded, and an id that is too long, are refused in the envelope', async () => {
  for (const url of ['/v1/own/%ff', '/%c0%af', '/v1/accounts/%/shopping/echo', `/v1/own/${'x'.repeat(511)}`]) {
    const { statusCode, headers, ...answer } = await app.inject(url)
    assert.deepEqual([statusCode, headers['access-control-allow-origin']], [400, '*'], url)
    assert.ok(headers['request-id'])
    assert.match(answer.json().error.message, /^The URL (is not encoded|names something)/)
  }
})
for (const [body, message] of [
  ['[]', /^The body must be object\.$/],
  ['{"at":"2026-01-02"}', /^\/at must be a time such as 2026-01-02T03:04:05Z or 2026-01-02T03:04:05\+01:00\.$/],
  ['{"line_id":1.5}', /^\/line_id must be integer or string\.$/],
  ['{"at":1,,}', /^The body is not valid JSON: .*position 8/],
  ['{"__proto__":1}', /^The body is not valid JSON: __proto__/],
] as const) {
  test(`error: ${body} is told what would do, or where it ends to be JSON`, async () => {
    assert.match((await post('/v1/echo', body)).json().error.message, message)
  })
}
test('error: a member name with / or ~ is escaped in the pointer', async () => {
  const payload = '{"a/b~c":1e999}'
  const answer = await app.inject({ method: 'POST', url: '/v1/empty', payload, headers: { 'content-type': 'application/json' } })
  assert.equal(answer.json().error.errors[0].path, '/a~1b~0c')
})
test('error: orders name our code, with the path and what is allowed', async () => {
  const { error } = (await post('/v1/accounts/T12345678/shopping/echo', '{"kind":"c"}')).json()
  assert.equal(error.code, 'invalid_request')
  assert.deepEqual(error.errors[0].allowed, ['a', 'b'])
})
test('error: a fault is 500 without its details, and is found by request-id', async () => {
  const response = await app.inject('/v1/fault')
  assert.equal(response.statusCode, 500)
  assert.ok(!response.body.includes('secret'))
  assert.match(String(response.headers['request-id']), /^[0-9a-f-]{36}$/)
})
for (const [code, status, ours, says] of [
  ['ECONNREFUSED', 503, 'unavailable', 'does not answer'],
  ['CONNECTION_CLOSED', 503, 'unavailable', 'does not answer'],
  ['57P01', 503, 'unavailable', 'does not answer'],
  ['53300', 503, 'unavailable', 'is out of connections or memory'],
  ['53100', 503, 'unavailable', 'disk of the database is full'],
  ['25006', 503, 'unavailable', 'takes no writes'],
  ['55P03', 503, 'unavailable', 'took too long'],
  ['40001', 409, 'write_conflict', 'Try again'],
  ['40P01', 409, 'write_conflict', 'Try again'],
  ['22007', 400, 'invalid_request', 'none that can be stored'],
  ['22008', 400, 'invalid_request', 'none that can be stored'],
  ['23505', 500, 'internal_error', 'went wrong on our side'],
] as const) {
  test(`error: what PostgreSQL calls ${code} is ${status} ${ours}`, async () => {
    const response = await app.inject(`/v1/database/${code}`)
    assert.equal(response.statusCode, status)
    assert.equal(response.json().error.errors[0].code, ours)
    assert.ok(response.json().error.errors[0].message.includes(says), response.body)
    assert.equal(response.headers['retry-after'], status === 500 || status === 400 ? undefined : '1')
    assert.ok(!response.body.includes('secret'))
  })
}
test('error: an unknown endpoint is 404 in the envelope', async () => {
  for (const response of [await app.inject('/v1/nothing'), await post('/v1/nothing', '{')]) {
    assert.equal(response.statusCode, 404)
    assert.equal(response.json().error.code, 'NOT FOUND')
  }
})
test('client address: X-Forwarded-For counts only when a trusted proxy sends it', async () => {
  for (const [trusted_proxies, expected] of [
    [[], '127.0.0.1'],
    [['loopback'], '203.0.113.7'],
  ] as const) {
    const server = createServer({ logger: undefined, authenticate: () => Promise.reject(new Error('unused')), trusted_proxies })
    server.get('/ip', { config: { access: 'public' } }, async ({ ip }) => ({ ip }))
    const answer = await server.inject({ url: '/ip', headers: { 'x-forwarded-for': '203.0.113.7' } })
    assert.equal(answer.json().ip, expected)
    await server.close()
  }
})
test('stopping: a request on a connection that was idle is answered, and then it is closed', async () => {
  const stopping = createServer({ logger: undefined, authenticate: async () => Promise.reject(new Error()) })
  stopping.get('/', { config: { access: 'public' } }, async () => ({}))
  const { port } = new URL(await stopping.listen({ port: 0, host: '127.0.0.1' }))
  const socket = connect(Number(port), '127.0.0.1')
  let answers = ''
  const first = once(socket, 'data')
  socket.on('data', (data) => {
    answers += data
  })
  const ended = once(socket, 'close')
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await first
  const closed = stopping.close()
  setTimeout(() => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'), 50)
  await Promise.all([closed, ended])
  assert.match(answers, /^HTTP\/1.1 200 OK.*HTTP\/1.1 200 OK.*connection: close/is)
})

test('route: one that says neither scopes nor public is not registered', () => {
  const fresh = createServer({ logger: undefined, authenticate: () => Promise.reject(new Error('unused')) })
  assert.throws(() => fresh.get('/v1/forgotten', async () => ({})), /neither which scopes it needs nor that it is public/)
})

test('stopping: who has connected already, and was not taken yet, is answered', async (t) => {
  const stopping = createServer({ logger: undefined, authenticate: async () => Promise.reject(new Error()) })
  stopping.get('/', { config: { access: 'public' } }, async () => ({}))
  const { port } = new URL(await stopping.listen({ port: 0, host: '127.0.0.1' }))
  const clients = Array.from({ length: 16 }, () => connect(Number(port), '127.0.0.1'))
  t.after(() => clients.map((client) => client.destroy()))
  for (const client of clients) client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await new Promise(process.nextTick)
  // The system connects them, and this process has no time to take them.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  const closed = stopping.close()
  const answers = await Promise.all(clients.map((client) => text(client).catch((error: NodeJS.ErrnoException) => error.code)))
  for (const answer of answers) assert.match(answer!, /^HTTP\/1.1 200 OK/)
  await closed
})
