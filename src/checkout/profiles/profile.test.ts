import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, now } from '../../../test/rows.ts'
import type { PaymentProduct } from '../../gateways/gateway.ts'
import {
  configurationRefusal,
  enabledProducts,
  lacking,
  mergeTrees,
  payability,
  payableProducts,
  productSettings,
  productTypes,
  sessionConfiguration,
  type Tree,
  withoutEmpties,
  withPayability,
  withTypes,
} from './configuration.ts'
import { createBriefMemory } from './memory.ts'
import { defaultProfile, type ProfileRow, profileData, profileView } from './profile.ts'

const product = (payment_product_type: string, currencies: PaymentProduct['currencies'] = 'any') =>
  ({ payment_product_type, currencies }) as PaymentProduct
const typed = { type: 'payment_product_type' }
const order = { amount: 100, currency: 'NOK' }

// Every type that a configuration may name (checkout-api §9.1).
const types = [
  ...['bambora.applepay', 'bambora.creditcard', 'bambora.googlepay', 'bambora.mobilepay', 'bambora.vipps'],
  ...['collector.invoice', 'collector.invoice_b2b', 'collector.invoice_b2b_preapproved', 'collector.finance'],
  ...['collector.installment', 'collector.installment_b2b_preapproved', 'dintero.external', 'dintero.wallets', 'dintero.zero'],
  ...['dintero_psp.applepay', 'dintero_psp.clicktopay', 'dintero_psp.creditcard', 'dintero_psp.googlepay', 'dintero_psp.vipps'],
  ...['instabank.finance', 'instabank.installment', 'instabank.invoice', 'instabank.postponement', 'klarna.billie'],
  ...['klarna.klarna', 'kravia.invoice_b2b', 'kravia.invoice_b2b_grouped', 'kravia.invoice_b2c', 'netaxept.creditcard'],
  ...['payex.applepay', 'payex.clicktopay', 'payex.creditcard', 'payex.googlepay', 'payex.mobilepay', 'payex.swish'],
  ...['payex.vipps', 'santander.debit_account', 'seitatech.in_person', 'swish.swish', 'two.invoice_b2b', 'vipps'],
]
test('configuration: the payment product types', () => assert.deepEqual(productTypes, types))

test('profile: of a new account, one product of every kind is on', () => {
  const profile = defaultProfile(types.map((type) => product(type)))
  assert.equal(profile.profile_id, 'default')
  const off = [
    ...['bambora.applepay', 'bambora.creditcard', 'bambora.googlepay', 'bambora.mobilepay', 'bambora.vipps'],
    ...['collector.invoice_b2b_preapproved', 'collector.finance', 'collector.installment_b2b_preapproved', 'dintero.wallets'],
    ...['dintero_psp.vipps', 'kravia.invoice_b2b_grouped', 'netaxept.creditcard', 'payex.applepay', 'payex.clicktopay'],
    ...['payex.creditcard', 'payex.googlepay', 'payex.swish', 'payex.vipps'],
  ]
  assert.deepEqual(
    enabledProducts(profile.configuration),
    types.filter((type) => !off.includes(type)),
  )
  for (const type of off) assert.deepEqual(productSettings(profile.configuration, type), { enabled: false })
  const some = defaultProfile([product('vipps'), product('dintero.external'), product('unknown.type')])
  const external = { enabled: true, display: { payment_method_label: 'Other', button_label: 'Continue' } }
  assert.deepEqual(some, { profile_id: 'default', configuration: { dintero: { external }, vipps: { enabled: true } } })
})

