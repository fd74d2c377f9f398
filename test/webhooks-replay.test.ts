import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { limits } from '../src/lib/limits.ts'
import { insertNotifications } from '../src/lib/outbox.ts'
import { createTestAccount, type TestAccount } from './client.ts'
import { startReceiver } from './receiver.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let account: TestAccount
let base: string
before(async () => {
  server = await startServer()
  account = await createTestAccount(server)
  base = `/v1/accounts/${account.account_id}`
})
after(() => server.close())

/** Settlements: their payload is in the notification, so no service is needed. */
async function tell(...sequences: number[]) {
  const notifications = sequences.map((sequence) => ({
    event: 'settlement_add',
    aggregate_type: 'settlement' as const,
    aggregate_id: 'se1',
    sequence,
    details: { amount: sequence },
  }))
  const { sql } = server
  await sql`with changed as (select 1), told as (${insertNotifications(account.account_id, notifications)}) select from changed`
}

async function subscribe(url: string) {
  const { body } = await account.call('POST', `${base}/hooks/subscriptions`, {
    config: { url, secret: 's' },
    events: ['settlement_add'],
  })
  return `${base}/hooks/subscriptions/${body.id}`
}

test('deliveries: listed newest first, shown in full, replayed one by one, by range and to another URL', async () => {
  const from = new Date(Date.now() - 1_000).toISOString()
  const shop = await startReceiver((_request, response) => response.writeHead(200, { 'x-shop': '1' }).end('thanks'))
  const hook = await subscribe(shop.url)
  await shop.arrived(1)
  await tell(1, 2, 3)
  await shop.arrived(4)

  const page = await account.call('GET', `${hook}/deliveries?limit=2`)
  assert.equal(page.status, 200)
  const next = await account.call('GET', `${hook}/deliveries?limit=5&starting_after=${page.body[1].id}`)
  const all = [...page.body, ...next.body]
  assert.equal(all.length, 4)
  assert.ok(all.every(({ id, event_delivery, created_at, status }) => id === event_delivery && created_at && status))
  const told = await account.call('GET', `${hook}/deliveries?event=settlement_add&status=delivered`)
  assert.equal(told.body.length, 3)
  const first = told.body.find(({ sequence }: { sequence: number }) => sequence === 1)

  const { body: detail } = await account.call('GET', `${hook}/deliveries/${first.id}`)
  assert.equal(detail.request.headers['event-delivery'], first.id)
  assert.match(detail.request.headers['event-signature'], /^[0-9a-f]{40}$/)
  assert.deepEqual(detail.request.body.settlement, { id: 'se1', amount: 1 })
  assert.equal(detail.response.body, 'thanks')
  assert.equal(detail.response.headers['x-shop'], '1')
  assert.equal(detail.details.delivery_success, true)
  assert.equal(typeof detail.details.delivery_duration, 'number')

  const again = await account.call('POST', `${hook}/deliveries/${first.id}/replay`)
  assert.equal(again.status, 200)
  assert.equal(again.body.replay_of, first.id)
  await shop.arrived(5)
  assert.equal(shop.received[4]!.headers['event-delivery'], again.body.id)
  assert.equal(JSON.parse(shop.received[4]!.body).replay_of, first.id)

  const other = await startReceiver()
  const range = { from, to: new Date(Date.now() + 1_000).toISOString(), url: `${other.url}/late` }
  const replayed = await account.call('POST', `${hook}/replay`, range)
  assert.deepEqual([replayed.status, replayed.body.replayed], [200, 3])
  await other.arrived(3)
  assert.deepEqual(
    other.received.map(({ path, body }) => [path, JSON.parse(body).sequence]),
    [
      ['/late', 1],
      ['/late', 2],
      ['/late', 3],
    ],
  )
  assert.equal((await account.call('POST', `${hook}/replay`, { ...range, url: 'http://10.0.0.1' })).status, 400)
  assert.equal((await account.call('POST', `${hook}/replay`, { from: 'yesterday', to: range.to })).status, 400)
  assert.equal((await account.call('GET', `${hook}/deliveries/nonsense`)).status, 404)
  for (const unknown of ['nonsense', '00000000-0000-4000-8000-000000000000']) {
    assert.equal((await account.call('GET', `${hook}/deliveries?starting_after=${unknown}`)).status, 404, unknown)
  }
  assert.ok((await account.call('GET', `${base}/notifications/deliveries?aggregate_id=se1`)).body.length >= 7)
  await shop.close()
  await other.close()
})

