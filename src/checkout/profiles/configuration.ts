/*
 * Terminology
 *
 * - configuration: the tree of checkout-api §3.13; groups (a provider) hold products. `vipps` is both at once
 * - product: a payment product type, `provider.method`
 * - payability: can this order be paid with that product, and if not, why
 */
import type { PaymentProduct } from '../../gateways/gateway.ts'
import type { Refusal } from '../../lib/errors.ts'
import { isObject } from '../../lib/object.ts'

/** Every payment product type (checkout-api §9.1), by provider; the names that exist in configurations only included. */
const productGroups: Readonly<Record<string, readonly string[]>> = {
  bambora: ['applepay', 'creditcard', 'googlepay', 'mobilepay', 'vipps'],
  collector: ['invoice', 'invoice_b2b', 'invoice_b2b_preapproved', 'finance', 'installment', 'installment_b2b_preapproved'],
  dintero: ['external', 'wallets', 'zero'],
  dintero_psp: ['applepay', 'clicktopay', 'creditcard', 'googlepay', 'vipps'],
  instabank: ['finance', 'installment', 'invoice', 'postponement'],
  klarna: ['billie', 'klarna'],
  kravia: ['invoice_b2b', 'invoice_b2b_grouped', 'invoice_b2c'],
  netaxept: ['creditcard'],
  payex: ['applepay', 'clicktopay', 'creditcard', 'googlepay', 'mobilepay', 'swish', 'vipps'],
  santander: ['debit_account'],
  seitatech: ['in_person'],
  swish: ['swish'],
  two: ['invoice_b2b'],
}

/** `vipps` is flat: the group is the product. */
const flat = 'vipps'

/** Can this order be paid with this product (checkout-api §3.13)? */
export type Payability = 'payable' | 'disabled_by_gateway' | 'disabled_by_order_amount'

export type Tree = { readonly [key: string]: unknown }

/** What payability depends on. `amount` in minor units of `currency`. */
export type PayableOrder = {
  amount: number
  currency: string
  /** Nothing is charged: the session only makes a token. */
  token_only?: boolean
  partial_payment?: boolean
  items?: readonly { line_id?: string | number }[]
  store?: { readonly [key: string]: unknown }
}

/** The settings of one product in a configuration, if it is there. */
export function productSettings(configuration: Tree, type: string): Tree | undefined {
  const dot = type.indexOf('.')
  const whole = configuration[dot === -1 ? type : type.slice(0, dot)]
  const settings = dot !== -1 && isObject(whole) ? whole[type.slice(dot + 1)] : whole
  return isObject(settings) ? settings : undefined
}

const groups = Object.entries(productGroups)

/** Every product type that a configuration may name, in a fixed order. */
export const productTypes: readonly string[] = [
  ...groups.flatMap(([group, names]) => names.map((name) => `${group}.${name}`)),
  flat,
]

/** Characters of `dynamic_descriptor`, the text on the customer's statement, by group (checkout-api §3.13). */
const descriptor_length: Readonly<Record<string, number>> = { collector: 40, payex: 40, vipps: 100 }

const channels = ['ecommerce', 'in_app', 'in_store']

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((text) => typeof text === 'string')

const saysNothing = (value: unknown) => value === '' || (Array.isArray(value) && value.length === 0)

/**
 * A configuration without what PHP clients write for nothing (clients §6 no. 9): groups, products and single settings that are `""` or
 * `[]`. Over those of a profile they would switch the product off.
 */
export function withoutEmpties(configuration: Tree): Tree {
  const said = (tree: Tree): Tree => Object.fromEntries(Object.entries(tree).filter(([, value]) => !saysNothing(value)))
  const { publish, ...rest } = configuration
  const kept = Object.entries(said(rest)).map(([name, value]) => [
    name,
    isObject(value) && name in productGroups ? said(value) : value,
  ])
  return { ...Object.fromEntries(kept), ...(publish === undefined ? {} : { publish }) }
}