test('profile: its known members, and as it is shown', () => {
  const kept = { configuration: { vipps: { enabled: true, ...typed } } }
  const configuration = { vipps: { enabled: true, payability: 'payable' } }
  assert.deepEqual(profileData({ profile_id: 'p', configuration, secret: 1 } as never), kept)
  const more = { merchant: { name: 'n' }, url: { merchant_terms_url: 'https://t' }, description: '' }
  assert.deepEqual(profileData({ profile_id: 'p', configuration, ...more }), { ...kept, ...more })

  const row: ProfileRow = {
    ...{ account_id: 'T1', profile_id: 'p', id: 'i', data: { ...kept, ...more }, created_at: before, created_by: null },
    ...{ updated_at: now, deleted_at: null, deleted_by: null },
  }
  const times = { created_at: before.toISOString(), updated_at: now.toISOString() }
  const shown = { id: 'i', profile_id: 'p', ...kept, ...more, ...times }
  assert.deepEqual(profileView(row, []), shown)
  assert.deepEqual(profileView({ ...row, created_by: 'me', deleted_at: now, deleted_by: 'you' }, []), {
    ...{ ...shown, created_by: 'me', deleted_at: now.toISOString(), deleted_by: 'you' },
  })
})

test('profile: shown with its products in one order: cards that make tokens, others that do, what else is on, what is off', () => {
  const on = { enabled: true }
  const configuration = {
    ...{ theme: {}, vipps: on, two: { invoice_b2b: on }, swish: { swish: { enabled: false } } },
    payex: { vipps: on, googlepay: { enabled: false }, swish: on, creditcard: on, applepay: on, more: 1 },
  }
  const products = ['vipps', 'payex.creditcard', 'payex.applepay'].map((type) => ({
    ...product(type),
    token_types: ['payment_token'],
  }))
  const row = { data: { configuration }, created_at: now, updated_at: now } as unknown as ProfileRow
  const shown = profileView(row, [...products, { ...product('payex.swish'), token_types: [] }] as PaymentProduct[]).configuration
  assert.deepEqual(shown, configuration)
  assert.deepEqual(Object.keys(shown), ['payex', 'vipps', 'two', 'swish', 'theme'])
  assert.deepEqual(Object.keys(shown.payex as Tree), ['creditcard', 'applepay', 'swish', 'vipps', 'googlepay', 'more'])
})

const settings: [configuration: Tree, type: string, expected: object | undefined][] = [
  [{ payex: { swish: { a: 1 } } }, 'payex.swish', { a: 1 }],
  [{ payex: { swish: { a: 1 } } }, 'payex.vipps', undefined],
  [{ payex: { swish: true } }, 'payex.swish', undefined],
  [{ payex: 'no' }, 'payex.swish', undefined],
  [{}, 'payex.swish', undefined],
  [{ vipps: { a: 1 } }, 'vipps', { a: 1 }],
  [{ vipps: true }, 'vipps', undefined],
]
for (const [configuration, type, expected] of settings) {
  test(`configuration: ${type} in ${JSON.stringify(configuration)}`, () => {
    assert.deepEqual(productSettings(configuration, type), expected)
  })
}
test('configuration: on is what says so', () => {
  const configuration = {
    vipps: { enabled: 'true' },
    payex: { swish: { enabled: true }, vipps: { enabled: false }, applepay: {} },
  }
  assert.deepEqual(enabledProducts(configuration), ['payex.swish'])
})
test('configuration: merged, lists are replaced', () => {
  const under = { a: { x: 1, y: [1, 2] }, b: { c: 1 }, d: 'text' }
  assert.deepEqual(mergeTrees(under, { a: { y: [3], z: { n: 1 } }, b: 'text', d: { e: 1 } }), {
    ...{ a: { x: 1, y: [3], z: { n: 1 } }, b: 'text', d: { e: 1 } },
  })
})
test('configuration: shown with the types by which plugins find products; what is no product stays or goes', () => {
  const configuration = {
    ...{ vipps: { enabled: true, payability: 'payable' }, payex: { type: 'x', swish: { a: 1 }, unknown: { b: 1 } } },
    ...{ klarna: { unknown: { a: 1 } }, swish: 'text', theme: { c: 1 } },
  }
  const copy = structuredClone(configuration)
  assert.deepEqual(withTypes(configuration), {
    ...{ vipps: { enabled: true, ...typed }, payex: { type: 'payment_type', swish: { a: 1, ...typed }, unknown: { b: 1 } } },
    ...{ swish: 'text', theme: { c: 1 } },
  })
  assert.deepEqual(configuration, copy)
  assert.deepEqual(withTypes({ vipps: 'text' }), {})
  assert.deepEqual(withTypes({ payex: { swish: 'text' } }), { payex: { swish: 'text', type: 'payment_type' } })
})
test('configuration: shown with what of it can be paid with', () => {
  const configuration = { vipps: { enabled: true }, payex: { swish: { enabled: false } } }
  assert.deepEqual(withPayability(configuration, order, [product('vipps')]), {
    ...{
      vipps: { enabled: true, payability: 'payable' },
      payex: { type: 'payment_type', swish: { enabled: false, payability: 'disabled_by_gateway' } },
    },
  })
  assert.deepEqual(payableProducts(configuration, order, [product('vipps'), product('payex.swish')]), ['vipps'])
  assert.deepEqual(payableProducts(configuration, order, []), [])
})

