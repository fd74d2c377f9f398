import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CardTokenRow, mayCharge, useOf } from './card-token.ts'

const now = new Date('2026-11-23T10:00:00Z')
const ago = (hours: number) => new Date(now.getTime() - hours * 3_600_000)
const token = (changes: Partial<CardTokenRow>) =>
  ({ status: 'ACTIVE', card_brand: 'visa', failures: [], ...changes }) as unknown as CardTokenRow
const times = (count: number, hours: number) => Array.from({ length: count }, () => ago(hours))

for (const [what, given, code] of [
  ['nothing failed', {}, undefined],
  ['14 Visa failures', { failures: times(14, 1) }, undefined],
  ['15 Visa failures in 30 days', { failures: times(15, 700) }, 'card_token_retry_limit'],
  ['15 Visa failures, one older than 30 days', { failures: [...times(14, 1), ago(721)] }, undefined],
  ['9 Mastercard failures', { card_brand: 'mastercard', failures: times(9, 1) }, undefined],
  ['10 Mastercard failures in 24 hours', { card_brand: 'mastercard', failures: times(10, 23) }, 'card_token_retry_limit'],
  ['10 Mastercard failures, the day before', { card_brand: 'mastercard', failures: times(10, 25) }, undefined],
  ['another brand', { card_brand: 'amex', failures: times(15, 1) }, undefined],
  ['a suspended card', { status: 'SUSPENDED' }, 'card_token_blocked'],
  ['a deleted card', { status: 'DELETED' }, 'card_token_not_active'],
] as const) {
  test(`may charge: ${code ?? 'yes'} with ${what}`, () => {
    assert.equal(mayCharge(token(given as Partial<CardTokenRow>), now)?.code, code)
  })
}

test('use: a refusal counts, DO_NOT_RETRY blocks, a success clears', () => {
  assert.deepEqual(useOf(undefined), { success: true, blocked: false })
  assert.deepEqual(useOf({ message: 'no' }), { success: false, blocked: false })
  const error = { message: 'never', retry_policy: { retry_codes: ['DO_NOT_RETRY'] } }
  assert.deepEqual(useOf(error), { success: false, blocked: true })
})
