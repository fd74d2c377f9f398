import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createTestAccount, send, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

// The whole server with the simulator: what a merchant and a customer see.
let server: TestServer
let merchant: TestAccount
before(async () => {
  server = await startServer()
  merchant = await createTestAccount(server)
})
after(() => server.close())

async function open(changes: { currency?: string; configuration?: object; checkboxes?: object[] } = {}): Promise<string> {
  const { currency = 'NOK', configuration, checkboxes } = changes
  const { body } = await merchant.call('POST', '/v1/sessions-profile', {
    url: { return_url: 'https://shop.example/done' },
    order: {
      amount: 39_800,
      currency,
      merchant_reference: 'ORD-1',
      items: [{ id: '1', line_id: '1', quantity: 1, amount: 39_800 }],
    },
    profile_id: 'default',
    ...(configuration ? { configuration } : {}),
    ...(checkboxes ? { checkboxes } : {}),
  })
  return body.id
}

const pay = (sid: string, body: object) => send(server.url, 'POST', `/v1/sessions/${sid}/pay`, { body })
const card = (number: string) => ({
  payment_product_type: 'dintero_psp.creditcard',
  card: { number, expiry: '12/30', cvc: '123' },
})

async function transactionOf(sid: string) {
  const { body } = await merchant.call('GET', `/v1/transactions?session_id=${sid}`)
  return body[0]
}

async function until<T>(read: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + 20_000; ; ) {
    const value = await read()
    if (done(value) || Date.now() > deadline) return value
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test('view: a customer can not choose the address that the merchant sees, unless a proxy that is trusted says it', async () => {
  const sid = await open()
  const answer = await send(server.url, 'GET', `/v1/view/${sid}/session`, { headers: { 'x-forwarded-for': '203.0.113.9' } })
  assert.equal(answer.status, 200)
  assert.equal((await merchant.call('GET', `/v1/sessions/${sid}`)).body.customer_ip, '127.0.0.1')
})

test('pay: what is paid in the store costs nothing here: only dintero.zero completes it, and the page asks for nothing', async () => {
  const option = { id: 'store', line_id: 'store', amount: 0, title: 'Store', pay_in_store: { type: 'full' } }
  const create = (shipping_option: object, configuration?: object) =>
    merchant.call('POST', '/v1/sessions-profile', {
      url: { return_url: 'https://shop.example/done' },
      order: { amount: 39_800, currency: 'NOK', merchant_reference: 'ORD-2', shipping_option },
      profile_id: 'default',
      ...(configuration ? { configuration } : {}),
    })
  const { body: session } = await create(option)
  assert.equal((await pay(session.id, card('4000000000000002'))).status, 400)
  const page = await (await fetch(`${server.url}/?sid=${session.id}&language=en`)).text()
  assert.match(page, /data-testid="pay"[^>]*>\s*Complete/)
  assert.equal((await pay(session.id, { payment_product_type: 'dintero.zero' })).status, 200)
  const { amount, status, items } = await transactionOf(session.id)
  assert.deepEqual([amount, status, items.length], [0, 'AUTHORIZED', 1])
  const without = await create(option, { dintero: { zero: { enabled: false } } })
  assert.deepEqual([without.status, without.body.error.errors[0].code], [400, 'no_payment_product'])
  assert.equal((await create({ ...option, pay_in_store: { type: 'half' } })).status, 400)
})

test('pay: the transaction says which of the checkboxes the customer ticked; without a word, they are as the merchant set them', async () => {
  const checkboxes = [
    { id: 'terms', label: 'Terms', required: true },
    { id: 'news', label: 'News', checked: true },
  ]
  for (const [body, expected] of [
    [{ checkboxes: [{ id: 'terms', checked: true }, { id: 'unknown', checked: true }, 'odd'] }, [true, false]],
    [{ checkboxes: [] }, [false, false]],
    [{}, [undefined, true]],
  ] as const) {
    const sid = await open({ checkboxes })
    await pay(sid, { ...card('4000000000000002'), ...body })
    const { body: list } = await merchant.call('GET', `/v1/transactions?session_id=${sid}`)
    assert.deepEqual(
      list[0].checkboxes.map((box: { checked?: boolean }) => box.checked),
      expected,
    )
  }
})

const cases: [title: string, body: object, success: boolean, status: string | undefined, currency?: string][] = [
  ['a card', card('4000000000000002'), true, 'AUTHORIZED'],
  ['a refused card', card('4100000000000076'), false, undefined],
  ['Vipps, approved', { payment_product_type: 'vipps', phone_number: '+4740230256', simulate: 'approve' }, true, 'AUTHORIZED'],
  ['Vipps, declined', { payment_product_type: 'vipps', simulate: 'decline' }, false, 'DECLINED'],
  ['Vipps, cancelled', { payment_product_type: 'vipps', simulate: 'cancel' }, false, undefined],
  ['Swish', { payment_product_type: 'swish.swish', simulate: 'approve' }, true, 'CAPTURED', 'SEK'],
  ['an invoice on hold', { payment_product_type: 'collector.invoice', simulate: 'hold' }, true, 'ON_HOLD'],
  ['a card with a challenge', card('4000100000000000'), true, 'INITIATED'],
]
for (const [title, body, success, status, currency] of cases) {
  test(`pay: ${title}`, async () => {
    const sid = await open({ ...(currency ? { currency } : {}) })
    const answer = await pay(sid, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    assert.equal(answer.body.success, success, JSON.stringify(answer.body))
    assert.equal((await transactionOf(sid))?.status, status)
  })
}

test('capture: a card whose capture times out is 202, and captured soon after', async () => {
  const sid = await open()
  await pay(sid, card('4100000000000019'))
  const { id } = await transactionOf(sid)
  const answer = await merchant.call('POST', `/v1/transactions/${id}/capture`, { amount: 39_800 })
  assert.equal(answer.status, 202)
  const settled = await until(
    () => transactionOf(sid),
    ({ status }) => status === 'CAPTURED',
  )
  assert.equal(settled.status, 'CAPTURED')
  assert.equal(settled.events.at(-1).correlation_request_id, answer.headers.get('event-request-id'))
})

test('auto_capture: the worker captures right away', async () => {
  const sid = await open({ configuration: { auto_capture: true } })
  await pay(sid, card('4000000000000002'))
  assert.equal(
    (
      await until(
        () => transactionOf(sid),
        ({ status }) => status === 'CAPTURED',
      )
    ).status,
    'CAPTURED',
  )
})

test('cancel: a session whose customer is at the provider is cancelled, and the payment can not be finished', async () => {
  const sid = await open()
  const { body } = await pay(sid, card('4000100000000000'))
  assert.match(body.redirect_url, /simulator/)
  const cancelled = await merchant.call('POST', `/v1/sessions/${sid}/cancel`, 'null')
  assert.equal(cancelled.status, 200, JSON.stringify(cancelled.body))
  assert.equal((await transactionOf(sid)).status, 'AUTHORIZATION_VOIDED')
  assert.equal((await pay(sid, card('4000000000000002'))).status, 404)
})