const all = { enabled: true }
const group = { type: 'payment_type' }
const available = [product('vipps'), product('payex.swish'), product('dintero.wallets')]
// profile and request | what the session gets
const expanded: [title: string, profile: Tree, request: Tree, expected: Tree][] = [
  [
    'every product of the account, with what is said of it',
    { payex: { swish: { a: 1 } } },
    { active_payment_types: all },
    {
      active_payment_types: all,
      vipps: { enabled: true, ...typed },
      payex: { ...group, swish: { a: 1, enabled: true, ...typed } },
    },
  ],
  [
    'what is switched off stays off',
    { vipps: { enabled: false } },
    { active_payment_types: all },
    { active_payment_types: all, payex: { ...group, swish: { enabled: true, ...typed } } },
  ],
  [
    'gift cards only by name',
    { dintero: { wallets: { enabled: true, payability: 'x' } }, vipps: { enabled: false } },
    { active_payment_types: all },
    {
      ...{ active_payment_types: all, payex: { ...group, swish: { enabled: true, ...typed } } },
      dintero: { ...group, wallets: { enabled: true, ...typed } },
    },
  ],
  [
    'unless it is off',
    { active_payment_types: all },
    { active_payment_types: { enabled: false }, vipps: { enabled: true } },
    { active_payment_types: { enabled: false }, vipps: { enabled: true, ...typed } },
  ],
  [
    'or no setting',
    { active_payment_types: 'yes' },
    { vipps: { enabled: true } },
    { active_payment_types: 'yes', vipps: { enabled: true, ...typed } },
  ],
]
for (const [title, profile, request, expected] of expanded) {
  test(`configuration: active_payment_types: ${title}`, () => {
    const { configuration, refusal } = sessionConfiguration(profile, request, available, 'NOK')
    assert.deepEqual({ configuration, refusal }, { configuration: expected, refusal: undefined })
  })
}

