import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CallbackDetails, callbackRequest } from './callback.ts'
import { callbackBody, type PayloadSources, type Told, webhookBody } from './payload.ts'
import { type OutboxRow, planDeliveries, unplannedDelivery } from './plan.ts'

const details: CallbackDetails = {
  ...{ url: 'https://shop.example/cb', session_id: 's', transaction_id: 't', merchant_reference: 'R 1' },
  ...{ time: '2026-11-23T10:00:00.000Z', reason: 'authorized' },
}
const query = 'merchant_reference=R+1&session_id=s&time=2026-11-23T10%3A00%3A00.000Z&transaction_id=t'
const plain = {
  method: 'GET',
  url: `https://shop.example/cb?${query}`,
  origin: 'https://shop.example',
  delay_s: 0,
  with_session: false,
}

// url | what is said besides | the request, or none
const requests: [title: string, Partial<CallbackDetails>, expected: object | undefined][] = [
  ['plain', {}, plain],
  [
    'plain HTTP',
    { url: 'http://shop.example/cb' },
    { ...plain, url: plain.url.replace('https', 'http'), origin: 'http://shop.example' },
  ],
  ['another protocol', { url: 'ftp://shop.example/cb' }, undefined],
  ['no URL', { url: '/cb' }, undefined],
  [
    'its own query stays, sorted, without the fragment',
    { url: 'https://shop.example/cb?z=1&a=2#x' },
    { ...plain, url: `https://shop.example/cb?a=2&${query}&z=1` },
  ],
  ['what it says of ours is replaced', { url: 'https://shop.example/cb?session_id=x' }, plain],
  [
    'by POST',
    { url: 'https://shop.example/cb?method=post' },
    { ...plain, method: 'POST', url: `https://shop.example/cb?${query.replace('&session', '&method=post&session')}` },
  ],
  [
    'by another method',
    { url: 'https://shop.example/cb?method=PUT' },
    { ...plain, url: `https://shop.example/cb?${query.replace('&session', '&method=PUT&session')}` },
  ],
  [
    'with the session',
    { url: 'https://shop.example/cb?includes=a,session' },
    { ...plain, with_session: true, url: `https://shop.example/cb?includes=a%2Csession&${query}` },
  ],
  [
    'its name for the session',
    { url: 'https://shop.example/cb?sid_parameter_name=sid' },
    {
      ...plain,
      url: `https://shop.example/cb?merchant_reference=R+1&sid=s&sid_parameter_name=sid&${query.split('&').slice(2).join('&')}`,
    },
  ],
  [
    'another name for the session',
    { url: 'https://shop.example/cb?sid_parameter_name=x' },
    { ...plain, url: `https://shop.example/cb?${query.replace('&time', '&sid_parameter_name=x&time')}` },
  ],
  [
    'a port',
    { url: 'https://shop.example:8443/cb' },
    { ...plain, url: `https://shop.example:8443/cb?${query}`, origin: 'https://shop.example:8443' },
  ],
  ['an error that nobody asked for', { reason: 'error', error: 'failed' }, undefined],
  ['an error, asked for wrongly', { reason: 'error', error: 'failed', url: 'https://shop.example/cb?report_error=1' }, undefined],
  [
    'an error',
    { reason: 'error', error: 'failed', url: 'https://shop.example/cb?report_error=true' },
    { ...plain, url: `https://shop.example/cb?error=failed&${query.replace('&session', '&report_error=true&session')}` },
  ],
  ['an event that nobody asked for', { reason: 'event', event: 'CAPTURE', event_id: '3' }, undefined],
  [
    'another event',
    { reason: 'event', event: 'CAPTURE', event_id: '3', url: 'https://shop.example/cb?report_event=REFUND' },
    undefined,
  ],
  ['no event', { reason: 'event', url: 'https://shop.example/cb?report_event=REFUND' }, undefined],
  [
    'an event',
    {
      reason: 'event',
      event: 'VOID',
      event_id: '3',
      url: 'https://shop.example/cb?report_event=A&report_event=B,VOID',
    },
    {
      ...plain,
      url: `https://shop.example/cb?event=VOID&event_id=3&${query.replace('&session', '&report_event=A&report_event=B%2CVOID&session')}`,
    },
  ],
]
for (const [title, said, expected] of requests) {
  test(`callback: ${title}`, () => assert.deepEqual(callbackRequest({ ...details, ...said }), expected))
}
const delays: [asked: string, delay_s: number][] = [
  ['5', 5],
  ['0', 0],
  ['-1', 0],
  ['99999999', 60],
  ['soon', 0],
  ['Infinity', 0],
]
for (const [asked, delay_s] of delays) {
  test(`callback: delayed by ${asked}: ${delay_s} s`, () => {
    assert.equal(callbackRequest({ ...details, url: `https://shop.example/cb?delay_callback=${asked}` })!.delay_s, delay_s)
  })
}

