import Type from 'typebox'
import { DateTime, ErrorEnvelope, FreeObject } from '../../lib/schema.ts'
import { example, TokenProvider } from './create.ts'
import { Order } from './order.ts'

const SessionEvent = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    name: Type.String({ description: 'INITIATED, VISITED, SET_SHIPPING_ADDRESS, … (there is no status: this is it).' }),
    created_at: DateTime,
    request_id: Type.String(),
    request_headers: Type.Optional(FreeObject),
    details: Type.Optional(FreeObject),
  },
  { title: 'SessionEvent' },
)

const causes = ['CANCELLED', 'FAILED', 'AUTHORIZED', 'ON_HOLD', 'PAYMENT_INITIATED', 'EXPIRED', 'DECLINED']
/** What the customer is told of a session that is over, or that never was (checkout-api §3.10.2). */
export const SessionGone = Type.Object(
  {
    ...ErrorEnvelope.properties,
    error: Type.Object({
      ...ErrorEnvelope.properties.error.properties,
      cause: Type.Optional(
        Type.Enum(causes, { description: 'Why it can no longer be paid; absent when there is no such session.' }),
      ),
      session_details: Type.Optional(
        Type.Object({
          merchant_reference: Type.String(),
          transaction_id: Type.Optional(Type.String()),
          return_url: Type.Optional(Type.String()),
          merchant: Type.Optional(Type.Object({ name: Type.Optional(Type.String()), logo_url: Type.Optional(Type.String()) })),
        }),
      ),
    }),
  },
  { title: 'SessionGone' },
)

const members = {
  id: Type.String(),
  account_id: Type.String(),
  profile_id: Type.Optional(Type.String()),
  payment_operation: Type.Enum(['unscheduled_purchase', 'recurring_purchase', 'generate_payment_token']),
  url: Type.Object({
    return_url: Type.Optional(Type.String()),
    callback_url: Type.Optional(Type.String()),
    merchant_terms_url: Type.Optional(Type.String()),
  }),
  order: Order,
  customer: Type.Optional(FreeObject),
  express: Type.Optional(FreeObject),
  configuration: Type.Record(Type.String(), Type.Unknown(), {
    description: 'What can be paid with; each product has its `payability` now.',
  }),
  merchant: Type.Optional(FreeObject),
  checkboxes: Type.Optional(Type.Array(FreeObject)),
  metadata: Type.Optional(FreeObject),
  token_provider: Type.Optional(TokenProvider),
  transaction_id: Type.Optional(Type.String({ description: 'Once somebody has paid, or tried and can not try again.' })),
  pay_lock: Type.Optional(Type.Object({ pay_lock_id: Type.String() })),
  customer_ip: Type.Optional(Type.String()),
  user_agent: Type.Optional(Type.String()),
  cancelled_at: Type.Optional(DateTime),
  cancelled_by: Type.Optional(Type.String()),
  initiating_system_request_headers: Type.Optional(FreeObject),
  events: Type.Array(SessionEvent),
  expires_at: DateTime,
  created_at: DateTime,
  updated_at: DateTime,
}

const answered = {
  id: 'T12345678.5cyWnV68vzJ1kYjZPrKWWm',
  account_id: 'T12345678',
  ...example,
  configuration: {
    dintero_psp: {
      type: 'payment_type',
      creditcard: { type: 'payment_product_type', enabled: true, payability: 'payable' },
    },
    merchant: { id: 'T12345678' },
  },
  metadata: { 'session:profile_id': 'default' },
  profile_id: 'default',
  payment_operation: 'unscheduled_purchase' as const,
  events: [
    {
      id: '2b1f0d5e-7a4c-4c39-9a0d-0f1f7c1f2a11',
      name: 'INITIATED',
      created_at: '2026-11-23T10:00:00.000Z',
      request_id: '6a1f9f0e-51de-4c5a-b1cb-0a8f4d1f7e55',
    },
  ],
  expires_at: '2026-11-24T10:00:00.000Z',
  created_at: '2026-11-23T10:00:00.000Z',
  updated_at: '2026-11-23T10:00:00.000Z',
}

/** The session as the merchant reads it; see `sessionView` (checkout-api §3.11). */
export const Session = Type.Object(members, { title: 'Session', examples: [answered] })

const { callback_url: _, ...customer_urls } = answered.url
/** The session as its customer reads it, with how it can be paid (checkout-api §3.10.2). */
export const SessionView = Type.Object(
  {
    ...members,
    operations: Type.Array(
      Type.Object({ rel: Type.String(), method: Type.String(), href: Type.String(), content_type: Type.String() }),
    ),
  },
  {
    title: 'SessionView',
    examples: [
      {
        ...answered,
        url: customer_urls,
        operations: [
          {
            rel: 'view-dintero_psp-creditcard',
            method: 'POST',
            href: 'http://localhost:8080/v1/sessions/T12345678.5cyWnV68vzJ1kYjZPrKWWm/pay',
            content_type: 'application/json',
          },
        ],
      },
    ],
  },
)