const clash = (type: string) => ({
  ...{ code: 'payment_products_clash', path: '/configuration', message: `dintero.wallets can't be combined with ${type}.` },
})
const enabled = (type: string) => {
  const [group, name] = type.split('.') as [string, string?]
  return { [group]: name === undefined ? { enabled: true } : { [name]: { enabled: true } } }
}
const clashing = ['vipps', 'swish.swish', 'klarna.billie', 'instabank.finance', 'collector.invoice', 'netaxept.creditcard']
for (const type of [...clashing, 'klarna.klarna', 'payex.swish']) {
  test(`configuration: gift cards beside ${type}`, () => {
    const request = mergeTrees(enabled('dintero.wallets'), enabled(type))
    const { refusal } = sessionConfiguration({}, request, [product('dintero.wallets'), product(type)], 'NOK')
    assert.deepEqual(refusal, clashing.includes(type) ? clash(type) : undefined)
  })
}
const refusals: [title: string, request: Tree, available: PaymentProduct[], refusal: object][] = [
  [
    'no gateway',
    enabled('vipps'),
    [],
    {
      code: 'gateway_not_configured',
      message: 'No gateway is configured for this account, so nothing can be paid. A production account needs a real one.',
    },
  ],
  [
    'nothing on',
    {},
    available,
    { code: 'no_payment_product', path: '/configuration', message: 'No payment product is enabled.' },
  ],
  [
    'nothing of it here, or for this currency',
    mergeTrees(enabled('two.invoice_b2b'), enabled('vipps')),
    [product('vipps', ['SEK'])],
    {
      ...{ code: 'no_payment_product', path: '/configuration' },
      message: 'None of the enabled payment products (two.invoice_b2b, vipps) is available on this account for NOK.',
    },
  ],
]
for (const [title, request, products, refusal] of refusals) {
  test(`configuration: refused: ${title}`, () => {
    assert.deepEqual(sessionConfiguration({}, request, products, 'NOK').refusal, refusal)
  })
}

const lines = (...line_ids: (string | number | undefined)[]) => ({
  items: line_ids.map((line_id) => ({ ...(line_id === undefined ? {} : { line_id }) })),
})
const pays: [type: string, order: object, expected: string][] = [
  ['instabank.finance', lines('1'), 'payable'],
  ['instabank.finance', lines('1', undefined), 'disabled_by_gateway'],
  ['instabank.finance', lines(), 'disabled_by_gateway'],
  ['collector.finance', lines('1', '1'), 'disabled_by_gateway'],
  ['xinstabank.finance', {}, 'payable'],
  ['seitatech.in_person', { store: { id: 's' } }, 'disabled_by_gateway'],
  ['seitatech.in_person', { store: { terminal_id: 't' } }, 'disabled_by_gateway'],
  ['vipps', { amount: 0, token_only: true }, 'payable'],
]
for (const [type, more, expected] of pays) {
  test(`payability: ${type} ${JSON.stringify(more)} is ${expected}`, () => {
    assert.equal(payability(type, { ...order, ...more }, product(type)), expected)
  })
}
const lacks: [type: string, amount: number, path: string, message: string][] = [
  ['vipps', 0, '/order/amount', 'an amount of 0 needs dintero.zero'],
  ['dintero.zero', 100, '/order/amount', 'dintero.zero needs an amount of 0'],
  ['seitatech.in_person', 100, '/order/store', 'seitatech.in_person needs a store with id and terminal_id'],
  ['instabank.invoice', 50_000, '/order/amount', 'instabank.invoice needs an amount above 50000'],
  ['instabank.invoice', 50_001, '/order/items', 'instabank.invoice needs items, each with a line_id of its own'],
  ['collector.finance', 100, '/order/items', 'collector.finance needs items, each with a line_id of its own'],
]
for (const [type, amount, path, message] of lacks) {
  test(`payability: what an order of ${amount} lacks for ${type}`, () => {
    assert.deepEqual(lacking(type, { ...order, amount }), { path, message })
  })
}

const wrong = (path: string, message: string, allowed?: number) => ({
  ...{ code: 'invalid_request', path, message: `${path} ${message}` },
  ...(allowed ? { allowed } : {}),
})
const too_long = (path: string, length: number) => wrong(path, `must be text of at most ${length} characters.`, length)
const no_codes = (verb: string) =>
  wrong(`/configuration/countries/${verb}_countries`, 'must be a list of country codes, such as ["NO"].')
