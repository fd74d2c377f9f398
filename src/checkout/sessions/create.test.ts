import assert from 'node:assert/strict'
import { test } from 'node:test'
import { later, now } from '../../../test/rows.ts'
import type { PaymentProduct } from '../../gateways/gateway.ts'
import { limits } from '../../lib/limits.ts'
import type { ProfileData } from '../profiles/profile.ts'
import {
  type Basis,
  expiry,
  givenTokens,
  newSessionData,
  newTokenSessionData,
  type SessionRequest,
  storedExpress,
} from './create.ts'
import { amountRefusal, type Order, orderRefusal, storedItem, storedOption, storedOrder, sumOfLines } from './order.ts'

const product = (payment_product_type: string, token_types: string[] = []) =>
  ({ payment_product_type, currencies: 'any', token_types }) as unknown as PaymentProduct
const products = [
  product('payex.creditcard', ['payment_token', 'recurrence_token']),
  product('vipps', ['payment_token']),
  product('dintero.zero'),
]
const basis: Basis = { profile: undefined, merchant: undefined, products, toggles: new Set() }
const url = { return_url: 'https://r' }
const order = { amount: 100, currency: 'NOK', merchant_reference: 'R' }
const configuration = { vipps: { enabled: true } }
const shown = { vipps: { enabled: true, type: 'payment_product_type' } }
const request: SessionRequest = { url, order, configuration }

test('new session: of what was asked for', () => {
  assert.deepEqual(newSessionData(request, basis), { data: { url, order, configuration: shown } })
})
test('new session: the request before the profile, and the profile before the account', () => {
  const profile: ProfileData = {
    configuration: { vipps: { enabled: false, a: 1 }, theme: 't' },
    merchant: { name: 'profile', country: 'NO' },
    url: { merchant_terms_url: 'https://t' },
  }
  const asked: SessionRequest = {
    ...{ ...request, profile_id: 'p', merchant: { name: 'request' }, metadata: { ext_a: 1, 'session:profile_id': 'x' } },
    ...{ checkboxes: [{ id: 7, label: 'C' }], customer: { customer_id: 7, email: 'e' } },
    express: { shipping_mode: 'shipping_required', shipping_options: [{ id: 1, line_id: 2, amount: 3 }] },
    order: { ...order, items: [{ line_id: 1, amount: 100 }] },
  }
  const merchant = { name: 'account', country: 'SE', city: 'Oslo' }
  assert.deepEqual(newSessionData(asked, { ...basis, profile, merchant }), {
    data: {
      url: { return_url: 'https://r', merchant_terms_url: 'https://t' },
      order: { ...order, items: [{ line_id: '1', amount: 100 }] },
      configuration: { vipps: { ...shown.vipps, a: 1 }, theme: 't' },
      customer: { customer_id: '7', email: 'e' },
      express: { shipping_mode: 'shipping_required', shipping_options: [{ id: '1', line_id: '2', amount: 3 }] },
      merchant: { name: 'request', country: 'NO', city: 'Oslo' },
      checkboxes: [{ id: '7', label: 'C' }],
      metadata: { ext_a: 1, 'session:profile_id': 'p' },
    },
  })
  const known = newSessionData({ ...request, customer: { email: 'e' } }, basis)
  assert.deepEqual('data' in known && known.data.customer, { email: 'e' })
  assert.deepEqual(newSessionData({ url, order }, { ...basis, profile: { configuration } }), {
    data: { url, order, configuration: shown },
  })
})