/** What a configuration that is sent must keep to. Whoever writes `"yes"` for true learns it now, not when no money came. */
export function configurationRefusal(configuration: Tree, at = '/configuration'): Refusal | undefined {
  const refuse = (path: string, rule: string): Refusal => ({ code: 'invalid_request', path, message: `${path} ${rule}` })
  for (const [type, { enabled }] of configuredProducts(configuration)) {
    if (enabled !== undefined && typeof enabled !== 'boolean') {
      return refuse(`${at}/${type.replace('.', '/')}/enabled`, 'must be true or false.')
    }
  }
  const { auto_capture = false, channel = 'ecommerce', countries } = configuration
  if (typeof auto_capture !== 'boolean') return refuse(`${at}/auto_capture`, 'must be true or false.')
  if (!channels.includes(channel as string)) return refuse(`${at}/channel`, `must be one of ${channels.join(', ')}.`)
  const { allow_countries: allowed = [], deny_countries: denied = [] } = isObject(countries) ? countries : {}
  const rule = 'must be a list of country codes, such as ["NO"].'
  if (!isTexts(allowed)) return refuse(`${at}/countries/allow_countries`, rule)
  if (!isTexts(denied)) return refuse(`${at}/countries/deny_countries`, rule)
  const both = allowed.find((code) => denied.includes(code))
  if (both) return refuse(`${at}/countries`, `can't both allow and deny ${both.slice(0, 10)}.`)
  for (const [group, length] of Object.entries(descriptor_length)) {
    const text = productSettings(configuration, group)?.dynamic_descriptor
    if (text === undefined || (typeof text === 'string' && text.length <= length)) continue
    const path = `${at}/${group}/dynamic_descriptor`
    return { code: 'invalid_request', path, message: `${path} must be text of at most ${length} characters.`, allowed: length }
  }
}

/** The product types that are enabled, in a fixed order. */
export function enabledProducts(configuration: Tree): string[] {
  return configuredProducts(configuration).flatMap(([type, { enabled }]) => (enabled === true ? [type] : []))
}

/** The same, with those that `active_payment_types.enabled` stands for. */
export function activeProducts(configuration: Tree, available: readonly PaymentProduct[]): string[] {
  return enabledProducts(expandActive(configuration, available))
}

/** The products that stand in a configuration, in a fixed order. Most groups are in none. */
function configuredProducts(configuration: Tree): [type: string, settings: Tree][] {
  const products: [string, Tree][] = []
  for (const [group, names] of groups) {
    const whole = configuration[group]
    if (!isObject(whole)) continue
    for (const name of names) {
      const settings = whole[name]
      if (isObject(settings)) products.push([`${group}.${name}`, settings])
    }
  }
  const settings = configuration[flat]
  if (isObject(settings)) products.push([flat, settings])
  return products
}

/** Deep merge: the members of `over` win, objects are merged, arrays and everything else replaced (checkout-api §3.2). */
export function mergeTrees(under: Tree, over: Tree): Tree {
  const merged: Record<string, unknown> = { ...under }
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key]
    merged[key] = isObject(value) && isObject(below) ? mergeTrees(below, value) : value
  }
  return merged
}

/**
 * A copy in which each product is what `change` makes of it, in groups that say that they are; `undefined` removes it, and a group left
 * without products goes too.
 */
function mapProducts(configuration: Tree, change: (type: string, settings: Tree) => Tree | undefined): Tree {
  const copy: Record<string, unknown> = { ...configuration }
  for (const [group, names] of groups) {
    const settings = configuration[group]
    if (!isObject(settings)) continue
    const products: Record<string, unknown> = { ...settings }
    for (const name of names) {
      const product = settings[name]
      if (!isObject(product)) continue
      const changed = change(`${group}.${name}`, product)
      if (changed) products[name] = changed
      else delete products[name]
    }
    if (names.some((name) => name in products)) copy[group] = { ...products, type: 'payment_type' }
    else delete copy[group]
  }
  const settings = configuration[flat]
  const changed = isObject(settings) ? change(flat, settings) : undefined
  if (changed) copy[flat] = changed
  else delete copy[flat]
  return copy
}

/** A profile's configuration as it is shown: with the `type` strings by which plugins find products (checkout-api §3.13). */
export function withTypes(configuration: Tree): Tree {
  return mapProducts(configuration, (_, { payability: _payability, ...settings }) => ({
    ...settings,
    type: 'payment_product_type',
  }))
}

/**
 * A profile's configuration in a fixed order: the database keeps none, and one plugin takes the first product that is on for a
 * subscription (docs/decisions/0186). First what is on and makes tokens, cards before others, then the rest by {@link productTypes}.
 */
