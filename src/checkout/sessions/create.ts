import Type, { type Static } from 'typebox'
import type { PaymentProduct } from '../../gateways/gateway.ts'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { asText, isObject, pointerStep } from '../../lib/object.ts'
import { Currency, FreeObject, LineIdIn, Reference, TextLike } from '../../lib/schema.ts'
import { parseTime } from '../../lib/time.ts'
import {
  configurationRefusal,
  lacking,
  payableOf,
  sessionConfiguration,
  type Tree,
  withoutEmpties,
} from '../profiles/configuration.ts'
import type { ProfileData } from '../profiles/profile.ts'
import { urlsRefusal, WebUrl } from '../profiles/url.ts'
import {
  amountRefusal,
  amountToPay,
  Order,
  orderRefusal,
  ShippingOption,
  Short,
  Store,
  type StoredOption,
  storedOption,
  storedOrder,
} from './order.ts'
import type { Express, SessionData } from './session.ts'

/** Where the customer and the callbacks go (checkout-api §3.2.1). Any scheme but those that run as script in the page. */
const Urls = Type.Object(
  {
    return_url: TextLike(
      '^(?!(?:[jJ][aA][vV][aA]|[vV][bB])[sS][cC][rR][iI][pP][tT]:|[dD][aA][tT][aA]:)[a-zA-Z][a-zA-Z0-9+.-]*:.+',
      'a URL with its scheme, https: or that of an app; javascript:, vbscript: and data: are refused',
      { maxLength: limits.url_length_max },
    ),
    callback_url: Type.Optional(WebUrl),
    merchant_terms_url: Type.Optional(WebUrl),
  },
  { title: 'SessionUrls' },
)

export const Customer = Type.Object(
  {
    customer_id: Type.Optional(LineIdIn),
    email: Type.Optional(Short),
    phone_number: Type.Optional(Short),
    first_name: Type.Optional(Short),
    last_name: Type.Optional(Short),
    tokens: Type.Optional(FreeObject),
  },
  { title: 'SessionCustomer' },
)

/** Presence makes it an express session: the customer fills in addresses on our page (checkout-api §3.2.3). */
export const ExpressIn = Type.Object(
  {
    shipping_options: Type.Optional(Type.Array(ShippingOption, { maxItems: limits.items_per_order_max })),
    shipping_mode: Type.Optional(Type.Enum(['shipping_required', 'shipping_not_required'])),
    shipping_address_callback_url: Type.Optional(WebUrl),
    discount_codes: Type.Optional(
      Type.Object({
        max_count: Type.Optional(Type.Number()),
        callback_url: Type.Optional(WebUrl),
      }),
    ),
    customer_types: Type.Optional(Type.Array(Type.String())),
  },
  { title: 'SessionExpress' },
)

/** A box that an express page shows, to be ticked (checkout-api §3.2). Named by its `id`. */
const Checkbox = Type.Object(
  {
    id: LineIdIn,
    label: Type.String({ maxLength: limits.text_length_max }),
    checked: Type.Optional(Type.Boolean()),
    required: Type.Optional(Type.Boolean()),
    link: Type.Optional(Type.Object({ url: WebUrl, text: Type.String({ maxLength: limits.text_length_max }) })),
  },
  { title: 'SessionCheckbox', additionalProperties: true },
)

/** Who sells, as the page shows it (checkout-api §3.2). Members that we don't know are kept. */
const Merchant = Type.Object(
  { name: Type.Optional(Type.String()), logo_url: Type.Optional(Type.String({ maxLength: limits.url_length_max })) },
  { title: 'SessionMerchant', additionalProperties: true },
)

const members = {
  url: Urls,
  order: Order,
  customer: Type.Optional(Customer),
  expires_at: Type.Optional(Type.String({ description: 'ISO 8601. At most 30 days ahead; a day when absent.' })),
  checkboxes: Type.Optional(Type.Array(Checkbox, { maxItems: limits.items_per_order_max })),
  merchant: Type.Optional(Merchant),
  express: Type.Optional(ExpressIn),
  metadata: Type.Optional(FreeObject),
}

