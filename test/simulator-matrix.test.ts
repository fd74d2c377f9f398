import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { PaymentProduct } from '../src/gateways/gateway.ts'
import { type Answer, createTestAccount, send } from './client.ts'
import { startServer } from './server.ts'

const time = { now: new Date('2026-11-23T10:00:00Z') }
const server = await startServer({ work: false, clock: { now: () => new Date(time.now) } })
after(() => server.close())
const shop = await createTestAccount(server, { account_id: 'T00000001' })
const matrix: PaymentProduct[] = (await shop.call('GET', '/v1/payment-product-types')).body

type Case = PaymentProduct & { type: string; currency: string; amount: number; half: number }
const cases: Case[] = matrix.map((product) => {
  const type = product.payment_product_type
  const amount = type === 'dintero.zero' ? 0 : 60_000
  return { ...product, type, currency: product.currencies === 'any' ? 'EUR' : product.currencies[0]!, amount, half: amount / 2 }
})

/** Asks for a session that can be paid with these types only. */
function create(types: string[], { amount, currency }: Case, settings: object = {}): Promise<Answer> {
  const enabled = { type: 'payment_product_type', enabled: true }
  const configuration: Record<string, object> = { ...settings }
  for (const [product, method] of types.map((type) => type.split('.') as [string, string?]))
    configuration[product] = method ? { ...configuration[product], type: 'payment_type', [method]: enabled } : enabled
  return shop.call('POST', '/v1/sessions', {
    url: { return_url: 'https://shop.example/done' },
    order: {
      amount,
      currency,
      merchant_reference: 'order-1',
      items: [{ id: '1', line_id: '1', quantity: 1, amount }],
      store: { id: 'oslo', terminal_id: 'till-1' },
    },
    configuration,
  })
}

async function open(one: Case, settings: object = {}): Promise<string> {
  const created = await create([one.type], one, settings)
  assert.equal(created.status, 200, JSON.stringify(created.body))
  return created.body.id
}

const attempt = (sid: string, type: string, simulate: string) =>
  send(server.url, 'POST', `/v1/sessions/${sid}/pay`, { body: { payment_product_type: type, simulate } })

const transactionOf = async (sid: string) => (await shop.call('GET', `/v1/transactions?session_id=${sid}`)).body[0]

/** A session that the customer paid; its transaction. */
async function paid(one: Case, settings: object = {}) {
  const sid = await open(one, settings)
  const { status, body } = await attempt(sid, one.type, 'approve')
  assert.deepEqual([status, body.success], [200, true], JSON.stringify(body))
  return transactionOf(sid)
}

const move = (id: string, kind: string, amount: number) =>
  shop.call('POST', `/v1/transactions/${id}/${kind}`, kind === 'void' ? undefined : { amount, items: [{ line_id: '1', amount }] })

/** Done: now, or accepted first and settled by the resolver. */
async function done({ status, body }: Answer, expected: string, later = false): Promise<void> {
  assert.equal(status, later ? 202 : 200, JSON.stringify(body))
  if (later) {
    time.now = new Date(time.now.getTime() + 100_000)
    const resolver = server.work.find(({ name }) => name === 'resolve-operations')!
    while ((await resolver.run(new AbortController().signal)) > 0);
  }
  assert.equal((await shop.call('GET', `/v1/transactions/${body.id}`)).body.status, expected)
}

/** Refused: a 400 or 409 that says with code and words what is wrong, and how much there is to move. */
function refused({ status, body }: Answer, expected: { code: string; words: RegExp; allowed?: number }): void {
  assert.ok(status === 400 || status === 409, `${status} ${JSON.stringify(body)}`)
  const [error] = body.error.errors
  assert.equal(error.code, expected.code, JSON.stringify(body))
  assert.match(error.message, expected.words)
  if (expected.allowed !== undefined) assert.equal(error.allowed, expected.allowed)
}

