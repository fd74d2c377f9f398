import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PaymentProduct } from '../../../gateways/gateway.ts'
import { type MerchantPayment, prepareMerchantPayment } from './merchant-payment.ts'

const product = (payment_product_type: string, changes: Partial<PaymentProduct> = {}) =>
  ({ payment_product_type, token_types: ['payment_token'], currencies: 'any', ...changes }) as PaymentProduct
const products = [
  product('card.visa'),
  product('wallet.none', { token_types: [] }),
  product('payex.creditcard', { token_types: ['payment_token', 'recurrence_token'] }),
  product('local', { token_types: ['recurrence_token'], currencies: ['NOK', 'SEK'] }),
]
const order = { amount: 100, currency: 'NOK', merchant_reference: 'R' }
type Operation = MerchantPayment['payment']['operation']
const pay = (type: string, token: object | undefined, more: object = {}, operation: Operation = 'unscheduled_purchase') =>
  prepareMerchantPayment(
    {
      session: { order, ...(token ? { customer: { tokens: { [type]: token } } } : {}), ...more },
      payment: { payment_product_type: type, operation },
    },
    products,
  )

test('merchant payment: everything it needs, and what else was said', () => {
  const customer = { email: 'a@example.com', tokens: { 'card.visa': { payment_token: 'p' } } }
  const session = {
    ...{ order: { ...order, items: [{ line_id: 1, amount: 100 }] }, url: { callback_url: 'https://c' }, customer },
    ...{ configuration: { channel: 'in_app', card: 'theirs' }, metadata: { ext_a: 'A' } },
  }
  const payment = { payment_product_type: 'card.visa', operation: 'recurring_purchase' } as const
  assert.deepEqual(prepareMerchantPayment({ session, payment }, products), {
    token: { payment_token: 'p' },
    data: {
      url: { callback_url: 'https://c' },
      order: { ...order, items: [{ line_id: '1', amount: 100 }] },
      configuration: { channel: 'in_app', card: { type: 'payment_type', visa: { type: 'payment_product_type', enabled: true } } },
      customer,
      metadata: { ext_a: 'A' },
    },
  })
})
test('merchant payment: no more than it must be; a product without a group', () => {
  const customer = { tokens: { local: { recurrence_token: 'r' } } }
  assert.deepEqual(pay('local', { recurrence_token: 'r' }), {
    token: { recurrence_token: 'r' },
    data: { url: {}, order, configuration: { local: { type: 'payment_product_type', enabled: true } }, customer },
  })
})

const both = { payment_token: 'p', recurrence_token: 'r' }
const tokens: [tokens: object, Operation, token: object | undefined][] = [
  [both, 'unscheduled_purchase', { payment_token: 'p' }],
  [both, 'recurring_purchase', { recurrence_token: 'r' }],
  [{ payment_token: 'p' }, 'recurring_purchase', { payment_token: 'p' }],
  [{ payment_token: 'p', recurrence_token: 7 }, 'recurring_purchase', { payment_token: 'p' }],
  [{ recurrence_token: 'r' }, 'unscheduled_purchase', { recurrence_token: 'r' }],
]
for (const [given, operation, token] of tokens) {
  test(`merchant payment: ${operation} with ${JSON.stringify(given)}`, () => {
    const prepared = pay('card.visa', given, {}, operation)
    assert.deepEqual('token' in prepared ? prepared.token : prepared, token)
  })
}

for (const [operation, token] of [
  ['unscheduled_purchase', 'payment_token'],
  ['recurring_purchase', 'recurrence_token'],
] as const) {
  test(`merchant payment: ${operation} with PayEx takes a ${token} and no other`, () => {
    const prepared = pay('payex.creditcard', both, {}, operation)
    assert.deepEqual('token' in prepared && prepared.token, { [token]: both[token] })
    const { [token]: _, ...other } = both
    const path = '/session/customer/tokens/payex.creditcard'
    const message = `${path} must hold the ${token} of an earlier payment.`
    assert.deepEqual(pay('payex.creditcard', other, {}, operation), { code: 'invalid_request', path, message })
  })
}

const not_payable = (type: string) => ({
  code: 'payment_product_not_payable',
  path: '/payment/payment_product_type',
  message: `${type} can't be paid without the customer.`,
  allowed: ['card.visa', 'payex.creditcard', 'local'],
})
const no_token = {
  code: 'invalid_request',
  path: '/session/customer/tokens/card.visa',
  message: '/session/customer/tokens/card.visa must hold the token of an earlier payment.',
}
const at = (path: string, rule: string) => ({ code: 'invalid_request', path, message: `${path} ${rule}` })
const refusals: [title: string, refused: unknown, refusal: object][] = [
  ['an unknown product', pay('x', both), not_payable('x')],
  ['a product without tokens', pay('wallet.none', both), not_payable('wallet.none')],
  ['no customer', pay('card.visa', undefined), no_token],
  ['no tokens', pay('card.visa', undefined, { customer: {} }), no_token],
  ['another token', pay('card.visa', undefined, { customer: { tokens: { local: both } } }), no_token],
  ['no text', pay('card.visa', { payment_token: 1, recurrence_token: 2 }), no_token],
  ['nothing in it', pay('card.visa', { payment_token: '', recurrence_token: '' }), no_token],
  [
    'another currency',
    pay('local', both, { order: { ...order, currency: 'EUR' } }),
    {
      code: 'payment_product_not_payable',
      path: '/session/order/currency',
      message: 'local does not take EUR.',
      allowed: ['NOK', 'SEK'],
    },
  ],
  [
    'nothing to pay',
    pay('local', both, { order: { ...order, amount: 0 } }),
    { code: 'invalid_request', path: '/session/order/amount', message: '/session/order/amount must be above zero.', allowed: 1 },
  ],
  [
    'what is paid in the store',
    pay('local', both, {
      order: { ...order, shipping_option: { id: 's', line_id: 's', amount: 0, pay_in_store: { type: 'full' } } },
    }),
    { code: 'invalid_request', path: '/session/order/amount', message: '/session/order/amount must be above zero.', allowed: 1 },
  ],
  [
    'auto_capture that is no boolean',
    pay('local', both, { configuration: { auto_capture: 'true' } }),
    at('/session/configuration/auto_capture', 'must be true or false.'),
  ],
  [
    'splits that are left open, and captured at once',
    pay('local', both, { configuration: { auto_capture: true }, order: { ...order, items: [{ amount: 100, splits: [] }] } }),
    at('/session/order/items/0/splits', 'may be empty only when auto_capture is off.'),
  ],
  [
    'a gift card below zero',
    pay('local', both, { order: { ...order, gift_cards: [{ amount: -1 }] } }),
    at('/session/order/gift_cards/0/amount', 'must be >= 0.'),
  ],
  [
    'a URL without a host',
    pay('local', both, { url: { callback_url: 'https://' } }),
    at('/session/url/callback_url', 'must be a URL with a host of at most 253 characters.'),
  ],
]
for (const [title, refused, refusal] of refusals) {
  test(`merchant payment: refused: ${title}`, () => assert.deepEqual(refused, refusal))
}
test('merchant payment: splits may come later where it is captured by hand', () => {
  assert.ok('data' in pay('local', both, { order: { ...order, items: [{ amount: 100, splits: [] }] } }))
})
