import Type from 'typebox'
import { Currency, DateTime } from '../../lib/schema.ts'
import { contentMembers } from '../drafts/draft.ts'
import { EventOut } from '../events/event.ts'
import { Item, Totals } from '../items/item.ts'
import { RecordOut } from '../payments/payment.ts'
import { SessionOut } from '../sessions/session.ts'
import { cancelReasons } from './status.ts'

export const orderStatuses = ['open', 'closed', 'cancelled'] as const
const paymentStatuses = ['pending', 'partially_paid', 'paid', 'partially_refunded', 'refunded'] as const

/** An order as it is answered (orders-api §3.3). Whatever else the client wrote stands beside these members. */
export const OrderOut = Type.Object(
  {
    ...contentMembers,
    currency: Currency,
    id: Type.String({ format: 'uuid' }),
    order_id: Type.String(),
    serial_order_number: Type.Optional(Type.String({ description: 'With `serial_order_number_suffix`.' })),
    version: Type.Integer({ description: 'The number of the last event; also the `ETag`.' }),
    status: Type.Enum(orderStatuses),
    payment_status: Type.Enum(paymentStatuses),
    ...Totals,
    items: Type.Array(Item),
    authorizations: Type.Array(RecordOut),
    captures: Type.Array(RecordOut),
    refunds: Type.Array(RecordOut),
    cancellations: Type.Array(RecordOut),
    created_at: DateTime,
    created_by: Type.String(),
    updated_at: DateTime,
    closed_at: Type.Optional(DateTime),
    closed_by: Type.Optional(Type.String()),
    cancelled_at: Type.Optional(DateTime),
    cancelled_by: Type.Optional(Type.String()),
    cancelled_reason: Type.Optional(Type.Enum(cancelReasons)),
    sessions: Type.Array(SessionOut),
    comments: Type.Array(
      Type.Object({ id: Type.String(), comment: Type.String(), created_at: DateTime, created_by: Type.String() }),
    ),
    events: Type.Optional(Type.Array(EventOut, { description: 'As `include_events` asks for them.' })),
  },
  {
    additionalProperties: true,
    title: 'Order',
    examples: [
      {
        currency: 'NOK',
        id: '0b1f7a52-6a0f-4c7e-9d52-f0f7c3a1b2c4',
        order_id: '7K2M9QXA4',
        version: 1,
        status: 'open',
        payment_status: 'pending',
        gross_amount: 39800,
        net_amount: 39800,
        total_discount: 0,
        total_manual_discount_amount: 0,
        items: [{ id: '175938', line_id: 1, quantity: 2, gross_amount: 39800, net_amount: 39800, tax_lines: [], version: 1 }],
        authorizations: [],
        captures: [],
        refunds: [],
        cancellations: [],
        sessions: [],
        comments: [],
        created_at: '2026-01-02T03:04:05.678Z',
        created_by: 'client-id',
        updated_at: '2026-01-02T03:04:05.678Z',
      },
    ],
  },
)
