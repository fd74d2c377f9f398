import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { after, before, describe, test } from 'node:test'
import type { FastifyContextConfig, FastifyInstance } from 'fastify'
import { isScope } from '../src/accounts/scope.ts'
import { createTestAccount, send, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

/**
 * The endpoints that anybody may call. Whoever adds one says here why that is right. `:x` stands for any parameter.
 */
const publicEndpoints: [pattern: RegExp, why: string][] = [
  [/^\/(healthz|readyz|metrics)$/, 'probes and Prometheus; they tell nothing about merchants'],
  [/^\/v1\/accounts\/:x\/auth\/token$/, 'has credentials of its own: Basic'],
  [
    /^\/$|^\/v1\/view\/|^\/page\/|^\/page-gallery|^\/{1,2}embedResult\/$/,
    'the payment page: knowing the session id is the capability (checkout-api §1.7)',
  ],
  [
    /^\/v1\/sessions\/:x\/(pay|lock|refresh|address|shipping|shipping_option|discounts?|redirect)(\/:x)?$/,
    'what the payment page calls',
  ],
  [/^\/v1\/accounts\/:x\/settlements\/:x\/attachments\/:x\/download$/, 'its URL is signed, and expires (checkout-api §12 Q12)'],
  [/^\/v1\/branding\//, 'images (checkout-api §10.5)'],
  [/^\/simulator\/:x\/:x$/, "the test provider's own page, for customers"],
  [/^\/(openapi\.json|docs(\/.*)?|favicon\.ico|robots\.txt)$/, 'files that are the same for everybody'],
]

/** What opens the endpoints of the checkout, besides `admin:checkout`: the published table (checkout-api §1.6), and 0044, 0122. */
const checkoutScopes: [endpoint: RegExp, scopes: string[]][] = [
  [/^(GET|HEAD) \/v1\/(sessions|transactions)/, ['read:checkout']],
  [/^PUT \/v1\/sessions\/:/, ['read:checkout', 'write:checkout']],
  [/^(POST|PUT) \/v1\/(sessions|sessions-profile|transactions)/, ['write:checkout']],
  [/^(GET|HEAD) \/v1\/admin\/(session\/profiles|signature|checkout)/, ['read:checkout']],
  [/^(POST|PUT|DELETE) \/v1\/admin\/session\/profiles/, ['write:checkout:/admin/session/profiles']],
  [/^POST \/v1\/admin\/signature$/, ['write:checkout']],
  [/^\w+ \/v1\/(admin\/(api-keys|checkout)|card-tokens)/, []],
]

type Endpoint = { method: string; url: string; config: FastifyContextConfig }

/** Every route that is registered while `work` runs, also by plugins inside plugins. */
async function collectEndpoints<T>(work: () => Promise<T>): Promise<{ endpoints: Endpoint[]; result: T }> {
  const endpoints: Endpoint[] = []
  const onServer = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, config }) => {
      for (const one of [method].flat()) endpoints.push({ method: one, url, config: { ...config } as FastifyContextConfig })
    })
  }
  subscribe('fastify.initialization', onServer)
  try {
    return { result: await work(), endpoints }
  } finally {
    unsubscribe('fastify.initialization', onServer)
  }
}

describe('scopes', () => {
  let server: TestServer
  let endpoints: Endpoint[]
  let account: TestAccount
  before(async () => {
    const started = await collectEndpoints(() => startServer({ work: false }))
    server = started.result
    endpoints = started.endpoints.filter(({ method }) => method !== 'OPTIONS')
    account = await createTestAccount(server, { scopes: ['read:nothing'] })
  })
  after(() => server.close())

  const guarded = () => endpoints.filter(({ config }) => config.scopes)
  /** The path with this account where it names one, and an id of this account everywhere else. */
  const path = (url: string) =>
    url
      .replace(/:(aid|oid)\b(\([^)]*\))?/g, account.account_id)
      .replace(/:\w+(\([^)]*\))?/g, 'x')
      .replace('*', 'x')

  test('routes: every one says who may call it; the public ones are on the list', () => {
    assert.ok(endpoints.length >= 12, `${endpoints.length} endpoints found`)
    for (const { method, url, config } of endpoints) {
      if (config.scopes) {
        assert.ok(config.scopes.length > 0, `${method} ${url} has an empty list of scopes`)
        for (const scope of config.scopes) assert.ok(isScope(scope), `${method} ${url}: "${scope}" is not a scope`)
        continue
      }
      const listed = publicEndpoints.some(([pattern]) =>
        pattern.test(url.replace(/:\w+(\([^)]*\))?/g, ':x').replace(/\/\*$/, '/:x')),
      )
      assert.ok(listed, `${method} ${url} is public; if that is right, say so in test/scopes.test.ts`)
    }
  })

  test('routes: the checkout opens to the scopes of the published table, and to no others', () => {
    for (const { method, url, config } of guarded()) {
      const row = checkoutScopes.find(([endpoint]) => endpoint.test(`${method} ${url}`))
      if (!row) continue
      const given = config.scopes!.filter((scope) => scope !== 'admin:checkout')
      assert.deepEqual([...new Set(given)].sort(), row[1], `${method} ${url}`)
    }
  })

  test('routes: 401 without a token, and with one that is not ours', async () => {
    for (const { method, url } of guarded()) {
      for (const headers of [{}, { authorization: 'Bearer x.y.z' }] as Record<string, string>[]) {
        const { status, body } = await send(server.url, method, path(url), { headers })
        assert.equal(status, 401, `${method} ${url}`)
        if (method !== 'HEAD') assert.equal(typeof body.error.message, 'string')
      }
    }
  })

  test('routes: 403 that names the scopes when the token has none of them', async () => {
    for (const { method, url, config } of guarded()) {
      const { status, body } = await account.call(method, path(url))
      assert.equal(status, 403, `${method} ${url}`)
      if (method === 'HEAD') continue
      for (const scope of config.scopes!) assert.ok(body.error.message.includes(scope), `${method} ${url}: ${body.error.message}`)
    }
  })

  test("routes: 403 with another account's id in the path, whatever the token may do", async () => {
    const scopes = [...new Set(guarded().flatMap(({ config }) => config.scopes!))]
    const strong = await createTestAccount(server, { scopes })
    for (const { method, url } of guarded()) {
      if (!/:(aid|oid)\b/.test(url)) continue
      const { status } = await strong.call(method, path(url))
      assert.equal(status, 403, `${method} ${url}`)
    }
  })

  test('routes: x-api-key opens nothing that does not ask for it', async () => {
    const owner = await createTestAccount(server)
    const key = (await owner.call('POST', '/v1/admin/api-keys', {})).body.access_token
    for (const { method, url, config } of guarded()) {
      if (config.api_key) {
        assert.match(url, /^\/v1\/admin\//, `${url} is no admin endpoint`)
        continue
      }
      const { status } = await send(server.url, method, path(url), { headers: { 'x-api-key': key } })
      assert.equal(status, 401, `${method} ${url}`)
    }
  })
})
