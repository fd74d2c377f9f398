import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { cloneDatabase, type TestDatabase } from '../../test/database.ts'
import { systemClock, systemIds } from '../lib/ids.ts'
import type { AuthorizeCall, Gateway } from './gateway.ts'
import { createSimulator } from './simulator/operations.ts'

/*
 * What every gateway must do. A new provider joins by one more entry in `gateways`: how to build it against its test environment,
 * and the cards (or other means) that make it approve, decline and not answer.
 */

type Candidate = {
  gateway: Gateway
  account_id: string
  payment_product_type: string
  currency: string
  approve: Record<string, unknown>
  decline: Record<string, unknown>
  /** Approved, but the first answer to a capture is lost. */
  lose_capture: Record<string, unknown>
}

let database: TestDatabase
const card = (number: string) => ({ card: { number, expiry: '12/39', cvc: '123' } })
const gateways: Record<string, () => Candidate> = {
  simulator: () => ({
    gateway: createSimulator({
      sql: database.sql,
      clock: systemClock,
      ids: systemIds(systemClock),
      config: { public_url: 'http://localhost' },
    }),
    account_id: 'T00000001',
    payment_product_type: 'dintero_psp.creditcard',
    currency: 'NOK',
    approve: card('4000 0000 0000 0002'),
    decline: card('4000 3000 0000 0006'),
    lose_capture: card('4100 0000 0000 0019'),
  }),
}

before(async () => {
  database = await cloneDatabase()
})
after(async () => {
  await database.drop()
})

