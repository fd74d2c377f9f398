import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { after, before, test } from 'node:test'
import type { FastifyContextConfig, FastifyInstance, InjectOptions } from 'fastify'
import { createClient } from '../src/accounts/operations.ts'
import type { Difference } from '../src/verify/difference.ts'
import { verify } from '../src/verify/operations.ts'
import { createTestAccount, fetchToken, send, type TestAccount } from './client.ts'
import { type Chance, chance, fitting, headersOf, segment, spoil } from './hostile.ts'
import { startServer, type TestServer } from './server.ts'
import { type Call, nothing, walk } from './walk.ts'

/*
 * Hostile requests on every route, made from the routes' own schemas. FUZZ_SEED plays a run again, FUZZ_REQUESTS sets its length
 * (a night: FUZZ_REQUESTS=200000).
 */
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
const requests = Number(process.env.FUZZ_REQUESTS ?? 20_000)
/** A machine that is busy with something else sends fewer; a length that was asked for is kept. */
const within_ms = process.env.FUZZ_REQUESTS ? Number.POSITIVE_INFINITY : 120_000
const secret = 'what-only-the-other-account-may-see'

type Route = { method: string; url: string; config: FastifyContextConfig; schema: Record<string, unknown> }
let server: TestServer
let shop: TestAccount
let other: TestAccount
let token = ''
const routes: Route[] = []
const usual: Route[] = []
const ids: string[] = []
const theirs: string[] = []
/** Our ids by the collection they belong to: `sessions`, `orders`, … */
const byKind = new Map<string, string[]>()

const scopes = [
  'admin:checkout',
  'admin:shopping',
  'admin:accounts',
  'admin:hooks',
  'admin:settlements',
  'read:checkout',
  'write:checkout',
  'read:shopping',
  'write:shopping',
]

before(async () => {
  const onServer = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url, config, schema }) => {
      for (const one of [method].flat()) {
        // A stream ends when its reader leaves, and injected requests never do.
        if (one === 'OPTIONS' || url.endsWith('/stream')) continue
        routes.push({ method: one, url, config: { ...config } as FastifyContextConfig, schema: { ...schema } as Route['schema'] })
      }
    })
  }
  subscribe('fastify.initialization', onServer)
  server = await startServer({ work: false })
  unsubscribe('fastify.initialization', onServer)
  // What answers the same to everybody, at length, is asked less often, and so is what GET asks already.
  usual.push(...routes.filter(({ method, url }) => method !== 'HEAD' && !/openapi|metrics|\/assets?\/|gallery/.test(url)))
  shop = await createTestAccount(server, { account_id: 'T00000010', scopes })
  other = await createTestAccount(server, { account_id: 'T00000011', scopes })
  token = shop.token
  for (const account of [shop, other]) {
    const call: Call = (method, path, body, options = {}) =>
      options.public ? send(server.url, method, path, { body }) : account.call(method, path, body)
    for (const steps of [[], [{ kind: 'capture' as const, amount: 400 }]]) {
      const told = nothing()
      await walk(call, account.account_id, 'w', { amount: 1_000, steps }, told)
      const known = [told.order_id!, told.session_id!, told.transaction_id!]
      ;(account === shop ? ids : theirs).push(...known)
      if (account === shop) harvest({ order_id: known[0], session_id: known[1], transaction_id: known[2] }, ids)
      const reference = { merchant_reference_2: account === other ? secret : 'ours' }
      await account.call('PUT', `/v1/transactions/${told.transaction_id}`, reference)
      await account.call('POST', `/v1/accounts/${account.account_id}/shopping/orders/${told.order_id}/comments`, {
        comment: account === other ? secret : 'ours',
      })
    }
    const list = await account.call('GET', `/v1/accounts/${account.account_id}/shopping/draft_orders`)
    harvest(list.body, account === shop ? ids : theirs, 'draft_orders')
  }
})
after(() => server.close())

/** Hostile requests delete their own client, too; then they go on as another one. */
async function renew(used: string): Promise<void> {
  // An empty one: somebody is at it already.
  if (used === '' || used !== token) return
  const { account_id } = shop
  token = ''
  for (let attempt = 1; token === ''; attempt++) {
    const client = await createClient(server, { account_id, scopes })
    const answer = await fetchToken(server.url, { account_id, ...client })
    // Another hostile request may have deleted the new client, or given it a new secret, by now.
    assert.ok(answer.body.access_token || attempt < 10, `no token: ${JSON.stringify(answer)}`)
    token = answer.body.access_token ?? ''
  }
}

/** Ids that answers mention are used in later requests: `order_id` wherever orders stand in a path, `id` where this answer's kind does. */
function harvest(value: unknown, into: string[], kind?: string, depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > 4) return
  for (const [name, member] of Object.entries(value)) {
    if ((typeof member === 'string' || typeof member === 'number') && /(^|_)id$/.test(name) && String(member).length < 80) {
      keep(into, String(member))
      const of = name === 'id' ? kind : `${name.slice(0, -3)}s`
      if (of && into === ids) {
        if (!byKind.has(of)) byKind.set(of, [])
        keep(byKind.get(of)!, String(member))
      }
    } else harvest(member, into, Array.isArray(value) ? kind : depth === 0 && Array.isArray(member) ? name : kind, depth + 1)
  }
}

function keep(list: string[], id: string): void {
  if (!list.includes(id)) list.push(id)
  if (list.length > 300) list.splice(20, 1)
}

