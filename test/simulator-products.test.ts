import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { products } from '../src/gateways/simulator/products.ts'
import { startSimulator } from './simulator-gateway.ts'

let simulator: Awaited<ReturnType<typeof startSimulator>>
before(async () => {
  simulator = await startSimulator()
})
after(() => simulator.close())

// Each payment product type, by its row in the capability matrix: what it can do is done, what it can't is refused with a reason.
for (const product of products) {
  const type = product.payment_product_type
  const zero = type === 'dintero.zero'
  const half = zero ? 0 : 30_000

  test(`${type}: approved, declined, cancelled and ${product.may_hold ? '' : 'not '}held`, async () => {
    const outcomes = []
    for (const simulate of ['approve', 'decline', 'cancel', 'hold']) {
      const answer = await simulator.gateway.authorize(simulator.authorization(type, { payment: { simulate } }))
      outcomes.push(answer.outcome === 'failed' ? answer.reason : answer.outcome)
      if (answer.outcome === 'succeeded') assert.equal('captured' in answer, product.direct_capture)
    }
    assert.deepEqual(outcomes, ['succeeded', 'declined', 'cancelled', product.may_hold ? 'held' : 'rejected'])
  })

  test(`${type}: captured and refunded in parts, each as far as it goes`, async () => {
    const { gateway, next } = simulator
    const call = await simulator.paid(type)
    if (!product.direct_capture) {
      assert.equal((await gateway.capture(next(call, half))).outcome, 'succeeded')
      assert.equal((await gateway.capture(next(call, half))).outcome, 'succeeded')
    }
    const beyond = await gateway.capture(next(call, 1))
    assert.ok(beyond.outcome === 'failed' && beyond.error.code === 'amount_exceeds_authorized')
    for (const amount of [half, half]) {
      const refund = next(call, amount)
      assert.equal((await gateway.refund(refund)).outcome, product.refund_later ? 'pending' : 'succeeded')
      assert.equal((await gateway.find(refund)).outcome, 'succeeded')
    }
    const more = await gateway.refund(next(call, 1))
    assert.ok(more.outcome === 'failed' && more.error.code === 'amount_exceeds_captured')
    const total = zero ? 0 : 60_000
    assert.deepEqual(await simulator.totals(call.transaction_id), {
      authorized: total,
      captured: total,
      refunded: total,
      voided: 0,
    })
  })

  test(`${type}: voided ${product.direct_capture ? 'never' : product.void_remainder ? 'whole or what is left' : 'whole only'}`, async () => {
    const { gateway, next } = simulator
    const whole = await simulator.paid(type)
    const voided = await gateway.void(next(whole, whole.amount))
    assert.equal(voided.outcome, product.direct_capture ? 'failed' : 'succeeded')
    if (product.direct_capture || zero) return
    const part = await simulator.paid(type)
    await gateway.capture(next(part, 20_000))
    const rest = await gateway.void(next(part, 40_000))
    assert.equal(rest.outcome, product.void_remainder ? 'succeeded' : 'failed')
    if (rest.outcome === 'failed') assert.equal(rest.error.code, 'partial_void_not_supported')
    assert.equal((await gateway.capture(next(part, 1))).outcome, product.void_remainder ? 'failed' : 'succeeded')
  })

  test(`${type}: takes only its currencies`, async () => {
    const answer = await simulator.gateway.authorize(simulator.authorization(type, { currency: 'JPY' }))
    assert.equal(answer.outcome, product.currencies === 'any' ? 'succeeded' : 'failed')
    if (answer.outcome === 'failed') assert.equal(answer.error.code, 'currency_not_supported')
  })

  test(`${type}: updates its authorization by ${product.authorization_update.join(', ') || 'nothing'}`, async () => {
    for (const update of ['extend', 'amount', 'pre_authorization', 'release_hold'] as const) {
      const held = update === 'release_hold' && product.may_hold
      const call = simulator.authorization(type, { pre_authorization: true, payment: { simulate: held ? 'hold' : 'approve' } })
      await simulator.gateway.authorize(call)
      const answer = await simulator.gateway.updateAuthorization({
        ...simulator.next(call, update === 'pre_authorization' ? call.amount + 1 : call.amount),
        update,
      })
      const can = product.authorization_update.includes(update) && (update !== 'release_hold' || held)
      assert.equal(answer.outcome, can ? 'succeeded' : 'failed', `${update}: ${JSON.stringify(answer)}`)
    }
  })
}

test('pre-authorization: captured only when it was made final, with the amount it was given then', async () => {
  const { gateway, next } = simulator
  const call = await simulator.paid('dintero_psp.creditcard', { pre_authorization: true })
  const early = await gateway.capture(next(call, 100))
  assert.ok(early.outcome === 'failed' && early.error.code === 'authorization_not_final')
  const smaller = { ...next(call, 50_000), update: 'pre_authorization' } as const
  assert.equal((await gateway.updateAuthorization(smaller)).outcome, 'failed')
  const final = { ...next(call, 50_000), update: 'pre_authorization', final_authorization: true } as const
  assert.equal((await gateway.updateAuthorization(final)).outcome, 'succeeded')
  assert.equal((await gateway.capture(next(call, 50_000))).outcome, 'succeeded')
  assert.equal((await gateway.updateAuthorization({ ...final, idempotency_key: 'again' })).outcome, 'failed')
})

test('final capture: the rest is released with it', async () => {
  const { gateway, next } = simulator
  const call = await simulator.paid('dintero_psp.creditcard')
  assert.equal((await gateway.capture({ ...next(call, 10_000), final_capture: true })).outcome, 'succeeded')
  const totals = { authorized: 60_000, captured: 10_000, refunded: 0, voided: 50_000 }
  assert.deepEqual(await simulator.totals(call.transaction_id), totals)
})
