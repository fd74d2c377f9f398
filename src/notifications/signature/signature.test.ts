import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { dinteroSignature, eventSignature, kvittSignature, sortedQuery, webhookHeaders } from './signature.ts'

test('Dintero-Signature: the published vector', () => {
  assert.equal(
    dinteroSignature('123', 1582236537, 'P00000000', 'GET', 'https://example.com/callback?B=123&A=992'),
    't=1582236537,v0-hmac-sha256=6bed2ab1b919d460ef7465a20dc6c97260dca73fab6647106ca525f0908df64a',
  )
})

test('Dintero-Signature: host without port, path percent-encoded, query sorted and in form encoding', () => {
  const signed = '7\nT11112222\nPOST\nshop.example\n/k%C3%B8p\na=1+2&a=3&t=2026-01-01T10%3A00%3A00.000Z&z=%7E*-._'
  assert.equal(
    dinteroSignature('s', 7, 'T11112222', 'POST', 'https://shop.example:8443/køp?z=~*-._&a=1%202&t=2026-01-01T10:00:00.000Z&a=3'),
    `t=7,v0-hmac-sha256=${createHmac('sha256', 's').update(signed).digest('hex')}`,
  )
  assert.match(dinteroSignature('s', 7, 'T11112222', 'GET', 'https://shop.example'), /^t=7,v0-hmac-sha256=[0-9a-f]{64}$/)
})

test('event-signature: HMAC-SHA1 vector of RFC 2202', () => {
  assert.equal(eventSignature('Jefe', 'what do ya want for nothing?'), 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79')
})

test('kvitt-signature: the vector published with Standard Webhooks', () => {
  assert.equal(
    kvittSignature('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}'),
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  )
})

test('sortedQuery: by name, equal names by value, however the verifier sorts', () => {
  assert.equal(sortedQuery(new URLSearchParams('b=2&a=z&a=b&B=1')), 'B=1&a=b&a=z&b=2')
})

test('sortedQuery: many names, in whatever order they came', () => {
  const sorted = 'a=1&a=2&a=3&b=1&c=1&c=2&d=1'
  for (const given of ['d=1&c=2&c=1&b=1&a=3&a=2&a=1', 'a=2&c=1&b=1&a=1&d=1&c=2&a=3', sorted]) {
    assert.equal(sortedQuery(new URLSearchParams(given)), sorted)
  }
})
test('kvitt-signature: only a secret that begins with whsec_ is base64', () => {
  const of = (secret: string | Buffer) => `v1,${createHmac('sha256', secret).update('i.7.{}').digest('base64')}`
  assert.equal(kvittSignature('abcdefYWJj', 'i', 7, '{}'), of('abcdefYWJj'))
  assert.equal(kvittSignature('whsec_YWJj', 'i', 7, '{}'), of('abc'))
})

test('webhook: its headers, signed where there is a secret', () => {
  const about = {
    ...{ 'content-type': 'application/json', event: 'e', 'event-delivery': 'd' },
    ...{ 'webhook-id': 'd', 'webhook-timestamp': '7' },
  }
  const sent = { id: 'd', event: 'e', body: '{}' }
  for (const secret of ['', null, undefined]) assert.deepEqual(webhookHeaders(sent, 7, secret), about)
  const signature = kvittSignature('s', 'd', 7, '{}')
  assert.deepEqual(webhookHeaders(sent, 7, 's'), {
    ...{ ...about, 'event-signature': eventSignature('s', '{}'), 'kvitt-signature': signature, 'webhook-signature': signature },
  })
})
