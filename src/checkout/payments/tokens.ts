import { asText, isObject } from '../../lib/object.ts'

type Free = Readonly<Record<string, unknown>>

/** A form of the page, sent without JavaScript, says `true` as text. */
const said = (value: unknown) => value === true || value === 'true'

/** Is the card to be kept? As configured; where the page shows a box for it (checkout-api §3.13), only if the customer ticked it. */
export function keepsCard(settings: Free | undefined, payment: Free): boolean {
  const config = settings?.generate_payment_token_config
  const asks = isObject(config) && (config.save_card_checkbox === 'opt_in' || config.save_card_checkbox === 'opt_out')
  return asks ? said(payment.generate_payment_token) : settings?.generate_payment_token === true
}

/** The token of the card that the customer saved earlier, when this payment is to be made with it (checkout-api §2.7). */
export function savedCard(customer: Free | undefined, payment: Free): string | undefined {
  if (!said(payment.use_saved_card) || !isObject(customer?.tokens)) return undefined
  const token = customer.tokens[asText(payment.payment_product_type) ?? '']
  return isObject(token) && typeof token.payment_token === 'string' ? token.payment_token : undefined
}
