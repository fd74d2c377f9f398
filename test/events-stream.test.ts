import assert from 'node:assert/strict'
import { get, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { limits } from '../src/lib/limits.ts'
import { insertNotifications } from '../src/lib/outbox.ts'
import { fetchToken, until } from './client.ts'
import { type Shop, startShop } from './sessions-shop.ts'

let shop: Shop
let base: string
before(async () => {
  shop = await startShop({ work: true })
  base = `/v1/accounts/${shop.account_id}`
})
after(() => shop.close())

let sequence = 0
async function tell() {
  sequence += 1
  const details = { amount: sequence }
  const told = { event: 'settlement_add', aggregate_type: 'settlement' as const, aggregate_id: 'se1', sequence, details }
  const { sql } = shop.server
  await sql`with changed as (select 1), told as (${insertNotifications(shop.account_id, [told])}) select from changed`
}

const request = (token: string) =>
  new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    get(`${shop.server.url}${base}/events/stream`, { agent: false, headers }, resolve).on('error', reject)
  })

/** A stream that has begun; `text` is what has come, `ended` that the server has ended it. */
async function open(token: string) {
  const response = await request(token)
  assert.equal(response.statusCode, 200)
  const stream = { text: '', ended: false, close: () => response.destroy() }
  response.setEncoding('utf8').on('data', (text) => {
    stream.text += text
  })
  response.on('end', () => {
    stream.ended = true
  })
  response.on('error', () => {})
  await until(async () => stream.text.startsWith(': hello'))
  return stream
}

/** A client that may read events, and a token of its. */
async function reader() {
  const { body: client } = await shop.call('POST', `${base}/auth/clients`, { name: 'reader' })
  const audience = `https://api.dintero.com${base}`
  await shop.call('POST', `${base}/auth/client-grants`, { client_id: client.client_id, audience, scope: ['read:hooks'] })
  const { body } = await fetchToken(shop.server.url, { account_id: shop.account_id, ...client })
  return { id: client.id, token: body.access_token as string }
}

test('events: the stream of a client that was deleted ends, and tells nothing more', async () => {
  const { id, token } = await reader()
  const stream = await open(token)
  await tell()
  await until(async () => stream.text.includes(`"amount":${sequence}`))
  assert.equal((await shop.call('DELETE', `${base}/auth/clients/${id}`)).status, 200)
  await sleep(limits.revocation_delay_ms + 100)
  await tell()
  await until(async () => stream.ended)
  assert.ok(!stream.text.includes(`"amount":${sequence}`))
  assert.match(stream.text, /: The access token is no longer accepted\..*\n\n$/)
})

test('events: the stream of a token that is still good goes on when it is asked for anew', async () => {
  const stream = await open((await reader()).token)
  await sleep(limits.revocation_delay_ms + 100)
  await tell()
  await until(async () => stream.text.includes(`"amount":${sequence}`))
  assert.equal(stream.ended, false)
  stream.close()
})

test('events: as many streams as an account may have open, then 429 until one is closed', async () => {
  const streams = await Promise.all(Array.from({ length: limits.event_streams_max }, () => open(shop.token)))
  const refused = await request(shop.token)
  assert.equal(refused.statusCode, 429)
  assert.ok(refused.headers['retry-after'])
  const { error } = (await json(refused)) as { error: { errors: { code: string; allowed: number }[]; message: string } }
  assert.match(error.message, /event_streams_max/)
  assert.equal(error.errors[0]!.allowed, limits.event_streams_max)
  assert.equal(error.errors[0]!.code, 'too_many_requests')
  streams.pop()!.close()
  const again = async () => {
    const response = await request(shop.token)
    response.destroy()
    return response.statusCode === 200
  }
  await until(again)
  for (const stream of streams) stream.close()
})

test('events: the stream ends when its token has expired', async () => {
  const stream = await open((await reader()).token)
  await sleep(limits.revocation_delay_ms + 100)
  shop.time.ahead_ms += (limits.token_lifetime_s + limits.token_grace_s) * 1_000
  await tell()
  await until(async () => stream.ended)
  assert.ok(!stream.text.includes(`"amount":${sequence}`))
})
