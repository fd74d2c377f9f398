import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, later, now, transactionRow } from '../../test/rows.ts'
import { cardTokensOf } from '../checkout/card-tokens/card-token.ts'
import { tokenId } from '../checkout/card-tokens/operations.ts'
import { verifyCardToken } from './card-token.ts'
import type { CardTokenRead } from './store.ts'

const account_id = 'T12345678'
const id = tokenId(account_id, 'dintero_psp.creditcard', 'secret')
const card = { brand: 'Visa', masked_pan: '400000******0002', expiry_date: '12/2039', payment_token_id: id }
const transaction = transactionRow({ customer_id: 'kari', data: { card, tokens: { payment_token: 'secret' } }, updated_at: now })
const [stored] = cardTokensOf(transaction)
const token = (row: Partial<CardTokenRead['row']> = {}, rest: Partial<CardTokenRead> = {}): CardTokenRead => ({
  ...{ account_id, id, row: { ...stored!, ...row }, transaction, told: 'checkout_token_add', told_since: before, ...rest },
})
const deleted = { status: 'DELETED', version: 2, deleted_at: now } as const
const without = { transaction: { ...transaction, customer_id: null } }

const cases: [title: string, read: CardTokenRead, differences: unknown[][]][] = [
  ['as it was brought', token(), []],
  ['another token', token({ token: 'x' }), [['id', tokenId(account_id, 'dintero_psp.creditcard', 'x'), id]]],
  [
    'of another customer, another card',
    token({ customer_id: 'ola', masked_pan: 'x', token_expiry_date: 'x', pan_expiry_date: 'x', card_brand: 'x' }),
    [
      ['masked_pan', '400000******0002', 'x'],
      ['token_expiry_date', '12/2039', 'x'],
      ['pan_expiry_date', '12/2039', 'x'],
      ['customer_id', 'kari', 'ola'],
      ['card_brand', 'visa', 'x'],
    ],
  ],
  ['given again without a customer, under another brand', token({ version: 2, card_brand: 'x' }, without), []],
  [
    'without its transaction',
    token({ transaction_id: 'x' }, { transaction: null }),
    [['transaction_id', 'the transaction that brought this payment_token', 'x']],
  ],
  [
    'of another type',
    token({ type: 'recurrence_token' }),
    [['transaction_id', 'the transaction that brought this recurrence_token', 'T12345678.t']],
  ],
  ['deleted', token(deleted, { told: 'checkout_token_delete' }), []],
  ['deleted, but nobody said so', token(deleted, { told: 'checkout_token_update' }), [['deleted', false, true]]],
  ['in use again, though it was deleted', token({ version: 2 }, { told: 'checkout_token_delete' }), [['deleted', true, false]]],
  ['not told', token({}, { told: null }), [['notification 1', 'a row of the outbox', null]]],
  ['told so long ago that it is forgotten', token({}, { told: null, told_since: later(1) }), []],
]
for (const [title, read, differences] of cases) {
  test(`verify a card token: ${title}`, () => {
    const list = verifyCardToken(read)
    assert.deepEqual(
      list.map(({ what, expected, found }) => [what, expected, found]),
      differences,
    )
    for (const { aggregate_type, aggregate_id } of list) assert.deepEqual([aggregate_type, aggregate_id], ['card_token', id])
  })
}
