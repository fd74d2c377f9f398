import Type, { type Static } from 'typebox'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { dateOf } from '../../lib/time.ts'
import { listOf, TextList } from './schemas.ts'
import type { TransactionRow } from './transaction.ts'

const texts = Type.Optional(TextList)
const text = Type.Optional(Type.String({ maxLength: limits.text_length_max }))
const firstTime = Type.Optional(
  Type.String({ maxLength: limits.text_length_max, description: 'Of its first capture or refund.' }),
)
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
  'captured_at.gte': firstTime,
  'captured_at.lte': firstTime,
  'refunded_at.gte': firstTime,
  'refunded_at.lte': firstTime,
  search: text,
})
export type TransactionsQuery = Static<typeof TransactionsQuery>

/** What the list can be narrowed by; `null` is no condition (checkout-api §4.5.1). */
export type TransactionFilter = {
  limit: number
  starting_after: string | null
  id: string[] | null
  session_id: string[] | null
  merchant_reference: string | null
  merchant_reference_2: string | null
  status: string[] | null
  payment_product: string[] | null
  payment_product_type: string[] | null
  card_brand: string[] | null
  store_id: string[] | null
  payout_correlation_id: string[] | null
  currency: string[] | null
  token_id: string[] | null
  customer_id: string | null
  payment_operation: string | null
  payout_destination_id: string | null
  terminal_id: string | null
  channel: string | null
  amount: number | null
  amount_gte: number | null
  amount_lte: number | null
  created_at_gte: Date | null
  created_at_lte: Date | null
  captured_at_gte: Date | null
  captured_at_lte: Date | null
  refunded_at_gte: Date | null
  refunded_at_lte: Date | null
  /** Of `search`. */
  search_terms: string[] | null
  /** Those of the most telling filter that the index of terms knows: whatever matches has one of them. */
  terms: string[] | null
  /** Few transactions have them in common. */
  telling: boolean
  /** Something that `transactions_by_range` knows is asked for: what changes when money moves, or lies between two ends. */
  ranged: boolean
}

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
  const filter = {
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
    search_terms: query.search ? [searchTerm(account_id, query.search)] : null,
  }
  return { ...filter, ...termsOf(account_id, filter), ranged: ranges.some((name) => filter[name] !== null) }
}

/** Columns that the index of terms knows, the most telling first. */
const few = ['token_id', 'customer_id'] as const
const many = [
  'payout_destination_id',
  'terminal_id',
  'store_id',
  'amount',
  'card_brand',
  'payment_product_type',
  'payment_product',
  'channel',
] as const
const most = ['payment_operation', 'currency'] as const
const ranges = [
  'status',
  'amount_gte',
  'amount_lte',
  'captured_at_gte',
  'captured_at_lte',
  'refunded_at_gte',
  'refunded_at_lte',
] as const

type Columns = Omit<TransactionFilter, 'terms' | 'telling' | 'ranged'>

function termsOf(account_id: string, filter: Columns): Pick<TransactionFilter, 'terms' | 'telling'> {
  // These have indexes of their own.
  if (filter.id || filter.session_id) return { terms: null, telling: true }
  const reference = filter.merchant_reference ?? filter.merchant_reference_2
  const terms = filter.search_terms ?? (reference === null ? null : [searchTerm(account_id, reference)])
  if (terms) return { terms, telling: true }
  const column = [...few, ...many, ...most].find((name) => filter[name] !== null)
  if (!column) return { terms: null, telling: false }
  const telling = (few as readonly string[]).includes(column)
  return { terms: [filter[column]!].flat().map((value) => columnTerm(account_id, column, value)), telling }
}

/** A value of a column as the index of terms has it: by `checkout.transaction_terms`, or in `search_terms`. */
function columnTerm(account_id: string, column: string, value: string | number): string {
  return `${account_id}|${column}:${String(value).slice(0, term_length)}`
}

type PaidOut = Pick<TransactionRow, 'account_id' | 'payout_destination_id' | 'data' | 'search_terms'>

/**
 * The search terms of a transaction, and those of the destinations of its payout: its own, and those its items are split on. Terms stay
 * when items change: what is found is compared with the transaction anyway.
 */
export function withDestinationTerms({ account_id, payout_destination_id, data, search_terms }: PaidOut): string[] {
  const splits = (data.items ?? []).flatMap(({ splits }) => (Array.isArray(splits) ? (splits as Record<string, unknown>[]) : []))
  const destinations = [payout_destination_id, ...splits.map((split) => split?.payout_destination_id)]
  const terms = destinations.flatMap((id) => (typeof id === 'string' ? columnTerm(account_id, 'payout_destination_id', id) : []))
  return terms.length === 0 ? search_terms : [...new Set([...search_terms, ...terms])]
}

/** An index takes no more than 2,700 bytes; a payment must not fail for a text that is only there to be found by. */
const term_length = 255

/** A text as it stands in `search_terms`: after the account's id, since that index is not divided by account. */
export function searchTerm(account_id: string, text: string): string {
  return `${account_id}/${text.slice(0, term_length).toLowerCase()}`
}
