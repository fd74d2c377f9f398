import type { FinalEvent, PageSession, Stage } from './protocol.ts'

/** What the page reads of a session. Everything is optional: a merchant may leave out most of it (clients §6.9). */
export type SessionView = PageSession & {
  created_at?: string
  order?: OrderView
  url?: { return_url?: string; merchant_terms_url?: string }
  merchant?: MerchantView
  configuration?: Readonly<Record<string, unknown>>
  express?: ExpressView
  customer?: { email?: string; phone_number?: string; tokens?: Record<string, { payment_token_id?: string }> }
  checkboxes?: CheckboxView[]
  pay_lock?: { pay_lock_id: string }
}

export type OrderView = Record<string, unknown> & {
  amount?: number
  currency?: string
  vat_amount?: number
  merchant_reference?: string
  items?: ItemView[]
  discount_lines?: DiscountView[]
  discount_codes?: string[]
  gift_cards?: { amount?: number; masked_card_token?: string }[]
  shipping_option?: ShippingView
  shipping_address?: AddressView
  billing_address?: AddressView
}
export type ItemView = {
  description?: string
  id?: string
  line_id?: string
  quantity?: number
  amount?: number
  vat_amount?: number
  gross_amount?: number
  discount_lines?: DiscountView[]
}
export type DiscountView = { amount?: number; description?: string; discount_id?: string }
export type AddressView = Partial<Record<string, string | number>>
export type ShippingView = {
  id: string
  line_id: string
  title?: string
  description?: string
  amount?: number
  vat_amount?: number
  operator?: string
  delivery_method?: string
  pick_up_address?: AddressView
  time_slot?: { starts_at?: string; ends_at?: string }
  environmental_data?: { description?: string }
}
export type ExpressView = {
  shipping_options?: ShippingView[]
  shipping_mode?: string
  shipping_address_callback_url?: string
  discount_codes?: { max_count?: number }
  customer_types?: string[]
}
export type CheckboxView = {
  id: string
  label: string
  checked?: boolean
  required?: boolean
  link?: { url: string; text: string }
}
export type MerchantView = { name?: string; logo_url?: string }

/** The answer of `GET /view/{sid}/session`: the session, or why there is none (checkout-api §3.10.2). */
export type View = { session: SessionView } | { cause: string | undefined; details: SessionDetails }
export type SessionDetails = {
  merchant_reference?: string
  transaction_id?: string
  return_url?: string
  merchant?: MerchantView
}

const stages: Record<string, Stage> = {
  CANCELLED: 'cancelled',
  FAILED: 'failed',
  UNKNOWN: 'processing',
  AUTHORIZED: 'paid',
  ON_HOLD: 'held',
  PAYMENT_INITIATED: 'processing',
  EXPIRED: 'expired',
  DECLINED: 'declined',
}

/** What the page shows for this answer. */
export function stageOf(view: View): Stage {
  if ('session' in view) return view.session.pay_lock ? 'locked' : 'open'
  return stages[view.cause ?? ''] ?? 'not_found'
}

/** `return_url` with more parameters behind its own (checkout-api §6.1); its own query stays as it was written. */
export function withParameters(url: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined)
  const [address = '', fragment] = url.split('#', 2)
  const joint = !address.includes('?') ? '?' : /[?&]$/.test(address) ? '' : '&'
  return `${address}${joint}${new URLSearchParams(given)}${fragment === undefined ? '' : `#${fragment}`}`
}

const errors: Partial<Record<Stage, string>> = { cancelled: 'cancelled', declined: 'authorization', failed: 'failed' }
const types: Partial<Record<Stage, FinalEvent['type']>> = {
  paid: 'SessionPaymentAuthorized',
  held: 'SessionPaymentOnHold',
  cancelled: 'SessionCancel',
  declined: 'SessionPaymentError',
  failed: 'SessionPaymentError',
}

/** The event that ends the page, when the session has come to an end that the merchant is told about. */
export function finalEvent(view: View): FinalEvent | undefined {
  if ('session' in view) return undefined
  const stage = stageOf(view)
  const type = types[stage]
  const { merchant_reference = '', transaction_id, return_url } = view.details
  if (!type || !return_url) return undefined
  const error = errors[stage]
  const paid_by = stage === 'cancelled' ? undefined : transaction_id
  return {
    type,
    href: withParameters(return_url, { merchant_reference, transaction_id: paid_by, error }),
    merchant_reference,
    ...(paid_by ? { transaction_id: paid_by } : {}),
    ...(error ? { error } : {}),
  }
}
