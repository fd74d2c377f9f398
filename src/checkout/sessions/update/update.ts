import Type, { type Static } from 'typebox'
import type { Refusal } from '../../../lib/errors.ts'
import { sameJson } from '../../../lib/object.ts'
import { PositiveAmountIn } from '../../../lib/schema.ts'
import { enabledProducts } from '../../profiles/configuration.ts'
import { urlsRefusal } from '../../profiles/url.ts'
import { Customer, ExpressIn, expressUrls, storedExpress } from '../create.ts'
import {
  amountRefusal,
  OrderUpdate,
  orderRefusal,
  ShippingOption,
  type StoredItem,
  type StoredOption,
  type StoredOrder,
  storedItem,
  storedOption,
  storedOrder,
  sumOfLines,
} from '../order.ts'
import type { Express, SessionData } from '../session.ts'

/** The body of `PUT /sessions/{id}` (checkout-api §3.6). What else of a session is posted back with it is ignored. */
export const SessionUpdateIn = Type.Object(
  {
    order: Type.Optional(OrderUpdate),
    express: Type.Optional(ExpressIn),
    customer: Type.Optional(Customer),
    remove_lock: Type.Optional(Type.Boolean({ description: 'Release the pay lock afterwards. Default true.' })),
  },
  {
    title: 'SessionUpdate',
    examples: [{ order: { amount: 29990, items: [{ line_id: '1', amount: 29990, quantity: 1 }] }, remove_lock: true }],
  },
)
export type SessionUpdate = Static<typeof SessionUpdateIn>

/** Where `null` says something in an update: it removes the chosen option. */
export const nullsThatCount = ['/order/shipping_option'] as const

/** The data after an update: each member of `order`, `express` and `customer` that was given replaces the one before. */
export function updatedData(data: SessionData, update: SessionUpdate): SessionData {
  const { express, customer } = update
  // An empty list does not make an ordinary session an express one: its customer could not pay without an address form.
  const takesExpress = express && (data.express || express.shipping_options?.length)
  return {
    ...data,
    order: updatedOrder(data.order, update.order ?? {}),
    ...(takesExpress ? { express: updatedExpress(data.express, express) } : {}),
    ...(customer ? { customer: { ...data.customer, ...contact(customer) } } : {}),
  }
}

function updatedOrder(
  order: StoredOrder,
  { shipping_option, payout_destination_id: _fixed, ...given }: OrderUpdate,
): StoredOrder {
  const { shipping_option: chosen, ...before } = order
  const option = shipping_option === undefined ? chosen : shipping_option === null ? undefined : storedOption(shipping_option)
  return storedOrder({ ...before, ...given, ...(option ? { shipping_option: option } : {}) })
}

function updatedExpress(before: Express | undefined, given: Static<typeof ExpressIn>): Express {
  const { shipping_options, ...rest } = given
  return {
    ...before,
    ...rest,
    ...(shipping_options ? { shipping_options: storedExpress({ shipping_options }).shipping_options } : {}),
  }
}

/** A token or card can't be put into a session that exists. */
function contact({ email, phone_number, customer_id }: Static<typeof Customer>) {
  return {
    ...(email === undefined ? {} : { email }),
    ...(phone_number === undefined ? {} : { phone_number }),
    ...(customer_id === undefined ? {} : { customer_id: String(customer_id) }),
  }
}

/**
 * What the update must keep to: the option is one that is offered with it, an order that is changed is one that a session could begin with,
 * and with the toggle the lines add up.
 */
export function updateRefusal(update: SessionUpdate, next: SessionData, toggles: ReadonlySet<string>): Refusal | undefined {
  const offered = update.express?.shipping_options ?? []
  const option = update.order?.shipping_option
  if (option && offered.length > 0) {
    const refusal = optionRefusal(String(option.line_id), offered.map(storedOption), '/order/shipping_option/line_id')
    if (refusal) return refusal
  }
  const unfit = urlsRefusal(expressUrls(update.express)) ?? (update.order && orderRefusalOf(next))
  return unfit ?? (toggles.has('strict-session-amounts') ? amountRefusal(next.order) : undefined)
}

/** Why no session could begin with this order. */
export function orderRefusalOf({ order, configuration }: SessionData): Refusal | undefined {
  return orderRefusal(order, { auto_capture: configuration.auto_capture === true, enabled: enabledProducts(configuration) })
}

/** A shipping option must be one of those offered: the same `line_id`. */
function optionRefusal(line_id: string, offered: readonly StoredOption[], path: string): Refusal | undefined {
  const allowed = offered.map((option) => option.line_id)
  if (allowed.includes(line_id)) return undefined
  const message = `${line_id.slice(0, 100)} is not one of the shipping options: ${allowed.join(', ') || 'there are none'}.`
  return { code: 'shipping_option_unknown', path, message, allowed }
}