export function inOrder(configuration: Tree, available: readonly PaymentProduct[]): Tree {
  const products = byType(available)
  const rank = (type: string): number => {
    if (productSettings(configuration, type)?.enabled !== true) return 3
    if (!products.get(type)?.token_types.length) return 2
    return type.endsWith('.creditcard') ? 0 : 1
  }
  const present = productTypes.filter((type) => productSettings(configuration, type))
  let ordered: Tree = {}
  for (const type of present.sort((one, other) => rank(one) - rank(other))) {
    const [group, name] = type.split('.') as [string, string?]
    const settings = productSettings(configuration, type)!
    ordered = mergeTrees(ordered, { [group]: name === undefined ? settings : { [name]: settings } })
  }
  return mergeTrees(ordered, configuration)
}

/** `active_payment_types.enabled` stands for every product of the account; one that is switched off by name stays off. */
function expandActive(configuration: Tree, available: readonly PaymentProduct[]): Tree {
  const wildcard = configuration.active_payment_types
  if (!isObject(wildcard) || wildcard.enabled !== true) return configuration
  let expanded = configuration
  for (const { payment_product_type: type } of available) {
    if (type === 'dintero.wallets' || productSettings(configuration, type)?.enabled !== undefined) continue
    const [group, name] = type.split('.')
    expanded = mergeTrees(expanded, { [group!]: name === undefined ? { enabled: true } : { [name]: { enabled: true } } })
  }
  return expanded
}

/** Gift cards can't be combined with these (checkout-api §3.13). */
const notWithWallets = ['vipps', 'swish.swish', 'klarna.billie', /^instabank\./, /^collector\./, /^netaxept\./]

const mapsByType = new WeakMap<readonly PaymentProduct[], ReadonlyMap<string, PaymentProduct>>()

/** Products by their type. The list of a gateway is made once. */
function byType(available: readonly PaymentProduct[]): ReadonlyMap<string, PaymentProduct> {
  const known = mapsByType.get(available)
  if (known) return known
  const made = new Map(available.map((product) => [product.payment_product_type, product]))
  mapsByType.set(available, made)
  return made
}

/** True when the provider's product takes this currency. */
function takesCurrency(product: PaymentProduct, currency: string): boolean {
  return product.currencies === 'any' || product.currencies.includes(currency)
}

/** `enabled`: the product types that are kept, all enabled, in a fixed order. */
type ForSession = { configuration: Tree; enabled: readonly string[]; refusal: Refusal | undefined }
type Remembered = ForSession & { available: readonly PaymentProduct[]; currency: string }

/** Of each profile, what came of it last: most sessions of a profile bring no configuration of their own, and the same currency. */
const ofProfiles = new WeakMap<Tree, Remembered>()

/**
 * The configuration of a new session: profile and request merged, the wildcard expanded, and only the products kept that are enabled,
 * that the account has a gateway for, and that take the currency. Sessions share it: it is never changed.
 */
export function sessionConfiguration(
  profile: Tree,
  request: Tree,
  available: readonly PaymentProduct[],
  currency: string,
): ForSession {
  if (Object.keys(request).length > 0) return merge(profile, request, available, currency)
  const known = ofProfiles.get(profile)
  if (known?.available === available && known.currency === currency) return known
  const made = { ...merge(profile, request, available, currency), available, currency }
  ofProfiles.set(profile, made)
  return made
}

function merge(profile: Tree, request: Tree, available: readonly PaymentProduct[], currency: string): ForSession {
  const merged = expandActive(mergeTrees(profile, request), available)
  const products = byType(available)
  const wanted = enabledProducts(merged)
  const kept = wanted.filter((type) => products.has(type) && takesCurrency(products.get(type)!, currency))
  const configuration = mapProducts(merged, (type, { payability: _payability, ...settings }) =>
    kept.includes(type) ? { ...settings, type: 'payment_product_type' } : undefined,
  )
  return {
    configuration,
    enabled: kept,
    refusal: combinationRefusal(kept, wanted, available, currency) ?? defaultRefusal(request, wanted),
  }
}

