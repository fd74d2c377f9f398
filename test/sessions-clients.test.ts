import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createTestAccount } from './client.ts'
import { type Shop, startShop, walk, withOrder } from './sessions-shop.ts'

let shop: Shop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

const created = async (body: unknown, path = '/v1/sessions-profile', headers = {}) => {
  const answer = await shop.call('POST', path, body, headers)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return shop.read(answer.body.id)
}

test('WooCommerce: create with express, shipping as it is in the cart, a rounding line, names for headers in lower case', async () => {
  const shipping_option = {
    id: 'flat_rate:1',
    line_id: 'flat_rate:1',
    amount: 4900,
    vat_amount: 980,
    vat: 25,
    title: 'Frakt',
    operator: '',
    delivery_method: 'unspecified',
    quantity: 1,
    type: 'shipping',
    thumbnail_url: 'https://shop.example/x.png',
  }
  const order = {
    amount: 44699,
    currency: 'NOK',
    merchant_reference: '4711',
    vat_amount: 8940,
    items: [
      { ...walk.order.items[0], line_id: 'a87ff679a2f3e71d9181a67b7542122c', tax_rate: '25', type: 'physical', groups: [] },
      {
        id: 'rounding-fee',
        line_id: 'rounding-fee',
        description: 'Rounding fee',
        quantity: 1,
        amount: -1,
        vat_amount: 0,
        vat: 0,
      },
    ],
    store: { id: 'https://shop.example' },
    billing_address: {
      first_name: 'Kari',
      phone_number: '+4740230256',
      email: 'kari@example.com',
      comment: '',
      postal_code: '0155',
    },
    shipping_option,
  }
  const body = {
    url: {
      return_url: 'https://shop.example/?gateway=dintero',
      callback_url:
        'https://shop.example/wc-api/dintero_callback/?delay_callback=120&report_error=true&sid_parameter_name=sid' +
        '&report_event=CAPTURE&report_event=REFUND&report_event=VOID',
    },
    order,
    profile_id: 'default',
    express: { customer_types: ['b2c', 'b2b'], shipping_options: [shipping_option], shipping_mode: 'shipping_required' },
    configuration: { allow_different_billing_shipping_address: ['b2c'], payex: { creditcard: { generate_payment_token: true } } },
  }
  const headers = { 'content-type': 'application/json; charset=utf-8', 'dintero-system-name': 'woocommerce' }
  const session = await created(body, undefined, headers)
  assert.deepEqual(session.order, order)
  assert.deepEqual(session.url, body.url)
  assert.deepEqual(session.express, body.express)
})

test('Magento: floats, a day of the year for milliseconds, metadata without prefix; the cart is found again line by line', async () => {
  const soon = new Date(shop.server.clock.now().getTime() + 4 * 3_600_000).toISOString()
  for (const fraction of ['7', '42', '327']) {
    const session = await created({
      url: {
        return_url: 'https://shop.example/dintero/return',
        callback_url: 'https://shop.example/cb?method=POST&includes=session',
      },
      customer: { email: 'kari@example.com', phone_number: '%2B4740230256' },
      order: {
        amount: 29989.999999999996,
        currency: 'NOK',
        vat_amount: 5997.999999999999,
        merchant_reference: '000000042',
        items: [{ id: 'chair', line_id: 42, description: 'Stol', quantity: 1, amount: 29990, vat_amount: 5997.9999, vat: 25 }],
        billing_address: { first_name: 'Kari', phone_number: '%2B4740230256', country: 'NO' },
        discount_lines: [],
      },
      expires_at: soon.replace(/\.\d+Z$/, `.${fraction}Z`),
      metadata: { system_x_id: 'magento', number_x: 2 },
      profile_id: 'default',
      express: {
        shipping_address_callback_url: 'https://shop.example/ship',
        discount_codes: { max_count: 1 },
        shipping_options: [],
      },
      checkboxes: [{ id: 'news', label: 'Newsletter', checked: false }],
      discount_codes: [],
    })
    assert.equal(session.order.amount, 29990)
    assert.equal(session.order.items[0].line_id, '42')
    assert.equal(session.order.items[0].vat_amount, 5998)
    assert.equal(session.expires_at.slice(0, 19), soon.slice(0, 19))
    assert.equal(session.metadata.number_x, 2)
    assert.equal(session.order.billing_address.phone_number, '%2B4740230256')
    const over = ['FAILED', 'DECLINED', 'UNKNOWN', 'CANCELLED', 'COMPLETED']
    assert.ok(!session.events.some(({ name }: { name: string }) => over.includes(name)))
    assert.equal(session.transaction_id, undefined)
  }
})

test('Magento: the url has no query', async () => {
  const { body } = await shop.call('POST', '/v1/sessions-profile', walk)
  assert.equal(new URL(body.url).search, '')
})

test('nopCommerce: create with nulls for what it has not, a GUID for a reference', async () => {
  const session = await created({
    ...walk,
    customer: null,
    express: null,
    configuration: null,
    expires_at: null,
    id: null,
    transaction_id: null,
    order: {
      ...walk.order,
      merchant_reference: '0f8fad5b-d9cb-469f-a165-70867728950e',
      shipping_option: null,
      billing_address: { first_name: 'Kari', business_name: null },
      items: [{ ...walk.order.items[0], version: 1, thumbnail_url: null }],
    },
  })
  assert.deepEqual(session.order.billing_address, { first_name: 'Kari' })
})

test('Python: POST /v1/sessions when there is no profile; content type on GET', async () => {
  const configuration = { auto_capture: true, payex: { creditcard: { enabled: true } }, vipps: { enabled: true } }
  const { profile_id: _, ...body } = walk
  const session = await created({ ...body, configuration }, '/v1/sessions')
  assert.equal(session.configuration.auto_capture, true)
  assert.equal(session.configuration.payex.creditcard.payability, 'payable')
  const read = await shop.call('GET', `/v1/sessions/${session.id}`, undefined, { 'content-type': 'application/json' })
  assert.equal(read.status, 200)
})

test('Episerver: numbers for ids, empty groups, a country of three letters', async () => {
  const items = [{ id: 12, line_id: 1, groups: [], quantity: 1.5, amount: 39800 }]
  const session = await created(withOrder({ items, shipping_address: { country: 'NOR' }, store: { id: 'web' } }))
  assert.deepEqual(session.order.items, [{ id: '12', line_id: '1', groups: [], quantity: 1.5, amount: 39800 }])
})

test('the app: return_url with any scheme', async () => {
  const session = await created({
    ...walk,
    url: { return_url: 'myapp://?initial_recipient=merchant' },
    configuration: { channel: 'in_app' },
  })
  assert.equal(session.url.return_url, 'myapp://?initial_recipient=merchant')
})

test('update scope: read:checkout may update, as published; a client of another account may not even read', async () => {
  const id = await shop.create()
  const other = await createTestAccount(shop.server)
  assert.equal((await other.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, { order: {} })).status, 403)
  assert.equal((await other.call('POST', `/v1/sessions/${id}/cancel`)).status, 403)
})
