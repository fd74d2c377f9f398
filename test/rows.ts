import { isDeepStrictEqual } from 'node:util'
/** Rows of the checkout, and orders, as the cores see them, for the tables of cases beside the cores. What a case is about, it says itself. */
import type { OperationRow } from '../src/checkout/operations-log/operation.ts'
import type { SessionRow } from '../src/checkout/sessions/session.ts'
import type { TransactionRow } from '../src/checkout/transactions/transaction.ts'
import type { Item } from '../src/orders/items/item.ts'
import {
  type EventBase,
  foldOrder,
  type Order,
  type OrderChange,
  type PaymentRecord,
  type RecordType,
} from '../src/orders/orders/order.ts'

type OrderCreated = Extract<OrderChange, { type: 'created' }>

/** The present of those cases. */
export const now = new Date('2026-11-23T10:00:00.000Z')
/** An earlier time, at which the rows were written. */
export const before = new Date('2026-11-23T09:00:00.000Z')
export const later = (ms: number) => new Date(now.getTime() + ms)

/** Time, and ids `u1`, `u2` … in the order in which they are asked for. */
export function chance(): { now: Date; uuid: () => string } {
  let asked = 0
  return { now, uuid: () => `u${++asked}` }
}

/** A card payment of 100, authorized. */
export function transactionRow(changes: Partial<TransactionRow> = {}): TransactionRow {
  const amount = changes.amount ?? 100
  return {
    account_id: 'T12345678',
    id: 'T12345678.t',
    session_id: 'T12345678.s',
    version: 1,
    event_count: 2,
    events_size: 0,
    hash: new Uint8Array(),
    status: 'AUTHORIZED',
    settlement_status: 'NOT_SETTLED',
    gateway: 'fake',
    gateway_reference: null,
    payment_product_type: 'dintero_psp.creditcard',
    payment_operation: 'unscheduled_purchase',
    currency: 'NOK',
    amount,
    authorized: amount,
    captured: 0,
    refunded: 0,
    voided: 0,
    pending_capture: 0,
    pending_refund: 0,
    pending_void: 0,
    merchant_reference: 'R',
    merchant_reference_2: null,
    customer_id: null,
    store_id: null,
    terminal_id: null,
    payout_destination_id: null,
    channel: 'ecommerce',
    card_brand: null,
    token_id: null,
    auto_capture_at: null,
    auto_capture_until: null,
    final_authorization: true,
    search_terms: [],
    data: {},
    authorized_at: before,
    captured_at: null,
    refunded_at: null,
    created_at: before,
    updated_at: before,
    ...changes,
  }
}

/** A capture of 40 whose gateway was not asked yet. */
export function operationRow(changes: Partial<OperationRow> = {}): OperationRow {
  return {
    account_id: 'T12345678',
    id: 'op',
    kind: 'capture',
    session_id: 'T12345678.s',
    transaction_id: 'T12345678.t',
    gateway: 'fake',
    payment_product_type: 'dintero_psp.creditcard',
    amount: 40,
    currency: 'NOK',
    state: 'pending',
    attempts: 1,
    next_attempt_at: before,
    request: {},
    outcome: null,
    created_at: before,
    created_by: 'client',
    updated_at: before,
    ...changes,
  }
}

/** An open session about 100. */
export function sessionRow(changes: Partial<SessionRow> = {}): SessionRow {
  return {
    account_id: 'T12345678',
    id: 'T12345678.s',
    version: 3,
    event_count: 1,
    hash: new Uint8Array(),
    profile_id: null,
    payment_operation: 'unscheduled_purchase',
    data: {
      url: { return_url: 'https://shop.example/done' },
      order: { amount: 100, currency: 'NOK', merchant_reference: 'R' },
      configuration: {},
    },
    operation_id: null,
    transaction_id: null,
    outcome: null,
    pay_lock_id: null,
    pay_lock_expires_at: null,
    customer_ip: null,
    user_agent: null,
    expires_at: later(1_000),
    created_at: before,
    created_by: null,
    updated_at: before,
    cancelled_at: null,
    cancelled_by: null,
    ...changes,
  }
}

/** A line of an order, without tax. */
export function orderLine(line_id: number, gross_amount: number, more: Partial<Item> = {}): Item {
  return { line_id, gross_amount, net_amount: gross_amount, tax_lines: [], ...more }
}

/** What every event of an order has. */
export const eventBase = (version: number): EventBase => ({
  id: `e${version}`,
  version,
  created_at: `2026-01-01T00:00:0${version}.000Z`,
  created_by: `c${version}`,
})

/** Order `O` in NOK, with these lines and everything that happened to it since. */
export function orderOf(items: Item[], changes: OrderChange[] = [], made: Partial<OrderCreated> = {}): Order {
  const created = { order_uuid: 'u', order_id: 'O', currency: 'NOK', options: {}, content: {}, items, ...made }
  const all: OrderChange[] = [{ ...created, type: 'created' }, ...changes]
  return foldOrder(all.map((change, index) => ({ ...eventBase(index + 1), ...change })))!
}

/** A successful record of these amounts, by line. */
export function recorded(
  type: RecordType,
  amounts: Record<number, number>,
  more: Partial<PaymentRecord> = {},
): OrderChange & { record: PaymentRecord } {
  const items = Object.entries(amounts).map(([line_id, amount]) => ({ line_id: Number(line_id), amount }))
  const amount = items.reduce((sum, item) => sum + item.amount, 0)
  const base = { id: 'r', created_at: '2026-01-01T00:00:00.000Z', created_by: 'c' }
  return { type, record: { ...base, items, amount, success: true, ...more } }
}

/** What differs between two rows. */
export function changesOf<T extends object>(from: T, to: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(to).filter(([name, value]) => !isDeepStrictEqual(from[name as keyof T], value)),
  ) as Partial<T>
}
