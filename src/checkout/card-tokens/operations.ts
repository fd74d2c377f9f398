import { createHash } from 'node:crypto'
import type { Db } from '../../lib/db.ts'
import { throwRefusal } from '../../lib/errors.ts'
import { mayCharge, mayUse } from './card-token.ts'
import { findCardToken } from './store.ts'

/** The id by which a token is shown: 40 hex digits, the same whenever the account gives this token again (checkout-api §2.7). */
export function tokenId(account_id: string, payment_product_type: string, token: string): string {
  return createHash('sha1').update(`${account_id}\n${payment_product_type}\n${token}`).digest('hex')
}

/**
 * Whether the merchant may charge this token now; returns its id. A token that Kvitt does not know was made elsewhere: the provider
 * judges it. Errors: card_token_not_active, card_token_blocked, card_token_retry_limit.
 */
export async function assertChargeable(
  db: Db,
  {
    account_id,
    payment_product_type,
    token,
    now,
  }: { account_id: string; payment_product_type: string; token: string; now: Date },
): Promise<string> {
  const id = tokenId(account_id, payment_product_type, token)
  const known = await findCardToken(db, account_id, id)
  if (known) throwRefusal(mayCharge(known, now))
  return id
}

/** Whether the customer may pay with this saved card; one that Kvitt does not know is the provider's to judge. Errors: as above. */
export async function assertUsable(
  db: Db,
  { account_id, payment_product_type, token }: { account_id: string; payment_product_type: string; token: string },
): Promise<void> {
  const known = await findCardToken(db, account_id, tokenId(account_id, payment_product_type, token))
  if (known) throwRefusal(mayUse(known))
}
