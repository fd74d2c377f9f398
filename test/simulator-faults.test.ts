import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import fc from 'fast-check'
import type { FoundOutcome } from '../src/gateways/gateway.ts'
import { faults } from '../src/gateways/simulator/faults.ts'
import { account_id, startSimulator } from './simulator-gateway.ts'

let simulator: Awaited<ReturnType<typeof startSimulator>>
before(async () => {
  simulator = await startSimulator()
})
afterEach(async () => {
  await simulator.sql`delete from simulator.scripts`
})
after(() => simulator.close())

const type = 'payex.creditcard'
const told = (answer: FoundOutcome) => (answer.outcome === 'failed' && answer.reason ? answer.reason : answer.outcome)

// What the caller is told at once, when it asks again at once, and when it asks again after `after_s`.
for (const [fault, first, early, later] of [
  ['decline', 'rejected', 'rejected', 'rejected'],
  ['timeout_before', 'unknown', 'absent', 'absent'],
  ['timeout_after', 'unknown', 'unknown', 'succeeded'],
  ['duplicate', 'succeeded', 'succeeded', 'succeeded'],
  ['late', 'unknown', 'unknown', 'succeeded'],
  ['slow', 'succeeded', 'succeeded', 'succeeded'],
  ['pending', 'pending', 'pending', 'succeeded'],
  ['pending_then_fail', 'pending', 'pending', 'rejected'],
  ['hold_then_approve', 'held', 'held', 'succeeded'],
  ['hold_then_fail', 'held', 'held', 'failed'],
  ['succeed_after_expiry', 'unknown', 'unknown', 'succeeded'],
  ['refuse_partial_void', 'succeeded', 'succeeded', 'succeeded'],
] as const) {
  test(`authorize with ${fault}: ${first}, then ${early}, then ${later}`, async () => {
    await simulator.script({ rules: [{ do: fault, after_s: 60, slow_ms: 1 }] })
    const call = simulator.authorization(type)
    assert.equal(told(await simulator.gateway.authorize(call)), first)
    assert.equal(told(await simulator.gateway.find(call)), early)
    simulator.wait(61)
    assert.equal(told(await simulator.gateway.find(call)), later)
    const { authorized } = await simulator.totals(call.transaction_id)
    assert.equal(authorized, later === 'succeeded' ? 60_000 : 0)
  })
}

for (const [fault, first, early, later] of [
  ['decline', 'failed', 'failed', 'failed'],
  ['timeout_before', 'unknown', 'absent', 'absent'],
  ['timeout_after', 'unknown', 'unknown', 'succeeded'],
  ['duplicate', 'succeeded', 'succeeded', 'succeeded'],
  ['late', 'unknown', 'unknown', 'succeeded'],
  ['slow', 'succeeded', 'succeeded', 'succeeded'],
  ['pending', 'pending', 'pending', 'succeeded'],
  ['pending_then_fail', 'pending', 'pending', 'failed'],
] as const) {
  for (const kind of ['capture', 'refund', 'void'] as const) {
    test(`${kind} with ${fault}: ${first}, then ${early}, then ${later}`, async () => {
      const { gateway, next } = simulator
      const call = await simulator.paid(type)
      if (kind === 'refund') await gateway.capture(next(call, 60_000))
      await simulator.script({ rules: [{ when: { operation: kind }, do: fault, slow_ms: 1 }], after_s: 60 })
      const asked = next(call, 60_000)
      assert.equal((await gateway[kind](asked)).outcome, first)
      assert.equal((await gateway.find(asked)).outcome, early)
      simulator.wait(61)
      assert.equal((await gateway.find(asked)).outcome, later)
      const totals = await simulator.totals(call.transaction_id)
      const done = { capture: totals.captured, refund: totals.refunded, void: totals.voided }[kind]
      assert.equal(done, later === 'succeeded' ? 60_000 : 0)
    })
  }
}

for (const kind of ['authorize', 'capture'] as const) {
  test(`${kind} with timeout_before: done once when it is asked for again with the same key`, async () => {
    const { gateway, next } = simulator
    const call = kind === 'capture' ? await simulator.paid(type) : simulator.authorization(type, { generate_payment_token: true })
    await simulator.script({ rules: [{ do: 'timeout_before' }] })
    const ask = kind === 'capture' ? gateway.capture.bind(gateway, next(call, 20_000)) : gateway.authorize.bind(gateway, call)
    assert.equal((await ask()).outcome, 'unknown')
    const answers = await Promise.all([ask(), ask(), ask()])
    for (const answer of answers) {
      assert.equal(answer.outcome, 'succeeded')
      assert.deepEqual(answer, answers[0])
    }
    const { authorized, captured } = await simulator.totals(call.transaction_id)
    assert.deepEqual([authorized, captured], [60_000, kind === 'capture' ? 20_000 : 0])
  })
}

