import Type from 'typebox'
import { Amount, Currency, DateTime, FreeObject } from '../../lib/schema.ts'

const optional = (...names: string[]) => Object.fromEntries(names.map((name) => [name, Type.Optional(FreeObject)]))
const TransactionEvent = Type.Object(
  {
    id: Type.String({ description: 'Its number in the transaction, as text.' }),
    event: Type.String(),
    transaction_status: Type.String({ description: 'The status after this event.' }),
    success: Type.Boolean(),
    error: Type.Optional(FreeObject),
    amount: Type.Optional(Amount),
    calculated_vat_amount: Type.Optional(Type.Number()),
    items: Type.Array(FreeObject),
    event_reference: Type.Optional(Type.String()),
    reason: Type.Optional(Type.String()),
    metadata: FreeObject,
    ...optional('correction', 'settlements', 'request_headers'),
    request_id: Type.String(),
    correlation_request_id: Type.Optional(Type.String({ description: 'The `request_id` of the INITIATE_ event it answers.' })),
    created_at: DateTime,
    created_by: Type.Optional(Type.String()),
  },
  { title: 'TransactionEvent' },
)

const chair = { id: 'chair-1', line_id: '1', description: 'Stol', quantity: 1, amount: 29990, vat_amount: 5998, vat: 25 }
const option = { id: 'post', line_id: 'post', amount: 3900, title: 'Posten', operator: 'Posten' }
const shipping = { id: 'post', line_id: 'post', description: 'Posten', quantity: 1, amount: 3900, type: 'shipping' }
const event = (id: string, name: string, transaction_status: string, minute: string) => ({
  id,
  event: name,
  transaction_status,
  success: true,
  items: [],
  metadata: {},
  request_id: `6a1f9f0e-51de-4c5a-b1cb-0a8f4d1f7e5${id}`,
  created_at: `2026-11-23T10:0${minute}:00.000Z`,
})

/** The transaction as it is answered; see `transactionView` (checkout-api §4.2). */
export const TransactionAnswer = Type.Object(
  {
    id: Type.String(),
    account_id: Type.String(),
    session_id: Type.String(),
    payment_product: Type.String({ description: 'The provider: what stands before the dot of the type.' }),
    payment_product_type: Type.String(),
    payment_operation: Type.String(),
    amount: Type.Integer({ description: 'What was authorized, in the smallest unit; captures and refunds do not change it.' }),
    currency: Currency,
    status: Type.String(),
    settlement_status: Type.String(),
    merchant_reference: Type.String(),
    merchant_reference_2: Type.Optional(Type.String()),
    payout_destination_id: Type.Optional(Type.String()),
    channel: Type.String(),
    platform_type: Type.Optional(Type.String()),
    dynamic_descriptor: Type.Optional(Type.String({ description: "The text on the customer's statement." })),
    ...optional(
      'customer',
      'initiating_system_request_headers',
      'shipping_address',
      'billing_address',
      'shipping_option',
      'store',
    ),
    customer_ip: Type.Optional(Type.String()),
    user_agent: Type.Optional(Type.String()),
    gift_cards: Type.Optional(Type.Array(FreeObject)),
    items: Type.Array(FreeObject, { description: 'The items of the session, and the shipping option as one more.' }),
    url: FreeObject,
    events: Type.Array(TransactionEvent),
    session: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'With `includes=session`.' })),
    card: Type.Optional(FreeObject),
    checkboxes: Type.Optional(Type.Array(FreeObject)),
    metadata: FreeObject,
    version: Type.Integer({ description: 'The number of its last event.' }),
    created_at: DateTime,
    updated_at: DateTime,
  },
  {
    title: 'Transaction',
    examples: [
      {
        id: 'T12345678.5GD3ZZNzsXn5FpukqUxHWw',
        account_id: 'T12345678',
        session_id: 'T12345678.5cyWnV68vzJ1kYjZPrKWWm',
        payment_product: 'dintero_psp',
        payment_product_type: 'dintero_psp.creditcard',
        payment_operation: 'unscheduled_purchase',
        amount: 33890,
        currency: 'NOK',
        status: 'PARTIALLY_CAPTURED',
        settlement_status: 'NOT_SETTLED',
        merchant_reference: 'ORD-1',
        channel: 'ecommerce',
        shipping_option: option,
        items: [chair, shipping],
        url: { return_url: 'https://shop.example/done', callback_url: 'https://shop.example/callback?report_error=true' },
        events: [
          event('1', 'INITIALIZE', 'INITIATED', '1'),
          { ...event('2', 'AUTHORIZE', 'AUTHORIZED', '1'), amount: 33890 },
          {
            ...event('3', 'CAPTURE', 'PARTIALLY_CAPTURED', '5'),
            amount: 29990,
            items: [chair],
            event_reference: 'C-1',
            created_by: 'shop',
          },
        ],
        card: { brand: 'Visa', masked_pan: '400000******0002', expiry_date: '12/2030', type: 'Credit' },
        metadata: { 'session:profile_id': 'default' },
        version: 3,
        created_at: '2026-11-23T10:01:00.000Z',
        updated_at: '2026-11-23T10:05:00.000Z',
      },
    ],
  },
)