for (const [name, build] of Object.entries(gateways)) {
  describe(`gateway contract: ${name}`, () => {
    const authorization = (candidate: Candidate, payment: Record<string, unknown>, amount = 10_000): AuthorizeCall => ({
      account_id: candidate.account_id,
      idempotency_key: randomUUID(),
      transaction_id: `${candidate.account_id}.${randomUUID()}`,
      session_id: `${candidate.account_id}.${randomUUID()}`,
      merchant_reference: 'contract',
      payment_product_type: candidate.payment_product_type,
      amount,
      currency: candidate.currency,
      operation: 'purchase',
      payment,
      return_url: 'http://localhost/return',
    })
    const paid = async (candidate: Candidate, payment = candidate.approve) => {
      const call = authorization(candidate, payment)
      const answer = await candidate.gateway.authorize(call)
      assert.equal(answer.outcome, 'succeeded')
      const { account_id, transaction_id, payment_product_type, currency } = call
      const gateway_reference = answer.outcome === 'succeeded' ? answer.gateway_reference : ''
      const next = (amount: number) => ({
        account_id,
        transaction_id,
        payment_product_type,
        currency,
        gateway_reference,
        amount,
        idempotency_key: randomUUID(),
      })
      return { call, answer, next }
    }

    test('authorize: succeeded, with a reference and no card number in the answer', async () => {
      const { answer } = await paid(build())
      assert.doesNotMatch(JSON.stringify(answer), /4000000000000002/)
    })

    test('authorize: failed with a message and a reason when declined', async () => {
      const candidate = build()
      const answer = await candidate.gateway.authorize(authorization(candidate, candidate.decline))
      assert.ok(answer.outcome === 'failed' && answer.error.message.length > 0 && answer.reason)
    })

    test('authorize: the same answer, done once, when the key is repeated, also at the same time', async () => {
      const candidate = build()
      const call = authorization(candidate, candidate.approve)
      const answers = await Promise.all([1, 2, 3, 4].map(() => candidate.gateway.authorize(call)))
      for (const answer of answers) assert.deepEqual(answer, answers[0])
      assert.deepEqual(await candidate.gateway.authorize(call), answers[0])
      assert.deepEqual(await candidate.gateway.find(call), answers[0])
    })

    test('find: absent when the provider never received the key', async () => {
      const { gateway, account_id } = build()
      assert.deepEqual(await gateway.find({ account_id, idempotency_key: randomUUID() }), { outcome: 'absent' })
    })

    test('find: called off, a call that arrives late is refused; one that has arrived stands', async () => {
      const candidate = build()
      const { gateway } = candidate
      const late = authorization(candidate, candidate.approve)
      assert.deepEqual(await gateway.find({ ...late, call_off: true }), { outcome: 'absent' })
      assert.equal((await gateway.authorize(late)).outcome, 'failed')
      assert.deepEqual(await gateway.find({ ...late, call_off: true }), { outcome: 'absent' })
      const { call } = await paid(candidate)
      assert.equal((await gateway.find({ ...call, call_off: true })).outcome, 'succeeded')
    })

    test('find: called off while the call arrives, exactly one of them wins', async () => {
      const candidate = build()
      const { gateway } = candidate
      for (let round = 0; round < 20; round++) {
        const call = authorization(candidate, candidate.approve)
        const [authorized, found] = await Promise.all([gateway.authorize(call), gateway.find({ ...call, call_off: true })])
        assert.equal(found.outcome === 'absent', authorized.outcome === 'failed', `${authorized.outcome} ${found.outcome}`)
      }
    })

    test('find: absent on another account than the one that called', async () => {
      const candidate = build()
      const { call } = await paid(candidate)
      const found = await candidate.gateway.find({ account_id: 'T00000002', idempotency_key: call.idempotency_key })
      assert.deepEqual(found, { outcome: 'absent' })
    })

    for (const kind of ['capture', 'refund', 'void'] as const) {
      test(`${kind}: done once when the key is repeated, also at the same time`, async () => {
        const { gateway, ...candidate } = build()
        const { next } = await paid({ gateway, ...candidate })
        if (kind === 'refund') assert.equal((await gateway.capture(next(10_000))).outcome, 'succeeded')
        const call = next(kind === 'void' ? 10_000 : 6_000)
        const answers = await Promise.all([1, 2, 3].map(() => gateway[kind](call)))
        for (const answer of answers) assert.equal(answer.outcome, 'succeeded')
        assert.equal((await gateway[kind](call)).outcome, 'succeeded')
        assert.equal((await gateway.find(call)).outcome, 'succeeded')
        // Were it done twice, nothing of this would be left.
        if (kind !== 'void') assert.equal((await gateway[kind](next(4_000))).outcome, 'succeeded')
        const more = await gateway[kind](next(1))
        assert.ok(more.outcome === 'failed' && more.error.message.length > 0)
      })
    }

    test('capture: never beyond the authorization when twenty race', async () => {
      const { gateway, ...candidate } = build()
      const { next } = await paid({ gateway, ...candidate })
      const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.capture(next(1_000))))
      assert.equal(answers.filter(({ outcome }) => outcome === 'succeeded').length, 10)
      assert.equal(answers.filter(({ outcome }) => outcome === 'failed').length, 10)
    })

    test('capture and void: exactly one wins when they race for the whole', async () => {
      const { gateway, ...candidate } = build()
      const { next } = await paid({ gateway, ...candidate })
      const answers = await Promise.all([gateway.capture(next(10_000)), gateway.void(next(10_000))])
      assert.deepEqual(answers.map(({ outcome }) => outcome).sort(), ['failed', 'succeeded'])
    })

    test('capture: failed when the currency is another', async () => {
      const { gateway, ...candidate } = build()
      const { next } = await paid({ gateway, ...candidate })
      const answer = await gateway.capture({ ...next(1_000), currency: 'JPY' })
      assert.equal(answer.outcome, 'failed')
    })

    test('capture: failed when there is no such payment', async () => {
      const { gateway, ...candidate } = build()
      const { next } = await paid({ gateway, ...candidate })
      const answer = await gateway.capture({ ...next(1_000), transaction_id: 'T00000001.none', gateway_reference: 'none' })
      assert.equal(answer.outcome, 'failed')
    })

    test('capture: unknown, then resolved with the same key, done once, when the answer is lost', async () => {
      const { gateway, ...candidate } = build()
      const { next } = await paid({ gateway, ...candidate }, candidate.lose_capture)
      const call = next(6_000)
      assert.deepEqual(await gateway.capture(call), { outcome: 'unknown' })
      const found = await gateway.find(call)
      assert.equal(found.outcome, 'succeeded')
      assert.deepEqual(await gateway.capture(call), found)
      const beyond = next(4_001)
      await gateway.capture(beyond)
      assert.equal((await gateway.find(beyond)).outcome, 'failed')
    })

    test('products: every type says what it can do, once', () => {
      const types = build().gateway.products.map((product) => product.payment_product_type)
      assert.ok(types.length > 0)
      assert.equal(new Set(types).size, types.length)
    })
  })
}