const sent: [configuration: Tree, refusal: object | undefined][] = [
  [{}, undefined],
  [{ payex: { swish: { enabled: true } }, vipps: { enabled: false }, swish: { swish: {} } }, undefined],
  [{ payex: { swish: { enabled: 'true' } } }, wrong('/configuration/payex/swish/enabled', 'must be true or false.')],
  [{ vipps: { enabled: null } }, wrong('/configuration/vipps/enabled', 'must be true or false.')],
  [{ payex: { dynamic_descriptor: 'x'.repeat(40) }, vipps: { dynamic_descriptor: 'x'.repeat(100) } }, undefined],
  [{ payex: { dynamic_descriptor: 'x'.repeat(41) } }, too_long('/configuration/payex/dynamic_descriptor', 40)],
  [{ collector: { dynamic_descriptor: 'x'.repeat(41) } }, too_long('/configuration/collector/dynamic_descriptor', 40)],
  [{ vipps: { dynamic_descriptor: 'x'.repeat(101) } }, too_long('/configuration/vipps/dynamic_descriptor', 100)],
  [{ auto_capture: true, channel: 'in_app', countries: { allow_countries: ['NO'], deny_countries: ['SE'] } }, undefined],
  [{ countries: { allow_countries: ['NO'] } }, undefined],
  [{ countries: { allow_countries: 'NO' } }, no_codes('allow')],
  [{ countries: { deny_countries: ['NO', 47] } }, no_codes('deny')],
  [{ auto_capture: 'yes' }, wrong('/configuration/auto_capture', 'must be true or false.')],
  [{ channel: 'web' }, wrong('/configuration/channel', 'must be one of ecommerce, in_app, in_store.')],
  [
    { countries: { allow_countries: ['NO', 'SE'], deny_countries: ['SE'] } },
    wrong('/configuration/countries', "can't both allow and deny SE."),
  ],
  [
    { countries: { allow_countries: ['x'.repeat(11)], deny_countries: ['x'.repeat(11)] } },
    wrong('/configuration/countries', `can't both allow and deny ${'x'.repeat(10)}.`),
  ],
  [{ vipps: { dynamic_descriptor: [] } }, too_long('/configuration/vipps/dynamic_descriptor', 100)],
]
for (const [configuration, refusal] of sent) {
  test(`configuration: sent: ${JSON.stringify(configuration).slice(0, 80)}: ${refusal ? 'refused' : 'taken'}`, () => {
    assert.deepEqual(configurationRefusal(configuration), refusal)
  })
}
test('configuration: what PHP writes for nothing is nothing', () => {
  const payex = { creditcard: [], swish: { enabled: true }, dynamic_descriptor: '' }
  assert.deepEqual(
    withoutEmpties({ payex, vipps: [], channel: '', countries: [], theme: { font: '' }, publish: [], more: [0] }),
    {
      payex: { swish: { enabled: true } },
      more: [0],
      theme: { font: '' },
      publish: [],
    },
  )
})
test('configuration: sent elsewhere, it is refused there', () => {
  assert.equal(
    configurationRefusal({ vipps: { enabled: 1 } }, '/profile/configuration')!.path,
    '/profile/configuration/vipps/enabled',
  )
})

test('memory of profiles: what is over goes when another one comes, and the oldest when there are too many', () => {
  const memory = createBriefMemory<string>({ lifetime_ms: 2_000, entries_max: 3 })
  for (const [index, account] of ['T1', 'T2', 'T3', 'T4'].entries()) memory.set(`${account} default`, account, index)
  assert.deepEqual([memory.get('T1 default', 3), memory.get('T4 default', 2_002), memory.size], [undefined, 'T4', 3])
  assert.equal(memory.get('T4 default', 2_003), undefined, 'over')
  assert.equal(memory.get('T4 default', 2), undefined, 'from a time to come: a test clock was set back')
  memory.set('T2 default', 'changed', 10)
  memory.set('T5 default', 'T5', 2_009)
  assert.deepEqual([memory.get('T2 default', 2_009), memory.size], ['changed', 2])
  memory.forget('T2 ')
  assert.deepEqual([memory.get('T2 default', 2_009), memory.get('T5 default', 2_009)], [undefined, 'T5'])
})