const column: [operation: string, check: (one: Case) => Promise<void>][] = [
  [
    'paid',
    async (one) => {
      const transaction = await paid(one)
      assert.equal(transaction.payment_product_type, one.type)
      assert.equal(transaction.payment_product, one.type.split('.')[0])
      assert.equal(transaction.status, one.direct_capture ? 'CAPTURED' : 'AUTHORIZED')
      assert.deepEqual([transaction.amount, transaction.currency], [one.amount, one.currency])
    },
  ],
  [
    'held',
    async (one) => {
      const sid = await open(one)
      const { body } = await attempt(sid, one.type, 'hold')
      if (!one.may_hold) {
        assert.equal(body.success, false)
        assert.deepEqual([body.error, body.error_details.code], ['Rejected', 'hold_not_supported'])
        assert.match(body.error_details.message, /never held/)
        return
      }
      const held = await transactionOf(sid)
      assert.equal(held.status, 'ON_HOLD')
      refused(await move(held.id, 'capture', one.half), {
        code: 'transaction_status_conflict',
        words: /ON_HOLD can't be captured/,
      })
      if (one.authorization_update.includes('release_hold')) {
        return done(await shop.call('POST', `/v1/transactions/${held.id}/authorization`, {}), 'AUTHORIZED')
      }
      const [operation] = (await shop.call('GET', `/v1/operations?transaction_id=${held.id}`)).body
      const reviewed = new URLSearchParams({ decision: 'approve' })
      await fetch(`${server.url}/simulator/${shop.account_id}/${operation.id}`, {
        method: 'POST',
        body: reviewed,
        redirect: 'manual',
      })
      return done({ status: 202, body: held, headers: new Headers() }, 'AUTHORIZED', true)
    },
  ],
  [
    'declined',
    async (one) => {
      const sid = await open(one)
      const { body } = await attempt(sid, one.type, 'decline')
      assert.deepEqual([body.success, body.error], [false, 'Declined'])
      const { id, status } = await transactionOf(sid)
      assert.equal(status, 'DECLINED')
      refused(await move(id, 'capture', one.half), { code: 'transaction_status_conflict', words: /DECLINED can't be captured/ })
      refused(await move(id, 'void', 0), { code: 'transaction_status_conflict', words: /DECLINED can't be voided/ })
    },
  ],
  [
    'captured',
    async (one) => {
      const { id } = await paid(one)
      if (one.direct_capture) {
        return refused(await move(id, 'capture', 1), {
          code: 'transaction_status_conflict',
          words: /CAPTURED can't be captured/,
        })
      }
      refused(await move(id, 'capture', one.amount + 1), {
        code: 'amount_exceeds_authorized',
        words: /at most/,
        allowed: one.amount,
      })
      if (one.amount === 0) return done(await move(id, 'capture', 0), 'CAPTURED')
      if (one.partial_capture) await done(await move(id, 'capture', one.half), 'PARTIALLY_CAPTURED')
      else
        refused(await move(id, 'capture', one.half), {
          code: 'operation_unsupported',
          words: /only be captured in full/,
          allowed: one.amount,
        })
      await done(await move(id, 'capture', one.partial_capture ? one.half : one.amount), 'CAPTURED')
    },
  ],
  [
    'refunded',
    async (one) => {
      const { id } = await paid(one)
      if (!one.direct_capture) {
        refused(await move(id, 'refund', one.half), {
          code: 'transaction_status_conflict',
          words: /AUTHORIZED can't be refunded/,
        })
        await done(await move(id, 'capture', one.amount), 'CAPTURED')
      }
      refused(await move(id, 'refund', one.amount + 1), {
        code: 'amount_exceeds_captured',
        words: /at most/,
        allowed: one.amount,
      })
      if (one.amount === 0) return
      if (one.partial_refund) await done(await move(id, 'refund', one.half), 'PARTIALLY_REFUNDED', one.refund_later)
      else
        refused(await move(id, 'refund', one.half), {
          code: 'operation_unsupported',
          words: /only be refunded in full/,
          allowed: one.amount,
        })
      await done(await move(id, 'refund', one.partial_refund ? one.half : one.amount), 'REFUNDED', one.refund_later)
    },
  ],
  [
    'voided',
    async (one) => {
      const { id } = await paid(one)
      const voided = await move(id, 'void', 0)
      if (one.direct_capture) refused(voided, { code: 'transaction_status_conflict', words: /CAPTURED can't be voided/ })
      else if (one.amount > 0) await done(voided, 'AUTHORIZATION_VOIDED')
    },
  ],
  [
    'voided after a part was captured',
    async (one) => {
      if (one.direct_capture || !one.partial_capture || one.amount === 0) return
      const { id } = await paid(one)
      await done(await move(id, 'capture', one.half), 'PARTIALLY_CAPTURED')
      const voided = await move(id, 'void', 0)
      if (one.void_remainder) await done(voided, 'CAPTURED')
      else refused(voided, { code: 'operation_unsupported', words: /part-captured .* can't be voided/ })
    },
  ],
  [
    'changed after it was authorized',
    async (one) => {
      if (one.direct_capture || one.amount === 0) return
      const can = (update: PaymentProduct['authorization_update'][number]) => one.authorization_update.includes(update)
      const { id } = await paid(one, { pre_authorization: can('pre_authorization') })
      const change = (body: object) => shop.call('POST', `/v1/transactions/${id}/authorization`, body)
      const unsupported = can('release_hold')
        ? { code: 'transaction_status_conflict', words: /AUTHORIZED is not on hold/ }
        : { code: 'operation_unsupported', words: /can't be changed/ }
      const more = { amount: one.amount + 100, items: [{ line_id: '1', amount: one.amount + 100 }] }
      if (can('pre_authorization')) return done(await change({ ...more, final_authorization: true }), 'AUTHORIZED')
      if (can('extend')) await done(await change({}), 'AUTHORIZED')
      else refused(await change({}), unsupported)
      const changed = await change(more)
      if (!can('amount')) return refused(changed, unsupported)
      await done(changed, 'AUTHORIZED')
      assert.equal(changed.body.amount, more.amount)
    },
  ],
  [
    'stored',
    async (one) => {
      for (const token_type of ['payment_token', 'recurrence_token'] as const) {
        const created = await shop.call('POST', '/v1/sessions/payment-token', {
          session: { url: { return_url: 'https://shop.example/' }, order: { currency: one.currency, merchant_reference: 't' } },
          token_provider: { payment_product_type: one.type, token_types: [token_type] },
        })
        if (!one.token_types.includes(token_type)) {
          assert.equal(created.status, 400, token_type)
          assert.match(created.body.error.message, /token/)
          continue
        }
        assert.equal(created.status, 200, JSON.stringify(created.body))
        assert.equal((await attempt(created.body.id, one.type, 'approve')).body.success, true)
        const { id } = await transactionOf(created.body.id)
        const { body } = await shop.call('GET', `/v1/transactions/${id}?includes=card.${token_type}`)
        assert.equal(typeof body.card[token_type], 'string')
      }
    },
  ],
  [
    'refused in another currency',
    async (one) => {
      const { currencies } = one
      if (currencies === 'any') return
      const wrong = { ...one, currency: ['SEK', 'NOK', 'USD'].find((candidate) => !currencies.includes(candidate))! }
      refused(await create([one.type], wrong), {
        code: 'no_payment_product',
        words: new RegExp(`${one.type}.* ${wrong.currency}`),
      })
      const { body } = await create([one.type, 'netaxept.creditcard'], wrong)
      const answer = await attempt(body.id, one.type, 'approve')
      refused(answer, { code: 'payment_product_not_payable', words: /netaxept.creditcard can/ })
    },
  ],
]

test('matrix: has every published payment product type', () => {
  assert.ok(matrix.length >= 41, String(matrix.length))
  for (const type of ['vipps', 'swish.swish', 'klarna.klarna', 'dintero_psp.creditcard', 'collector.invoice', 'two.invoice_b2b'])
    assert.ok(cases.some((one) => one.type === type))
})

// The matrix says what can be done; here each type does it, or is refused with a reason.
for (const one of cases) for (const [operation, check] of column) test(`${one.type}: ${operation}`, () => check(one))