const mismatch = {
  ...{ code: 'session_amount_mismatch', path: '/order/amount', allowed: 0 },
  message: 'order.amount is 100, but it must be 0: the items and the shipping option added up.',
}
const none = (path: string, why: string) => ({
  ...{ code: 'no_payment_product', path, message: `None of the enabled payment products can pay this order: ${why}.` },
})
const refusals: [title: string, SessionRequest, Partial<Basis>, refusal: object][] = [
  ['lines that do not add up, when that matters', request, { toggles: new Set(['strict-session-amounts']) }, mismatch],
  [
    'no product',
    { url, order },
    {},
    { code: 'no_payment_product', path: '/configuration', message: 'No payment product is enabled.' },
  ],
  [
    'nothing that can pay nothing',
    { ...request, order: { ...order, amount: 0 } },
    {},
    none('/order/amount', 'an amount of 0 needs dintero.zero'),
  ],
  [
    'two that can not, for two reasons',
    { ...request, configuration: { dintero: { zero: { enabled: true } }, instabank: { finance: { enabled: true } } } },
    { products: [...products, product('instabank.finance')] },
    none('/order/amount', 'dintero.zero needs an amount of 0; instabank.finance needs items, each with a line_id of its own'),
  ],
]
for (const [title, asked, changes, refusal] of refusals) {
  test(`new session: refused: ${title}`, () => assert.deepEqual(newSessionData(asked, { ...basis, ...changes }), { refusal }))
}
test('new session: an express order may grow, and lines that add up are fine', () => {
  const express = newSessionData({ ...request, order: { ...order, amount: 0 }, express: {} }, basis)
  assert.deepEqual('data' in express && express.data.express, { shipping_options: [] })
  const strict = { ...basis, toggles: new Set(['strict-session-amounts']) }
  assert.ok('data' in newSessionData({ ...request, order: { ...order, items: [{ amount: 100 }] } }, strict))
})

// to whom a link to the session could be sent | what became of it
const customers: [customer: SessionRequest['customer'], status: string][] = [
  [undefined, 'skipped'],
  [{}, 'skipped'],
  [{ phone_number: '1' }, 'failed'],
  [{ email: 'e' }, 'failed'],
]
for (const [customer, status] of customers) {
  test(`new session: publish, for ${JSON.stringify(customer)}: ${status}`, () => {
    const publish = [{ type: 'sms' }, 'no object', { type: 'email', id: 'x' }]
    const asked = { ...request, configuration: { ...configuration, publish }, ...(customer ? { customer } : {}) }
    const made = newSessionData(asked, basis)
    assert.deepEqual('data' in made && made.data.configuration, {
      ...shown,
      publish: [
        { type: 'sms', id: '1', status },
        { type: 'email', id: '2', status },
      ],
    })
  })
}
test('new session: what is no list of messages stays as it is', () => {
  const made = newSessionData({ ...request, configuration: { ...configuration, publish: 'no' } }, basis)
  assert.deepEqual('data' in made && made.data.configuration, { ...shown, publish: 'no' })
})

const { metadata_key_length_max, reference_length_max, text_length_max, host_length_max } = limits
const key = (length: number) => `a/~${'k'.repeat(length - 3)}`
const long_host = `https://${'h'.repeat(host_length_max + 1)}/`
// what is taken or refused | where | the rule | its limit
const bounds: [changes: Partial<SessionRequest>, path?: string, rule?: string, allowed?: number][] = [
  [{ metadata: { [key(metadata_key_length_max)]: 'x'.repeat(text_length_max), list: Array(text_length_max + 1) } }],
  [{ metadata: { [key(200)]: 1 } }, `/metadata/a~1~0${'k'.repeat(125)}`, 'its key may have', metadata_key_length_max],
  [{ metadata: { b: 'x'.repeat(text_length_max + 1) } }, '/metadata/b', 'must be text of', text_length_max],
  [{ metadata: { payout_correlation_id: 'x'.repeat(reference_length_max) } }],
  [{ metadata: { payout_correlation_id: 7 } }],
  [{ metadata: { payout_correlation_id: ['x'] } }, '/metadata/payout_correlation_id', 'must be text of', reference_length_max],
  [
    { metadata: { payout_correlation_id: 'x'.repeat(256) } },
    '/metadata/payout_correlation_id',
    'must be text of',
    reference_length_max,
  ],
  [{ url: { return_url: `http://${'h'.repeat(host_length_max)}/`, callback_url: `shop:https://${long_host}` } }],
  [{ url: { return_url: 'HTTP://' } }, '/url/return_url'],
  [{ url: { ...url, callback_url: long_host } }, '/url/callback_url'],
  [{ url: { ...url, merchant_terms_url: long_host } }, '/url/merchant_terms_url'],
  [{ merchant: { logo_url: long_host } }, '/merchant/logo_url'],
  [
    {
      checkboxes: [
        { id: '0', label: '' },
        { id: '1', label: '', link: { url: long_host } },
      ],
    } as never,
    '/checkboxes/1/link/url',
  ],
  [{ express: { shipping_address_callback_url: long_host } }, '/express/shipping_address_callback_url'],
  [{ express: { discount_codes: { callback_url: long_host } } } as never, '/express/discount_codes/callback_url'],
]
for (const [changes, path, rule, allowed] of bounds) {
  test(`new session: ${path ?? 'nothing'} is refused of ${JSON.stringify(changes).slice(0, 60)}`, () => {
    const made = newSessionData({ ...request, ...changes }, basis)
    const no_host = `${path} must be a URL with a host of at most ${host_length_max} characters.`
    const limit = { message: `${path}: ${rule} at most ${allowed} characters.`, allowed }
    const refusal = { code: 'invalid_request', path, ...(rule ? limit : { message: no_host }) }
    assert.deepEqual('refusal' in made ? made.refusal : undefined, path && refusal)
  })
}
test('new session: splits may come later only where nothing is captured at once', () => {
  const made = (auto_capture: boolean) =>
    newSessionData(
      { ...request, order: { ...order, items: [{ splits: [] }] }, configuration: { ...configuration, auto_capture } },
      basis,
    )
  assert.deepEqual(['data' in made(false), 'data' in made(true)], [true, false])
})

