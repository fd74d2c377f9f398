/*
 * Terminology
 *
 * - order: what a session asks to be paid; its `amount` is the total to authorize
 * - item: one line of it, named by `line_id`; its `amount` includes VAT and discounts and may be negative
 * - shipping option: one more line, chosen from what is offered
 */
import Type, { type Static } from 'typebox'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { AmountIn, Currency, FreeObject, LineIdIn, PositiveAmountIn, Reference } from '../../lib/schema.ts'

const Text = Type.String({ maxLength: limits.text_length_max })
/** What a transaction is found by is shorter: the index takes no text over 2,700 bytes, and refuses it when the money is reserved. */
export const Short = Type.String({ maxLength: limits.reference_length_max })
/** Ids that clients write as text or as number. Stored as text. */
const IdIn = LineIdIn

/** A shipping or billing address (checkout-api §2.1). Nothing is required; `phone_number` is taken as sent (clients §4.4). */
export const Address = Type.Object(
  {
    first_name: Type.Optional(Short),
    last_name: Type.Optional(Short),
    address_line: Type.Optional(Short),
    address_line_2: Type.Optional(Short),
    co_address: Type.Optional(Short),
    business_name: Type.Optional(Short),
    postal_code: Type.Optional(Short),
    postal_place: Type.Optional(Short),
    country: Type.Optional(Short),
    phone_number: Type.Optional(Short),
    email: Type.Optional(Short),
    organization_number: Type.Optional(Short),
    customer_reference: Type.Optional(Short),
    cost_center: Type.Optional(Short),
  },
  {
    title: 'OrderAddress',
    examples: [
      {
        first_name: 'Kari',
        last_name: 'Nordmann',
        address_line: 'Storgata 1',
        postal_code: '0155',
        postal_place: 'Oslo',
        country: 'NO',
      },
    ],
  },
)
export type Address = Static<typeof Address>

/** Says where somebody is. Shops send the members of an address that they don't know yet empty, with the country of most customers. */
export function isAddress(address: object | undefined): boolean {
  return Object.entries(address ?? {}).some(
    ([name, value]) => name !== 'country' && typeof value === 'string' && value.trim() !== '',
  )
}

/** A way to ship that is offered, or chosen (checkout-api §2.6). `line_id` tells two of them apart. */
export const ShippingOption = Type.Object(
  {
    id: IdIn,
    line_id: IdIn,
    amount: PositiveAmountIn,
    vat_amount: Type.Optional(AmountIn),
    vat: Type.Optional(Type.Number()),
    title: Type.Optional(Text),
    description: Type.Optional(Text),
    operator: Type.Optional(Text),
    delivery_method: Type.Optional(Text),
    countries: Type.Optional(Type.Array(Type.String())),
    time_slot: Type.Optional(Type.Object({ starts_at: Type.Optional(Text), ends_at: Type.Optional(Text) })),
    pick_up_address: Type.Optional(FreeObject),
    pay_in_store: Type.Optional(
      Type.Object({ type: Type.Enum(['full'], { description: 'Nothing is paid here; it needs dintero.zero.' }) }),
    ),
    environmental_data: Type.Optional(Type.Object({ description: Type.Optional(Text) })),
  },
  {
    title: 'ShippingOption',
    examples: [{ id: 'post', line_id: 'post', amount: 3900, title: 'Posten', operator: 'Posten', delivery_method: 'delivery' }],
  },
)
export type ShippingOption = Static<typeof ShippingOption>

const DiscountLine = Type.Object({
  amount: Type.Optional(AmountIn),
  percentage: Type.Optional(Type.Number()),
  discount_type: Type.Optional(Text),
  discount_id: Type.Optional(IdIn),
  description: Type.Optional(Text),
  line_id: Type.Optional(IdIn),
})

