import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { dueOf, type Item } from '../items/item.ts'
import { payoutOf } from '../items/payout.ts'
import { hasRecords, type Order, type OrderChange, type OrderOptions } from '../orders/order.ts'
import { type Draft, mayChange } from './draft.ts'

/**
 * The lines of each order that the draft becomes: one order, or with `split_draft` one per store, a line without a store
 * going with the order's (orders-api §4.5). In the order in which the stores first appear.
 */
export function groupItems(draft: Draft): Item[][] {
  if (!draft.options.split_draft) return [draft.items]
  const own = storeId(draft.content.store)
  const groups = new Map<string, Item[]>()
  for (const item of draft.items) {
    const key = storeId(item.store) ?? own ?? ''
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return [...groups.values()]
}

function storeId(store: unknown): string | undefined {
  const id = (store as { id?: unknown } | undefined)?.id
  return id === undefined ? undefined : String(id)
}

/** The first event of each order that a draft becomes. `names` and `serials` run beside the groups of `groupItems`. */
export function newOrders(
  draft: Draft,
  names: readonly { id: string; order_id: string }[],
  serials: readonly string[],
): OrderChange[] {
  const { order_id: _, ...content } = draft.content
  return groupItems(draft).map((items, index) => ({
    type: 'created',
    order_uuid: names[index]!.id,
    order_id: names[index]!.order_id,
    currency: draft.currency,
    options: orderOptions(draft),
    content: {
      ...content,
      ...(draft.options.split_draft ? storeOf(items, content.store) : {}),
      ...(serials[index] === undefined ? {} : { serial_order_number: serials[index] }),
    },
    items: items.map(withPayout),
  }))
}

/** The store that the lines of one order name; as the order has it, when that is the same one. */
function storeOf(items: readonly Item[], own: unknown): { store?: unknown } {
  const store = items.find((item) => storeId(item.store) !== undefined)?.store
  return store && storeId(store) !== storeId(own) ? { store } : {}
}

/** The part of the options that the order keeps. */
function orderOptions({ options }: Draft): OrderOptions {
  return {
    ...(options.multiple_authorizations === undefined ? {} : { multiple_authorizations: options.multiple_authorizations }),
    ...(options.payout === undefined ? {} : { payout: options.payout }),
    ...(options.order_time_to_live === undefined ? {} : { order_time_to_live: options.order_time_to_live }),
  }
}

/** A line with a rule for its payout gets the split of its own amount. */
function withPayout(item: Item): Item {
  const payout = item.manual_payout ? payoutOf(item, dueOf(item)) : undefined
  return payout ? { ...item, payout } : item
}

/** May the draft become new orders? */
export function mayComplete(draft: Draft): Refusal[] {
  const closed = mayChange(draft)
  if (closed) return [closed]
  if (draft.items.length === 0) return [{ code: 'draft_empty', message: `Draft ${draft.id} has no lines.` }]
  return groupItems(draft).flatMap((items) => refuseReversals(items, []))
}

/**
 * The event that brings the draft into an existing order: its lines are added, or with `replace` they take the place of the
 * order's content (orders-api §2.4, §4.3). Refused: an order that is not open, another currency, line ids already in use,
 * reversals of unknown lines or of more than the line, and replacing once anything was recorded.
 */
export function intoOrder(draft: Draft, order: Order): { change: OrderChange } | { refusals: Refusal[] } {
  const replace = draft.options.replace === 'order'
  const refusals = refuseTarget(draft, order, replace)
  if (refusals.length > 0) return { refusals }
  const present = replace ? [] : order.items
  const taken = new Set(present.map(({ line_id }) => line_id))
  for (const { line_id } of draft.items) {
    if (taken.has(line_id))
      refusals.push({ code: 'line_id_exists', message: `Order ${order.order_id} has a line ${line_id} already.` })
  }
  if (present.length + draft.items.length > limits.items_per_order_max) {
    const allowed = limits.items_per_order_max
    refusals.push({ code: 'too_many_items', message: `An order has at most ${allowed} lines.`, allowed })
  }
  refusals.push(...refuseReversals(draft.items, present))
  if (refusals.length > 0) return { refusals }
  const items = draft.items.map(withPayout)
  if (!replace) return { change: { type: 'lines_added', items } }
  const { order_id: _, ...content } = draft.content
  const serial = order.content.serial_order_number
  const kept = serial === undefined ? content : { ...content, serial_order_number: serial }
  return { change: { type: 'replaced', content: kept, items, options: { ...order.options, ...orderOptions(draft) } } }
}

function refuseTarget(draft: Draft, order: Order, replace: boolean): Refusal[] {
  const closed = mayChange(draft)
  if (closed) return [closed]
  if (draft.items.length === 0) return [{ code: 'draft_empty', message: `Draft ${draft.id} has no lines.` }]
  if (order.status === 'cancelled') return [{ code: 'order_cancelled', message: `Order ${order.order_id} is cancelled.` }]
  if (order.status !== 'open') return [{ code: 'order_not_open', message: `Order ${order.order_id} is closed. Open it first.` }]
  if (draft.currency !== order.currency) {
    const message = `The draft is in ${draft.currency}, order ${order.order_id} in ${order.currency}.`
    return [{ code: 'currency_mismatch', message, allowed: [order.currency] }]
  }
  if (replace && hasRecords(order)) {
    const message = `Order ${order.order_id} has payment operations, so it can't be replaced. Add lines that reverse the old ones.`
    return [{ code: 'replace_not_allowed', message }]
  }
  return []
}

/** A reversed line names a line of the order, and all reversals of a line together take back no more than it (orders-api §4.3). */
function refuseReversals(added: readonly Item[], present: readonly Item[]): Refusal[] {
  const refusals: Refusal[] = []
  const lines = new Map([...present, ...added].map((item) => [item.line_id, item]))
  const reversed = new Map<number, number>()
  for (const { related_item, ...item } of lines.values()) {
    const line = related_item && lines.get(related_item.line_id)
    if (line && directionOf(line) * dueOf(item) < 0) {
      reversed.set(line.line_id, (reversed.get(line.line_id) ?? 0) + dueOf(item))
    }
  }
  for (const { related_item, line_id } of added) {
    if (!related_item) continue
    const line = lines.get(related_item.line_id)
    if (!line || line.line_id === line_id) {
      const message = `Line ${line_id} is related to line ${related_item.line_id}, which the order does not have.`
      refusals.push({ code: 'unknown_line_id', message, allowed: [...lines.keys()].filter((id) => id !== line_id).slice(0, 100) })
    } else if (Math.abs(reversed.get(line.line_id) ?? 0) > Math.abs(dueOf(line))) {
      const message = `Line ${line.line_id} is ${dueOf(line)}, and its reversals are ${reversed.get(line.line_id)}.`
      refusals.push({ code: 'reversal_exceeds_line', message, allowed: -dueOf(line) })
    }
  }
  return refusals
}

/** Whose money a line moves. One that costs nothing, as with a discount of all of it, goes the way of its price. */
function directionOf(line: Item): number {
  return Math.sign(dueOf(line)) || Math.sign(line.gross_amount) || 1
}

/** When an order or draft with `order_time_to_live` is to be removed; undefined without that option. */
export function expiresAt({ order_time_to_live }: OrderOptions, created_at: string): string | undefined {
  if (order_time_to_live === undefined) return undefined
  return new Date(Date.parse(created_at) + order_time_to_live * 1000).toISOString()
}