const token_provider = { payment_product_type: 'payex.creditcard', token_types: ['payment_token' as const] }
const token_order = { currency: 'NOK', merchant_reference: 'R' }
test('token session: amount 0 and one product, with what the profile says of its looks', () => {
  assert.deepEqual(newTokenSessionData({ session: { url, order: token_order }, token_provider }, basis), {
    data: {
      ...{ url, order: { amount: 0, ...token_order }, token_provider },
      configuration: {
        payex: {
          type: 'payment_type',
          creditcard: { enabled: true, type: 'payment_product_type', generate_payment_token: true },
        },
      },
    },
  })
  const profile: ProfileData = {
    configuration: { theme: 'p', vipps: { enabled: true } },
    merchant: { name: 'n' },
    url: { merchant_terms_url: 'https://t' },
  }
  const session = {
    ...{
      url,
      profile_id: 'p',
      customer: { customer_id: 7 },
      metadata: { ext_a: 1 },
      configuration: { channel: 'in_app', more: 1 },
    },
    order: { ...token_order, merchant_reference_2: 'R2', store: { id: 's' } },
  }
  const vipps = { payment_product_type: 'vipps', token_types: ['payment_token' as const] }
  assert.deepEqual(
    newTokenSessionData({ session, token_provider: vipps }, { ...basis, profile, merchant: { name: 'a', city: 'c' } }),
    {
      data: {
        ...{ url: { ...url, merchant_terms_url: 'https://t' }, token_provider: vipps, customer: { customer_id: '7' } },
        order: { amount: 0, ...token_order, merchant_reference_2: 'R2', store: { id: 's' } },
        configuration: {
          ...{ theme: 'p', channel: 'in_app' },
          vipps: { enabled: true, type: 'payment_product_type', generate_payment_token: true },
        },
        ...{ merchant: { name: 'n', city: 'c' }, metadata: { ext_a: 1, 'session:profile_id': 'p' } },
      },
    },
  )
  const themed = newTokenSessionData(
    { session: { ...session, configuration: { theme: 's' } }, token_provider },
    { ...basis, profile },
  )
  assert.equal('data' in themed && themed.data.configuration.theme, 's')
})
const unsupported = (type: string, kind: string) => ({
  ...{ code: 'token_not_supported', path: '/token_provider/payment_product_type', allowed: ['payex.creditcard', 'vipps'] },
  message: `${type} can't make a ${kind} here; payex.creditcard, vipps make tokens.`,
})
for (const [payment_product_type, token_types, refusal] of [
  ['x'.repeat(200), ['payment_token'], unsupported('x'.repeat(100), 'payment_token')],
  ['vipps', ['payment_token', 'recurrence_token'], unsupported('vipps', 'recurrence_token')],
  ['dintero.zero', ['payment_token'], unsupported('dintero.zero', 'payment_token')],
] as const) {
  test(`token session: refused: ${payment_product_type.slice(0, 20)} ${token_types}`, () => {
    const asked = {
      session: { url, order: token_order },
      token_provider: { payment_product_type, token_types: [...token_types] },
    }
    assert.deepEqual(newTokenSessionData(asked, basis), { refusal })
  })
}
test('token session: what is wrong with its session is refused there', () => {
  const path = (more: object) => {
    const made = newTokenSessionData({ session: { url, order: token_order, ...more }, token_provider }, basis)
    return 'refusal' in made && made.refusal.path
  }
  assert.equal(path({ url: { return_url: long_host } }), '/session/url/return_url')
  assert.equal(path({ configuration: { channel: 'x' } }), '/session/configuration/channel')
})

