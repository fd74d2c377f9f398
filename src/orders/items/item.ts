/*
 * Terminology
 *
 * - item, line: one position of an order, keyed by `line_id`; unknown members are kept
 * - gross: before discounts, for all units. net: after discounts. due: net and the tax that is not inside the price
 * - reversed line: negative amounts; it takes back another line, its `related_item`
 */
import Type from 'typebox'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { Amount, AmountIn, Currency, FreeObject, LineIdIn, Reference } from '../../lib/schema.ts'

const Text = Type.String({ maxLength: limits.text_length_max })
const open = { additionalProperties: true }

/** A tax of a line (orders-api §3.5). No member is required; tax is inside the price unless it says otherwise. */
const TaxLine = Type.Object(
  {
    amount: Type.Optional(AmountIn),
    percentage: Type.Optional(Type.Number()),
    included_in_price: Type.Optional(Type.Boolean({ description: 'Default true: the tax is part of the line amounts.' })),
    exempt: Type.Optional(Type.Boolean()),
  },
  open,
)
/** A discount of a line, stored as a fact: nothing is computed from a percentage (orders-api §3.5). */
const DiscountLine = Type.Object(
  {
    amount: Type.Optional(AmountIn),
    discount_type: Type.Optional(Type.String({ maxLength: 100 })),
    discount_subtype: Type.Optional(Text),
    discount_id: Type.Optional(Reference),
    description: Type.Optional(Text),
    percentage: Type.Optional(Type.Number()),
    line_id: Type.Optional(LineIdIn),
  },
  open,
)
/** The five informational members about a foreign currency (orders-api §4.6), on lines and on the items of operations. */
export const exchangeRate = {
  original_currency: Type.Optional(Currency),
  original_gross_amount: Type.Optional(AmountIn),
  conversion_rate_ppm: Type.Optional(Type.Integer({ minimum: 1, description: 'The rate times 1,000,000.' })),
  conversion_rate_timestamp: Type.Optional(Type.String({ format: 'date-time' })),
  conversion_rate_source: Type.Optional(Type.String({ maxLength: 255 })),
}
/** Where the order or a line belongs. */
export const Store = Type.Object({ id: Type.Optional(Reference), payout_destination_id: Type.Optional(Reference) }, open)

/**
 * A line on the way in (orders-api §3.4). The reference calls `id`, `line_id`, `gross_amount` and `tax_lines` required;
 * published clients leave each of them out, so what is missing is filled in: `line_id` the next free number,
 * `gross_amount` from `amount` or the net amount, `tax_lines` empty.
 */
export const ItemIn = Type.Object(
  {
    id: Type.Optional(Type.Unsafe<string | number>({ type: ['string', 'number'], maxLength: limits.reference_length_max })),
    line_id: Type.Optional(LineIdIn),
    quantity: Type.Optional(Type.Number()),
    gross_amount: Type.Optional(AmountIn),
    net_amount: Type.Optional(AmountIn),
    amount: Type.Optional(AmountIn),
    tax_lines: Type.Optional(Type.Array(TaxLine, { maxItems: 100 })),
    discount_lines: Type.Optional(Type.Array(DiscountLine, { maxItems: 100 })),
    description: Type.Optional(Text),
    description_alias: Type.Optional(Text),
    reversed_reason: Type.Optional(Text),
    related_item: Type.Optional(
      Type.Object({ line_id: LineIdIn, type: Type.Optional(Type.String({ maxLength: 100 })) }, { additionalProperties: true }),
    ),
    external_id: Type.Optional(Type.Unsafe<string | number>({ type: ['string', 'number'] })),
    status: Type.Optional(Text),
    store: Type.Optional(Store),
    payout: Type.Optional(FreeObject),
    manual_payout: Type.Optional(FreeObject),
    ...exchangeRate,
  },
  {
    additionalProperties: true,
    examples: [
      {
        id: '175938',
        line_id: 1,
        quantity: 2,
        gross_amount: 39800,
        tax_lines: [{ amount: 7960, percentage: 25 }],
        description: 'Stablestol for utendørsbruk',
        description_alias: 'Stablestol',
      },
    ],
  },
)
export type ItemIn = Type.Static<typeof ItemIn> & { [member: string]: unknown }

/** A line as it is stored and answered. */
export const Item = Type.Object(
  {
    ...ItemIn.properties,
    related_item: Type.Optional(Type.Object({ line_id: Type.Integer(), type: Type.Optional(Type.String()) }, open)),
    line_id: Type.Integer(),
    gross_amount: Amount,
    net_amount: Amount,
    tax_lines: Type.Array(TaxLine),
    version: Type.Optional(Type.Integer({ description: 'The order version in which the line was added or last changed.' })),
  },
  { additionalProperties: true, title: 'OrderItem' },
)
export type Item = {
  line_id: number
  gross_amount: number
  net_amount: number
  tax_lines: Type.Static<typeof TaxLine>[]
  discount_lines?: Type.Static<typeof DiscountLine>[]
  related_item?: { line_id: number; type?: string }
  store?: Type.Static<typeof Store>
  payout?: Record<string, unknown>
  manual_payout?: Record<string, unknown>
  version?: number
  [member: string]: unknown
}

