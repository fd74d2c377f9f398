import type { FinalEvent, PageSession, Stage } from './protocol.ts'

/** What the page reads of a session. Everything is optional: a merchant may leave out most of it (clients §6.9). */
export type SessionView = PageSession & {
  created_at?: string
  expires_at?: string
  order?: OrderView
  url?: { return_url?: string; merchant_terms_url?: string }
  merchant?: MerchantView
  configuration?: Readonly<Record<string, unknown>>
  express?: ExpressView
  customer?: { email?: string; phone_number?: string; tokens?: Record<string, { payment_token_id?: string }> }
  checkboxes?: CheckboxView[]
  pay_lock?: { pay_lock_id: string }
  events?: { name: string }[]
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
  pay_in_store?: { type?: string }
  id: string
  line_id: string
  title?: string
  description?: string
  amount?: number
  vat_amount?: number
  operator?: string
  delivery_method?: string
  pick_up_address?: Record<string, unknown> & { distance?: number; opening_hours?: { timezone?: string } }
  time_slot?: { starts_at?: string; ends_at?: string }
  environmental_data?: { description?: string }
}
export type ExpressView = {
  shipping_options?: ShippingView[]
  shipping_mode?: string
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

/** What has become of a session that can't be paid. */
export type Ended = {
  stage: Exclude<Stage, 'open' | 'locked'>
  final?: FinalEvent
  merchant?: MerchantView
  return_url?: string
  /** While a payment is under way: where to ask how it goes, and the provider's page when the customer has to act there. */
  poll_path?: string
  continue_url?: string
}
/** By payment product type: the brand and the last digits, or nothing when only the provider knows them. */
export type SavedCards = Readonly<Record<string, string>>
/** A session that can be paid, or what has become of it. `asks_shop`: the shop is asked what it ships to an address. */
export type View = { session: SessionView; saved_cards?: SavedCards; asks_shop?: boolean } | Ended

/** What the page shows for this session. */
export function stageOf(view: View): Stage {
  if (!('session' in view)) return view.stage
  return view.session.pay_lock ? 'locked' : 'open'
}

/** True when the last thing that happened is that a payment was refused. */
export function wasRefused({ events = [] }: SessionView): boolean {
  const quiet = new Set(['VISITED', 'PAY_LOCK_END', 'PAY_LOCK_META'])
  return events.findLast(({ name }) => !quiet.has(name))?.name === 'PAY_FAILED'
}
