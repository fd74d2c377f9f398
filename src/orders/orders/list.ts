import Type from 'typebox'
import { csvCell } from '../../lib/csv.ts'
import type { Refusal } from '../../lib/errors.ts'
import { type EventKinds, eventKinds } from '../events/event.ts'
import { type After, pageSize, paging, parseCursor, windowOf } from '../shared/page.ts'
import type { Order } from './order.ts'
import { orderSums, orderView } from './order.ts'
import { orderSummary } from './summary.ts'
import { orderStatuses } from './wire.ts'

/** Whose orders: all of the account, of one store, or of one customer. */
export type Source = { store_id: string } | { customer_id: string } | Record<never, never>

const Texts = Type.Optional(Type.Array(Type.String()))
const Text = Type.Optional(Type.String())

/** The query of the three lists (orders-api §2.6). Filters may be repeated, or hold commas, where that makes sense. */
export const ListQuery = Type.Object({
  status: Type.Optional(Type.Array(Type.Enum(orderStatuses))),
  payment_status: Texts,
  ...paging,
  itinerary_travel_mode: Text,
  itinerary_arrival_address: Type.Optional(Type.String({ description: 'The id or the name of the place.' })),
  itinerary_departure_address: Type.Optional(Type.String({ description: 'The id or the name of the place.' })),
  items_discount_lines_discount_type: Text,
  order_id: Text,
  external_id: Text,
  merchant_reference: Text,
  store_id: Text,
  customer_id: Text,
  'customer.id': Text,
  include_events: Type.Optional(
    Type.Array(Type.String(), { description: '`true`, `false`, `api-event`, `service-event`; may be repeated.' }),
  ),
})
export type ListQuery = Type.Static<typeof ListQuery> & { view?: 'store' | 'customer' }

/** What the statement of the list filters by. */
export type Filter = {
  status: string[] | undefined
  payment_status: string[] | undefined
  currency: string | undefined
  order_id: string | undefined
  store_id: string | undefined
  customer_id: string | undefined
  created_at_gte: string | undefined
  created_at_lte: string | undefined
  /** Contained in the order's `search`. */
  search: Record<string, string[]>
}

type Start = { filter: Filter; after: After | undefined; size: number; kinds: EventKinds | undefined; refusals: Refusal[] }

/** Reads the query of a list. */
export function listFilter(query: ListQuery): Start {
  const cursor = parseCursor(query.starting_after)
  const { from, until, refusals } = windowOf(query)
  const kinds = eventKinds(query.include_events, { ...(query.view ? { view: query.view } : {}), unless: false })
  const search = Object.entries({
    travel_modes: query.itinerary_travel_mode,
    arrivals: query.itinerary_arrival_address,
    departures: query.itinerary_departure_address,
    discount_types: query.items_discount_lines_discount_type,
    external_ids: query.external_id,
    merchant_references: query.merchant_reference,
  }).flatMap(([name, value]) => (value === undefined ? [] : [[name, [value]] as [string, string[]]]))
  return {
    filter: {
      status: query.status,
      payment_status: query.payment_status?.flatMap((value) => value.split(',')),
      currency: query.currency,
      order_id: query.order_id,
      store_id: query.store_id,
      customer_id: query['customer.id'] ?? query.customer_id,
      created_at_gte: from,
      created_at_lte: until,
      search: Object.fromEntries(search),
    },
    after: cursor && !('refusal' in cursor) ? cursor : undefined,
    size: pageSize(query.limit),
    kinds: kinds.api || kinds.service ? kinds : undefined,
    refusals: cursor && 'refusal' in cursor ? [cursor.refusal, ...refusals] : refusals,
  }
}

/** The list of an account, filtered by store or customer, is the list of that store or customer: it has an index. */
export function sourceOf(query: ListQuery): Source {
  const customer_id = query['customer.id'] ?? query.customer_id
  if (query.store_id !== undefined) return { store_id: query.store_id }
  return customer_id === undefined ? {} : { customer_id }
}

const columns = `id order_id version created_at updated_at status payment_status currency gross_amount net_amount total_discount
  authorized cancelled captured refunded customer_id`.split(/\s+/)

/** The first line of a CSV export. */
export const csvHeader = `${columns.join(',')}\r\n`

/** One order as a line of CSV. */
export function csvLine(order: Order): string {
  const row: Record<string, unknown> = { ...orderView(order), ...orderSums(order), customer_id: orderSummary(order).customer_id }
  return `${columns.map((column) => csvCell(row[column])).join(',')}\r\n`
}
