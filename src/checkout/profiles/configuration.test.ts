import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PaymentProduct } from '../../gateways/gateway.ts'
import {
  activeProducts,
  enabledProducts,
  mergeTrees,
  type PayableOrder,
  payability,
  sessionConfiguration,
  type Tree,
} from './configuration.ts'

const product = (payment_product_type: string, currencies: PaymentProduct['currencies'] = 'any'): PaymentProduct => ({
  payment_product_type,
  direct_capture: false,
  partial_capture: true,
  partial_refund: true,
  void_remainder: true,
  may_hold: false,
  refund_later: false,
  authorization_update: [],
  token_types: [],
  currencies,
})
const items = [{ line_id: '1' }, { line_id: '2' }]

// product | order | payability
const cases: [type: string, order: Partial<PayableOrder>, expected: string][] = [
  ['vipps', {}, 'payable'],
  ['vipps', { amount: 0 }, 'disabled_by_order_amount'],
  ['vipps', { currency: 'SEK' }, 'disabled_by_gateway'],
  ['unknown.type', {}, 'disabled_by_gateway'],
  ['dintero.zero', { amount: 0 }, 'payable'],
  ['dintero.zero', { amount: 1 }, 'disabled_by_order_amount'],
  ['instabank.invoice', { amount: 50_001, items }, 'payable'],
  ['instabank.invoice', { amount: 50_000, items }, 'disabled_by_order_amount'],
  ['instabank.finance', {}, 'disabled_by_gateway'],
  ['instabank.finance', { partial_payment: true }, 'payable'],
  ['collector.invoice', { items }, 'payable'],
  ['collector.invoice', { items: [{ line_id: '1' }, { line_id: '1' }] }, 'disabled_by_gateway'],
  ['collector.invoice', { items: [{}] }, 'disabled_by_gateway'],
  ['seitatech.in_person', {}, 'disabled_by_gateway'],
  ['seitatech.in_person', { store: { id: 's', terminal_id: 't' } }, 'payable'],
  ['dintero_psp.creditcard', { amount: 0, token_only: true }, 'payable'],
]
const types = ['vipps', 'dintero.zero', 'instabank.invoice', 'instabank.finance', 'collector.invoice', 'seitatech.in_person']
const known = new Map(
  [...types, 'dintero_psp.creditcard'].map((type) => [type, product(type, type === 'vipps' ? ['NOK'] : 'any')]),
)
for (const [type, order, expected] of cases) {
  test(`payability: ${type} ${JSON.stringify(order)} is ${expected}`, () => {
    assert.equal(payability(type, { amount: 10_000, currency: 'NOK', ...order }, known.get(type)), expected)
  })
}

