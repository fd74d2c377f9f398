import { asText } from '../../lib/object.ts'
import { dueOf, totalsOf } from '../items/item.ts'
import { type Content, type Order, orderSums, paymentStatus } from './order.ts'

type Loose = { [member: string]: unknown } | undefined
const list = (value: unknown): Loose[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]) as Loose[]
const texts = (values: unknown[]): string[] => [...new Set(values.map(asText).filter((text) => text !== undefined))]

/** What stands in columns beside the events: totals, and whatever lists filter by. */
export function orderSummary(order: Order) {
  const { gross_amount, net_amount } = totalsOf(order.items)
  return {
    id: order.id,
    order_id: order.order_id,
    version: order.version,
    status: order.status,
    payment_status: paymentStatus(order),
    currency: order.currency,
    customer_id: customerId(order.content),
    gross_amount,
    net_amount,
    ...orderSums(order),
    search: searchOf(order),
    stores: storesOf(order),
    lines: order.items.map((item) => ({ line_id: item.line_id, due: dueOf(item), ...order.sums.get(item.line_id)! })),
    created_at: order.created_at,
    updated_at: order.updated_at,
  }
}

function customerId({ customer }: Content): string | undefined {
  const id = (customer as Loose)?.id
  return id === undefined ? undefined : String(id)
}

/** The order's own store and those of its lines (orders-api §4.8). */
function storesOf({ content, items }: Order): string[] {
  return texts([(content.store as Loose)?.id, ...items.map(({ store }) => store?.id)])
}

/** What the filters of the list are matched against, by containment (orders-api §2.6). */
function searchOf({ content, items }: Order): Record<string, string[]> {
  const legs = list(content.itinerary)
  const address = (leg: Loose, member: string) => list(leg?.[member]).flatMap((place) => [place?.id, place?.name])
  const search = {
    external_ids: texts(list(content.external_ids).map((entry) => (typeof entry === 'object' ? entry?.id : entry))),
    discount_types: texts(items.flatMap(({ discount_lines = [] }) => discount_lines.map(({ discount_type }) => discount_type))),
    travel_modes: texts(legs.map((leg) => leg?.travel_mode)),
    arrivals: texts(legs.flatMap((leg) => address(leg, 'arrival_address'))),
    departures: texts(legs.flatMap((leg) => address(leg, 'departure_address'))),
    merchant_references: texts([content.merchant_reference]),
  }
  return Object.fromEntries(Object.entries(search).filter(([, values]) => values.length > 0))
}
