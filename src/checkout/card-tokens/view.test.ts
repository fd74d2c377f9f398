import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, later, now, transactionRow } from '../../../test/rows.ts'
import { type CardTokenRow, cardTokensOf, cardTokenView, mayCharge, useOf } from './card-token.ts'

const bare: CardTokenRow = {
  ...{ account_id: 'T12345678', id: 'pid', version: 1, type: 'payment_token', token: 'p', status: 'ACTIVE' },
  ...{ payment_product_type: 'dintero_psp.creditcard', card_brand: null, masked_pan: null, token_expiry_date: null },
  ...{ pan_expiry_date: null, customer_id: null, relationship_id: null, transaction_id: 'T12345678.t', failures: [] },
  ...{ created_at: before, created_by: null, updated_at: before, deleted_at: null, deleted_by: null },
}

test('card tokens: those that a payment brought, with what is known of the card', () => {
  const card = { brand: 'VISA', masked_pan: '4111', expiry_date: '2030-01', payment_token_id: 'pid', recurrence_token_id: 'rid' }
  const tokens = { payment_token: 'p', recurrence_token: 'r' }
  const known = {
    card_brand: 'visa',
    masked_pan: '4111',
    token_expiry_date: '2030-01',
    pan_expiry_date: '2030-01',
    customer_id: 'C',
  }
  assert.deepEqual(cardTokensOf(transactionRow({ customer_id: 'C', data: { card, tokens } })), [
    { ...bare, ...known },
    { ...bare, ...known, id: 'rid', type: 'recurrence_token', token: 'r' },
  ])
  assert.deepEqual(cardTokensOf(transactionRow({ data: { card: { payment_token_id: 'pid' }, tokens } })), [bare])
  assert.deepEqual(cardTokensOf(transactionRow({ data: { card, tokens: {} } })), [])
  assert.deepEqual(cardTokensOf(transactionRow({ data: { tokens } })), [])
  assert.deepEqual(cardTokensOf(transactionRow()), [])
})
test('card token: as it is shown', () => {
  assert.deepEqual(cardTokenView({ ...bare, card_brand: 'visa' }), {
    ...{ account_id: 'T12345678', id: 'pid', type: 'payment_token', token: 'p', status: 'ACTIVE', card_brand: 'visa' },
    ...{ payment_product_type: 'dintero_psp.creditcard', transaction_id: 'T12345678.t', created_at: before, updated_at: before },
    ...{ external_token_references: [], links: [] },
  })
})
test('card token: why it may not be charged, and until when', () => {
  const message = 'The issuer said not to try this card again. The customer must give another.'
  assert.deepEqual(mayCharge({ ...bare, status: 'SUSPENDED' }, now), { code: 'card_token_blocked', message })
  for (const status of ['INACTIVE', 'CANCELLED', 'DELETED'] as const) {
    assert.deepEqual(mayCharge({ ...bare, status }, now), { code: 'card_token_not_active', message: `The token is ${status}.` })
  }
  const day_ms = 86_400_000
  const failures = [...Array.from({ length: 9 }, () => later(-1_000)), later(1 - day_ms)]
  assert.deepEqual(mayCharge({ ...bare, card_brand: 'mastercard', failures }, now), {
    code: 'card_token_retry_limit',
    message: `Payments with this card failed 10 times; the card scheme allows no more before ${later(1).toISOString()}.`,
  })
  assert.equal(mayCharge({ ...bare, card_brand: 'mastercard', failures: [...failures.slice(1), later(-day_ms)] }, now), undefined)
  assert.equal(mayCharge({ ...bare, failures }, now), undefined)
})
test('card token: only DO_NOT_RETRY blocks', () => {
  assert.deepEqual(useOf({ message: 'no', retry_policy: { retry_codes: ['RETRY_LATER'] } }), { success: false, blocked: false })
})
