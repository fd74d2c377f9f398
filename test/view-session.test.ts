import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { express, post, type Shop, startShop, walk } from './sessions-shop.ts'

let shop: Shop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

const reporting = { ...walk, url: { ...walk.url, callback_url: 'https://example.com/callback?report_error=true' } }

test('view: the session with what can be paid, without where the merchant is called back; the visit is recorded once', async () => {
  const id = await shop.create()
  const browser = { 'user-agent': 'Mozilla/5.0 (test)', 'x-forwarded-for': '203.0.113.9' }
  const { status, body, headers } = await shop.view('GET', `${id}/session`, undefined, browser)
  assert.equal(status, 200)
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.deepEqual(body.order, walk.order)
  assert.deepEqual(body.url, { return_url: walk.url.return_url })
  assert.equal(body.pay_lock, undefined)
  const operation = body.operations.find(({ rel }: { rel: string }) => rel === 'view-dintero_psp-creditcard')
  assert.equal(operation.href, `${shop.server.url}/v1/sessions/${id}/pay`)
  assert.ok(!body.operations.some(({ rel }: { rel: string }) => rel.includes('swish')))
  const again = await shop.view('GET', `${id}/session`, undefined, browser)
  assert.equal(again.body.updated_at, body.updated_at)
  const read = await shop.read(id)
  assert.equal(read.customer_ip, '203.0.113.9')
  assert.equal(read.user_agent, 'Mozilla/5.0 (test)')
  await shop.view('GET', `${id}/session`, undefined, { ...browser, 'user-agent': 'other' })
  assert.deepEqual(await shop.names(id), ['INITIATED', 'VISITED', 'VISITED'])
})

test('view: nor where the shop is asked what it ships, or what a code is worth', async () => {
  const discount_codes = { max_count: 1, callback_url: 'https://shop.example/codes?key=secret' }
  const asked = { shipping_address_callback_url: 'https://u:secret@shop.example/ship', discount_codes }
  const id = await shop.create({ ...express, express: { ...express.express, ...asked } })
  const { body } = await shop.view('GET', `${id}/session`)
  assert.deepEqual(Object.keys(body.express).sort(), [...Object.keys(express.express), 'discount_codes'].sort())
  assert.deepEqual(body.express.discount_codes, { max_count: 1 })
  const page = await (await fetch(`${shop.server.url}/?sid=${id}`)).text()
  assert.doesNotMatch(`${JSON.stringify(body)} ${page}`, /secret/)
  assert.equal((await shop.read(id)).express.shipping_address_callback_url, asked.shipping_address_callback_url)
  // The page knows all the same that nothing is shipped to this address.
  const nowhere = await shop.create({ ...walk, express: { shipping_options: [], ...asked } })
  const shipping_address = { country: 'NO', postal_code: '9170' }
  await shop.call('PUT', `/v1/sessions/${nowhere}?update_without_lock=true`, {
    order: { shipping_address },
    express: { shipping_options: [] },
  })
  const told = await (await fetch(`${shop.server.url}/?sid=${nowhere}`)).text()
  assert.match(told, /data-testid="no-shipping"/)
  assert.match(told, /data-missing="shipping_option"/)
})

test('view: 404 without a cause when there is no such session', async () => {
  for (const sid of ['x', `${shop.account_id}.nothing`, 'T00000000.5cyWnV68vzJ1kYjZPrKWWm', '9ea1610a357d']) {
    const { status, body } = await shop.view('GET', `${sid}/session`)
    assert.equal(status, 404)
    assert.equal(body.error.cause, undefined)
  }
})

// state -> the cause that the page is told
const causes: [state: Parameters<Shop['pretend']>[1], cause: string][] = [
  [{ outcome: 'AUTHORIZED', transaction_id: 'T1.t' }, 'AUTHORIZED'],
  [{ outcome: 'ON_HOLD', transaction_id: 'T1.t' }, 'ON_HOLD'],
  [{ outcome: 'PAYMENT_INITIATED', transaction_id: 'T1.t' }, 'PAYMENT_INITIATED'],
  [{ operation_id: randomUUID() }, 'PAYMENT_INITIATED'],
  [{ outcome: 'DECLINED', transaction_id: 'T1.t' }, 'DECLINED'],
  [{ outcome: 'FAILED', transaction_id: 'T1.t' }, 'FAILED'],
  [{ outcome: 'CANCELLED' }, 'CANCELLED'],
]
for (const [state, cause] of causes) {
  test(`view: 404 with cause ${cause} when it is ${JSON.stringify(Object.keys(state))}; nothing can be changed`, async () => {
    const id = await shop.create({ ...express, merchant: { name: 'Møbelbutikken', logo_url: 'https://shop.example/logo.svg' } })
    await shop.pretend(id, state)
    const { status, body } = await shop.view('GET', `${id}/session`)
    assert.equal(status, 404)
    assert.equal(body.error.cause, cause)
    assert.deepEqual(body.error.session_details, {
      merchant_reference: 'order_id',
      ...(state.transaction_id ? { transaction_id: 'T1.t' } : {}),
      return_url: walk.url.return_url,
      merchant: { name: 'Møbelbutikken', logo_url: 'https://shop.example/logo.svg' },
    })
    assert.equal((await shop.view('PUT', `${id}/session/order/shipping_option`, post)).status, 404)
    assert.equal((await shop.view('POST', `${id}/session/lock`)).status, 412)
    assert.equal((await shop.view('POST', `${id}/payments/vipps`)).status, 404)
    if (cause !== 'CANCELLED') assert.equal((await shop.view('POST', `${id}/session/abandon`)).status, 404)
  })
}

