import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepsCard, savedCard } from './tokens.ts'

type Free = Record<string, unknown>
const asks = (save_card_checkbox: string) => ({ generate_payment_token_config: { save_card_checkbox } })

// settings of the product | body of the payment | is the card kept
const cards: [settings: Free | undefined, payment: Free, kept: boolean][] = [
  [undefined, { generate_payment_token: true }, false],
  [{}, { generate_payment_token: true }, false],
  [{ generate_payment_token: true }, {}, true],
  [{ generate_payment_token: 'true' }, {}, false],
  [{ generate_payment_token: true, generate_payment_token_config: {} }, {}, true],
  [{ generate_payment_token: true, generate_payment_token_config: 'opt_in' }, {}, true],
  [{ generate_payment_token: true, ...asks('never') }, {}, true],
  [{ generate_payment_token: true, ...asks('opt_in') }, {}, false],
  [asks('opt_in'), { generate_payment_token: true }, true],
  [asks('opt_in'), { generate_payment_token: 'true' }, true],
  [asks('opt_in'), { generate_payment_token: 'false' }, false],
  [{ generate_payment_token: true, ...asks('opt_out') }, {}, false],
  [asks('opt_out'), { generate_payment_token: true }, true],
]
for (const [settings, payment, kept] of cards) {
  test(`card ${kept ? '' : 'not '}kept: ${JSON.stringify(settings)}, ${JSON.stringify(payment)}`, () => {
    assert.equal(keepsCard(settings, payment), kept)
  })
}

const customer = { tokens: { card: { payment_token: 'p' }, other: { payment_token: 7 }, word: 'p' } }
const uses = (use_saved_card: unknown, payment_product_type = 'card') => ({ use_saved_card, payment_product_type })
const saved: [customer: Free | undefined, payment: Free, token: string | undefined][] = [
  [customer, uses(true), 'p'],
  [customer, uses('true'), 'p'],
  [customer, uses(false), undefined],
  [customer, uses('yes'), undefined],
  [customer, uses(true, 'unknown'), undefined],
  [customer, uses(true, 'other'), undefined],
  [customer, uses(true, 'word'), undefined],
  [{ tokens: 'p' }, uses(true), undefined],
  [{}, uses(true), undefined],
  [undefined, uses(true), undefined],
]
for (const [known, payment, token] of saved) {
  test(`saved card: ${JSON.stringify(payment)} of ${JSON.stringify(known)?.slice(0, 20)}: ${token}`, () => {
    assert.equal(savedCard(known, payment), token)
  })
}