for (const [from, to, path] of [
  ['2016-12-31T23:59:60Z', '2026-01-01T00:00:00Z', '/from'],
  ['2016-01-01T00:00:00Z', '2016-12-31T23:59:60Z', '/to'],
]) {
  test(`replay: 400 from ${from} to ${to}, with the path of the leap second, in the account and in a subscription`, async () => {
    const hook = await subscribe('https://shop.example/hook')
    for (const place of [`${base}/notifications`, hook]) {
      const { status, body } = await account.call('POST', `${place}/replay`, { from, to })
      assert.equal(status, 400)
      assert.equal(body.error.errors[0].path, path)
    }
  })
}

for (const [from, to] of [
  ['0000-01-01T00:00:00Z', '0000-12-31T00:00:00Z'],
  ['9999-12-31T23:59:59-12:00', '9999-12-31T23:59:59-12:00'],
  ['1969-12-31T23:59:59Z', '1970-01-01T00:00:00+14:00'],
]) {
  test(`replay: nothing from ${from} to ${to}`, async () => {
    const { status, body } = await account.call('POST', `${base}/notifications/replay`, { from, to })
    assert.equal(status, 200)
    assert.equal(body.replayed, 0)
  })
}

test('events: a cursor over what happened, with bodies when asked', async () => {
  await tell(11, 12)
  const waiting = async (): Promise<{ position: number }[]> => {
    const { body } = await account.call('GET', `${base}/events?limit=100`)
    return body.length >= 5 ? body : waiting()
  }
  const all = await waiting()
  assert.ok(all.every(({ position }: { position: number }, index: number) => index === 0 || position > all[index - 1]!.position))
  const tail = await account.call('GET', `${base}/events?starting_after=${all.at(-2)!.position}&includes=body`)
  assert.equal(tail.body.length, 1)
  assert.deepEqual(tail.body[0].body.settlement, { id: 'se1', amount: 12 })
  assert.equal((await account.call('GET', `${base}/events?starting_after=x`)).status, 400)
})

test('events: a page of large bodies ends where it has no more room', async () => {
  const own = await createTestAccount(server)
  const details = { text: 'x'.repeat(limits.page_events_size_max / 4) }
  const events = [1, 2, 3, 4, 5].map((sequence) => ({
    ...{ event: 'settlement_add', aggregate_type: 'settlement' as const, aggregate_id: 'se1' },
    ...{ sequence, details },
  }))
  await server.sql`with changed as (select 1), told as (${insertNotifications(own.account_id, events)}) select from changed`
  const sequences = async (query: string): Promise<number[]> => {
    const { body } = await own.call('GET', `/v1/accounts/${own.account_id}/events?limit=100${query}`)
    return body.map(({ sequence }: { sequence: number }) => sequence)
  }
  while ((await sequences('')).length < 5) await new Promise((resolve) => setTimeout(resolve, 50))
  const { body } = await own.call('GET', `/v1/accounts/${own.account_id}/events?includes=body`)
  assert.deepEqual(await sequences('&includes=body'), [1, 2, 3, 4])
  assert.deepEqual(await sequences(`&includes=body&starting_after=${body.at(-1).position}`), [5])
})

test('events: the stream tells what comes, resumes after Last-Event-ID, and ends with the server', async () => {
  const { token } = account
  const open = async (headers: Record<string, string>) => {
    const response = await fetch(`${server.url}${base}/events/stream`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
    })
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    return response.body!.pipeThrough(new TextDecoderStream()).getReader()
  }
  const readUntil = async (reader: ReadableStreamDefaultReader<string>, wanted: RegExp) => {
    let text = ''
    while (!wanted.test(text)) {
      const { value, done } = await reader.read()
      assert.equal(done, false)
      text += value
    }
    return text
  }
  const live = await open({})
  await readUntil(live, /hello/)
  await tell(21)
  const text = await readUntil(live, /"amount":21.*\n\n/)
  assert.match(text, /^event: settlement_add$/m)
  const position = Number(/^id: (\d+)$/m.exec(text)?.[1])
  const resumed = await open({ 'last-event-id': String(position - 1) })
  await readUntil(resumed, new RegExp(`id: ${position}\n`))
  await live.cancel()
  await resumed.cancel()
})
