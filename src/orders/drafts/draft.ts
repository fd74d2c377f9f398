/*
 * Terminology
 *
 * - draft: an order being put together; a list of events, like the order that comes of it
 * - complete: make orders of it (one, or one per store), or add its lines to an existing order, or replace that order's content
 * - reserved: the order_id and id that a draft with ALPHANUMERIC_9_RESERVE holds from the start
 */
import Type from 'typebox'
import { invariant, type Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { Currency, DateTime, FreeObject, Reference } from '../../lib/schema.ts'
import { EventOut } from '../events/event.ts'
import { completeItems, Item, ItemIn, Store, Totals, totalsOf } from '../items/item.ts'
import type { Content, EventBase } from '../orders/order.ts'
import { paging } from '../shared/page.ts'

const open = { additionalProperties: true }

/** What a draft or an order says beside its lines (orders-api §3.3). Members not named here are kept as they are. */
export const contentMembers = {
  order_id: Type.Optional(Type.String({ minLength: 1, maxLength: limits.reference_length_max })),
  customer: Type.Optional(
    Type.Object(
      { id: Type.Optional(Type.Unsafe<string | number>({ type: ['string', 'number'], maxLength: limits.reference_length_max })) },
      open,
    ),
  ),
  shipping_address: Type.Optional(FreeObject),
  billing_address: Type.Optional(FreeObject),
  store: Type.Optional(Store),
  metadata: Type.Optional(FreeObject),
  // Kept as they are; what is in them is between those who write and those who read.
  merchant_reference: Type.Optional(Type.Unknown()),
  payment_details: Type.Optional(Type.Unknown({ description: 'What the payment provider says of the whole order.' })),
  discounts: Type.Optional(Type.Unknown({ description: 'The discounts that lines refer to.' })),
  type: Type.Optional(Type.Unknown()),
  pre_order: Type.Optional(Type.Unknown()),
  courier_id: Type.Optional(Type.Unknown()),
  pickup_at: Type.Optional(Type.Unknown()),
  delivery_id: Type.Optional(Type.Unknown()),
  external_ids: Type.Optional(Type.Unknown({ description: 'Such as `[{ "id": "…", "type": "…" }]`; the list finds them.' })),
  external_links: Type.Optional(Type.Unknown({ description: 'Such as `[{ "href": "…", "rel": "…", "name": "…" }]`.' })),
  itinerary: Type.Optional(Type.Unknown({ description: 'The legs of a journey; the list finds travel modes and places.' })),
  attachments: Type.Optional(Type.Unknown({ description: 'Travel documents.' })),
}

/** Lines on the way in. */
export const Items = Type.Array(ItemIn, { maxItems: limits.items_per_order_max })

/** The `order` of a draft: its currency, its lines, and whatever else there is to say. */
export const OrderIn = Type.Object(
  { currency: Currency, items: Type.Optional(Items), ...contentMembers },
  { additionalProperties: true, title: 'OrderContent' },
)
export type OrderIn = Type.Static<typeof OrderIn> & Record<string, unknown>

/** orders-api §3.2 */
export const DraftOptions = Type.Object(
  {
    generate_order_id: Type.Optional(Type.Enum(['ALPHANUMERIC_9', 'ALPHANUMERIC_9_RESERVE'])),
    order_id: Type.Optional(
      Type.String({ minLength: 1, maxLength: limits.reference_length_max, description: 'Add to this order.' }),
    ),
    replace: Type.Optional(Type.Enum(['order'])),
    split_draft: Type.Optional(Type.Boolean({ description: 'One order per store.' })),
    payout: Type.Optional(Type.Unknown()),
    multiple_authorizations: Type.Optional(Type.Boolean()),
    order_time_to_live: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000_000_000, description: 'Seconds from completion.' }),
    ),
    serial_order_number_suffix: Type.Optional(Type.String({ maxLength: 40 })),
  },
  open,
)
export type DraftOptions = Type.Static<typeof DraftOptions>