test('view: 404 with cause EXPIRED after expires_at; the merchant still reads it', async () => {
  const id = await shop.create({ ...walk, expires_at: new Date(shop.server.clock.now().getTime() + 60_000).toISOString() })
  assert.equal((await shop.view('GET', `${id}/session`)).status, 200)
  shop.time.ahead_ms += 61_000
  assert.equal((await shop.view('GET', `${id}/session`)).body.error.cause, 'EXPIRED')
  assert.equal((await shop.call('GET', `/v1/sessions/${id}`)).status, 200)
})

test('lock: a fresh id each time; while it holds the customer can change nothing', async () => {
  const id = await shop.create(express)
  const first = await shop.view('POST', `${id}/session/lock`)
  const second = await shop.view('POST', `${id}/session/lock`)
  assert.match(first.body.pay_lock.pay_lock_id, /^[0-9a-f-]{36}$/)
  assert.notEqual(first.body.pay_lock.pay_lock_id, second.body.pay_lock.pay_lock_id)
  assert.deepEqual((await shop.view('GET', `${id}/session`)).body.pay_lock, second.body.pay_lock)
  assert.equal((await shop.view('PUT', `${id}/session/order/shipping_option`, post)).status, 412)
  shop.time.ahead_ms += 300_001
  assert.equal((await shop.view('PUT', `${id}/session/order/shipping_option`, post)).status, 200)
  assert.equal((await shop.view('POST', `${shop.account_id}.no/session/lock`)).status, 404)
})

test('abandon: 302 to return_url with error=cancelled, the session is over, the merchant is told if he asked for it', async () => {
  const id = await shop.create({
    ...reporting,
    url: { ...reporting.url, return_url: 'https://example.com/done?gateway=dintero#top' },
  })
  const answer = await shop.view('POST', `${id}/session/abandon`)
  assert.equal(answer.status, 302)
  const expected = 'https://example.com/done?gateway=dintero&error=cancelled&merchant_reference=order_id#top'
  assert.equal(answer.headers.get('location'), expected)
  assert.deepEqual(await shop.names(id), ['INITIATED', 'CANCELLED'])
  assert.equal((await shop.view('GET', `${id}/session`)).body.error.cause, 'CANCELLED')
  assert.equal((await shop.view('POST', `${id}/session/abandon`)).headers.get('location'), expected)
  const told = await shop.server.sql`
    select event, sequence, details ->> 'error' as error, details ->> 'session_id' as session_id
    from notifications.outbox where aggregate_id = ${id} order by event`
  const about = { sequence: 2, error: 'cancelled', session_id: id }
  assert.deepEqual(
    [...told],
    [
      { event: 'checkout_authorization', ...about },
      { event: 'session_callback', ...about },
    ],
  )

  const silent = await shop.create()
  await shop.view('POST', `${silent}/session/abandon`)
  const webhook = await shop.server.sql`select event from notifications.outbox where aggregate_id = ${silent}`
  assert.deepEqual([...webhook], [{ event: 'checkout_authorization' }])
})

test('abandon: 302 also when return_url has letters that no header can hold', async () => {
  const id = await shop.create({ ...walk, url: { return_url: 'https://sklep.example/płatność' } })
  const { status, headers } = await shop.view('POST', `${id}/session/abandon`)
  assert.equal(status, 302)
  const expected = 'https://sklep.example/p%C5%82atno%C5%9B%C4%87?error=cancelled&merchant_reference=order_id'
  assert.equal(headers.get('location'), expected)
  assert.equal((await shop.read(id)).url.return_url, 'https://sklep.example/płatność')
})

test('abandon: of twenty at once one ends the session', async () => {
  const id = await shop.create(reporting)
  const answers = await Promise.all(Array.from({ length: 20 }, () => shop.view('POST', `${id}/session/abandon`)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([302]))
  assert.deepEqual(await shop.names(id), ['INITIATED', 'CANCELLED'])
})

test('payment operations: how to pay with one product; 400 for one that can not pay', async () => {
  const id = await shop.create()
  const { status, body } = await shop.view('POST', `${id}/payments/vipps?language=nb-NO`)
  assert.equal(status, 200)
  assert.equal(body.operations[0].rel, 'pay-vipps')
  assert.equal((await shop.view('POST', `${id}/payments/klarna.klarna`)).body.operations[0].rel, 'pay-klarna')
  assert.equal((await shop.view('POST', `${id}/payments/swish.swish`)).status, 400)
})

test('limits: past a thousand events the customer side can not lock or change it, and visits go unrecorded; the merchant can', async () => {
  const id = await shop.create(express)
  await shop.server.sql`update checkout.sessions set event_count = 1000 where id = ${id}`
  assert.equal((await shop.view('POST', `${id}/session/lock`)).status, 412)
  assert.equal((await shop.view('PUT', `${id}/session/order/shipping_option`, post)).status, 400)
  assert.equal((await shop.view('GET', `${id}/session`)).status, 200)
  assert.deepEqual(await shop.names(id), ['INITIATED'])
  assert.equal((await shop.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, { order: { amount: 1 } })).status, 200)
})
