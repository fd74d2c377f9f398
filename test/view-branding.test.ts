import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createTestAccount, send } from './client.ts'
import { type Shop, startShop } from './sessions-shop.ts'

let shop: Shop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

const image = (path: string) => send(shop.server.url, 'GET', `/v1/branding/${path}`)

test('branding: named ways to pay as an SVG of the width asked for', async () => {
  const { status, body, headers } = await image(
    'logos/visa_mastercard_vipps_swish_instabank/variant/colors/color/cecece/width/420/logos.svg',
  )
  assert.equal(status, 200)
  assert.match(headers.get('content-type')!, /^image\/svg\+xml/)
  assert.match(body, /^<svg [^>]*width="420"/)
  for (const label of ['Visa', 'Mastercard', 'Vipps', 'Swish', 'Instabank']) assert.ok(body.includes(`>${label}<`), label)
})

test('branding: the ways to pay of a profile, by id, and by account and name as WooCommerce asks', async () => {
  const { body: profile } = await shop.call('GET', '/v1/admin/session/profiles/default')
  const tail = 'variant/logomark/color/rgba(0,0,0,0.5)/width/600/dintero_top_frame.svg'
  const one = await image(`profiles/${profile.id}/${tail}`)
  const other = await image(`accounts/${shop.account_id}/profiles/default/${tail}`)
  assert.equal(one.status, 200)
  assert.equal(one.body, other.body)
  assert.ok(one.body.includes('>Klarna<') && one.body.includes('rgba(0,0,0,0.5)'))
})

test('branding: the ways to pay that a wildcard stands for', async () => {
  const off = { swish: { enabled: false } }
  const configuration = { active_payment_types: { enabled: true }, swish: off, payex: off }
  await shop.call('POST', '/v1/admin/session/profiles', { profile_id: 'all', configuration })
  const path = `accounts/${shop.account_id}/profiles/all/variant/colors/color/fff/width/600/logos.svg`
  const { body } = await image(path)
  assert.ok(body.includes('>Visa<') && body.includes('>Klarna<') && !body.includes('>Swish<'))
})

test('branding: an account that never asked for its default gets the image of it, and nothing is stored', async () => {
  const names = ['T00000009', 'P00000009', 'T0', 'anything%20at%20all']
  const tail = 'profiles/default/variant/colors/color/fff/width/600/logos.svg'
  const statuses: number[] = []
  for (const name of names) statuses.push((await image(`accounts/${name}/${tail}`)).status)
  assert.deepEqual(statuses, [200, 404, 404, 404])
  const own = await image(`accounts/${shop.account_id}/${tail}`)
  assert.equal((await image(`accounts/T00000009/${tail}`)).body, own.body)
  const { sql } = shop.server
  const rows = await sql`select account_id from checkout.profiles where account_id <> ${shop.account_id}`
  assert.deepEqual([...rows], [])
})

test('branding: 404 for a default that was deleted', async () => {
  const other = await createTestAccount(shop.server, {})
  const path = `accounts/${other.account_id}/profiles/default/variant/colors/color/fff/width/600/logos.svg`
  await other.call('GET', '/v1/admin/session/profiles/default')
  assert.equal((await image(path)).status, 200)
  await other.call('DELETE', '/v1/admin/session/profiles/default')
  assert.equal((await image(path)).status, 404)
})

test('branding: 404 says which part of the path there is not, and what there is', async () => {
  for (const [path, part, allowed] of [
    ['logos/visa_unknown/variant/colors/color/fff/width/100/logos.svg', 'logos', 'mastercard'],
    ['logos/visa/variant/neon/color/fff/width/100/logos.svg', 'variant', 'mono'],
    ['logos/visa/variant/mono/color/red/width/100/logos.svg', 'color', 'rgb()'],
    ['logos/visa/variant/mono/color/fff/width/0/logos.svg', 'width', '1 to 9999'],
    ['logos/visa/variant/mono/color/fff/width/100/logos.png', 'template', 'logos.svg'],
  ] as const) {
    const { body } = await image(path)
    const [error] = body.error.errors
    assert.equal(error.path, part)
    assert.ok(error.allowed.includes(allowed), part)
    assert.match(error.message, new RegExp(`^There is no ${part} .*${allowed.replace(/[().]/g, '\\$&')}`))
  }
})

for (const path of [
  'logos/unknown/variant/colors/color/fff/width/100/logos.svg',
  'logos/constructor/variant/colors/color/fff/width/100/logos.svg',
  'logos/visa/variant/neon/color/fff/width/100/logos.svg',
  'logos/visa/variant/mono/color/%22%3E%3Cscript%3E/width/100/logos.svg',
  'logos/visa/variant/mono/color/fff/width/wide/logos.svg',
  'logos/visa/variant/mono/color/fff/width/100/logos.png',
  'profiles/default/variant/mono/color/fff/width/100/logos.svg',
  'accounts/T00000001/profiles/none/variant/mono/color/fff/width/100/logos.svg',
]) {
  test(`branding: 404 for ${path}`, async () => {
    assert.equal((await image(path)).status, 404)
  })
}
