import Type, { type Static } from 'typebox'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { Amount, Currency, DateTime, PositiveAmountIn, Reference } from '../../lib/schema.ts'
import { dateOf } from '../../lib/time.ts'
import { listOf, TextList } from '../transactions/schemas.ts'
import type { TestReport } from './operations.ts'
import { day_ms } from './settlement.ts'
import type { SettlementFilter } from './store.ts'

/** Who may read settlements (checkout-api §1.6). */
export const readers = ['billing', 'reports', 'settlements'].flatMap((name) => [`admin:${name}`, `read:${name}`])

const text = Type.Optional(Reference)

/** The query of the list (checkout-api §10.1). */
export const SettlementsQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.settlements_page_size_max, default: 10 })),
  starting_after_id: text,
  starting_after_date: text,
  'created_at.gte': Type.Optional(Type.String({ maxLength: 100, description: 'Of settled_at.' })),
  'created_at.lte': Type.Optional(Type.String({ maxLength: 100, description: 'Of settled_at.' })),
  'item_created_at.gte': Type.Optional(Type.String({ maxLength: 100, description: 'Of created_at.' })),
  'item_created_at.lte': Type.Optional(Type.String({ maxLength: 100, description: 'Of created_at.' })),
  payment_provider: Type.Optional(TextList),
  'payment_provider[]': Type.Optional(TextList),
  payout_destination_id: text,
  search: Type.Optional(
    Type.String({ maxLength: 255, description: 'An id or reference of a settlement or of a transaction in it.' }),
  ),
})
export type SettlementsQuery = Static<typeof SettlementsQuery>

const dates = ['created_at.gte', 'created_at.lte', 'item_created_at.gte', 'item_created_at.lte', 'starting_after_date'] as const

/** The query as conditions, or what is wrong with it. */
export function settlementFilter(query: SettlementsQuery): SettlementFilter | Refusal {
  const at: Partial<Record<(typeof dates)[number], Date | null>> = {}
  for (const name of dates) {
    const date = dateOf(query[name], name.endsWith('lte') ? 'lte' : 'gte')
    if (date === undefined) return refuse(`?${name}`, `${name} is not an ISO 8601 date: ${query[name]}.`)
    at[name] = date
  }
  if ((query.starting_after_id === undefined) !== (at.starting_after_date === null)) {
    return refuse('?starting_after_id', 'starting_after_id and starting_after_date must be given together.')
  }
  if ((at['created_at.gte'] || at['created_at.lte']) && (at['item_created_at.gte'] || at['item_created_at.lte'])) {
    return refuse('?item_created_at.gte', 'created_at and item_created_at can not be used together.')
  }
  const providers = listOf([...(query.payment_provider ?? []), ...(query['payment_provider[]'] ?? [])])
  return {
    limit: query.limit ?? limits.page_size_default,
    starting_after_id: query.starting_after_id ?? null,
    starting_after_date: at.starting_after_date ?? null,
    settled_at_gte: at['created_at.gte'] ?? null,
    settled_at_lte: at['created_at.lte'] ?? null,
    created_at_gte: at['item_created_at.gte'] ?? null,
    created_at_lte: at['item_created_at.lte'] ?? null,
    provider: providers.length > 0 ? providers : null,
    payout_destination_id: query.payout_destination_id || null,
    search: query.search || null,
  }
}

/** The body of `generate-test-report`; nothing at all means the last seven days. */
export const TestReportBody = Type.Unsafe<TestReportIn>({
  type: ['object', 'array', 'string', 'null'],
  title: 'TestReportIn',
  properties: {
    transaction_ids: Type.Array(Reference, { maxItems: 1_000 }),
    number_of_transactions: Type.Integer({ minimum: 1, maximum: 1_000, description: 'The newest so many.' }),
    date_range: Type.Object({
      start_date: Type.Optional(Type.String({ maxLength: 100 })),
      end_date: Type.Optional(Type.String({ maxLength: 100, description: 'A date without a time is included.' })),
    }),
  },
  examples: [{ number_of_transactions: 10, date_range: { start_date: '2026-11-01', end_date: '2026-11-07' } }],
})
export type TestReportIn = {
  transaction_ids?: string[]
  number_of_transactions?: number
  date_range?: { start_date?: string; end_date?: string }
}

