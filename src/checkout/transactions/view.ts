import { roundAmount } from '../../lib/currency.ts'
import type { OperationRow } from '../operations-log/operation.ts'
import type { ListedTransaction } from './listing/store.ts'
import { type EventRow, type Item, paymentProduct, settlementStatusOf, type TransactionRow } from './transaction.ts'

/** What the `includes` parameter may add (checkout-api §4.5.2). The session comes from elsewhere and is passed in. */
export type Extras = {
  session?: Record<string, unknown>
}

/** The transaction as the API shows it (checkout-api §4.2). Absent members stay absent; `metadata` is always an object (clients §4.5). */
export function transactionView(
  row: Omit<ListedTransaction, 'events'> & { events: readonly EventRow[] },
  includes: readonly string[] = [],
  extras: Extras = {},
): Record<string, unknown> {
  const { data } = row
  const events = includes.includes('events.success.true') ? row.events.filter(({ success }) => success) : row.events
  return present({
    id: row.id,
    account_id: row.account_id,
    session_id: row.session_id,
    payment_product: paymentProduct(row.payment_product_type),
    payment_product_type: row.payment_product_type,
    payment_operation: row.payment_operation,
    amount: row.amount,
    currency: row.currency,
    status: row.status,
    settlement_status: row.settlement_status,
    merchant_reference: row.merchant_reference,
    merchant_reference_2: row.merchant_reference_2,
    payout_destination_id: row.payout_destination_id,
    channel: row.channel,
    platform_type: data.platform_type,
    dynamic_descriptor: data.dynamic_descriptor,
    customer: data.customer,
    customer_ip: data.customer_ip,
    user_agent: data.user_agent,
    initiating_system_request_headers: includes.includes('initiating_system_request_headers') ? data.request_headers : undefined,
    shipping_address: data.shipping_address,
    billing_address: data.billing_address,
    shipping_option: data.shipping_option,
    store: data.store,
    gift_cards: data.gift_cards,
    items: data.items ?? [],
    url: data.url ?? {},
    events: events.map(eventView),
    session: extras.session,
    card: data.card && { ...data.card, ...tokensOf(row, includes) },
    checkboxes: data.checkboxes,
    metadata: data.metadata ?? {},
    version: row.event_count,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  })
}

/** One event as the API shows it (checkout-api §4.3): its id is its number, as text. */
export function eventView(event: EventRow): Record<string, unknown> {
  const { data } = event
  return present({
    id: String(event.sequence),
    event: event.event,
    transaction_status: event.transaction_status,
    success: event.success,
    error: data.error,
    amount: event.amount,
    calculated_vat_amount: vatOf(data.items),
    items: data.items ?? [],
    event_reference: data.event_reference,
    reason: data.reason,
    metadata: data.metadata ?? {},
    correction: data.correction,
    settlements: data.settlements,
    request_id: event.request_id,
    correlation_request_id: event.correlation_request_id,
    request_headers: data.request_headers,
    created_at: new Date(event.created_at).toISOString(),
    created_by: event.created_by,
  })
}

/**
 * The transaction as it was after its event number `sequence`, as far as its events tell: what a webhook about that event tells. Its items
 * are those of now: no event says which ones a changed authorization replaced.
 */
export function asOf<T extends TransactionRow & { events: EventRow[] }>(row: T, sequence: number): T {
  const events = row.events.filter((event) => event.sequence <= sequence)
  const last = events.at(-1)
  if (!last || events.length === row.events.length) return row
  // Until it is authorized, its amount is that of its first authorization.
  const authorized = events.findLast(isAuthorize) ?? row.events.find(isAuthorize)
  return {
    ...row,
    events,
    event_count: sequence,
    amount: authorized?.amount ?? row.amount,
    status: last.transaction_status,
    settlement_status: settlementStatusOf(events),
    updated_at: new Date(last.created_at),
  }
}

/** The transaction as the operation left it, with what came with it: the rest voided by a final capture is the event right after. */
export function asLeftBy<T extends TransactionRow & { events: EventRow[] }>(
  row: T,
  { id, request }: Pick<OperationRow, 'id' | 'request'>,
): T {
  const { events } = row
  const index = events.findLastIndex((event) => event.operation_id === id)
  const also = request.final_capture && events[index + 1]?.event === 'VOID' && !events[index + 1]?.operation_id
  return asOf(row, events[also ? index + 1 : index]?.sequence ?? events.length)
}

/** Tells the amount that is authorized from then on; one that failed, the amount that stays. */
const isAuthorize = ({ event }: EventRow): boolean => event === 'AUTHORIZE'

function tokensOf({ data: { tokens = {} } }: Pick<TransactionRow, 'data'>, includes: readonly string[]): Record<string, string> {
  const asked = Object.entries(tokens).filter(([name]) => includes.includes(`card.${name}`))
  return Object.fromEntries(asked)
}

/** VAT as far as the items tell it, in minor units; for display. */
function vatOf(items: readonly Item[] | undefined): number | undefined {
  const known = items?.filter((item) => typeof item.vat_amount === 'number' || typeof item.vat === 'number')
  if (!known?.length) return undefined
  return known.reduce((total, { amount = 0, vat_amount, vat }) => {
    if (typeof vat_amount === 'number') return total + roundAmount(vat_amount)
    const percent = vat as number
    return total + roundAmount((amount * percent) / (100 + percent))
  }, 0)
}

/** Without the members that say nothing: clients read an explicit null as a value (clients §4.5). */
function present<T extends Record<string, unknown>>(object: T): T {
  const kept: Record<string, unknown> = {}
  for (const name in object) if (object[name] !== undefined && object[name] !== null) kept[name] = object[name]
  return kept as T
}