/** One line (checkout-api §2.4). */
export const Item = Type.Object(
  {
    id: Type.Optional(IdIn),
    line_id: Type.Optional(IdIn),
    description: Type.Optional(Text),
    quantity: Type.Optional(Type.Number()),
    amount: Type.Optional(AmountIn),
    vat_amount: Type.Optional(AmountIn),
    vat: Type.Optional(Type.Number()),
    splits: Type.Optional(Type.Array(Type.Object({ payout_destination_id: Short, amount: AmountIn }))),
    discount_lines: Type.Optional(Type.Array(DiscountLine)),
  },
  { title: 'OrderItem' },
)
export type Item = Static<typeof Item>

/** Where the shop sells. Members that we don't know are kept. */
export const Store = Type.Object(
  { id: Type.Optional(IdIn), terminal_id: Type.Optional(IdIn), payout_destination_id: Type.Optional(IdIn) },
  { additionalProperties: true },
)

/** What of the amount a gift card pays (checkout-api §3.2.2). */
const GiftCard = Type.Object({
  type: Type.Optional(Text),
  card_id: Type.Optional(IdIn),
  amount: Type.Optional(AmountIn),
  masked_card_token: Type.Optional(Text),
})

const optional = {
  vat_amount: Type.Optional(AmountIn),
  merchant_reference_2: Type.Optional(Reference),
  event_reference: Type.Optional(Reference),
  payout_destination_id: Type.Optional(Reference),
  shipping_address: Type.Optional(Address),
  billing_address: Type.Optional(Address),
  partial_payment: Type.Optional(Type.Boolean()),
  items: Type.Optional(Type.Array(Item, { maxItems: limits.items_per_order_max })),
  store: Type.Optional(Store),
  discount_lines: Type.Optional(Type.Array(DiscountLine)),
  discount_codes: Type.Optional(Type.Array(Text)),
  gift_cards: Type.Optional(Type.Array(GiftCard)),
}

/** The order of a new session (checkout-api §3.2.2). */
export const Order = Type.Object(
  {
    amount: PositiveAmountIn,
    currency: Currency,
    merchant_reference: Type.String({ minLength: 1, maxLength: limits.reference_length_max }),
    ...optional,
    shipping_option: Type.Optional(ShippingOption),
  },
  { title: 'SessionOrder' },
)
export type Order = Static<typeof Order>

/** The order of an update: every member optional, `shipping_option: null` removes it (checkout-api §3.6). */
export const OrderUpdate = Type.Object(
  {
    amount: Type.Optional(PositiveAmountIn),
    currency: Type.Optional(Currency),
    merchant_reference: Type.Optional(Type.String({ minLength: 1, maxLength: limits.reference_length_max })),
    ...optional,
    shipping_option: Type.Optional(Type.Union([ShippingOption, Type.Null()])),
  },
  { title: 'SessionOrderUpdate' },
)
export type OrderUpdate = Static<typeof OrderUpdate>

/** Lines as they are stored and shown: ids as text. Members that we don't know are kept. */
export type StoredItem = Omit<Item, 'id' | 'line_id'> & { id?: string; line_id?: string }
export type StoredOption = Omit<ShippingOption, 'id' | 'line_id'> & { id: string; line_id: string }
export type StoredOrder = Omit<Order, 'items' | 'shipping_option'> & { items?: StoredItem[]; shipping_option?: StoredOption }

/** An item with its ids as text. */
export function storedItem(item: Item): StoredItem {
  const { id, line_id, ...rest } = item
  return {
    ...(id === undefined ? {} : { id: String(id) }),
    ...(line_id === undefined ? {} : { line_id: String(line_id) }),
    ...rest,
  }
}

/** A shipping option with its ids as text. */
export function storedOption(option: ShippingOption): StoredOption {
  return { ...option, id: String(option.id), line_id: String(option.line_id) }
}