/** Has anything changed that the customer or the merchant would call a change? Times, events and locks are not (clients §2). */
export function isChanged(before: SessionData, after: SessionData): boolean {
  return !sameJson(before, after)
}

/** `details` of `UPDATE_SESSION`: what was and what is, or that nothing changed (checkout-api §3.6). */
export function updateDetails(before: SessionData, after: SessionData, update: SessionUpdate): Record<string, unknown> {
  const part = (name: string, was: unknown, is: unknown) =>
    sameJson(was, is)
      ? { [`updated_${name}_result`]: { status: 'NOT_MODIFIED' } }
      : { [`previous_${name}`]: was, [`updated_${name}`]: is }
  return {
    ...(update.order ? part('order', before.order, after.order) : {}),
    ...(update.express ? part('express', before.express, after.express) : {}),
  }
}

const CallbackOrder = Type.Object({
  ...Type.Pick(OrderUpdate, ['currency', 'vat_amount', 'items', 'discount_codes', 'discount_lines', 'gift_cards']).properties,
  amount: PositiveAmountIn,
  shipping_option: Type.Optional(Type.Unsafe<unknown>({})),
})

/** What a merchant answers to a shipping-address or discount callback (checkout-api §6.4, §6.5). */
export const CallbackAnswer = Type.Object({
  shipping_options: Type.Optional(Type.Array(ShippingOption)),
  order: Type.Optional(CallbackOrder),
})
export type CallbackAnswer = Static<typeof CallbackAnswer>

/**
 * The data after a callback: the options are replaced, the chosen one is kept when it is still offered (at its new price), and what
 * the merchant says of the order replaces ours. Where his amount is not his lines plus the option that was chosen when he was asked,
 * a correction item makes up the difference. One that names an option and is his lines alone is without it (decision 0195).
 */
export function answeredData(data: SessionData, answer: CallbackAnswer): SessionData {
  const { order, express = {} } = data
  const { shipping_option: chosen, ...before } = order
  const offered = answer.shipping_options?.map(storedOption)
  const kept = chosen && (offered ? offered.find(({ line_id }) => line_id === chosen.line_id) : chosen)
  const { items, shipping_option: named, ...given } = published(answer.order)
  const replaced: StoredOrder = { ...before, ...given, ...(items ? { items: items.map(storedItem) } : {}) }
  const counted = named !== undefined && replaced.amount === sumOfLines(replaced) ? 0 : (chosen?.amount ?? 0)
  const difference = answer.order ? replaced.amount - sumOfLines(replaced) - counted : 0
  if (difference !== 0 && replaced.items) replaced.items = corrected(replaced.items, difference)
  return {
    ...data,
    order: {
      ...replaced,
      amount: replaced.amount + (kept?.amount ?? 0) - counted,
      ...(kept ? { shipping_option: kept } : {}),
    },
    express: { ...express, ...(offered ? { shipping_options: offered } : {}) },
  }
}

/** What of an answered order the contract knows. A shop that answers with the whole order can't change its reference by that. */
function published(order: CallbackAnswer['order']): Partial<Static<typeof CallbackOrder>> {
  return Object.fromEntries(Object.entries(order ?? {}).filter(([name]) => Object.hasOwn(CallbackOrder.properties, name)))
}

/** The items with a correction; one that an earlier answer left is changed, so that no two lines have the same id. */
function corrected(items: readonly StoredItem[], difference: number): StoredItem[] {
  const known = items.find(({ line_id }) => line_id === 'correction')
  const others = items.filter((item) => item !== known)
  const amount = difference + (known?.amount ?? 0)
  return amount === 0 ? others : [...others, correction(amount)]
}

function correction(amount: number): StoredOrder['items'] extends (infer T)[] | undefined ? T : never {
  const rest = { quantity: 1, amount, vat: 0, vat_amount: 0, type: 'surcharge' }
  return { id: 'correction', line_id: 'correction', description: 'Correction', ...rest }
}

/** The data with this option chosen; the amount changes by the difference (checkout-api §3.10.4). */
export function withOption(data: SessionData, line_id: string): { data: SessionData } | { refusal: Refusal } {
  const offered = data.express?.shipping_options ?? []
  const refusal = optionRefusal(line_id, offered, '/line_id')
  if (refusal) return { refusal }
  const option = offered.find((candidate) => candidate.line_id === line_id)!
  const { order } = data
  const amount = order.amount - (order.shipping_option?.amount ?? 0) + option.amount
  return { data: { ...data, order: { ...order, amount, shipping_option: option } } }
}
