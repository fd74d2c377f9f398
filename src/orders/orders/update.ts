import Type from 'typebox'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { sameJson } from '../../lib/object.ts'
import { LineIdIn } from '../../lib/schema.ts'
import { contentMembers, contentOf } from '../drafts/draft.ts'
import { type Item, ItemIn, parseLineId } from '../items/item.ts'
import type { Content, Order, OrderChange } from './order.ts'

/** The body of PUT on an order (orders-api §2.7): what is present replaces, what is absent stays. */
export const OrderUpdateIn = Type.Object(
  {
    ...contentMembers,
    items: Type.Optional(
      Type.Array(Type.Object({ ...ItemIn.properties, line_id: LineIdIn }, { additionalProperties: true }), {
        maxItems: limits.items_per_order_max,
      }),
    ),
  },
  {
    additionalProperties: true,
    examples: [{ courier_id: 'courier-7', pickup_at: '2026-01-02T15:00:00Z', items: [{ line_id: 1, status: 'packed' }] }],
  },
)
export type OrderUpdateIn = Type.Static<typeof OrderUpdateIn> & Record<string, unknown>

/** What may still be said about a closed order. */
const logistics = [
  'courier_id',
  'pickup_at',
  'delivery_id',
  'external_ids',
  'external_links',
  'itinerary',
  'attachments',
  'metadata',
  'items',
]
/** What a line is and costs. It changes through a draft that reverses the line (orders-api §4.3). */
const fixed = [
  'id',
  'gross_amount',
  'net_amount',
  'amount',
  'quantity',
  'tax_lines',
  'related_item',
  'payout',
  'manual_payout',
  'store',
]

/**
 * The change that an update makes, or the reasons against it. Members that say what the order says already are no change, so that a
 * client may send back the whole order it got.
 */
export function decideUpdate(order: Order, body: OrderUpdateIn): { change?: OrderChange } | { refusals: Refusal[] } {
  if (order.status === 'cancelled') {
    return { refusals: [{ code: 'order_cancelled', message: `Order ${order.order_id} is cancelled.` }] }
  }
  const refusals: Refusal[] = []
  const content: Content = {}
  for (const [member, value] of Object.entries(contentOf(body))) {
    if (member === 'options' || sameJson(value, order.content[member])) continue
    if (member === 'order_id') {
      if (value !== order.order_id) refusals.push(notEditable('/order_id', 'The order_id of an order stays.'))
    } else if (order.status === 'closed' && !logistics.includes(member)) {
      const message = `Order ${order.order_id} is closed: ${member} can't change any more.`
      refusals.push({ code: 'order_not_open', path: `/${member}`, message, allowed: logistics })
    } else content[member] = value
  }
  if (body.currency !== undefined && body.currency !== order.currency) {
    refusals.push({
      code: 'currency_mismatch',
      path: '/currency',
      message: 'The currency of an order stays.',
      allowed: [order.currency],
    })
  }
  const items = updatedItems(order, body.items ?? [], refusals)
  if (refusals.length > 0) return { refusals }
  return items.length === 0 && Object.keys(content).length === 0 ? {} : { change: { type: 'updated', content, items } }
}

function updatedItems(order: Order, incoming: readonly Record<string, unknown>[], refusals: Refusal[]): Item[] {
  const known = new Map(order.items.map((item) => [item.line_id, item]))
  const changed: Item[] = []
  const seen = new Set<number>()
  for (const [index, { line_id, version: _, ...members }] of incoming.entries()) {
    const item = known.get(parseLineId(line_id) ?? Number.NaN)
    const path = `/items/${index}`
    if (!item) {
      const allowed = [...known.keys()].slice(0, 100)
      refusals.push({ code: 'unknown_line_id', path: `${path}/line_id`, message: `The order has no line ${line_id}.`, allowed })
      continue
    }
    if (seen.has(item.line_id)) {
      const message = `Line ${line_id} stands in the request twice.`
      refusals.push({ code: 'duplicate_line_id', path: `${path}/line_id`, message })
    }
    seen.add(item.line_id)
    const different = Object.entries(members).filter(([member, value]) => !sameJson(value, item[member]))
    for (const [member, value] of different) {
      const stays = member === 'discount_lines' && discounts(value) === discounts(item.discount_lines)
      if (fixed.includes(member) || (member === 'discount_lines' && !stays)) {
        refusals.push(
          notEditable(`${path}/${member}`, `${member} of a line can't be edited; add lines that reverse and replace it.`),
        )
      }
    }
    if (different.length > 0) changed.push({ ...item, ...Object.fromEntries(different) })
  }
  return changed
}

function discounts(lines: unknown): number {
  return ((lines ?? []) as { amount?: number }[]).reduce((sum, { amount = 0 }) => sum + amount, 0)
}

function notEditable(path: string, message: string): Refusal {
  return { code: 'member_not_editable', path, message }
}
