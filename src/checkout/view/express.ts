import Type, { type Static } from 'typebox'
import type { Refusal } from '../../lib/errors.ts'
import { sameJson } from '../../lib/object.ts'
import { HttpUrl, LineIdIn } from '../../lib/schema.ts'
import { Address } from '../sessions/order.ts'
import {
  type Express,
  type SessionData,
  type SessionEventName,
  type SessionRow,
  sessionView,
  type ViewOptions,
} from '../sessions/session.ts'

/** What the customer agrees to (checkout-api §2.7). What else is sent is not kept. */
const MyDintero = Type.Object({
  actions: Type.Array(Type.Enum(['create_user', 'skip']), { maxItems: 2 }),
  terms: Type.Array(Type.Object({ id: Type.String({ format: 'uuid' }), url: HttpUrl }), { maxItems: 20 }),
})

/** The body of `PUT …/order/addresses` (checkout-api §3.10.4). */
export const AddressesIn = Type.Object(
  {
    shipping_address: Type.Optional(Address),
    billing_address: Type.Optional(Address),
    my_dintero: Type.Optional(MyDintero),
  },
  { examples: [{ shipping_address: { first_name: 'Kari', last_name: 'Nordmann', postal_code: '0155', country: 'NO' } }] },
)
export type Addresses = Static<typeof AddressesIn>

/** The body of `PUT …/order/shipping_option`: one of those offered, named by its `line_id`; our copy of it counts. */
export const OptionIn = Type.Object({ line_id: LineIdIn }, { examples: [{ id: 'post', line_id: 'post', amount: 3900 }] })

/** The body of `PUT …/order/discount_codes`. */
export const CodesIn = Type.Object(
  { discount_codes: Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 100 }) },
  { examples: [{ discount_codes: ['SPRING'] }] },
)

/** The data with the customer's addresses. */
export function withAddresses(data: SessionData, { shipping_address, billing_address, my_dintero }: Addresses): SessionData {
  return {
    ...data,
    order: {
      ...data.order,
      ...(shipping_address ? { shipping_address } : {}),
      ...(billing_address ? { billing_address } : {}),
    },
    ...(my_dintero ? { customer: { ...data.customer, my_dintero: agreed(my_dintero) } } : {}),
  }
}

function agreed({ actions, terms }: Static<typeof MyDintero>): Static<typeof MyDintero> {
  return { actions, terms: terms.map(({ id, url }) => ({ id, url })) }
}

/** Only the customer of an express session fills in addresses; those of any other order are the shop's (checkout-api §3.10.4). */
export function addressesRefusal({ express }: SessionData): Refusal | undefined {
  if (express) return undefined
  const message = 'This is no express session: the addresses of its order are the shop’s, and stay as they are.'
  return { code: 'invalid_request', path: 'sid', message }
}

/** The events of new addresses: one for each that was given. */
export function addressEvents({
  shipping_address,
  billing_address,
  my_dintero,
}: Addresses): [SessionEventName, Record<string, unknown>][] {
  const of = (address: Address) => (address.organization_number ? { organization_number: address.organization_number } : {})
  const events: [SessionEventName, Record<string, unknown>][] = []
  if (shipping_address) events.push(['SET_SHIPPING_ADDRESS', { shipping_address, ...of(shipping_address) }])
  if (billing_address) events.push(['SET_BILLING_ADDRESS', { billing_address, ...of(billing_address) }])
  if (my_dintero) events.push(['SET_MY_DINTERO', { my_dintero: agreed(my_dintero) }])
  return events
}

/** Where the options for an address are asked for; not again when the address is the one they were asked for. */
export function addressCallbackUrl(before: SessionData, after: SessionData): string | undefined {
  const known = sameJson(before.order.shipping_address, after.order.shipping_address)
  return known && before.express?.shipping_options?.length ? undefined : after.express?.shipping_address_callback_url
}

/** May these codes be tried? Only where the merchant takes codes, and no more than he said. */
export function codesRefusal({ express, configuration }: SessionData, codes: readonly string[]): Refusal | undefined {
  const max = express?.discount_codes?.max_count
  if (!express?.discount_codes?.callback_url || !codesEnabled(configuration)) {
    return { code: 'invalid_request', path: '/discount_codes', message: 'This shop takes no discount codes here.' }
  }
  if (max !== undefined && codes.length > max) {
    return { code: 'invalid_request', path: '/discount_codes', message: `At most ${max} discount codes.`, allowed: max }
  }
}

function codesEnabled(configuration: SessionData['configuration']): boolean {
  const { discounts } = configuration as { discounts?: { express_discount_codes?: { enabled?: boolean } } }
  return discounts?.express_discount_codes?.enabled === true
}

export type Operation = { rel: string; method: 'GET' | 'POST'; href: string; content_type: string }

/** How the page can pay with these products (checkout-api §3.10.2). */
export function payOperations(types: readonly string[], pay_url: string, prefix: 'view' | 'pay'): Operation[] {
  return types.map((type) => ({
    // Klarna's own operation is published under this name (checkout-api §3.10.7).
    rel: prefix === 'pay' && type === 'klarna.klarna' ? 'pay-klarna' : `${prefix}-${type.replace('.', '-')}`,
    method: 'POST',
    href: pay_url,
    content_type: 'application/json',
  }))
}

/** The session as the customer sees it: where the merchant is called back is not his business. */
export function customerView(session: SessionRow, options: ViewOptions & { operations: Operation[] }): Record<string, unknown> {
  const { callback_url: _callback, ...url } = session.data.url
  const { discount_codes, shipping_address_callback_url: _asked, ...express } = session.data.express ?? ({} as Express)
  const codes = discount_codes && { max_count: discount_codes.max_count }
  const data = {
    ...session.data,
    url,
    ...(session.data.express ? { express: { ...express, ...(codes ? { discount_codes: codes } : {}) } } : {}),
  }
  return { ...sessionView({ ...session, data }, options), operations: options.operations }
}

/** What the page is told of a session that is over (checkout-api §3.10.2). */
export function sessionDetails({ data, transaction_id }: SessionRow): Record<string, unknown> {
  const { logo_url, name } = data.merchant ?? {}
  const merchant = { ...(logo_url === undefined ? {} : { logo_url }), ...(name === undefined ? {} : { name }) }
  return {
    merchant_reference: data.order.merchant_reference,
    ...(transaction_id === null ? {} : { transaction_id }),
    ...(data.url.return_url === undefined ? {} : { return_url: data.url.return_url }),
    ...(Object.keys(merchant).length > 0 ? { merchant } : {}),
  }
}
