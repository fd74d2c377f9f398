import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EventName, settlementStatusOf } from '../transactions/transaction.ts'
import { decimal } from './attachments/report.ts'
import { finishedUntil, nextMidnight, settlementStatus } from './settlement.ts'

for (const [moved, settled, status] of [
  [0, 0, 'NOT_SETTLED'],
  [1, 0, 'NOT_SETTLED'],
  [2, 1, 'PARTIALLY_SETTLED'],
  [1, 1, 'SETTLED'],
  [3, 3, 'SETTLED'],
] as const) {
  test(`settlement status: ${status} when ${settled} of ${moved} are settled`, () =>
    assert.equal(settlementStatus({ moved, settled }), status))
}

// C: capture, R: refund, c, r: refused ones, P and S: SETTLEMENT events after which part or all is settled.
const histories: [events: string, status: string][] = [
  ['', 'NOT_SETTLED'],
  ['C', 'NOT_SETTLED'],
  ['CR', 'NOT_SETTLED'],
  ['CS', 'SETTLED'],
  ['CCP', 'PARTIALLY_SETTLED'],
  ['CCPS', 'SETTLED'],
  ['CSc', 'SETTLED'],
  ['CSr', 'SETTLED'],
  ['CSR', 'PARTIALLY_SETTLED'],
  ['CSRS', 'SETTLED'],
  ['CSC', 'PARTIALLY_SETTLED'],
  ['CSV', 'SETTLED'],
]
const eventNames: Record<string, EventName> = { C: 'CAPTURE', R: 'REFUND', V: 'VOID', P: 'SETTLEMENT', S: 'SETTLEMENT' }
for (const [history, status] of histories) {
  test(`settlement status: ${status} after ${history || 'nothing'}`, () => {
    const events = [...history].map((letter) => {
      const settlement_status = letter === 'S' ? ('SETTLED' as const) : ('PARTIALLY_SETTLED' as const)
      const event = eventNames[letter.toUpperCase()]!
      const data = event === 'SETTLEMENT' ? { settlements: { events: [], settlement_status } } : {}
      return { event, success: letter === letter.toUpperCase(), amount: 100, data }
    })
    assert.equal(settlementStatusOf(events), status)
  })
}

for (const [now, until] of [
  ['2026-11-21T00:09:59.999Z', '2026-11-20'],
  ['2026-11-21T00:10:00.000Z', '2026-11-21'],
  ['2026-11-21T23:59:59.999Z', '2026-11-21'],
] as const) {
  test(`finished days: until ${until} at ${now}`, () =>
    assert.equal(finishedUntil(new Date(now)).toISOString(), `${until}T00:00:00.000Z`))
}

test('next midnight: of a midnight is a day later', () =>
  assert.equal(nextMidnight(new Date('2026-11-20T00:00:00Z')).toISOString(), '2026-11-21T00:00:00.000Z'))

for (const [amount, currency, text] of [
  [0, 'NOK', '0.00'],
  [5, 'NOK', '0.05'],
  [-123_456_789, 'NOK', '-1 234 567.89'],
  [1_234, 'JPY', '1 234'],
  [100_000, 'EUR', '1 000.00'],
] as const) {
  test(`decimal: ${amount} ${currency} is ${text}`, () => assert.equal(decimal(amount, currency), text))
}
