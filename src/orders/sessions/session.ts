/*
 * Terminology
 *
 * - session: one attempt to let the customer pay lines of an order, made in the checkout service
 * - the body: what is asked of the checkout service (checkout-api §3.2), which may be this process or another server
 */
import Type from 'typebox'
import { roundAmount } from '../../lib/currency.ts'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { Amount, AmountIn, DateTime, FreeObject, LineIdIn, PositiveAmountIn, TextLike } from '../../lib/schema.ts'
import { dueOf, type Item, parseLineId } from '../items/item.ts'
import type { Order } from '../orders/order.ts'
import { decideRecord, room } from '../payments/payment.ts'

const Url = TextLike('^[a-zA-Z][a-zA-Z0-9+.-]*:.', 'a URL with its scheme', { maxLength: 2_000 })

/** The body of POST sessions (orders-api §2.11). An item without `amount` is paid as far as it is not authorized yet. */
export const SessionIn = Type.Object(
  {
    items: Type.Array(Type.Object({ line_id: LineIdIn, amount: Type.Optional(AmountIn) }, { additionalProperties: true }), {
      minItems: 1,
      maxItems: limits.items_per_order_max,
    }),
    profile_id: Type.String({ minLength: 1, maxLength: limits.reference_length_max }),
    url: Type.Object(
      { return_url: Url, callback_url: Type.Optional(Url), merchant_terms_url: Type.Optional(Url) },
      { additionalProperties: true },
    ),
    processed_at: Type.Optional(DateTime),
    metadata: Type.Optional(FreeObject),
    express: Type.Optional(FreeObject),
    shipping_option: Type.Optional(
      Type.Object(
        { amount: PositiveAmountIn },
        { additionalProperties: true, description: 'What is paid for shipping, beside the lines (checkout-api §2.6).' },
      ),
    ),
    fee_split: Type.Optional(FreeObject),
  },
  {
    additionalProperties: true,
    examples: [{ items: [{ line_id: '1' }], profile_id: 'default', url: { return_url: 'https://example.com/accept' } }],
  },
)
export type SessionIn = Type.Static<typeof SessionIn>

/** A session as it is answered. `url` is where the customer pays. */
export const SessionOut = Type.Object(
  {
    id: Type.String(),
    url: Type.String(),
    items: Type.Array(Type.Object({ line_id: Type.String(), amount: Amount })),
    amount: Amount,
    created_at: DateTime,
    created_by: Type.String(),
    profile_id: Type.Optional(Type.String()),
    processed_at: Type.Optional(DateTime),
    metadata: Type.Optional(FreeObject),
    express: Type.Optional(FreeObject),
    shipping_option: SessionIn.properties.shipping_option,
    _links: Type.Array(Type.Object({ href: Type.String(), rel: Type.String() })),
  },
  {
    additionalProperties: true,
    title: 'OrderSession',
    examples: [
      {
        id: 'T12345678.5rBnTa8tWkGTmmMwYXv9JG',
        url: 'https://checkout.example.com/v1/view/T12345678.5rBnTa8tWkGTmmMwYXv9JG',
        items: [{ line_id: '1', amount: 39800 }],
        amount: 39800,
        created_at: '2026-01-02T03:04:05.678Z',
        created_by: 'client-id',
        _links: [{ rel: 'session_link', href: 'https://checkout.example.com/v1/view/T12345678.5rBnTa8tWkGTmmMwYXv9JG' }],
      },
    ],
  },
)

export type CheckoutOrder = { amount: number; currency: string; merchant_reference: string; items: Record<string, unknown>[] }
/** What the checkout service is asked for. */
export type CheckoutSessionBody = {
  url: SessionIn['url']
  profile_id: string
  order: CheckoutOrder & Record<string, unknown>
  [member: string]: unknown
}
/** Creates a session in the checkout service, wherever that runs. Throws an `ApiError` when there is none afterwards. */
export type CreateCheckoutSession = (
  caller: { account_id: string; subject: string },
  body: CheckoutSessionBody,
) => Promise<{ id: string; url: string }>

export type Decided = { items: { line_id: string; amount: number }[]; amount: number; body: CheckoutSessionBody }

/**
 * The session for these lines, or why not: the order must be open, and a line can't be paid for more than is left to authorize.
 * The lines together must cost something.
 */
export function decideSession(order: Order, request: SessionIn): Decided | { refusals: Refusal[] } {
  const lines = new Map(order.items.map((item) => [item.line_id, item]))
  const lineOf = (line_id: string | number) => lines.get(parseLineId(line_id) ?? Number.NaN)
  const left = (line: Item) => room('authorization', dueOf(line), order.sums.get(line.line_id)!)
  const asked = request.items.map((item) => {
    const line = lineOf(item.line_id)
    // A line that is paid for already is asked with one unit, so that the refusal below names it like any other.
    return { ...item, amount: item.amount ?? (line ? left(line) || Math.sign(dueOf(line)) : 0) }
  })
  const { items, refusals } = decideRecord(order, 'authorization', { items: asked }, { free: true })
  if (refusals.length > 0) return { refusals }
  const { url, profile_id, metadata, express, shipping_option } = request
  const amount = items.reduce((sum, { amount }) => sum + amount, shipping_option?.amount ?? 0)
  if (amount <= 0) {
    return {
      refusals: [{ code: 'amount_sign', path: '/items', message: `The lines add up to ${amount}: there is nothing to pay.` }],
    }
  }
  const { customer, shipping_address, billing_address, store, merchant_reference } = order.content
  const { id, email, phone_number } = (customer ?? {}) as Record<string, unknown>
  const body: CheckoutSessionBody = {
    url,
    profile_id,
    order: without({
      amount,
      currency: order.currency,
      merchant_reference: order.order_id,
      merchant_reference_2: merchant_reference,
      items: items.map((item) => checkoutItem(lineOf(item.line_id)!, item, request)),
      shipping_option,
      shipping_address,
      billing_address,
      store,
    }) as CheckoutSessionBody['order'],
    ...without({
      customer: (id ?? email ?? phone_number) ? without({ customer_id: id, email, phone_number }) : undefined,
      express,
      metadata,
    }),
  }
  return { items: items.map(({ line_id, amount }) => ({ line_id: String(line_id), amount })), amount, body }
}

/** A line as the checkout service knows lines (checkout-api §2.4): amounts include tax, and the tax is for display. */
function checkoutItem(
  line: Item,
  { amount, splits }: { amount: number; splits?: unknown },
  { fee_split }: SessionIn,
): Record<string, unknown> {
  const tax = line.tax_lines.reduce((sum, tax) => sum + (tax.amount ?? 0), 0)
  return without({
    id: String(line.id ?? line.line_id),
    line_id: String(line.line_id),
    description: line.description ?? line.description_alias,
    quantity: line.quantity ?? 1,
    amount,
    vat_amount: amount === 0 ? 0 : roundAmount((tax * amount) / dueOf(line)),
    vat: line.tax_lines.length === 1 ? line.tax_lines[0]!.percentage : undefined,
    splits,
    fee_split: splits === undefined ? undefined : fee_split,
  })
}

/** The same object without the members that are undefined. */
function without(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