/** The default must be enabled. A profile's may be of another currency than the session's: that one is let be. */
function defaultRefusal({ default_payment_type: type }: Tree, wanted: readonly string[]): Refusal | undefined {
  if (type === undefined || wanted.includes(type as string)) return undefined
  const path = '/configuration/default_payment_type'
  return { code: 'invalid_request', path, message: `${path} must be enabled: ${wanted.join(', ')}.`, allowed: wanted }
}

function combinationRefusal(
  kept: readonly string[],
  wanted: readonly string[],
  available: readonly PaymentProduct[],
  currency: string,
): Refusal | undefined {
  const path = '/configuration'
  if (available.length === 0) {
    const message = 'No gateway is configured for this account, so nothing can be paid. A production account needs a real one.'
    return { code: 'gateway_not_configured', message }
  }
  if (wanted.length === 0) return { code: 'no_payment_product', path, message: 'No payment product is enabled.' }
  if (kept.length === 0) {
    const message = `None of the enabled payment products (${wanted.join(', ')}) is available on this account for ${currency}.`
    return { code: 'no_payment_product', path, message }
  }
  if (kept.includes('dintero.wallets')) {
    const clash = kept.find((type) => notWithWallets.some((rule) => (typeof rule === 'string' ? rule === type : rule.test(type))))
    if (clash) return { code: 'payment_products_clash', path, message: `dintero.wallets can't be combined with ${clash}.` }
  }
}

/** Minor units: Instabank invoices start above 500 NOK (checkout-api §9.2). */
const instabank_invoice_above = 50_000

/** Can `order` be paid with this product now? `product` is the gateway's description of it. */
export function payability(type: string, order: PayableOrder, product: PaymentProduct | undefined): Payability {
  if (!product || !takesCurrency(product, order.currency)) return 'disabled_by_gateway'
  if (order.token_only) return 'payable'
  if ((order.amount === 0) !== (type === 'dintero.zero')) return 'disabled_by_order_amount'
  if (type === 'instabank.invoice' && order.amount <= instabank_invoice_above) return 'disabled_by_order_amount'
  if (/^(instabank|collector)\./.test(type) && !order.partial_payment && !hasUniqueLines(order)) return 'disabled_by_gateway'
  if (type === 'seitatech.in_person' && !(order.store?.id && order.store.terminal_id)) return 'disabled_by_gateway'
  return 'payable'
}

/** What this order lacks to be paid with a product that takes its currency: where, and in words. Call it when payability said no. */
export function lacking(type: string, order: PayableOrder): { path: string; message: string } {
  if (order.amount === 0) return { path: '/order/amount', message: 'an amount of 0 needs dintero.zero' }
  if (type === 'dintero.zero') return { path: '/order/amount', message: `${type} needs an amount of 0` }
  if (type === 'seitatech.in_person') {
    return { path: '/order/store', message: `${type} needs a store with id and terminal_id` }
  }
  if (type === 'instabank.invoice' && order.amount <= instabank_invoice_above) {
    return { path: '/order/amount', message: `${type} needs an amount above ${instabank_invoice_above}` }
  }
  return { path: '/order/items', message: `${type} needs items, each with a line_id of its own` }
}

/** Instabank and Collector bill by line: there must be lines, each with a `line_id` of its own (checkout-api §3.2.2). */
function hasUniqueLines({ items = [] }: PayableOrder): boolean {
  const ids = new Set(items.map(({ line_id }) => line_id))
  return items.length > 0 && ids.size === items.length && !ids.has(undefined)
}

/** The enabled product types with which this order can be paid. */
export function payableProducts(configuration: Tree, order: PayableOrder, available: readonly PaymentProduct[]): string[] {
  return payableOf(enabledProducts(configuration), order, available)
}

/** Those of these product types with which this order can be paid. */
export function payableOf(types: readonly string[], order: PayableOrder, available: readonly PaymentProduct[]): string[] {
  const products = byType(available)
  return types.filter((type) => payability(type, order, products.get(type)) === 'payable')
}

/** A session's configuration as it is shown: with `payability` on every product. */
export function withPayability(configuration: Tree, order: PayableOrder, available: readonly PaymentProduct[]): Tree {
  const products = byType(available)
  return mapProducts(configuration, (type, settings) => ({
    ...settings,
    payability: payability(type, order, products.get(type)),
  }))
}