/** What to settle for the report, or why that makes no sense. Named transactions are settled however old they are. */
export function testReport(body: TestReportIn, account_id: string, now: Date): TestReport | Refusal {
  const { date_range = {}, transaction_ids, number_of_transactions } = body
  const start = dateOf(date_range.start_date, 'gte')
  const end = dateOf(date_range.end_date, 'lte')
  if (start === undefined) return refuse('/date_range/start_date', '/date_range/start_date is not an ISO 8601 date.')
  if (end === undefined) return refuse('/date_range/end_date', '/date_range/end_date is not an ISO 8601 date.')
  const until = new Date(Math.min(end?.getTime() ?? Number.POSITIVE_INFINITY, now.getTime()) + 1)
  const week = new Date(until.getTime() - 7 * day_ms)
  const from = start ?? (transaction_ids?.length ? null : week)
  if (from && from >= until) return refuse('/date_range/start_date', '/date_range/start_date is not before the end.')
  return {
    account_id,
    from,
    until,
    transaction_ids: transaction_ids?.length ? transaction_ids : null,
    number_of_transactions: number_of_transactions ?? null,
  }
}

function refuse(path: string, message: string): Refusal {
  return { code: 'invalid_request', path, message }
}

/** A settlement as it is answered; see `settlementView`. */
export const Settlement = Type.Object(
  {
    id: Type.String(),
    account_id: Type.String(),
    start_at: DateTime,
    end_at: Type.String({ format: 'date-time', description: 'The period ends before this moment.' }),
    created_at: DateTime,
    updated_at: DateTime,
    settled_at: DateTime,
    provider: Type.String({ description: 'A payment product, such as dintero_psp.' }),
    provider_reference: Type.String(),
    attachments: Type.Array(
      Type.Object({
        id: Type.String(),
        key: Type.String(),
        content_type: Type.String(),
        extension: Type.String(),
        created_by: Type.String(),
      }),
    ),
    amounts: Type.Array(
      Type.Object({
        amount: Type.Integer({ description: 'capture − refund − fee; negative when that is.' }),
        capture: Amount,
        refund: Amount,
        fee: Amount,
        currency: Currency,
      }),
    ),
    payment_status: Type.Enum(['paid', 'postponed']),
    payout_destination_id: Type.Optional(Type.String()),
  },
  {
    title: 'Settlement',
    examples: [
      {
        id: '0f8fad5b-d9cb-469f-a165-70867728950e',
        account_id: 'T12345678',
        start_at: '2026-11-22T00:00:00.000Z',
        end_at: '2026-11-23T00:00:00.000Z',
        created_at: '2026-11-23T04:00:00.000Z',
        updated_at: '2026-11-23T04:00:00.000Z',
        settled_at: '2026-11-23T04:00:00.000Z',
        provider: 'vipps',
        provider_reference: 'vipps-NOK-2026-11-22',
        attachments: [
          {
            id: '0f8fad5b-d9cb-469f-a165-70867728950e-csv',
            key: 'vipps-NOK-2026-11-22.csv',
            content_type: 'text/csv',
            extension: 'csv',
            created_by: 'kvitt',
          },
        ],
        amounts: [{ amount: 9715, capture: 10000, refund: 0, fee: 285, currency: 'NOK' }],
        payment_status: 'paid' as const,
      },
    ],
  },
)

export const Settlements = Type.Object(
  {
    items: Type.Array(Settlement),
    last_evaluated_key: Type.Optional(
      Type.Object(
        { id: Type.String(), account_id: Type.String(), settled_at: DateTime, created_at: DateTime },
        { description: 'Absent on the last page. Else `starting_after_id` is its id, `starting_after_date` its settled_at.' },
      ),
    ),
  },
  { title: 'Settlements' },
)

/** What providers keep (ours). */
export const Fees = Type.Object(
  {
    fees: Type.Array(
      Type.Object({
        provider: Type.String({ minLength: 1, maxLength: 255, description: 'A payment product, such as dintero_psp.' }),
        currency: Currency,
        basis_points: Type.Integer({ minimum: 0, maximum: 10_000, description: 'Of each captured amount, rounded half up.' }),
        fixed: PositiveAmountIn,
      }),
      { maxItems: 1_000 },
    ),
  },
  {
    title: 'SettlementFees',
    examples: [{ fees: [{ provider: 'dintero_psp', currency: 'NOK', basis_points: 175, fixed: 100 }] }],
  },
)
export type Fees = Static<typeof Fees>

/** Says where a provider and currency stand a second time. */
export function refuseFees({ fees }: Fees): Refusal | undefined {
  const seen = new Set<string>()
  for (const [index, { provider, currency }] of fees.entries()) {
    const key = `${provider} ${currency}`
    if (seen.has(key)) return refuse(`/fees/${index}`, `/fees/${index} is a second fee for ${key}.`)
    seen.add(key)
  }
  return undefined
}