/** An order with every id as text; whatever else was sent stays as it was. */
export function storedOrder(order: Order): StoredOrder {
  const { items, shipping_option, ...rest } = order
  return {
    ...rest,
    ...(items ? { items: items.map(storedItem) } : {}),
    ...(shipping_option ? { shipping_option: storedOption(shipping_option) } : {}),
  }
}

/** What is to be paid here, in minor units: nothing of what is paid in the store (checkout-api §2.6). */
export function amountToPay(order: { amount: number; shipping_option?: { pay_in_store?: { type?: string } } }): number {
  return order.shipping_option?.pay_in_store?.type === 'full' ? 0 : order.amount
}

/** The items and the shipping option added up, in minor units. */
export function sumOfLines({ items = [], shipping_option }: Pick<StoredOrder, 'items' | 'shipping_option'>): number {
  return items.reduce((sum, { amount = 0 }) => sum + amount, 0) + (shipping_option?.amount ?? 0)
}

/** What an order must keep to beside its types, also when it is changed (checkout-api §2.4, §2.6, §3.2.2). */
export function orderRefusal(
  order: StoredOrder,
  { auto_capture, enabled }: { auto_capture: boolean; enabled: readonly string[] },
  at = '/order',
): Refusal | undefined {
  return partsRefusal(order, auto_capture, at) ?? linesRefusal(order, enabled, at)
}

function partsRefusal(
  { items = [], shipping_option, gift_cards = [] }: StoredOrder,
  auto_capture: boolean,
  at: string,
): Refusal | undefined {
  const refuse = (path: string, rule: string): Refusal => ({ code: 'invalid_request', path, message: `${path} ${rule}` })
  const negative = gift_cards.findIndex(({ amount }) => typeof amount === 'number' && amount < 0)
  if (negative >= 0) return refuse(`${at}/gift_cards/${negative}/amount`, 'must be >= 0.')
  const undecided = auto_capture ? items.findIndex(({ splits }) => splits?.length === 0) : -1
  if (undecided >= 0) return refuse(`${at}/items/${undecided}/splits`, 'may be empty only when auto_capture is off.')
  const option: { shipments?: unknown; [member: string]: unknown } = shipping_option ?? {}
  if (option.shipments === undefined) return undefined
  const several = Array.isArray(option.shipments) && option.shipments.length > 1
  if (!several) return refuse(`${at}/shipping_option/shipments`, 'must be two or more.')
  const whole = ['splits', 'fee_split', 'pay_in_store'].find((name) => option[name] !== undefined)
  return whole ? refuse(`${at}/shipping_option/${whole}`, 'belongs to each of the shipments.') : undefined
}

/** Instabank and Collector bill by line: no two may have the same `line_id`. Others do not care. */
function linesRefusal({ items = [], partial_payment }: StoredOrder, enabled: readonly string[], at: string): Refusal | undefined {
  const by_line = enabled.find((type) => /^(instabank|collector)\./.test(type))
  if (!by_line || partial_payment) return undefined
  const seen = new Set<string>()
  for (const [index, { line_id }] of items.entries()) {
    if (line_id !== undefined && seen.has(line_id)) {
      const path = `${at}/items/${index}/line_id`
      const message = `${path} stands twice: ${line_id.slice(0, 100)}; ${by_line} bills by line.`
      return { code: 'items_invalid', path, message }
    }
    if (line_id !== undefined) seen.add(line_id)
  }
}

/** With `strict-session-amounts`, the lines must add up to the amount; with `partial_payment` it may be less (checkout-api §1.10). */
export function amountRefusal(order: StoredOrder): Refusal | undefined {
  const sum = sumOfLines(order)
  if (order.partial_payment ? order.amount <= sum : order.amount === sum) return undefined
  const rule = order.partial_payment ? 'may be at most' : 'must be'
  const message = `order.amount is ${order.amount}, but it ${rule} ${sum}: the items and the shipping option added up.`
  return { code: 'session_amount_mismatch', path: '/order/amount', message, allowed: sum }
}