const no_time = (message: string) => ({ refusal: { code: 'invalid_request', path: '/expires_at', message } })
test('expiry: why not', () => {
  const long = `x${'y'.repeat(100)}`
  assert.deepEqual(expiry('', now), { expires_at: later(86_400_000) })
  assert.deepEqual(expiry(long, now), no_time(`expires_at is not an ISO 8601 time: ${long.slice(0, 40)}.`))
  assert.deepEqual(expiry(now.toISOString(), now), no_time('expires_at is in the past: 2026-11-23T10:00:00.000Z.'))
  const far = '2026-12-23T10:00:00.001Z'
  assert.deepEqual(expiry(far, now), no_time('expires_at is too far ahead; at most 2026-12-23T10:00:00.000Z.'))
})

test('tokens: those that were given, by product', () => {
  const card = { payment_token: 'p', recurrence_token: 'r' }
  const other = { payment_token: '', recurrence_token: 'r' }
  const empty = { payment_token: '', recurrence_token: '' }
  const tokens = { card, other, empty, none: {}, number: { payment_token: 7 }, word: 'p', nothing: null }
  assert.deepEqual(givenTokens({ tokens }), [
    { type: 'card', token: card, value: 'p' },
    { type: 'other', token: other, value: 'r' },
  ])
  for (const customer of [undefined, {}, { tokens: 'p' }, { tokens: [card] }]) assert.deepEqual(givenTokens(customer), [])
})

test('order: ids become text, and nothing that was not there', () => {
  assert.deepEqual(storedItem({ id: 1, line_id: 2, amount: 3 }), { id: '1', line_id: '2', amount: 3 })
  assert.deepEqual(storedItem({ amount: 3 }), { amount: 3 })
  assert.deepEqual(storedOption({ id: 1, line_id: 2, amount: 3 }), { id: '1', line_id: '2', amount: 3 })
  assert.deepEqual(storedOrder(order), order)
  const full: Order = { ...order, items: [{ id: 1 }], shipping_option: { id: 1, line_id: 2, amount: 3 } }
  assert.deepEqual(storedOrder(full), { ...order, items: [{ id: '1' }], shipping_option: { id: '1', line_id: '2', amount: 3 } })
  assert.deepEqual(storedExpress({}), { shipping_options: [] })
})
test('order: the items and the shipping option, added up', () => {
  const option = { id: 'o', line_id: 'o', amount: 7 }
  assert.deepEqual([sumOfLines({}), sumOfLines({ items: [{ amount: 3 }, {}, { amount: 4 }], shipping_option: option })], [0, 14])
  const of = (amount: number, partial_payment?: boolean) =>
    amountRefusal({ ...order, amount, items: [{ amount: 100 }], ...(partial_payment ? { partial_payment } : {}) })
  assert.deepEqual([of(100), of(100, true), of(99, true)], [undefined, undefined, undefined])
  assert.equal(of(99)?.allowed, 100)
  assert.deepEqual(of(101, true), {
    ...{ code: 'session_amount_mismatch', path: '/order/amount', allowed: 100 },
    message: 'order.amount is 101, but it may be at most 100: the items and the shipping option added up.',
  })
})

