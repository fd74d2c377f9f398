import { limits } from '../../lib/limits.ts'
import { asText } from '../../lib/object.ts'
import type { OperationRow } from '../operations-log/operation.ts'
import { productSettings } from '../profiles/configuration.ts'
import type { SessionRow } from '../sessions/session.ts'
import { searchTerm, withDestinationTerms } from '../transactions/list.ts'
import { type Item, paymentProduct, type TransactionData, type TransactionRow } from '../transactions/transaction.ts'

type Free = Record<string, unknown>

/** The transaction of a session, before anything happened to it: no event, nothing authorized (checkout-api §4.2). */
export function newTransaction(session: SessionRow, operation: OperationRow, now: Date): TransactionRow {
  const { order, configuration, customer } = session.data
  const store = order.store
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)
  const row: TransactionRow = {
    account_id: session.account_id,
    id: operation.transaction_id,
    session_id: session.id,
    version: 1,
    event_count: 0,
    events_size: 0,
    hash: new Uint8Array(),
    status: 'INITIATED',
    settlement_status: 'NOT_SETTLED',
    gateway: operation.gateway,
    gateway_reference: null,
    payment_product_type: operation.payment_product_type,
    payment_operation: session.payment_operation,
    currency: operation.currency,
    amount: operation.amount,
    authorized: 0,
    captured: 0,
    refunded: 0,
    voided: 0,
    pending_capture: 0,
    pending_refund: 0,
    pending_void: 0,
    merchant_reference: order.merchant_reference,
    merchant_reference_2: order.merchant_reference_2 ?? null,
    customer_id: text(customer?.customer_id),
    store_id: asText(store?.id) ?? null,
    terminal_id: asText(store?.terminal_id) || null,
    payout_destination_id: order.payout_destination_id ?? (asText(store?.payout_destination_id) || null),
    channel: text(configuration.channel) ?? 'ecommerce',
    card_brand: null,
    token_id: null,
    auto_capture_at: null,
    auto_capture_until: null,
    search_terms: searchTerms(session, operation.transaction_id),
    final_authorization: !(
      configuration.pre_authorization === true && paymentProduct(operation.payment_product_type) === 'dintero_psp'
    ),
    data: transactionData(session, operation),
    authorized_at: null,
    captured_at: null,
    refunded_at: null,
    created_at: now,
    updated_at: now,
  }
  return { ...row, search_terms: withDestinationTerms(row) }
}

/** What names a checkbox, of a session or of a pay body, whose form no schema says. */
const idOf = (box: Free): string => (asText(box.id) ?? '').slice(0, limits.reference_length_max)

/** The ids of the checkboxes that a pay body says are ticked, `checkboxes: [{ id, checked: true }]`; nothing when it says nothing. */
export function tickedOf({ checkboxes }: Readonly<Record<string, unknown>>): string[] | undefined {
  if (!Array.isArray(checkboxes)) return undefined
  return checkboxes.flatMap((box: Free | undefined) => (box?.checked === true ? [idOf(box)] : []))
}

/** What the transaction shows of the session: its items with the shipping as one more, addresses, references, metadata. */
function transactionData(session: SessionRow, operation: OperationRow): TransactionData {
  const { order, url, customer, checkboxes, merchant, metadata, configuration } = session.data
  const { ticked } = operation.request
  const { tokens: _, ...shown } = (customer ?? {}) as Free
  const { merchant_terms_url: __, ...urls } = url
  const all = {
    items: [...((order.items ?? []) as Item[]), ...shippingItems(order.shipping_option as Free | undefined)],
    url: urls,
    event_reference: order.event_reference,
    partial_payment: order.partial_payment,
    customer: Object.keys(shown).length ? shown : undefined,
    shipping_address: order.shipping_address,
    billing_address: order.billing_address,
    shipping_option: order.shipping_option,
    store: order.store,
    gift_cards: order.gift_cards,
    checkboxes: ticked ? checkboxes?.map((box) => ({ ...box, checked: ticked.includes(idOf(box)) })) : checkboxes,
    metadata: { ...flat(merchant), ...metadata },
    customer_ip: session.customer_ip,
    user_agent: session.user_agent,
    platform_type: merchant?.platform_type,
    dynamic_descriptor: productSettings(configuration, paymentProduct(operation.payment_product_type))?.dynamic_descriptor,
    request_headers: operation.request.request_headers,
    auto_capture: configuration.auto_capture === true || undefined,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== null)) as TransactionData
}

/**
 * What the `search` of the list finds the transaction by (checkout-api §4.5.1): exactly, whatever the case. The account's id stands
 * before each, since the index is not divided by account.
 */
function searchTerms({ account_id, id, data }: SessionRow, transaction_id: string): string[] {
  const { order, customer } = data
  const addresses = [order.billing_address, order.shipping_address] as (Free | undefined)[]
  const people = [...addresses, customer as Free | undefined].flatMap((person) =>
    person
      ? [person.phone_number, person.email, [person.first_name, person.last_name].map(asText).filter(Boolean).join(' ')]
      : [],
  )
  const terms = [transaction_id, id, order.merchant_reference, order.merchant_reference_2, ...people]
  return [
    ...new Set(
      terms.filter((term) => typeof term === 'string' && term !== '').map((term) => searchTerm(account_id, term as string)),
    ),
  ]
}

/** Server-written metadata about the merchant (checkout-api §2.9). */
function flat(merchant: Free | undefined): Record<string, string> {
  const named = {
    merchant_name: merchant?.name,
    merchant_country: merchant?.country,
    merchant_category_code: merchant?.merchant_category_code,
  }
  return Object.fromEntries(Object.entries(named).filter(([, value]) => typeof value === 'string')) as Record<string, string>
}

/** The chosen shipping option as items: one, or one for each shipment (checkout-api §4.2). */
function shippingItems(option: Free | undefined): Item[] {
  if (!option) return []
  const shipments = Array.isArray(option.shipments) && option.shipments.length > 0 ? (option.shipments as Free[]) : [option]
  return shipments.map((shipment) => {
    const { id, line_id, amount, vat, vat_amount, title } = shipment
    const item = { id, line_id, description: title, quantity: 1, amount, vat, vat_amount, type: 'shipping' }
    return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as Item
  })
}