const row: OutboxRow = {
  id: 1,
  aggregate_type: 'transaction',
  aggregate_id: 't',
  sequence: 3,
  event: 'checkout_transaction',
  details: {},
}
const subscribers = [
  { id: 'a', url: 'https://a', events: ['checkout_transaction', 'x'] },
  { id: 'b', url: 'https://b', events: ['x'] },
  { id: 'c', url: 'https://c', events: ['checkout_transaction'] },
]
test('deliveries: one for each subscription to the event, or one to the callback', () => {
  const { id: _, ...told } = row
  const common = { ...told, position: 9, lane: 'transaction:t' }
  const webhook = (id: string) => ({
    ...{ ...common, endpoint: `subscription:${id}`, subscription_id: id, method: 'POST', url: `https://${id}`, delay_s: 0 },
  })
  assert.deepEqual(planDeliveries(row, 9, subscribers), [webhook('a'), webhook('c')])
  assert.deepEqual(planDeliveries({ ...row, event: 'y' }, 9, subscribers), [])
  const callback = { ...row, event: 'session_callback', details: { ...details, url: 'https://shop.example/cb?delay_callback=5' } }
  assert.deepEqual(planDeliveries(callback, 9, subscribers), [
    {
      ...{
        ...common,
        event: 'session_callback',
        details: callback.details,
        endpoint: 'callback:https://shop.example',
        method: 'GET',
      },
      ...{ url: `https://shop.example/cb?delay_callback=5&${query}`, delay_s: 5 },
    },
  ])
  assert.deepEqual(planDeliveries({ ...callback, details: { ...details, url: 'no' } }, 9, subscribers), [])
})
test('deliveries: dead from the start to a host whose name is too long, and when they cannot be planned', () => {
  const to = (length: number) => {
    const url = `https://${'h'.repeat(length)}/`
    return planDeliveries({ ...row, event: 'session_callback', details: { ...details, url } }, 9, [])[0]!
  }
  assert.equal(to(253).error, undefined)
  assert.equal(to(254).error, 'The host name has 254 characters; none has more than 253.')
  assert.deepEqual([to(254).endpoint.length, to(1_000).endpoint.length], ['callback:https://'.length + 254, 300])
  const { id: _, ...told } = row
  const unplanned = { ...told, position: 9, lane: 'transaction:t', endpoint: 'unplanned', method: 'GET', url: '', delay_s: 0 }
  assert.deepEqual(unplannedDelivery(row, 9, 'why'), { ...unplanned, error: 'why' })
  assert.deepEqual(unplannedDelivery({ ...row, details: null as never }, 9, 'why').details, {})
})

/** Sources that answer with what they were asked. */
const asked = (noun: string) => async (account_id: string, id: string, sequence?: number) => ({ noun, account_id, id, sequence })
const sources: PayloadSources = {
  ...{ transaction: asked('transaction'), order: asked('order'), draft: asked('draft'), card_token: asked('token') },
  ...{ settlement: asked('settlement'), session: asked('session') as NonNullable<PayloadSources['session']> },
}
const told: Told = {
  account_id: 'T1',
  id: 'd',
  event: 'checkout_transaction',
  aggregate_type: 'transaction',
  aggregate_id: 't',
  sequence: 3,
  details: {},
}
const envelope = { account_id: 'T1', event: 'checkout_transaction', event_delivery: 'd', sequence: 3 }
const read = (noun: string, id = 'a') => ({ noun, account_id: 'T1', id, sequence: 3 })