const twice = (line_id: string) => ({
  ...{ code: 'items_invalid', path: '/order/items/2/line_id' },
  message: `/order/items/2/line_id stands twice: ${line_id}; instabank.finance bills by line.`,
})
const by_line = { instabank: { finance: { enabled: true } }, vipps: { enabled: true } }
const long = 'x'.repeat(150)
const repeated: [
  title: string,
  configuration: object,
  line_ids: (string | number | undefined)[],
  more: object,
  refusal: object | undefined,
][] = [
  ['each line once', by_line, [1, 2, 3], {}, undefined],
  ['a line twice, once as text', by_line, [1, 2, '1'], {}, twice('1')],
  ['a long line id twice', by_line, [long, 2, long], {}, twice('x'.repeat(100))],
  ['lines without an id', by_line, [undefined, undefined, 1], {}, undefined],
  ['a line twice, where nobody bills by line', configuration, [1, 2, 1], {}, undefined],
  ['a line twice, of a partial payment', by_line, [1, 2, 1], { partial_payment: true }, undefined],
]
for (const [title, asked, line_ids, more, refusal] of repeated) {
  test(`new session: ${refusal ? 'refused' : 'made'}: ${title}`, () => {
    const items = line_ids.map((line_id) => (line_id === undefined ? {} : { line_id }))
    const made = newSessionData(
      { ...request, configuration: asked as never, order: { ...order, items, ...more } },
      { ...basis, products: [...products, product('instabank.finance')] },
    )
    assert.deepEqual('refusal' in made ? made.refusal : undefined, refusal)
  })
}
test('new session: an order without lines is not refused for them, and settings must be what they say', () => {
  const able = { ...basis, products: [...products, product('instabank.finance')] }
  assert.ok('data' in newSessionData({ ...request, configuration: by_line }, able))
  const made = newSessionData({ ...request, configuration: { vipps: { enabled: 'yes' } } }, basis)
  assert.equal('refusal' in made && made.refusal.path, '/configuration/vipps/enabled')
})

const shipment = (line_id: string) => ({ id: line_id, line_id, amount: 0 })
const option = { ...shipment('all'), title: 'All' }
for (const [name, part, auto_capture, path] of [
  ['a gift card', { gift_cards: [{ amount: 0 }, {}] }, false, undefined],
  ['a gift card that adds', { gift_cards: [{ amount: 0 }, { amount: -1 }] }, false, '/order/gift_cards/1/amount'],
  ['splits to come', { items: [{ line_id: '1', splits: [] }] }, false, undefined],
  ['splits to come, captured at once', { items: [{}, { splits: [] }] }, true, '/order/items/1/splits'],
  ['one shipment', { shipping_option: { ...option, shipments: [shipment('1')] } }, false, '/order/shipping_option/shipments'],
  ['no shipment', { shipping_option: { ...option, shipments: [] } }, false, '/order/shipping_option/shipments'],
  ['two shipments', { shipping_option: { ...option, shipments: [shipment('1'), shipment('2')] } }, false, undefined],
  [
    'two shipments and one split',
    { shipping_option: { ...option, shipments: [shipment('1'), shipment('2')], splits: [] } },
    false,
    '/order/shipping_option/splits',
  ],
  [
    'two shipments and one split of the fee',
    { shipping_option: { ...option, shipments: [shipment('1'), shipment('2')], fee_split: {} } },
    false,
    '/order/shipping_option/fee_split',
  ],
  [
    'two shipments, both paid in the store',
    { shipping_option: { ...option, shipments: [shipment('1'), shipment('2')], pay_in_store: {} } },
    false,
    '/order/shipping_option/pay_in_store',
  ],
] as const) {
  test(`order: ${name}${path ? ` is refused at ${path}` : ''}`, () => {
    assert.equal(orderRefusal({ ...order, ...part } as never, { auto_capture, enabled: [] })?.path, path)
  })
}
