import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ensureDefaultProfile } from '../src/checkout/profiles/operations.ts'
import { createTestAccount, send } from './client.ts'
import { partsOf, type Shop, startShop, walk } from './sessions-shop.ts'

let shop: Shop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

const profiles = '/v1/admin/session/profiles'
const cards = {
  profile_id: 'cards',
  configuration: {
    dintero_psp: { creditcard: { enabled: true, payability: 'payable' } },
    vipps: { enabled: true },
    theme: { primary: '#fff' },
  },
  merchant: { name: 'Møbelbutikken', logo_url: 'https://shop.example/logo.svg' },
  url: { merchant_terms_url: 'https://shop.example/terms' },
  description: 'Only cards',
}

test('profile: created with the type strings by which WooCommerce finds products, read by profile_id and by id', async () => {
  const { status, body } = await shop.call('POST', profiles, cards)
  assert.equal(status, 200, JSON.stringify(body))
  assert.match(body.id, new RegExp(`^${shop.account_id}\\.`))
  assert.deepEqual(body.configuration, {
    dintero_psp: { type: 'payment_type', creditcard: { enabled: true, type: 'payment_product_type' } },
    vipps: { enabled: true, type: 'payment_product_type' },
    theme: { primary: '#fff' },
  })
  assert.ok(body.created_at && body.created_by && body.updated_at)
  for (const name of ['cards', body.id]) assert.deepEqual((await shop.call('GET', `${profiles}/${name}`)).body, body)
  const again = await shop.call('POST', profiles, cards)
  assert.equal(again.status, 409)
})

test('profile: what it says of the shop goes into its sessions, and the request wins', async () => {
  const configuration = { vipps: { enabled: false }, auto_capture: true }
  const session = await shop.read(await shop.create({ ...walk, profile_id: 'cards', configuration }))
  assert.deepEqual(session.merchant, cards.merchant)
  assert.deepEqual(session.configuration.merchant, { id: shop.account_id, ...cards.merchant })
  assert.equal(session.url.merchant_terms_url, 'https://shop.example/terms')
  assert.equal(session.configuration.vipps, undefined)
  assert.equal(session.configuration.auto_capture, true)
  assert.deepEqual(session.configuration.theme, { primary: '#fff' })
})

test('profile: replaced; sessions made from now on use it at once', async () => {
  const { status, body } = await shop.call('PUT', `${profiles}/cards`, { configuration: { vipps: { enabled: true } } })
  assert.equal(status, 200)
  assert.equal(body.profile_id, 'cards')
  assert.equal(body.merchant, undefined)
  const session = await shop.read(await shop.create({ ...walk, profile_id: body.id }))
  assert.deepEqual(Object.keys(session.configuration), ['vipps', 'merchant'])
  assert.equal(session.profile_id, 'cards')
})

test('profile: deleted; then 404, no sessions from it, and the name is free again', async () => {
  const { status, body } = await shop.call('DELETE', `${profiles}/cards`)
  assert.equal(status, 200)
  assert.ok(body.deleted_at && body.deleted_by)
  for (const method of ['GET', 'DELETE'] as const) assert.equal((await shop.call(method, `${profiles}/cards`)).status, 404)
  assert.equal((await shop.call('PUT', `${profiles}/cards`, cards)).status, 404)
  assert.equal((await shop.call('POST', '/v1/sessions-profile', { ...walk, profile_id: 'cards' })).status, 400)
  assert.equal((await shop.call('POST', profiles, cards)).status, 200)
})

test('profile: without profile_id one is made up; a list pages by name', async () => {
  const made = await shop.call('POST', profiles, { configuration: {} })
  assert.equal(made.body.profile_id, made.body.id)
  const { body } = await shop.call('GET', profiles)
  const names = body.map(({ profile_id }: { profile_id: string }) => profile_id)
  assert.deepEqual(names, [made.body.profile_id, 'cards', 'default'])
  const page = async (query: string) =>
    (await shop.call('GET', `${profiles}?${query}`)).body.map(({ profile_id }: { profile_id: string }) => profile_id)
  assert.deepEqual(await page('limit=1'), names.slice(0, 1))
  assert.deepEqual(await page('starting_after=cards'), ['default'])
  assert.deepEqual(await page(`starting_after=${body[1].id}`), ['default'])
})

test('profile: 400 with the path for a name with spaces around it, a logo that is no URL, no configuration', async () => {
  for (const [body, path] of [
    [{ ...cards, profile_id: ' x' }, '/profile_id'],
    [{ ...cards, profile_id: 'x'.repeat(256) }, '/profile_id'],
    [{ ...cards, profile_id: 'y', merchant: { logo_url: 'javascript:1' } }, '/merchant/logo_url'],
    [{ ...cards, profile_id: 'y', merchant: { logo_url: 'https://a b/logo.svg' } }, '/merchant/logo_url'],
    [{ ...cards, profile_id: 'y', url: { merchant_terms_url: `https://t/${'x'.repeat(2_000)}` } }, '/url/merchant_terms_url'],
    [{ profile_id: 'y' }, '/configuration'],
  ] as const) {
    const answer = await shop.call('POST', profiles, body)
    assert.equal(answer.status, 400)
    assert.equal(answer.body.error.errors[0].path, path)
  }
})

test('profile: 401 without token, 403 with read scope for writes, another account has its own', async () => {
  assert.equal((await send(shop.server.url, 'GET', profiles)).status, 401)
  const reader = await createTestAccount(shop.server, { scopes: ['read:checkout'] })
  assert.equal((await reader.call('POST', profiles, cards)).status, 403)
  const own = (await reader.call('GET', profiles)).body as { profile_id: string; id: string }[]
  assert.deepEqual(
    own.map(({ profile_id, id }) => [profile_id, id.split('.')[0]]),
    [['default', reader.account_id]],
  )
})

