import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { recordTokenUse } from '../src/checkout/card-tokens/store.ts'
import { createTestAccount, send, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let shop: TestAccount
before(async () => {
  server = await startServer({ work: false })
  shop = await createTestAccount(server, { account_id: 'T00000001' })
})
after(() => server.close())

const creditcard = { type: 'payment_product_type', enabled: true, generate_payment_token: true, generate_recurrence_token: true }

/** A customer pays by card and lets it be stored. Returns the transaction, with what `includes` adds. */
async function stored(customer_id: string, number = '4000000000000002', payment_product_type = 'payex.creditcard') {
  const [group, product] = payment_product_type.split('.') as [string, string]
  const created = await shop.call('POST', '/v1/sessions', {
    url: { return_url: 'https://shop.example/return' },
    customer: { customer_id, email: 'a@example.com' },
    order: {
      amount: 39_800,
      currency: 'NOK',
      merchant_reference: 'order-1',
      items: [{ id: '1', line_id: '1', description: 'Chair', quantity: 1, amount: 39_800, vat: 25 }],
    },
    configuration: { [group]: { type: 'payment_type', [product]: creditcard } },
  })
  assert.equal(created.status, 200, JSON.stringify(created.body))
  const body = { payment_product_type, card: { number, expiry: '12/39', cvc: '123' } }
  await send(server.url, 'POST', `/v1/sessions/${created.body.id}/pay`, { body })
  const session = await shop.call('GET', `/v1/sessions/${created.body.id}`)
  const includes = 'includes=card.payment_token&includes=card.recurrence_token'
  const transaction = await shop.call('GET', `/v1/transactions/${session.body.transaction_id}?${includes}`)
  assert.equal(transaction.body.status, 'AUTHORIZED', JSON.stringify(transaction.body))
  return transaction.body
}

const told = async (id: string) =>
  (
    await server.sql`select sequence, event from notifications.outbox where aggregate_type = 'card_token' and aggregate_id = ${id} order by 1`
  ).map(({ sequence, event }) => [sequence, event])

test('card tokens: stored with the payment that made them, listed by customer, told of', async () => {
  const transaction = await stored('customer-1')
  const { card } = transaction
  const { status, body } = await shop.call('GET', '/v1/card-tokens?customer_id=customer-1')
  assert.equal(status, 200)
  assert.deepEqual(body.map(({ id }: { id: string }) => id).sort(), [card.payment_token_id, card.recurrence_token_id].sort())
  const token = body.find(({ type }: { type: string }) => type === 'payment_token')
  assert.match(token.id, /^[0-9a-f]{40}$/)
  assert.equal(token.token, card.payment_token)
  assert.equal(token.status, 'ACTIVE')
  assert.equal(token.card_brand, 'visa')
  assert.equal(token.masked_pan, '400000******0002')
  assert.equal(token.pan_expiry_date, '12/2039')
  assert.equal(token.transaction_id, transaction.id)
  assert.equal('deleted_at' in token || 'failures' in token, false)
  assert.deepEqual(await told(token.id), [[1, 'checkout_token_add']])
  assert.deepEqual((await shop.call('GET', `/v1/card-tokens/${token.id}`)).body, token)
  assert.deepEqual((await shop.call('GET', '/v1/card-tokens?customer_id=nobody')).body, [])
})

for (const [type, kinds] of [
  ['payex.creditcard', ['payment_token', 'recurrence_token']],
  ['dintero_psp.creditcard', ['payment_token']],
  ['payex.vipps', []],
] as const) {
  test(`card tokens: of ${type} only ${kinds.join(' and ') || 'the payment'}, whatever else its configuration asks for`, async () => {
    const { card } = await stored(`customer-${type}`, undefined, type)
    const made = ['payment_token', 'recurrence_token'].filter((kind) => card?.[kind])
    assert.deepEqual(made, kinds)
  })
}

test('card tokens: page by page, newest first', async () => {
  await stored('customer-2')
  await stored('customer-2')
  const all = (await shop.call('GET', '/v1/card-tokens?customer_id=customer-2')).body
  const first = (await shop.call('GET', '/v1/card-tokens?customer_id=customer-2&limit=3')).body
  const rest = (await shop.call('GET', `/v1/card-tokens?customer_id=customer-2&starting_after=${first[2].id}`)).body
  assert.equal(all.length, 4)
  assert.deepEqual([...first, ...rest], all)
})

test('card token delete: 200 with deleted_at, told of once, gone from the list unless asked for', async () => {
  const { card } = await stored('customer-3')
  const id = card.payment_token_id
  const deleted = await shop.call('DELETE', `/v1/card-tokens/${id}`)
  assert.equal(deleted.status, 200)
  assert.equal(deleted.body.status, 'DELETED')
  assert.equal(deleted.body.deleted_by, shop.client_id)
  assert.deepEqual((await shop.call('DELETE', `/v1/card-tokens/${id}`)).body, deleted.body)
  assert.deepEqual(await told(id), [
    [1, 'checkout_token_add'],
    [2, 'checkout_token_delete'],
  ])
  const listed = async (query: string) =>
    (await shop.call('GET', `/v1/card-tokens?customer_id=customer-3${query}`)).body.map((token: { id: string }) => token.id)
  assert.deepEqual(await listed(''), [card.recurrence_token_id])
  assert.deepEqual((await listed('&include_deleted=true')).sort(), [id, card.recurrence_token_id].sort())
  assert.deepEqual(await listed('&status=DELETED'), [id])
})

test('card token delete: nobody pays with it any more, neither the customer nor by another product; others go on', async () => {
  const { card } = await stored('customer-9')
  const { payment_token, recurrence_token } = card
  const group = { type: 'payment_type', creditcard: { type: 'payment_product_type', enabled: true } }
  const open = async () =>
    (
      await shop.call('POST', '/v1/sessions', {
        url: { return_url: 'https://shop.example/return' },
        customer: { tokens: { 'payex.creditcard': { payment_token }, 'dintero_psp.creditcard': { payment_token } } },
        order: { amount: 100, currency: 'NOK', merchant_reference: 'r', items: [{ id: '1', line_id: '1', amount: 100 }] },
        configuration: { payex: group, dintero_psp: group },
      })
    ).body.id
  const pay = async (payment_product_type: string, id?: string) =>
    send(server.url, 'POST', `/v1/sessions/${id ?? (await open())}/pay`, {
      body: { payment_product_type, use_saved_card: true },
    })
  const again = (token: object, operation: string) =>
    shop.call('POST', '/v1/sessions/pay', {
      session: {
        customer: { tokens: { 'payex.creditcard': token } },
        order: { amount: 100, currency: 'NOK', merchant_reference: 'r' },
      },
      payment: { payment_product_type: 'payex.creditcard', operation },
    })
  const before = await open()
  assert.equal((await pay('payex.creditcard')).status, 200)
  const elsewhere = await pay('dintero_psp.creditcard')
  assert.notEqual(elsewhere.body.status, 'AUTHORIZED', JSON.stringify(elsewhere.body))
  const recurring = await again({ recurrence_token }, 'recurring_purchase')
  assert.equal(recurring.body.status, 'AUTHORIZED', JSON.stringify(recurring.body))
  assert.equal(recurring.body.card.recurrence_token_id, card.recurrence_token_id)
  assert.equal(recurring.body.card.payment_token_id, undefined)
  const session = await shop.call('GET', `/v1/sessions/${recurring.body.session_id}`)
  assert.deepEqual(session.body.customer.tokens, { 'payex.creditcard': { payment_token_id: card.recurrence_token_id } })
  assert.equal((await shop.call('DELETE', `/v1/card-tokens/${card.payment_token_id}`)).status, 200)
  for (const answer of [await pay('payex.creditcard', before), await again({ payment_token }, 'unscheduled_purchase')]) {
    assert.deepEqual([answer.status, answer.body.error.errors[0].code], [400, 'card_token_not_active'])
  }
  assert.equal((await again({ recurrence_token }, 'recurring_purchase')).body.status, 'AUTHORIZED')
})

test('card tokens: 404 for another, and on another account', async () => {
  const { card } = await stored('customer-4')
  assert.equal((await shop.call('GET', '/v1/card-tokens/none')).status, 404)
  assert.equal((await shop.call('DELETE', '/v1/card-tokens/none')).status, 404)
  const other = await createTestAccount(server, { account_id: 'T00000002' })
  assert.equal((await other.call('GET', `/v1/card-tokens/${card.payment_token_id}`)).status, 404)
  assert.deepEqual((await other.call('GET', '/v1/card-tokens')).body, [])
})

test('card token use: failures are kept up to fifteen, a success clears them, a block is told of once', async () => {
  const { card } = await stored('customer-5')
  const token_id = card.payment_token_id
  const use = (success: boolean, blocked: boolean) =>
    server.sql`with changed as (select 1),
      ${recordTokenUse('T00000001', { token_id, success, blocked, at: new Date() })} done as (select 1)
      select from changed`
  const failures = async () =>
    (await server.sql`select cardinality(failures) as count, status from checkout.card_tokens where id = ${token_id}`)[0]
  for (let i = 0; i < 17; i++) await use(false, false)
  assert.deepEqual({ ...(await failures()) }, { count: 15, status: 'ACTIVE' })
  await use(true, false)
  assert.deepEqual({ ...(await failures()) }, { count: 0, status: 'ACTIVE' })
  await use(false, true)
  await use(false, true)
  assert.deepEqual({ ...(await failures()) }, { count: 2, status: 'SUSPENDED' })
  assert.deepEqual(await told(token_id), [
    [1, 'checkout_token_add'],
    [2, 'checkout_token_update'],
  ])
})

/** The merchant charges the stored card. */
const charge = (payment_token: string, merchant_reference: string) =>
  shop.call('POST', '/v1/sessions/pay', {
    session: {
      order: { amount: 1_000, currency: 'NOK', merchant_reference },
      customer: { tokens: { 'payex.creditcard': { payment_token } } },
    },
    payment: { payment_product_type: 'payex.creditcard', operation: 'unscheduled_purchase' },
  })

test('card token charge: 200 and AUTHORIZED with the id of the card; 400 once the token is deleted', async () => {
  const { card } = await stored('customer-6')
  const paid = await charge(card.payment_token, 'sub-1')
  assert.equal(paid.status, 200, JSON.stringify(paid.body))
  assert.equal(paid.body.status, 'AUTHORIZED')
  assert.equal(paid.body.success, true)
  assert.equal(paid.body.card.payment_token_id, card.payment_token_id)
  assert.equal(paid.body.card.masked_pan, card.masked_pan)
  await shop.call('DELETE', `/v1/card-tokens/${card.payment_token_id}`)
  const refused = await charge(card.payment_token, 'sub-2')
  assert.equal(refused.status, 400)
  assert.equal(refused.body.error.errors[0].code, 'card_token_not_active')
})

test('payment page: a saved card is shown by its brand and last digits, and no longer once it is deleted', async () => {
  const { card } = await stored('customer-9', '5200000000000007')
  const tokens = { 'payex.creditcard': { payment_token: card.payment_token } }
  const created = await shop.call('POST', '/v1/sessions', {
    url: { return_url: 'https://shop.example/return' },
    customer: { tokens },
    order: { amount: 39_800, currency: 'NOK', merchant_reference: 'order-9' },
    configuration: { payex: { type: 'payment_type', creditcard } },
  })
  const page = async () => (await fetch(`${server.url}/?sid=${created.body.id}&language=en`)).text()
  assert.match(await page(), /Your saved card: Mastercard •••• 0007/)
  await shop.call('DELETE', `/v1/card-tokens/${card.payment_token_id}`)
  assert.doesNotMatch(await page(), /saved-card/)
})

test('card token charge: declines are counted, 400 from the sixteenth on, a success in between clears the count', async () => {
  const rules = [{ when: { merchant_reference: 'no-*' }, do: 'decline', result_code: '05' }]
  const { card } = await stored('customer-7')
  await shop.call('PUT', '/v1/simulator/script', { rules })
  const decline = async () => {
    const { status, body } = await charge(card.payment_token, 'no-1')
    assert.equal(status, 200, JSON.stringify(body))
    assert.equal(body.status, 'FAILED')
    assert.equal(body.success, false)
    assert.equal(body.events.at(-1).error.result_code, '05')
  }
  await decline()
  assert.equal((await charge(card.payment_token, 'yes-1')).body.status, 'AUTHORIZED')
  for (let i = 0; i < 15; i++) await decline()
  const refused = await charge(card.payment_token, 'yes-2')
  assert.equal(refused.status, 400)
  assert.equal(refused.body.error.errors[0].code, 'card_token_retry_limit')
})

test('card token charge: a card that must not be tried again is blocked, and that is told', async () => {
  const { card } = await stored('customer-8')
  await shop.call('PUT', '/v1/simulator/script', { rules: [{ do: 'decline', result_code: '43' }] })
  assert.equal((await charge(card.payment_token, 'stolen')).body.status, 'FAILED')
  await shop.call('DELETE', '/v1/simulator/script')
  const refused = await charge(card.payment_token, 'again')
  assert.equal(refused.status, 400)
  assert.equal(refused.body.error.errors[0].code, 'card_token_blocked')
  assert.equal((await shop.call('GET', `/v1/card-tokens/${card.payment_token_id}`)).body.status, 'SUSPENDED')
  assert.deepEqual((await told(card.payment_token_id)).at(-1), [2, 'checkout_token_update'])
})