const available = [
  product('vipps', ['NOK']),
  product('swish.swish', ['SEK']),
  product('dintero.wallets'),
  product('payex.creditcard'),
]
// profile | request | currency | enabled products, or the code of the refusal
const merges: [name: string, profile: Tree, request: Tree, currency: string, expected: string[] | string][] = [
  [
    'the request wins',
    { vipps: { enabled: true }, swish: { swish: { enabled: true } } },
    { swish: { swish: { enabled: false } } },
    'NOK',
    ['vipps'],
  ],
  [
    'settings are merged',
    { payex: { creditcard: { enabled: true, no_cvc: true } } },
    { payex: { creditcard: { enabled: true } } },
    'NOK',
    ['payex.creditcard'],
  ],
  [
    'products without a gateway are dropped',
    { vipps: { enabled: true }, two: { invoice_b2b: { enabled: true } } },
    {},
    'NOK',
    ['vipps'],
  ],
  [
    'products of other currencies are dropped',
    { vipps: { enabled: true }, swish: { swish: { enabled: true } } },
    {},
    'SEK',
    ['swish.swish'],
  ],
  ['nothing for this currency', { vipps: { enabled: true } }, {}, 'EUR', 'no_payment_product'],
  ['nothing enabled', {}, {}, 'NOK', 'no_payment_product'],
  ['the wildcard leaves gift cards out', {}, { active_payment_types: { enabled: true } }, 'NOK', ['payex.creditcard', 'vipps']],
  [
    'gift cards beside cards',
    { payex: { creditcard: { enabled: true } }, dintero: { wallets: { enabled: true } } },
    {},
    'NOK',
    ['dintero.wallets', 'payex.creditcard'],
  ],
  [
    'gift cards beside Vipps',
    { vipps: { enabled: true }, dintero: { wallets: { enabled: true } } },
    {},
    'NOK',
    'payment_products_clash',
  ],
  [
    'gift cards beside Swish, for kroner that Swish does not take',
    { swish: { swish: { enabled: true } }, dintero: { wallets: { enabled: true } } },
    {},
    'NOK',
    ['dintero.wallets'],
  ],
]
for (const [name, profile, request, currency, expected] of merges) {
  test(`session configuration: ${name}`, () => {
    const { configuration, refusal } = sessionConfiguration(profile, request, available, currency)
    if (typeof expected === 'string') return assert.equal(refusal?.code, expected)
    assert.equal(refusal, undefined)
    assert.deepEqual(enabledProducts(configuration), expected)
  })
}
test('active products: what is on, and what the wildcard stands for', () => {
  const configuration = { swish: { swish: { enabled: true } } }
  assert.deepEqual(activeProducts(configuration, available), ['swish.swish'])
  const wildcard = { ...configuration, active_payment_types: { enabled: true }, vipps: { enabled: false } }
  assert.deepEqual(activeProducts(wildcard, available), ['payex.creditcard', 'swish.swish'])
})
test('session configuration: the one of a profile is made once, for each currency and list of products anew', () => {
  const profile = { active_payment_types: { enabled: true } }
  const of = (currency: string, products = available, request: Tree = {}) =>
    sessionConfiguration(profile, request, products, currency)
  const plain = of('NOK')
  assert.deepEqual([of('NOK') === plain, plain.enabled], [true, enabledProducts(plain.configuration)])
  const cases: [ReturnType<typeof of>, unknown][] = [
    [of('EUR'), sessionConfiguration({ ...profile }, {}, available, 'EUR')],
    [of('EUR', available.slice(0, 1)), sessionConfiguration({ ...profile }, {}, available.slice(0, 1), 'EUR')],
    [of('NOK', available, { vipps: { enabled: false } }), merged({ vipps: { enabled: false } })],
    [of('NOK'), plain],
  ]
  for (const [{ configuration, enabled, refusal }, expected] of cases) {
    const { configuration: c, enabled: e, refusal: r } = expected as typeof plain
    assert.deepEqual({ configuration, enabled, refusal }, { configuration: c, enabled: e, refusal: r })
  }
  function merged(request: Tree) {
    return sessionConfiguration({ ...profile }, request, available, 'NOK')
  }
})
test('session configuration: groups and products say what they are, wherever they come from', () => {
  const typed = {
    payex: { type: 'payment_type', creditcard: { enabled: true, type: 'payment_product_type' } },
    vipps: { enabled: true, type: 'payment_product_type' },
  }
  for (const request of [
    { payex: { creditcard: { enabled: true } }, vipps: { enabled: true } },
    { active_payment_types: { enabled: true } },
  ]) {
    const { active_payment_types: _, ...configuration } = sessionConfiguration({}, request, available, 'NOK').configuration
    assert.deepEqual(configuration, typed)
  }
})
for (const [profile, request, path] of [
  [{ vipps: { enabled: true } }, { default_payment_type: 'vipps' }, undefined],
  [
    { vipps: { enabled: true }, swish: { swish: { enabled: true } } },
    { default_payment_type: 'payex.creditcard' },
    '/configuration/default_payment_type',
  ],
  [{ vipps: { enabled: true }, default_payment_type: 'swish.swish' }, {}, undefined],
] as const) {
  test(`session configuration: ${JSON.stringify(request)} over ${JSON.stringify(profile)} is ${path ? 'refused' : 'taken'}`, () => {
    const allowed = ['swish.swish', 'vipps']
    const refusal = { code: 'invalid_request', path, message: `${path} must be enabled: ${allowed.join(', ')}.`, allowed }
    assert.deepEqual(sessionConfiguration(profile, request, available, 'NOK').refusal, path ? refusal : undefined)
  })
}
test('session configuration: without a gateway it says so', () => {
  assert.equal(sessionConfiguration({ vipps: { enabled: true } }, {}, [], 'NOK').refusal?.code, 'gateway_not_configured')
})

const tree = fc.letrec<{ tree: Tree; value: unknown }>((tie) => ({
  tree: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  value: fc.oneof({ maxDepth: 3 }, fc.integer(), fc.string(), fc.array(fc.integer(), { maxLength: 2 }), tie('tree')),
})).tree
test('merge: twice is once, the empty tree changes nothing, and neither side is touched', () => {
  fc.assert(
    fc.property(tree, tree, (one, other) => {
      const before = JSON.stringify([one, other])
      assert.deepEqual(mergeTrees(one, {}), one)
      assert.deepEqual(mergeTrees({}, one), one)
      assert.deepEqual(mergeTrees(mergeTrees(one, other), other), mergeTrees(one, other))
      assert.equal(JSON.stringify([one, other]), before)
    }),
  )
})