/** What a shop asks for: in the documentation of the request, and of what comes of it. */
export const example = {
  url: { return_url: 'https://shop.example/done', callback_url: 'https://shop.example/callback?report_error=true' },
  order: {
    amount: 33890,
    currency: 'NOK',
    merchant_reference: 'ORD-1',
    items: [{ id: 'chair-1', line_id: '1', description: 'Stol', quantity: 1, amount: 29990, vat_amount: 5998, vat: 25 }],
    shipping_option: { id: 'post', line_id: 'post', amount: 3900, title: 'Posten', operator: 'Posten' },
  },
}

/** The body of `POST /sessions-profile` (checkout-api §3.2). */
export const SessionProfileIn = Type.Object(
  { ...members, profile_id: Type.String({ minLength: 1 }), configuration: Type.Optional(FreeObject) },
  { title: 'SessionProfile', examples: [{ ...example, profile_id: 'default' }] },
)
/** The contract has no `profile_id` here; some clients send it all the same. */
const ownProfile =
  'Not in the published contract. The account must have this profile; what it says and the request does not is taken from it.'
/** The body of `POST /sessions` (checkout-api §3.3). */
export const SessionIn = Type.Object(
  { ...members, configuration: FreeObject, profile_id: Type.Optional(Type.String({ minLength: 1, description: ownProfile })) },
  { title: 'SessionOptions', examples: [{ ...example, configuration: { dintero_psp: { creditcard: { enabled: true } } } }] },
)
/** Either of them. */
export type SessionRequest = Omit<Static<typeof SessionProfileIn>, 'profile_id'> & { profile_id?: string }

/** With what a token session makes which tokens. */
export const TokenProvider = Type.Object({
  payment_product_type: Type.String(),
  token_types: Type.Array(Type.Enum(['payment_token', 'recurrence_token']), { minItems: 1 }),
  token_supported_auth_methods: Type.Optional(Type.Array(Type.Enum(['3DS', 'PASSKEY']))),
})

/** The body of `POST /sessions/payment-token` (checkout-api §3.8). */
export const TokenSessionIn = Type.Object(
  {
    session: Type.Object({
      url: Urls,
      order: Type.Object({
        currency: Currency,
        merchant_reference: Type.String({ minLength: 1, maxLength: limits.reference_length_max }),
        merchant_reference_2: Type.Optional(Reference),
        store: Type.Optional(Store),
      }),
      profile_id: Type.Optional(Type.String({ minLength: 1 })),
      customer: Type.Optional(Customer),
      expires_at: Type.Optional(Type.String()),
      configuration: Type.Optional(FreeObject),
      metadata: Type.Optional(FreeObject),
    }),
    token_provider: TokenProvider,
  },
  {
    title: 'PaymentTokenSession',
    examples: [
      {
        session: { url: { return_url: 'https://shop.example/done' }, order: { currency: 'NOK', merchant_reference: 'SUB-1' } },
        token_provider: { payment_product_type: 'dintero_psp.creditcard', token_types: ['payment_token'] },
      },
    ],
  },
)
export type TokenSessionRequest = Static<typeof TokenSessionIn>