/** Leaves room for numbers after it, within the safe integers. */
const line_id_max = 1e15

/** `1` and `"1"` are the same line (orders-api §6 no. 20). Anything that is not a whole number is no line id. */
export function parseLineId(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && Math.abs(number) <= line_id_max ? number : undefined
}

/** What the line costs: net, and the tax that is not inside the price. Operations on the line move this amount. */
export function dueOf(item: Item): number {
  let due = item.net_amount
  for (const tax of item.tax_lines) if (tax.included_in_price === false) due += tax.amount ?? 0
  return due
}

const sumOfDiscounts = (item: { discount_lines?: { amount?: number }[] }) =>
  (item.discount_lines ?? []).reduce((sum, { amount = 0 }) => sum + amount, 0)

/**
 * Completes lines as they came in (see `ItemIn`). `taken` are the line ids already in use beside them; `pathOf` says where in the
 * body a line stands. Refuses lines without any amount, line ids that are no numbers, and duplicates: all of them at once.
 */
export function completeItems(
  incoming: readonly ItemIn[],
  taken: readonly number[],
  pathOf: (index: number) => string,
): { items: Item[]; refusals: Refusal[] } {
  const refusals: Refusal[] = []
  const used = new Set(taken)
  const named = incoming.map((item) => parseLineId(item.line_id))
  let next = Math.max(0, ...used, ...named.filter((line_id) => line_id !== undefined)) + 1
  const items = incoming.map((item, index): Item => {
    const at = pathOf(index)
    const line_id = item.line_id === undefined ? next++ : named[index]
    if (line_id === undefined) {
      refusals.push({ code: 'invalid_request', path: `${at}/line_id`, message: `${at}/line_id must be a whole number.` })
    } else if (used.has(line_id)) {
      refusals.push({ code: 'duplicate_line_id', path: `${at}/line_id`, message: `There is already a line ${line_id}.` })
    } else used.add(line_id)
    const { amount, ...rest } = item
    const discounts = sumOfDiscounts(item)
    const gross_amount = item.gross_amount ?? amount ?? (item.net_amount === undefined ? undefined : item.net_amount + discounts)
    if (gross_amount === undefined) {
      refusals.push({ code: 'missing_field', path: `${at}/gross_amount`, message: `${at}/gross_amount is required.` })
    }
    const { related_item } = item
    const related = related_item && parseLineId(related_item.line_id)
    if (related_item && related === undefined) {
      refusals.push({ code: 'invalid_request', path: `${at}/related_item/line_id`, message: 'line_id must be a whole number.' })
    }
    const complete: Item = {
      ...rest,
      ...(amount === undefined ? {} : { amount }),
      line_id: line_id ?? 0,
      gross_amount: gross_amount ?? 0,
      net_amount: item.net_amount ?? (gross_amount ?? 0) - discounts,
      tax_lines: item.tax_lines ?? [],
      related_item: related_item && { ...related_item, line_id: related ?? 0 },
    }
    if (!related_item) delete complete.related_item
    if (
      [dueOf(complete), complete.net_amount, complete.gross_amount, discounts].some((sum) => Math.abs(sum) > limits.amount_max)
    ) {
      refusals.push({ code: 'invalid_request', path: at, message: 'The amount is too large.', allowed: limits.amount_max })
    }
    return complete
  })
  if (items.length + taken.length > limits.items_per_order_max) {
    const message = `An order has at most ${limits.items_per_order_max} lines.`
    refusals.push({
      code: 'too_many_items',
      path: pathOf(limits.items_per_order_max - taken.length),
      message,
      allowed: limits.items_per_order_max,
    })
  }
  return { items, refusals }
}

/** {@link totalsOf} as it is answered. */
export const Totals = { gross_amount: Amount, net_amount: Amount, total_discount: Amount, total_manual_discount_amount: Amount }

/** The amounts of an order or a draft (orders-api §4.2). Amounts that a client sends for the order are never trusted. */
export function totalsOf(items: readonly Item[]) {
  let gross_amount = 0
  let net_amount = 0
  let total_manual_discount_amount = 0
  for (const item of items) {
    gross_amount += item.gross_amount
    net_amount += item.net_amount
    for (const { discount_type, amount = 0 } of item.discount_lines ?? []) {
      if (discount_type === 'manual') total_manual_discount_amount += amount
    }
  }
  return { gross_amount, net_amount, total_discount: gross_amount - net_amount, total_manual_discount_amount }
}
