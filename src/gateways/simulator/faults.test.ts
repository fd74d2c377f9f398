import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { chooseFault, fittingRules, mask, type Script, type Subject } from './faults.ts'

const subject: Subject = {
  operation: 'capture',
  payment_product_type: 'vipps',
  amount: 500,
  merchant_reference: 'order-17-b',
  masked_pan: mask('4000000000000002'),
}

for (const [when, fits] of [
  [{}, true],
  [{ operation: 'capture' }, true],
  [{ operation: 'refund' }, false],
  [{ payment_product_type: 'vipps', amount: 500 }, true],
  [{ amount: 501 }, false],
  [{ card: '4000 0000 0000 0002' }, true],
  [{ card: '4000000000000010' }, false],
  [{ merchant_reference: 'order-17-b' }, true],
  [{ merchant_reference: 'order-17' }, false],
  [{ merchant_reference: 'order-*' }, true],
  [{ merchant_reference: '*-b' }, true],
  [{ merchant_reference: 'o*-17-*' }, true],
  [{ merchant_reference: 'order-17-b*b' }, false],
  [{ merchant_reference: '*18*' }, false],
] as const) {
  test(`rule: ${fits ? 'fits' : 'does not fit'} when ${JSON.stringify(when)}`, () => {
    assert.deepEqual(fittingRules({ rules: [{ when, do: 'decline' }] } as Script, subject), fits ? [0] : [])
  })
}

test('rule: only the nth fitting call, and the first rule whose turn it is', () => {
  const script: Script = { seed: 's', rules: [{ when: { nth: 2 }, do: 'decline' }, { do: 'slow' }] }
  const chosen = [1, 2, 3].map((n) => chooseFault(script, subject, { fitting: [0, 1], counters: { 0: n }, earlier: 0 })?.do)
  assert.deepEqual(chosen, ['slow', 'decline', 'slow'])
})

test('draw: the same for the same seed and call, near the rate over many, different for another seed', () => {
  const draw = (seed: string, earlier: number) =>
    chooseFault({ seed, fault_rate: 0.3 }, subject, { fitting: [], counters: {}, earlier })?.do
  const draws = Array.from({ length: 2000 }, (_, n) => draw('seed', n))
  assert.deepEqual(
    draws,
    Array.from({ length: 2000 }, (_, n) => draw('seed', n)),
  )
  const rate = draws.filter(Boolean).length / draws.length
  assert.ok(rate > 0.25 && rate < 0.35, `${rate}`)
  assert.notDeepEqual(
    draws,
    Array.from({ length: 2000 }, (_, n) => draw('other', n)),
  )
})

test('mask: keeps at most ten digits of any card number, and does not change what is masked', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^\d{12,19}$/), (number) => {
      const masked = mask(number)
      assert.equal(masked.length, number.length)
      assert.equal(masked.replace(/\D/g, '').length, 10)
      assert.equal(mask(masked), masked)
    }),
  )
})