/** The body that creates or updates a draft. */
export const DraftIn = Type.Object(
  { order: OrderIn, options: Type.Optional(DraftOptions) },
  {
    additionalProperties: true,
    examples: [
      {
        options: { generate_order_id: 'ALPHANUMERIC_9' },
        order: {
          currency: 'NOK',
          items: [{ id: '175938', line_id: 1, quantity: 2, gross_amount: 39800, tax_lines: [{ amount: 7960, percentage: 25 }] }],
        },
      },
    ],
  },
)
export type DraftIn = Type.Static<typeof DraftIn>

/** A draft as it is answered (orders-api §3.1). */
export const DraftOut = Type.Object(
  {
    order: Type.Object({ ...contentMembers, currency: Currency, ...Totals, items: Type.Array(Item) }, open),
    options: Type.Optional(DraftOptions),
    id: Type.String(),
    version: Type.Integer(),
    status: Type.Enum(['open', 'completed', 'deleted']),
    created_at: DateTime,
    created_by: Type.String(),
    updated_at: DateTime,
    orders: Type.Optional(Type.Array(Type.Object({ id: Type.String(), order_id: Type.String() }))),
    events: Type.Optional(Type.Array(EventOut, { description: 'What changed it.' })),
    deleted_at: Type.Optional(DateTime),
    deleted_by: Type.Optional(Reference),
  },
  {
    additionalProperties: true,
    title: 'DraftOrder',
    examples: [
      {
        order: {
          currency: 'NOK',
          gross_amount: 39800,
          net_amount: 39800,
          total_discount: 0,
          total_manual_discount_amount: 0,
          items: [],
        },
        options: { generate_order_id: 'ALPHANUMERIC_9' },
        id: 'c1a7d2e4-3b56-4f78-8a9b-0c1d2e3f4a5b',
        version: 1,
        status: 'open',
        created_at: '2026-01-02T03:04:05.678Z',
        created_by: 'client-id',
        updated_at: '2026-01-02T03:04:05.678Z',
      },
    ],
  },
)

/** The query of the list of drafts (orders-api §2.1). */
export const DraftQuery = Type.Object({
  status: Type.Optional(Type.Array(Type.Enum(['open', 'completed', 'deleted']))),
  ...paging,
})
export type DraftQuery = Type.Static<typeof DraftQuery>

export type Named = { id: string; order_id: string }
export type DraftChange =
  | { type: 'created'; currency: string; content: Content; options: DraftOptions; items: Item[]; reserved?: Named }
  | { type: 'updated'; currency: string; content: Content; options: DraftOptions; items: Item[] }
  | { type: 'item_added' | 'item_replaced'; item: Item }
  | { type: 'item_removed'; line_id: number }
  | { type: 'completed'; orders: Named[] }
  | { type: 'deleted' }
export type DraftEvent = EventBase & DraftChange

export type Draft = {
  id: string
  version: number
  status: 'open' | 'completed' | 'deleted'
  currency: string
  content: Content
  options: DraftOptions
  items: Item[]
  reserved?: Named
  orders?: Named[]
  created_at: string
  created_by: string
  updated_at: string
  deleted?: { at: string; by: string }
}

/** The state of a draft is a fold over its events. Undefined for a draft without any. */
export function foldDraft(id: string, events: readonly DraftEvent[]): Draft | undefined {
  let draft: Draft | undefined
  for (const event of events) draft = applyDraftEvent(draft ?? id, event)
  return draft
}

/** The draft after one more event; the first is applied to its id. */
export function applyDraftEvent(draft: Draft | string, event: DraftEvent): Draft {
  const { version, created_at, created_by } = event
  if (event.type === 'created') {
    invariant(typeof draft === 'string', 'a draft is created once')
    const { currency, content, options, items, reserved } = event
    const base = { id: draft, version, status: 'open', currency, content, options, items, created_at, created_by } as const
    return { ...base, updated_at: created_at, ...(reserved ? { reserved } : {}) }
  }
  invariant(typeof draft !== 'string', `the first event of a draft is ${event.type}`)
  const next: Draft = { ...draft, version, updated_at: created_at }
  switch (event.type) {
    case 'updated': {
      const { currency, content, options, items } = event
      return { ...next, currency, content, options, items }
    }
    case 'item_added':
      return { ...next, items: [...draft.items, event.item] }
    case 'item_replaced':
      return { ...next, items: draft.items.map((item) => (item.line_id === event.item.line_id ? event.item : item)) }
    case 'item_removed':
      return { ...next, items: draft.items.filter(({ line_id }) => line_id !== event.line_id) }
    case 'completed':
      return { ...next, status: 'completed', orders: event.orders }
    case 'deleted':
      return { ...next, status: 'deleted', deleted: { at: created_at, by: created_by } }
  }
}