/** The data of a session that makes a token: amount 0, one product, the looks of the profile. */
export function newTokenSessionData(
  { session, token_provider }: TokenSessionRequest,
  basis: Omit<Basis, 'toggles'>,
): { data: SessionData } | { refusal: Refusal } {
  const { payment_product_type: type, token_types } = token_provider
  const product = basis.products.find(({ payment_product_type }) => payment_product_type === type)
  const unsupported = token_types.find((wanted) => !product?.token_types.includes(wanted))
  if (!product || unsupported) {
    const allowed = basis.products.filter((one) => one.token_types.length > 0).map((one) => one.payment_product_type)
    const message = `${type.slice(0, 100)} can't make a ${unsupported ?? token_types[0]} here; ${allowed.join(', ')} make tokens.`
    return { refusal: { code: 'token_not_supported', path: '/token_provider/payment_product_type', message, allowed } }
  }
  const [group, name] = type.split('.')
  const settings = {
    enabled: true,
    type: 'payment_product_type',
    ...Object.fromEntries(token_types.map((kind) => [`generate_${kind}`, true])),
  }
  const { channel, ...configuration } = withoutEmpties(session.configuration ?? {})
  const named = channel === undefined ? {} : { channel }
  const wrong = boundsRefusal(session, '/session') ?? configurationRefusal(named, '/session/configuration')
  if (wrong) return { refusal: wrong }
  const { theme } = { theme: basis.profile?.configuration.theme, ...configuration }
  const { url, order, customer } = session
  const { currency, merchant_reference, merchant_reference_2, store } = order
  const merchant = { ...basis.merchant, ...basis.profile?.merchant }
  const metadata = { ...session.metadata, ...(session.profile_id ? { 'session:profile_id': session.profile_id } : {}) }
  const data: SessionData = {
    url: { ...basis.profile?.url, ...url },
    order: {
      amount: 0,
      currency,
      merchant_reference,
      ...(merchant_reference_2 === undefined ? {} : { merchant_reference_2 }),
      ...(store ? { store } : {}),
    },
    configuration: {
      ...(theme === undefined ? {} : { theme }),
      ...named,
      [group!]: name === undefined ? settings : { type: 'payment_type', [name]: settings },
    },
    token_provider,
    ...(customer ? { customer: withTextId(customer) } : {}),
    ...(Object.keys(merchant).length > 0 ? { merchant } : {}),
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  }
  return { data }
}

/**
 * What of it has no end, or is no URL. The contract limits the metadata of captures (checkout-api §2.9), not this. One entry of
 * the metadata is in an index: it has to be text or a number, and short.
 */
export function boundsRefusal(
  {
    url,
    metadata = {},
    express,
    merchant,
    checkboxes = [],
  }: Omit<Pick<SessionRequest, Bounded>, 'url'> & {
    url: Partial<SessionRequest['url']>
  },
  at = '',
): Refusal | undefined {
  for (const [key, value] of Object.entries(metadata)) {
    const path = `${at}/metadata/${pointerStep(key.slice(0, limits.metadata_key_length_max))}`
    const refuse = (what: string, allowed: number): Refusal => ({
      code: 'invalid_request',
      path,
      message: `${path}: ${what} at most ${allowed} characters.`,
      allowed,
    })
    if (key.length > limits.metadata_key_length_max) return refuse('its key may have', limits.metadata_key_length_max)
    if (key === 'payout_correlation_id') {
      const { length = Number.POSITIVE_INFINITY } = asText(value) ?? {}
      if (length > limits.reference_length_max) return refuse('must be text of', limits.reference_length_max)
    }
    if (typeof value === 'string' && value.length > limits.text_length_max)
      return refuse('must be text of', limits.text_length_max)
  }
  return urlsRefusal([
    [`${at}/url/return_url`, url.return_url],
    [`${at}/url/callback_url`, url.callback_url],
    [`${at}/url/merchant_terms_url`, url.merchant_terms_url],
    [`${at}/merchant/logo_url`, merchant?.logo_url],
    ...checkboxes.map(({ link }, index) => [`${at}/checkboxes/${index}/link/url`, link?.url] as [string, string | undefined]),
    ...expressUrls(express),
  ])
}
type Bounded = 'url' | 'metadata' | 'express' | 'merchant' | 'checkboxes'

/** Where a merchant is asked while the customer fills in the page. */
export function expressUrls(express: SessionRequest['express']): [path: string, url: string | undefined][] {
  return [
    ['/express/shipping_address_callback_url', express?.shipping_address_callback_url],
    ['/express/discount_codes/callback_url', express?.discount_codes?.callback_url],
  ]
}

/** What a session is made from, besides the request. */
export type Basis = {
  profile: ProfileData | undefined
  merchant: Tree | undefined
  products: readonly PaymentProduct[]
  toggles: ReadonlySet<string>
}

