/*
 * Terminology
 *
 * - card token: a stored card; the provider knows which. `payment_token`: for a purchase now and then
 * - recurrence token: the same, for subscriptions
 * - failure: a payment with the token that the provider refused. Card schemes fine merchants who try too often
 */
import type { GatewayError } from '../../gateways/gateway.ts'
import type { Refusal } from '../../lib/errors.ts'
import type { TransactionRow } from '../transactions/transaction.ts'

export const tokenStatuses = ['ACTIVE', 'INACTIVE', 'SUSPENDED', 'CANCELLED', 'DELETED'] as const

/** A row of `checkout.card_tokens`. */
export type CardTokenRow = {
  account_id: string
  id: string
  version: number
  type: 'payment_token' | 'recurrence_token'
  token: string
  status: (typeof tokenStatuses)[number]
  payment_product_type: string
  card_brand: string | null
  masked_pan: string | null
  token_expiry_date: string | null
  pan_expiry_date: string | null
  customer_id: string | null
  relationship_id: string | null
  transaction_id: string
  failures: Date[]
  created_at: Date
  created_by: string | null
  updated_at: Date
  deleted_at: Date | null
  deleted_by: string | null
}

/** The tokens that an authorization brought, as they are stored with it. Most bring none. */
export function cardTokensOf(transaction: TransactionRow): CardTokenRow[] {
  const { account_id, id, payment_product_type, customer_id, data, updated_at } = transaction
  const { card, tokens = {} } = data
  return (['payment_token', 'recurrence_token'] as const).flatMap((type) => {
    const token = tokens[type]
    const token_id = card?.[`${type}_id`]
    if (!token || !token_id) return []
    return [
      {
        account_id,
        id: token_id,
        version: 1,
        type,
        token,
        status: 'ACTIVE' as const,
        payment_product_type,
        card_brand: card?.brand?.toLowerCase() ?? null,
        masked_pan: card?.masked_pan ?? null,
        token_expiry_date: card?.expiry_date ?? null,
        pan_expiry_date: card?.expiry_date ?? null,
        customer_id: customer_id ?? null,
        relationship_id: null,
        transaction_id: id,
        failures: [],
        created_at: updated_at,
        created_by: null,
        updated_at,
        deleted_at: null,
        deleted_by: null,
      },
    ]
  })
}

/** The token as the API shows it (checkout-api §8.4). */
export function cardTokenView({ version: _, failures: __, ...row }: CardTokenRow): Record<string, unknown> {
  const shown = { ...row, external_token_references: [], links: [] }
  return Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== null && value !== undefined))
}

const day_ms = 86_400_000
/** How many failures the schemes allow before they fine: Mastercard within 24 hours, Visa within 30 days (checkout-api §3.9). */
const failureLimits: Record<string, { failures: number; within_ms: number }> = {
  mastercard: { failures: 10, within_ms: day_ms },
  visa: { failures: 15, within_ms: 30 * day_ms },
}
/** The longest list of failures that anything looks at. */
export const failures_kept = 15

/** Whether anybody may pay with this card. */
export function mayUse(token: CardTokenRow): Refusal | undefined {
  if (token.status === 'SUSPENDED') {
    return { code: 'card_token_blocked', message: 'The issuer said not to try this card again. The customer must give another.' }
  }
  if (token.status !== 'ACTIVE') return { code: 'card_token_not_active', message: `The token is ${token.status}.` }
}

/** Whether the merchant may try this card now, without the customer. */
export function mayCharge(token: CardTokenRow, now: Date): Refusal | undefined {
  const refusal = mayUse(token)
  if (refusal) return refusal
  const limit = failureLimits[token.card_brand ?? '']
  if (!limit) return undefined
  const counted = token.failures.filter((at) => now.getTime() - at.getTime() < limit.within_ms)
  if (counted.length < limit.failures) return undefined
  const message = `Payments with this card failed ${counted.length} times; the card scheme allows no more before ${new Date(
    Math.min(...counted.map((at) => at.getTime())) + limit.within_ms,
  ).toISOString()}.`
  return { code: 'card_token_retry_limit', message }
}

/** What a payment with the token leaves behind: a success clears the failures, a `DO_NOT_RETRY` blocks the card for good. */
export type TokenUse = { success: boolean; blocked: boolean }

/** Reads that from the gateway's answer. */
export function useOf(error: GatewayError | undefined): TokenUse {
  return { success: error === undefined, blocked: error?.retry_policy?.retry_codes.includes('DO_NOT_RETRY') ?? false }
}
