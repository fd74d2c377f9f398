import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { type Outcome, testCards, testGiftCards } from '../src/gateways/simulator/cards.ts'
import { createTestAccount, send, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let shop: TestAccount
const time = { now: new Date('2026-11-23T10:00:00Z') }
before(async () => {
  server = await startServer({ work: false, clock: { now: () => new Date(time.now) } })
  shop = await createTestAccount(server, { account_id: 'T00000001' })
})
after(() => server.close())

const type = 'dintero_psp.creditcard'
const enabled = { type: 'payment_product_type', enabled: true }

type Payment = { sid: string; status: number; answer: Record<string, unknown> }

/** A customer pays a session; `creditcard` and `configuration` are what the merchant configured. */
async function pay(payment: Record<string, unknown>, creditcard: object = {}, configuration: object = {}): Promise<Payment> {
  const created = await shop.call('POST', '/v1/sessions', {
    url: { return_url: 'https://shop.example/return' },
    customer: { customer_id: 'customer-1' },
    order: {
      amount: 39_800,
      currency: 'NOK',
      merchant_reference: 'order-1',
      items: [{ id: '1', line_id: '1', description: 'Chair', quantity: 1, amount: 39_800, vat: 25 }],
    },
    configuration: {
      dintero_psp: { type: 'payment_type', creditcard: { ...enabled, ...creditcard } },
      vipps: enabled,
      ...configuration,
    },
  })
  assert.equal(created.status, 200, JSON.stringify(created.body))
  return paySession(created.body.id, payment)
}

async function paySession(sid: string, payment: Record<string, unknown>): Promise<Payment> {
  const { status, body } = await send(server.url, 'POST', `/v1/sessions/${sid}/pay`, { body: payment })
  return { sid, status, answer: body }
}

async function transactionOf(sid: string) {
  const { body: session } = await shop.call('GET', `/v1/sessions/${sid}`)
  if (!session.transaction_id) return undefined
  return (await shop.call('GET', `/v1/transactions/${session.transaction_id}`)).body
}

async function run(work: string): Promise<void> {
  const { run } = server.work.find(({ name }) => name === work)!
  while ((await run(new AbortController().signal)) > 0);
}

async function resolve(): Promise<void> {
  time.now = new Date(time.now.getTime() + 100_000)
  await run('resolve-operations')
}

const withCard = (number: string) => ({
  payment_product_type: type,
  card: { number, expiry: '12/39', cvc: number.startsWith('3') ? '1234' : '123' },
})
const eventsOf = (transaction: { events: { event: string }[] } | undefined) => transaction?.events.map(({ event }) => event)

/** The authorization: what the transaction is at once, and after the resolver has asked. */
const authorizes = (first: string, later: string) => async (number: string) => {
  const { sid } = await pay(withCard(number))
  assert.equal((await transactionOf(sid))?.status, first)
  await resolve()
  assert.equal((await transactionOf(sid))?.status, later)
}

/** A card that is refused leaves the session open, and the customer pays with another. */
const refuses = (details: Record<string, unknown>) => async (number: string) => {
  const { sid, answer } = await pay(withCard(number))
  assert.equal(answer.success, false)
  assert.equal(answer.error, 'Rejected')
  assert.equal(await transactionOf(sid), undefined)
  const { body: session } = await shop.call('GET', `/v1/sessions/${sid}`)
  assert.equal(session.events.at(-1).name, 'PAY_FAILED')
  const told = answer.error_details as Record<string, unknown>
  for (const [name, value] of Object.entries(details)) assert.deepEqual(told[name], value, JSON.stringify(told))
  await paySession(sid, withCard('4000000000000002'))
  assert.equal((await transactionOf(sid))?.status, 'AUTHORIZED')
}

/** Accepted with 202 and an INITIATE_ event; done when the resolver has asked. */
const timesOut = (kind: 'capture' | 'refund' | 'void', status: string) => async (number: string) => {
  const { sid } = await pay(withCard(number))
  const { id } = (await transactionOf(sid))!
  if (kind === 'refund') assert.equal((await shop.call('POST', `/v1/transactions/${id}/capture`, { amount: 39_800 })).status, 200)
  const moved = await shop.call('POST', `/v1/transactions/${id}/${kind}`, kind === 'void' ? {} : { amount: 39_800 })
  assert.equal(moved.status, 202)
  assert.equal(eventsOf(moved.body)?.at(-1), `INITIATE_${kind.toUpperCase()}`)
  await resolve()
  const settled = await transactionOf(sid)
  assert.equal(settled!.status, status)
  assert.equal(eventsOf(settled)?.at(-1), kind.toUpperCase())
}

/** The capture that the worker makes times out, and turns out to be done; one by hand answers at once. */
async function timesOutWhenAutomatic(number: string): Promise<void> {
  const { sid } = await pay(withCard(number), {}, { auto_capture: true })
  await run('auto-capture')
  const waiting = await transactionOf(sid)
  assert.equal(waiting!.status, 'AUTHORIZED')
  assert.equal(eventsOf(waiting)?.at(-1), 'INITIATE_CAPTURE')
  await resolve()
  assert.equal((await transactionOf(sid))!.status, 'CAPTURED')

  const byHand = await pay(withCard(number))
  const { id } = (await transactionOf(byHand.sid))!
  const captured = await shop.call('POST', `/v1/transactions/${id}/capture`, { amount: 39_800 })
  assert.deepEqual([captured.status, captured.body.status], [200, 'CAPTURED'])
}

/** A purchase is paid, but no card is kept; a session that only asks for a token waits, and fails. */
async function keepsNoToken(number: string): Promise<void> {
  const includes = 'includes=card.payment_token'
  const kept = async (of: string) => {
    const { sid } = await pay(withCard(of), { generate_payment_token: true })
    const { id } = (await transactionOf(sid))!
    const { body } = await shop.call('GET', `/v1/transactions/${id}?${includes}`)
    assert.equal(body.status, 'AUTHORIZED')
    return 'payment_token' in body.card
  }
  assert.deepEqual([await kept(number), await kept('4000000000000002')], [false, true])

  const only = async (of: string) => {
    const created = await shop.call('POST', '/v1/sessions/payment-token', {
      session: {
        url: { return_url: 'https://shop.example/return' },
        order: { currency: 'NOK', merchant_reference: 'token-1' },
      },
      token_provider: { payment_product_type: type, token_types: ['payment_token'] },
    })
    assert.equal(created.status, 200, JSON.stringify(created.body))
    const { sid } = await paySession(created.body.id, withCard(of))
    const first = (await transactionOf(sid))?.status
    await resolve()
    return [first, (await transactionOf(sid))?.status]
  }
  assert.deepEqual(await only(number), ['UNKNOWN', 'FAILED'])
  assert.deepEqual(await only('4000000000000002'), ['AUTHORIZED', 'AUTHORIZED'])
}

// checkout-api §9.3, row by row, over HTTP.
const rows: Record<Outcome, (number: string) => Promise<void>> = {
  success: authorizes('AUTHORIZED', 'AUTHORIZED'),
  challenge: authorizes('INITIATED', 'INITIATED'),
  attempt: authorizes('AUTHORIZED', 'AUTHORIZED'),
  unverified: refuses({ type: ['FAILED_VERIFICATION'] }),
  soft_decline: refuses({ result_code: '1A' }),
  timeout_authorize: authorizes('UNKNOWN', 'FAILED'),
  timeout_capture: timesOut('capture', 'CAPTURED'),
  timeout_refund: timesOut('refund', 'REFUNDED'),
  timeout_auto_capture: timesOutWhenAutomatic,
  timeout_void: timesOut('void', 'AUTHORIZATION_VOIDED'),
  timeout_token: keepsNoToken,
}
for (const [number, outcome] of Object.entries(testCards)) test(`card ${number}: ${outcome}`, () => rows[outcome](number))

test('cards: the table has the published numbers, each with its published outcome, and the document names every card', async () => {
  const published: [Outcome, string[]][] = [
    ['success', ['4000000000000002', '5200000000000007', '4154210000000001', '5156230000000004']],
    ['challenge', ['4000100000000000', '5200000000000015']],
    ['attempt', ['4000200000000008', '5200000000000023']],
    ['unverified', ['4000300000000006', '5200000000000031']],
    ['soft_decline', ['4100000000000076']],
    ['timeout_authorize', ['4100000000000001', '5100000000000008']],
    ['timeout_capture', ['4100000000000019', '5100000000000016']],
    ['timeout_refund', ['4100000000000027', '5100000000000024']],
    ['timeout_auto_capture', ['4100000000000035', '5100000000000032']],
    ['timeout_void', ['4100000000000043', '5100000000000040']],
    ['timeout_token', ['4100000000000050', '5100000000000057']],
  ]
  for (const [outcome, numbers] of published) for (const number of numbers) assert.equal(testCards[number], outcome, number)
  const text = await readFile('docs/gateways.md', 'utf8')
  const named = (text.match(/\b\d{4} \d{4,6} \d{4,5}(?: \d{4})?\b/g) ?? []).map((number) => number.replaceAll(' ', ''))
  assert.deepEqual([...new Set(named)].sort(), [...Object.keys(testCards), ...Object.keys(testGiftCards)].sort())
})

test('gift card: pays the amount, or is refused with what is wrong and the session stays open', async () => {
  const wallets = { dintero: { type: 'payment_type', wallets: enabled }, dintero_psp: {}, vipps: { enabled: false } }
  const withGiftCard = (number: string) => ({ payment_product_type: 'dintero.wallets', gift_card: { number } })
  for (const [number, code] of [
    ['6000 0000 0000 0015', 'gift_card_insufficient'],
    ['6000000000000023', 'gift_card_expired'],
    ['1234', 'gift_card_unknown'],
  ] as const) {
    const { sid, answer } = await pay(withGiftCard(number), { enabled: false }, wallets)
    assert.deepEqual([answer.success, answer.error, (answer.error_details as { code: string }).code], [false, 'Rejected', code])
    await paySession(sid, withGiftCard('6000 0000 0000 0007'))
    assert.equal((await transactionOf(sid))?.status, 'AUTHORIZED')
  }
  const [found] = await server.sql`
    select from checkout.operations where request::text ~ '6000' or outcome::text ~ '60000' union all
    select from simulator.movements where detail::text ~ '60000' limit 1`
  assert.equal(found, undefined, 'the number is kept nowhere')
})

for (const [decision, status, parameter] of [
  ['approve', 'AUTHORIZED', 'transaction_id'],
  ['decline', 'DECLINED', 'error'],
] as const) {
  test(`pretend page: ${status} after ${decision}, and the customer is back at the shop`, async () => {
    for (const payment of [{ payment_product_type: 'vipps', phone_number: '+4740230256' }, withCard('4000100000000000')]) {
      const { sid, answer } = await pay(payment)
      const pressed = await fetch(answer.redirect_url as string, {
        method: 'POST',
        body: new URLSearchParams({ decision }),
        redirect: 'manual',
      })
      const back = await fetch(pressed.headers.get('location')!, { redirect: 'manual' })
      const shopUrl = new URL(back.headers.get('location')!)
      assert.equal(shopUrl.origin, 'https://shop.example')
      assert.ok(shopUrl.searchParams.has(parameter), shopUrl.href)
      assert.equal((await transactionOf(sid))?.status, status)
    }
  })
}