test('callback: its body is the transaction, as it was at the event, or at a later one', async () => {
  const callback = { ...told, event: 'session_callback', details }
  assert.deepEqual(await callbackBody(callback, sources), read('transaction', 't'))
  assert.equal(await callbackBody({ ...callback, aggregate_type: 'session' }, sources), undefined)
  assert.equal(await callbackBody(callback, {}), undefined)
  const later = await callbackBody({ ...callback, details: { ...details, transaction_sequence: 5 } }, sources)
  assert.equal(later!.sequence, 5)
})
test('callback: its body carries the session when that was asked for, whatever is reported', async () => {
  const url = 'https://shop.example/cb?includes=session'
  const callback = { ...told, event: 'session_callback', details: { ...details, url, reason: 'event', event: 'CAPTURE' } }
  const session = { noun: 'session', account_id: 'T1', id: 's', sequence: undefined }
  assert.deepEqual(await callbackBody(callback, sources), { ...read('transaction', 't'), session })
  const { session: _, ...without } = sources
  assert.deepEqual(await callbackBody(callback, without), { ...read('transaction', 't'), session: undefined })
  assert.deepEqual(await callbackBody({ ...callback, details: { ...details, url: 'no' } }, sources), read('transaction', 't'))
})

const bodies: [title: string, Partial<Told>, body: object][] = [
  ['transaction', { aggregate_id: 'a' }, { transaction: read('transaction') }],
  ['card_token', {}, { token: read('token') }],
  ['settlement', {}, { settlement: read('settlement') }],
  ['draft', {}, { draft: read('draft') }],
  ['order', {}, { order: read('order') }],
  ['session', { details: { x: 1 } }, { session: { id: 'a', x: 1 } }],
]
for (const [aggregate_type, said, body] of bodies) {
  test(`webhook: about a ${aggregate_type}`, async () => {
    const about = { ...told, aggregate_type, aggregate_id: 'a', ...said }
    assert.deepEqual(await webhookBody(about, sources), { ...envelope, ...body })
  })
}
test('webhook: of what is gone, the id and what was noted of it', async () => {
  const gone = { ...told, details: { status: 'DELETED' } }
  assert.deepEqual(await webhookBody(gone, {}), { ...envelope, transaction: { id: 't', status: 'DELETED' } })
})
test('webhook: a replay says of what; a ping says little', async () => {
  assert.deepEqual(await webhookBody({ ...told, replay_of: 'r' }, sources), {
    ...envelope,
    replay_of: 'r',
    transaction: read('transaction', 't'),
  })
  const { sequence: _, ...rest } = envelope
  assert.deepEqual(await webhookBody({ ...told, event: 'ping', details: { zen: 1 } }, sources), {
    ...rest,
    event: 'ping',
    zen: 1,
  })
})
test('webhook: an event of an order, an authorization', async () => {
  const event = { ...told, event: 'shopping_order_event_add', aggregate_type: 'order', aggregate_id: 'o' }
  const shown = { ...envelope, event: 'shopping_order_event_add', order_id: 'o' }
  assert.deepEqual(await webhookBody({ ...event, details: { order_event: { a: 1 } } }, sources), {
    ...shown,
    order_event: { a: 1 },
  })
  assert.deepEqual(await webhookBody({ ...event, details: { a: 2 } }, sources), { ...shown, order_event: { a: 2 } })

  const authorized = { ...told, event: 'checkout_authorization', details: { merchant_reference: 'R', session_id: 's' } }
  const about = { ...envelope, event: 'checkout_authorization' }
  assert.deepEqual(await webhookBody(authorized, sources), {
    ...about,
    authorization: { merchant_reference: 'R', session_id: 's', transaction_id: 't', error: undefined },
    transaction: read('transaction', 't'),
  })
  const cancelled = {
    ...authorized,
    aggregate_type: 'session',
    aggregate_id: 's',
    details: { merchant_reference: 'R', error: 'cancelled' },
  }
  assert.deepEqual(await webhookBody(cancelled, sources), {
    ...about,
    authorization: { merchant_reference: 'R', session_id: undefined, transaction_id: undefined, error: 'cancelled' },
    transaction: undefined,
  })
})