const serverMembers = `id currency items gross_amount net_amount total_discount total_manual_discount_amount status payment_status
  created_at created_by updated_at deleted_at deleted_by cancelled_reason cancelled_at cancelled_by closed_at closed_by authorizations
  captures refunds cancellations sessions comments events version _links serial_order_number`.split(/\s+/)

/** What a client wrote about an order, without the members that only the server sets. Unknown members stay. */
export function contentOf(order: Record<string, unknown>): Content {
  const content = { ...order }
  for (const member of serverMembers) delete content[member]
  return content
}

/** Rules about the options of a draft taken together (orders-api §4.1). */
export function refuseOptions({ order, options = {} }: DraftIn): Refusal[] {
  const refusals: Refusal[] = []
  const refuse = (path: string, message: string) => refusals.push({ code: 'invalid_request', path, message })
  const { generate_order_id, split_draft } = options
  if (order.order_id !== undefined && options.order_id === undefined) {
    if (generate_order_id) refuse('/order/order_id', 'Give an order_id or have one generated, not both.')
    if (split_draft) refuse('/order/order_id', 'With split_draft there may be several orders: they cannot share an order_id.')
  }
  if (generate_order_id === 'ALPHANUMERIC_9_RESERVE' && split_draft) {
    refuse('/options/generate_order_id', 'With split_draft there may be several orders: no single order_id can be reserved.')
  }
  if (options.replace && options.order_id === undefined)
    refuse('/options/replace', 'Say in options.order_id which order to replace.')
  if (options.order_id !== undefined && split_draft) refuse('/options/split_draft', 'A draft for an existing order is not split.')
  return refusals
}

/** A draft that holds an order_id becomes the one order of that id (orders-api §4.1). */
export function refuseBesideReserved({ reserved }: Draft, { content, options }: Pick<Draft, 'content' | 'options'>): Refusal[] {
  if (!reserved) return []
  const refusals: Refusal[] = []
  const { order_id } = reserved
  const refuse = (path: string, more: string) =>
    refusals.push({
      code: 'invalid_request',
      path,
      message: `The draft holds the order_id ${order_id}${more}.`,
      allowed: [order_id],
    })
  if (content.order_id !== undefined && options.order_id === undefined) refuse('/order/order_id', '')
  if (options.split_draft) refuse('/options/split_draft', ', which several orders cannot share')
  return refusals
}

/** May the draft still be changed? (orders-api §5.1) */
export function mayChange(draft: Draft): Refusal | undefined {
  if (draft.status === 'open') return undefined
  return { code: 'draft_not_open', message: `Draft ${draft.id} is ${draft.status}: it can't be changed or completed any more.` }
}

/** `items` of a draft body, completed; see `completeItems`. */
export function draftItems(items: readonly ItemIn[], taken: readonly number[] = []) {
  return completeItems(items, taken, (index) => `/order/items/${index}`)
}

/** What clients see of a draft (orders-api §3.1); totals are recomputed from the lines. */
export function draftView(draft: Draft, events?: Record<string, unknown>[]): Record<string, unknown> {
  const { reserved, deleted } = draft
  return {
    order: {
      ...draft.content,
      ...(reserved ? { order_id: reserved.order_id } : {}),
      currency: draft.currency,
      ...totalsOf(draft.items),
      items: draft.items,
    },
    options: draft.options,
    id: draft.id,
    version: draft.version,
    status: draft.status,
    ...(draft.orders ? { orders: draft.orders } : {}),
    ...(events ? { events } : {}),
    created_at: draft.created_at,
    created_by: draft.created_by,
    updated_at: draft.updated_at,
    ...(deleted ? { deleted_at: deleted.at, deleted_by: deleted.by } : {}),
  }
}