/** As WooCommerce looks for what to ask a token of: the first group with a product that is on, and the first such product in it. */
function firstProduct(configuration: Record<string, Record<string, { type?: string; enabled?: boolean }>>): string | undefined {
  for (const [group, settings] of Object.entries(configuration)) {
    if ((settings.type as unknown) !== 'payment_type') continue
    const found = Object.entries(settings).find(([, { type, enabled }]) => type === 'payment_product_type' && enabled)
    if (found) return `${group}.${found[0]}`
  }
}
const on = { enabled: true }
const off = { enabled: false }
const orders: [title: string, configuration: object | undefined, first: string][] = [
  ['the default', undefined, 'dintero_psp.creditcard'],
  [
    'a card before what else makes tokens',
    { dintero_psp: { googlepay: on }, payex: { swish: on, creditcard: on } },
    'payex.creditcard',
  ],
  [
    'what is off comes last',
    { bambora: { creditcard: off, mobilepay: on }, dintero_psp: { clicktopay: on } },
    'dintero_psp.clicktopay',
  ],
  ['no tokens at all: by the list', { two: { invoice_b2b: on }, klarna: { klarna: on }, swish: { swish: off } }, 'klarna.klarna'],
]
for (const [title, configuration, first] of orders) {
  test(`profile: the first product of one is the one to make a token with: ${title}`, async () => {
    const made = configuration && (await shop.call('POST', profiles, { configuration })).body
    const { body } = await shop.call('GET', `${profiles}/${made?.id ?? 'default'}`)
    assert.equal(firstProduct(body.configuration), first)
    if (made) assert.equal(firstProduct(made.configuration), first)
    const listed = (await shop.call('GET', profiles)).body.find(({ id }: { id: string }) => id === body.id)
    assert.equal(firstProduct(listed.configuration), first)
    assert.deepEqual(body, listed)
  })
}

test('default profile: one product of every kind is on for a test account; made once', async () => {
  const { body } = await shop.call('GET', `${profiles}/default`)
  const on: string[] = []
  for (const [group, settings] of Object.entries<Record<string, { enabled?: boolean; type?: string }>>(body.configuration)) {
    if (group === 'vipps') {
      on.push('vipps')
      continue
    }
    assert.equal(settings.type, 'payment_type')
    for (const [name, product] of Object.entries(settings)) {
      if (name === 'type') continue
      assert.equal(product.type, 'payment_product_type')
      if (product.enabled) on.push(`${group}.${name}`)
    }
  }
  for (const type of ['dintero_psp.creditcard', 'vipps', 'swish.swish', 'klarna.klarna', 'collector.invoice', 'dintero.zero']) {
    assert.ok(on.includes(type), type)
  }
  assert.ok(!on.includes('dintero.wallets') && !on.includes('payex.creditcard'))
  assert.equal(body.configuration.bambora.creditcard.enabled, false)
  await ensureDefaultProfile(partsOf(shop.server), shop.account_id)
  assert.equal((await shop.call('GET', `${profiles}/default`)).body.id, body.id)
})

test('account configuration: payment options narrow what sessions offer; name and logo are for all sessions', async () => {
  const before = await shop.call('GET', '/v1/admin/checkout')
  assert.equal(before.status, 200)
  assert.ok(before.body.configuration.payment_options.some(({ type }: { type: string }) => type === 'swish.swish'))
  const configuration = { payment_options: [{ type: 'vipps', currencies: ['NOK', 'SEK'] }], merchant: { name: 'Hele butikken' } }
  const set = await shop.call('PUT', '/v1/admin/checkout', { configuration })
  assert.deepEqual(set.body.configuration, configuration)
  const session = await shop.read(await shop.create())
  assert.equal(session.merchant.name, 'Hele butikken')
  assert.ok(session.configuration.vipps && !session.configuration.dintero_psp)
  const euro = await shop.call('POST', '/v1/sessions-profile', { ...walk, order: { ...walk.order, currency: 'EUR' } })
  assert.equal(euro.status, 400)
  for (const payment_options of [[], [{ type: 'nothing', currencies: ['any'] }]]) {
    await shop.call('PUT', '/v1/admin/checkout', { configuration: { payment_options } })
    const { status, body } = await shop.call('POST', '/v1/sessions-profile', walk)
    assert.deepEqual([status, body.error.errors[0].code], [400, 'no_payment_product'])
    assert.match(body.error.message, /payment_options of this account/)
  }
  await shop.call('PUT', '/v1/admin/checkout', { configuration: {} })
})

test('active_payment_types: stands for every product of the account but those switched off by name', async () => {
  const configuration = { active_payment_types: { enabled: true }, vipps: { enabled: false } }
  const { status, body } = await shop.call('POST', '/v1/sessions?include_session=true', {
    ...walk,
    profile_id: undefined,
    configuration,
  })
  assert.equal(status, 200, JSON.stringify(body))
  const shown = body.session.configuration
  assert.ok(shown.payex.creditcard.enabled && shown.bambora.creditcard.enabled)
  assert.ok(!shown.vipps && !shown.swish && !shown.dintero.wallets)
  assert.equal(body.session.profile_id, undefined)
})

test('session with its whole configuration: 400 without one', async () => {
  const { status, body } = await shop.call('POST', '/v1/sessions', { ...walk, profile_id: undefined })
  assert.equal(status, 400)
  assert.equal(body.error.errors[0].path, '/configuration')
})
