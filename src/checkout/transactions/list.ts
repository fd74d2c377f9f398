import Type, { type Static } from 'typebox'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { parseTime } from '../sessions/create.ts'
import { listOf, TextList } from './schemas.ts'
import type { TransactionFilter } from './store.ts'

const texts = Type.Optional(TextList)
const text = Type.Optional(Type.String({ maxLength: limits.text_length_max }))
const amount = Type.Optional(Type.Integer({ minimum: -limits.amount_max, maximum: limits.amount_max }))

/** The query of `GET /v1/transactions` (checkout-api §4.5.1). Lists are repeated keys or one text with commas. */
export const TransactionsQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max })),
  starting_after: text,
  includes: texts,
  id: texts,
  session_id: texts,
  status: texts,
  payment_product: texts,
  payment_product_type: texts,
  card_brand: texts,
  store_id: texts,
  payout_correlation_id: texts,
  currency: texts,
  token_id: texts,
  merchant_reference: text,
  merchant_reference_2: text,
  customer_id: text,
  payment_operation: text,
  payout_destination_id: text,
  terminal_id: text,
  channel: text,
  amount,
  'amount.gte': amount,
  'amount.lte': amount,
  'created_at.gte': text,
  'created_at.lte': text,
  'captured_at.gte': text,
  'captured_at.lte': text,
  'refunded_at.gte': text,
  'refunded_at.lte': text,
  search: text,
})
export type TransactionsQuery = Static<typeof TransactionsQuery>

type DateName = 'created_at' | 'captured_at' | 'refunded_at'

/** The query as conditions; or which date can't be read. An end date without a time means the whole day (checkout-api §1.9). */
export function filterOf(query: TransactionsQuery, account_id: string): TransactionFilter | Refusal {
  const dates: Partial<Record<`${DateName}_${'gte' | 'lte'}`, Date | null>> = {}
  for (const name of ['created_at', 'captured_at', 'refunded_at'] as const) {
    for (const end of ['gte', 'lte'] as const) {
      const given = query[`${name}.${end}`]
      const at = dateOf(given, end)
      if (at === undefined) {
        return { code: 'invalid_request', path: `?${name}.${end}`, message: `${name}.${end} is not an ISO 8601 date: ${given}.` }
      }
      dates[`${name}_${end}`] = at
    }
  }
  const list = (values: string[] | undefined) => (values === undefined ? null : listOf(values))
  return {
    ...(dates as Required<typeof dates>),
    limit: query.limit ?? limits.page_size_default,
    starting_after: query.starting_after ?? null,
    id: list(query.id),
    session_id: list(query.session_id),
    merchant_reference: query.merchant_reference ?? null,
    merchant_reference_2: query.merchant_reference_2 ?? null,
    status: list(query.status)?.map((status) => status.toUpperCase()) ?? null,
    payment_product: list(query.payment_product),
    payment_product_type: list(query.payment_product_type),
    card_brand: list(query.card_brand)?.map((brand) => brand.toLowerCase()) ?? null,
    store_id: list(query.store_id),
    payout_correlation_id: list(query.payout_correlation_id),
    currency: list(query.currency),
    token_id: list(query.token_id),
    customer_id: query.customer_id ?? null,
    payment_operation: query.payment_operation ?? null,
    payout_destination_id: query.payout_destination_id ?? null,
    terminal_id: query.terminal_id ?? null,
    channel: query.channel ?? null,
    amount: query.amount ?? null,
    amount_gte: query['amount.gte'] ?? null,
    amount_lte: query['amount.lte'] ?? null,
    search_term: query.search ? searchTerm(account_id, query.search) : null,
  }
}

/** A text as it stands in `search_terms`: after the account's id, since that index is not divided by account. */
export function searchTerm(account_id: string, text: string): string {
  return `${account_id}/${text.toLowerCase()}`
}

/** A date of a query; `null` when none was given, undefined when it can't be read. An end date without a time means the whole day. */
export function dateOf(given: string | undefined, end: 'gte' | 'lte'): Date | null | undefined {
  if (given === undefined || given === '') return null
  const at = parseTime(given)
  if (!at || end === 'gte' || !/^\d{4}-\d\d-\d\d$/.test(given.trim())) return at
  return new Date(at.getTime() + 86_400_000 - 1)
}