/** The collection that a path is about: the last word before its last id. */
function kindOf(path: string): string | undefined {
  const words = path.split('/').filter(Boolean)
  const last = words.findLastIndex((word) => word.startsWith(':'))
  const after = words
    .slice(last + 1)
    .filter((word) => !['complete', 'open', 'close', 'cancel', 'capture', 'refund', 'void'].includes(word))
  return after.at(-1) ?? words[last - 1]
}

function requestOf(r: Chance): { route: Route; inject: InjectOptions; ours: boolean } {
  const route = r.pick(r.odds(0.01) ? routes : usual)
  const pool = r.odds(0.85) ? ids : theirs
  let url = route.url
    .replace(/:(aid|oid)\b(\([^)]*\))?/g, () => (r.odds(0.9) ? shop.account_id : r.pick([other.account_id, 'x', 'P1', '%00'])))
    .replace(/([\w-]+)\/:(\w+)(\([^)]*\))?/g, (_, word: string, name: string) => {
      const known = byKind.get(word) ?? byKind.get(name.replace(/_id$/, 's')) ?? []
      return `${word}/${segment(r, pool === ids && known.length > 0 && r.odds(0.9) ? known : pool)}`
    })
    .replace(/:\w+(\([^)]*\))?/g, () => segment(r, pool))
    .replace('*', () => segment(r, pool))
  const properties = Object.entries(((route.schema.querystring ?? {}) as { properties?: object }).properties ?? { x: {} })
  const query = properties
    .filter(() => r.odds(0.25))
    .flatMap(([name, schema]) => {
      const value = r.odds(0.6) ? encodeURIComponent(textOf(fitting(schema, r, pool))) : segment(r, pool)
      return r.odds(0.1) ? [`${name}=${value}`, `${name}=${segment(r, pool)}`] : [`${name}=${value}`]
    })
  if (r.odds(0.05))
    query.push(r.pick(['dry_run=true', 'limit=-1', 'limit=1e9', 'a[b]=c', '&&&', 'starting_after=%20', '__proto__=x']))
  if (query.length > 0) url += `?${query.join('&')}`
  const headers: Record<string, string> = headersOf(r)
  const ours = r.odds(0.95)
  if (ours) headers.authorization = `Bearer ${token}`
  else headers.authorization = r.pick(['Bearer x', 'Basic eDp5', 'Bearer ', token, `Bearer ${token}x`])
  const inject: InjectOptions = { method: route.method as 'GET', url, headers }
  if (route.method !== 'GET' && route.method !== 'HEAD') {
    const payload = spoil(fitting(route.schema.body ?? { type: 'object' }, r, pool), r)?.replaceAll('"slow"', '"late"')
    if (payload !== undefined) inject.payload = payload
    headers['content-type'] = r.odds(0.9)
      ? 'application/json'
      : r.pick([
          'text/plain',
          'application/x-www-form-urlencoded',
          'x',
          'application/json; charset=latin1',
          'multipart/form-data; boundary=x',
        ])
  }
  return { route, inject, ours }
}

test(`fuzz: ${requests} requests with seed ${seed}: never a 500, never another account's data, never a stored half`, async (context) => {
  const faults = new Map<string, string>()
  const statuses = new Map<number, number>()
  const fault = (route: Route, inject: InjectOptions, why: string) => {
    const key = `${route.method} ${route.url}: ${why.slice(0, 200)}`
    if (!faults.has(key)) faults.set(key, JSON.stringify(inject).replaceAll(token, 'TOKEN').slice(0, 1_500))
  }
  let next = 0
  const end = performance.now() + within_ms
  const worker = async () => {
    while (next < requests && performance.now() < end) {
      const r = chance(seed + next++)
      const { route, inject, ours } = requestOf(r)
      const answer = await server.app.inject(inject)
      statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1)
      if (ours && answer.statusCode === 401) await renew(String(inject.headers!.authorization).slice(7))
      if (answer.statusCode >= 500) fault(route, inject, `${answer.statusCode} ${answer.body}`)
      if (route.config.scopes && answer.body.includes(secret)) fault(route, inject, "another account's data")
      if (route.config.scopes && !ours && answer.statusCode < 400) fault(route, inject, `${answer.statusCode} without a token`)
      if (
        ours &&
        answer.statusCode < 300 &&
        String(answer.headers['content-type']).includes('json') &&
        answer.body.length < 50_000
      ) {
        harvest(JSON.parse(answer.body || 'null'), ids, kindOf(route.url))
      }
    }
  }
  await Promise.all(Array.from({ length: 12 }, worker))
  context.diagnostic(`${next} requests`)
  const listed = [...faults].map(([key, request]) => `${key}\n    ${request}`).join('\n')
  assert.equal(faults.size, 0, `seed ${seed}, statuses ${JSON.stringify([...statuses])}:\n${listed}`)
  assert.ok((statuses.get(200) ?? 0) > next / 20, `too few requests succeed: ${JSON.stringify([...statuses])}`)
  const differences: Difference[] = []
  await verify(server.sql, { account_id: null, onDifference: (difference) => differences.push(difference) })
  // A request may settle an operation by a person's word. When that is wrong, the book says so (operations.test.ts): no fault of ours.
  const said = await server.sql<{ transaction_id: string }[]>`
    select distinct transaction_id from checkout.transaction_events where data -> 'metadata' ? 'resolved_by'`
  const by_word = new Set(said.map(({ transaction_id }) => transaction_id))
  const with_the_book = /in the simulator's book$|^gateway_reference$|^movement /
  const ours = differences.filter(({ aggregate_id, what }) => !(by_word.has(aggregate_id) && with_the_book.test(what)))
  assert.deepEqual(ours, [])
})

/** Anything as it would stand in a query. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