test('late capture: refused when it arrives after a void', async () => {
  const { gateway, next } = simulator
  const call = await simulator.paid(type)
  await simulator.script({ rules: [{ when: { operation: 'capture' }, do: 'late', after_s: 60 }] })
  const capture = next(call, 60_000)
  assert.equal((await gateway.capture(capture)).outcome, 'unknown')
  assert.equal((await gateway.void(next(call, 60_000))).outcome, 'succeeded')
  simulator.wait(61)
  assert.equal((await gateway.find(capture)).outcome, 'failed')
})

test('refuse_partial_void: only when a part is captured', async () => {
  const { gateway, next } = simulator
  await simulator.script({ rules: [{ do: 'refuse_partial_void' }] })
  const whole = await simulator.paid(type)
  assert.equal((await gateway.void(next(whole, 60_000))).outcome, 'succeeded')
  const part = await simulator.paid(type)
  await gateway.capture(next(part, 1_000))
  assert.equal((await gateway.void(next(part, 59_000))).outcome, 'failed')
})

test('rules: by reference, card and nth, over a whole story', async () => {
  const { gateway, next } = simulator
  await simulator.script({
    rules: [
      { when: { operation: 'capture', card: '4000000000000002', nth: 2 }, do: 'decline', result_code: '51' },
      { when: { merchant_reference: 'vip-*' }, do: 'timeout_after' },
    ],
  })
  const call = await simulator.paid(type, { payment: simulator.card('4000 0000 0000 0002') })
  const outcomes = []
  for (let i = 0; i < 3; i++) outcomes.push((await gateway.capture(next(call, 1_000))).outcome)
  assert.deepEqual(outcomes, ['succeeded', 'failed', 'succeeded'])
  const vip = simulator.authorization(type, { merchant_reference: 'vip-1' })
  assert.equal((await gateway.authorize(vip)).outcome, 'unknown')
})

test('property: whatever goes wrong, the totals are what the settled movements add up to, and the same seed repeats it', async () => {
  const operation = fc.record({
    kind: fc.constantFrom('capture', 'refund', 'void' as const),
    amount: fc.integer({ min: 1, max: 40_000 }),
    twice: fc.boolean(),
  })
  const names = (Object.keys(faults) as (keyof typeof faults)[]).filter((name) => name !== 'slow')
  await fc.assert(
    fc.asyncProperty(
      fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme-ascii' }),
      fc.array(operation, { maxLength: 8 }),
      async (seed, story) => {
        const tell = async () => {
          const { gateway, next } = simulator
          await simulator.script({ seed, fault_rate: 0.5, faults: names, after_s: 5 })
          const call = simulator.authorization(type)
          const answers = [told(await gateway.authorize(call))]
          simulator.wait(6)
          if ((await gateway.find(call)).outcome === 'absent') await gateway.authorize(call)
          const asked = []
          for (const { kind, amount, twice } of story) {
            const followUp = next(call, amount)
            asked.push(followUp)
            answers.push((await gateway[kind](followUp)).outcome)
            if (twice) await Promise.all([gateway[kind](followUp), gateway[kind](followUp)])
          }
          simulator.wait(6)
          for (const followUp of asked) await gateway.find(followUp)
          const [book] = await simulator.sql`
          select coalesce(sum(amount) filter (where kind = 'authorize'), 0)::bigint as authorized,
            coalesce(sum(amount) filter (where kind = 'capture'), 0)::bigint as captured,
            coalesce(sum(amount) filter (where kind = 'refund'), 0)::bigint as refunded,
            coalesce(sum(amount) filter (where kind = 'void'), 0)::bigint as voided
          from simulator.movements where account_id = ${account_id} and transaction_id = ${call.transaction_id} and state = 'succeeded'`
          assert.deepEqual(await simulator.totals(call.transaction_id), { ...book })
          return answers
        }
        assert.deepEqual(await tell(), await tell())
      },
    ),
    { numRuns: 20 },
  )
})
