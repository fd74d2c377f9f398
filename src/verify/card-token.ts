import { cardTokensOf } from '../checkout/card-tokens/card-token.ts'
import { tokenId } from '../checkout/card-tokens/operations.ts'
import { type Difference, Findings, moment } from './difference.ts'
import type { CardTokenRead } from './store.ts'

/** A stored card against its id, the payment that brought it, and what was told of it last. */
export function verifyCardToken({ account_id, id, row, transaction, told, told_since }: CardTokenRead): Difference[] {
  const findings = new Findings(account_id, 'card_token', id)
  const { version, type, token, payment_product_type, status } = row
  findings.compare('id', tokenId(account_id, payment_product_type, token), id)
  const brought = transaction && cardTokensOf(transaction).find((one) => one.id === id && one.type === type)
  if (brought) {
    const { customer_id, masked_pan, token_expiry_date, pan_expiry_date } = brought
    const given = { masked_pan, token_expiry_date, pan_expiry_date, ...(customer_id === null ? {} : { customer_id }) }
    for (const [name, value] of Object.entries(given)) findings.compare(name, value, row[name as keyof typeof row])
    // The brand stays that of the payment that brought the card first.
    if (version === 1) findings.compare('card_brand', brought.card_brand, row.card_brand)
  } else findings.add('transaction_id', `the transaction that brought this ${type}`, row.transaction_id)
  if (told) findings.compare('deleted', told === 'checkout_token_delete', status === 'DELETED')
  else if (moment(row.updated_at)! >= told_since.toISOString())
    findings.add(`notification ${version}`, 'a row of the outbox', null)
  return findings.list
}