/** The data of a new session: profile and request merged; or why it can't be made (checkout-api §3.2.5). */
export function newSessionData(request: SessionRequest, basis: Basis): { data: SessionData } | { refusal: Refusal } {
  const { profile, products, toggles } = basis
  const order = storedOrder(request.order)
  if (toggles.has('strict-session-amounts')) {
    const refusal = amountRefusal(order)
    if (refusal) return { refusal }
  }
  const given = withoutEmpties(request.configuration ?? {})
  const wrong = boundsRefusal(request) ?? configurationRefusal(given)
  if (wrong) return { refusal: wrong }
  const { configuration, enabled, refusal } = sessionConfiguration(profile?.configuration ?? {}, given, products, order.currency)
  if (refusal) return { refusal }
  const unfit = orderRefusal(order, { auto_capture: configuration.auto_capture === true, enabled })
  if (unfit) return { refusal: unfit }
  const due = { ...order, amount: amountToPay(order) }
  const payable = payableOf(enabled, due, products)
  // Express orders grow while the customer fills them in, so only the others must be payable from the start.
  if (payable.length === 0 && !request.express) {
    const lacks = enabled.map((type) => lacking(type, due))
    const why = [...new Set(lacks.map(({ message }) => message))].join('; ')
    const message = `None of the enabled payment products can pay this order: ${why}.`
    return { refusal: { code: 'no_payment_product', path: lacks[0]!.path, message } }
  }
  const { checkboxes, express, customer } = request
  const merchant = { ...basis.merchant, ...profile?.merchant, ...request.merchant }
  const metadata = { ...request.metadata, ...(request.profile_id ? { 'session:profile_id': request.profile_id } : {}) }
  const data: SessionData = {
    url: { ...profile?.url, ...request.url },
    order,
    configuration: published(configuration, customer),
    ...(customer ? { customer: withTextId(customer) } : {}),
    ...(express ? { express: storedExpress(express) } : {}),
    ...(Object.keys(merchant).length > 0 ? { merchant } : {}),
    ...(checkboxes ? { checkboxes: checkboxes.map((box) => ({ ...box, id: String(box.id) })) } : {}),
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  }
  return { data }
}

/**
 * `configuration.publish` with what became of each entry (checkout-api §3.13). Kvitt sends no messages: without a phone number or
 * e-mail address there is nobody to send to (`skipped`), with one it is `failed`.
 */
function published(configuration: Tree, customer: SessionRequest['customer']): Tree {
  if (!Array.isArray(configuration.publish)) return configuration
  const status = customer?.phone_number || customer?.email ? 'failed' : 'skipped'
  const publish = configuration.publish.filter(isObject).map((entry, index) => ({ ...entry, id: String(index + 1), status }))
  return { ...configuration, publish }
}

/** Express settings with an option list, which clients leave out, and ids as text. */
export function storedExpress(express: Static<typeof ExpressIn>): Express & { shipping_options: StoredOption[] } {
  return { ...express, shipping_options: (express.shipping_options ?? []).map(storedOption) }
}

function withTextId(customer: Static<typeof Customer>): Tree {
  return customer.customer_id === undefined ? customer : { ...customer, customer_id: String(customer.customer_id) }
}

/** The time of expiry that was asked for, or a day from now; or why it can't be (checkout-api §12 Q1). */
export function expiry(asked: string | undefined, now: Date, path = '/expires_at'): { expires_at: Date } | { refusal: Refusal } {
  if (asked === undefined || asked === '') {
    return { expires_at: new Date(now.getTime() + limits.session_lifetime_default_s * 1000) }
  }
  const refuse = (message: string) => ({ refusal: { code: 'invalid_request' as const, path, message } })
  const expires_at = parseTime(asked)
  if (!expires_at) return refuse(`expires_at is not an ISO 8601 time: ${asked.slice(0, 40)}.`)
  if (expires_at <= now) return refuse(`expires_at is in the past: ${expires_at.toISOString()}.`)
  const latest = new Date(now.getTime() + limits.session_lifetime_max_s * 1000)
  if (expires_at > latest) return refuse(`expires_at is too far ahead; at most ${latest.toISOString()}.`)
  return { expires_at }
}

/** Every token value given with the customer, by product type (checkout-api §2.7). nopCommerce sends `""` for each that it has not. */
export function givenTokens(customer: Tree | undefined): { type: string; token: Tree; value: string }[] {
  if (!isObject(customer?.tokens)) return []
  return Object.entries(customer.tokens).flatMap(([type, token]) => {
    if (!isObject(token)) return []
    const value = token.payment_token || token.recurrence_token
    return typeof value === 'string' && value ? [{ type, token, value }] : []
  })
}
