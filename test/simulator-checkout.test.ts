import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
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

const enabled = { type: 'payment_product_type', enabled: true }

async function pay(payment: Record<string, unknown>): Promise<{ sid: string; answer: Record<string, unknown> }> {
  const created = await shop.call('POST', '/v1/sessions', {
    url: { return_url: 'https://shop.example/return' },
    order: {
      amount: 39_800,
      currency: 'NOK',
      merchant_reference: 'order-1',
      items: [{ id: '1', line_id: '1', description: 'Chair', quantity: 1, amount: 39_800, vat: 25 }],
    },
    configuration: { dintero_psp: { type: 'payment_type', creditcard: enabled }, vipps: enabled },
  })
  assert.equal(created.status, 200, JSON.stringify(created.body))
  const sid: string = created.body.id
  const { body } = await send(server.url, 'POST', `/v1/sessions/${sid}/pay`, { body: payment })
  return { sid, answer: body }
}

async function transactionOf(sid: string) {
  const { body: session } = await shop.call('GET', `/v1/sessions/${sid}`)
  if (!session.transaction_id) return undefined
  return (await shop.call('GET', `/v1/transactions/${session.transaction_id}`)).body
}

async function resolve(): Promise<void> {
  time.now = new Date(time.now.getTime() + 100_000)
  for (const { name, run } of server.work)
    if (name === 'resolve-operations') while ((await run(new AbortController().signal)) > 0);
}

const withCard = (number: string) => ({
  payment_product_type: 'dintero_psp.creditcard',
  card: { number, expiry: '12/39', cvc: '123' },
})

// checkout-api §9.3, row by row, over HTTP: what the transaction is at once, and when the resolver has asked. None: the session is open.
for (const [numbers, first, later] of [
  [['4000000000000002', '5200000000000007'], 'AUTHORIZED', 'AUTHORIZED'],
  [['4000100000000000', '5200000000000015'], 'INITIATED', 'INITIATED'],
  [['4000200000000008', '5200000000000023'], 'AUTHORIZED', 'AUTHORIZED'],
  [['4000300000000006', '5200000000000031'], undefined, undefined],
  [['4100000000000076'], undefined, undefined],
  [['4100000000000001', '5100000000000008'], 'UNKNOWN', 'FAILED'],
] as const) {
  for (const number of numbers) {
    test(`card ${number}: ${first ?? 'refused, the session stays open'}${later === first ? '' : `, then ${later}`}`, async () => {
      const { sid, answer } = await pay(withCard(number))
      assert.equal((await transactionOf(sid))?.status, first)
      if (!first) assert.equal(answer.error, 'Rejected')
      await resolve()
      assert.equal((await transactionOf(sid))?.status, later)
    })
  }
}

for (const [numbers, kind, status] of [
  [['4100000000000019', '5100000000000016'], 'capture', 'CAPTURED'],
  [['4100000000000027', '5100000000000024'], 'refund', 'REFUNDED'],
  [['4100000000000043', '5100000000000040'], 'void', 'AUTHORIZATION_VOIDED'],
] as const) {
  for (const number of numbers) {
    test(`card ${number}: the ${kind} answers 202, and is done when the resolver has asked`, async () => {
      const { sid } = await pay(withCard(number))
      const { id } = (await transactionOf(sid))!
      if (kind === 'refund')
        assert.equal((await shop.call('POST', `/v1/transactions/${id}/capture`, { amount: 39_800 })).status, 200)
      const moved = await shop.call('POST', `/v1/transactions/${id}/${kind}`, kind === 'void' ? {} : { amount: 39_800 })
      assert.equal(moved.status, 202)
      await resolve()
      assert.equal((await transactionOf(sid))!.status, status)
    })
  }
}

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
