import Type, { type Static } from 'typebox'
import type { PaymentProduct } from '../../../gateways/gateway.ts'
import type { Refusal } from '../../../lib/errors.ts'
import { FreeObject } from '../../../lib/schema.ts'
import { configurationRefusal } from '../../profiles/configuration.ts'
import { WebUrl } from '../../profiles/url.ts'
import { boundsRefusal, Customer } from '../../sessions/create.ts'
import { amountToPay, Order, orderRefusal, storedOrder } from '../../sessions/order.ts'
import type { SessionData } from '../../sessions/session.ts'

/** The body of `POST /v1/sessions/pay` (checkout-api §3.9). */
export const MerchantPayment = Type.Object(
  {
    session: Type.Object({
      url: Type.Optional(Type.Object({ callback_url: Type.Optional(WebUrl) })),
      customer: Type.Optional(Customer),
      order: Order,
      expires_at: Type.Optional(Type.String()),
      configuration: Type.Optional(FreeObject),
      metadata: Type.Optional(FreeObject),
    }),
    payment: Type.Object({
      payment_product_type: Type.String(),
      operation: Type.Unsafe<'unscheduled_purchase' | 'recurring_purchase'>({
        type: 'string',
        enum: ['unscheduled_purchase', 'recurring_purchase'],
      }),
    }),
  },
  {
    title: 'MerchantPayment',
    examples: [
      {
        session: {
          order: { amount: 29990, currency: 'NOK', merchant_reference: 'SUB-1-2026-11' },
          customer: { tokens: { 'dintero_psp.creditcard': { payment_token: 'the token' } } },
        },
        payment: { payment_product_type: 'dintero_psp.creditcard', operation: 'unscheduled_purchase' },
      },
    ],
  },
)
export type MerchantPayment = Static<typeof MerchantPayment>

export type Token = { payment_token: string } | { recurrence_token: string }
/** What paying without the customer needs: the session's data and the token of an earlier payment. */
export type Prepared = { data: SessionData; token: Token }

/** Prepares a merchant-initiated payment; or says why it can't be made: product without tokens, no token, currency, amount. */
export function prepareMerchantPayment(body: MerchantPayment, products: readonly PaymentProduct[]): Prepared | Refusal {
  const { session, payment } = body
  const { payment_product_type: type } = payment
  const able = products.filter(({ token_types }) => token_types.length > 0)
  const product = able.find(({ payment_product_type }) => payment_product_type === type)
  if (!product) {
    const allowed = able.map(({ payment_product_type }) => payment_product_type)
    const message = `${type} can't be paid without the customer.`
    return { code: 'payment_product_not_payable', path: '/payment/payment_product_type', message, allowed }
  }
  const token = tokenOf(session.customer, type, payment.operation)
  const path = `/session/customer/tokens/${type}`
  if (!token) {
    const kind = onlyToken(type, payment.operation) ?? 'token'
    return { code: 'invalid_request', path, message: `${path} must hold the ${kind} of an earlier payment.` }
  }
  const order = storedOrder(session.order)
  if (product.currencies !== 'any' && !product.currencies.includes(order.currency)) {
    const message = `${type} does not take ${order.currency}.`
    return { code: 'payment_product_not_payable', path: '/session/order/currency', message, allowed: product.currencies }
  }
  if (amountToPay(order) <= 0) {
    const path = '/session/order/amount'
    return { code: 'invalid_request', path, message: `${path} must be above zero.`, allowed: 1 }
  }
  const { url = {}, metadata = {} } = session
  const wrong =
    boundsRefusal({ url, metadata }, '/session') ?? configurationRefusal(session.configuration ?? {}, '/session/configuration')
  if (wrong) return wrong
  const unfit = orderRefusal(
    order,
    { auto_capture: session.configuration?.auto_capture === true, enabled: [type] },
    '/session/order',
  )
  if (unfit) return unfit
  const data: SessionData = {
    url: session.url ?? {},
    order,
    configuration: { ...session.configuration, ...enabled(type) },
    ...(session.customer ? { customer: session.customer } : {}),
    ...(session.metadata ? { metadata: session.metadata } : {}),
  }
  return { data, token }
}

/** PayEx has a token of its own for each kind of purchase, and takes no other (checkout-api §3.9). */
function onlyToken(type: string, operation: string): 'payment_token' | 'recurrence_token' | undefined {
  if (!type.startsWith('payex.')) return undefined
  return operation === 'recurring_purchase' ? 'recurrence_token' : 'payment_token'
}

/** PayEx has a recurrence token for recurring purchases; the others use the payment token for both (checkout-api §3.9). */
function tokenOf(customer: Record<string, unknown> | undefined, type: string, operation: string): Token | undefined {
  const tokens = (customer?.tokens as Record<string, Record<string, unknown>> | undefined)?.[type]
  const { payment_token, recurrence_token } = tokens ?? {}
  const only = onlyToken(type, operation)
  if (only) return isToken(tokens?.[only]) ? ({ [only]: tokens[only] } as Token) : undefined
  const recurring = operation === 'recurring_purchase' && isToken(recurrence_token)
  if (recurring) return { recurrence_token }
  if (isToken(payment_token)) return { payment_token }
  return isToken(recurrence_token) ? { recurrence_token } : undefined
}

/** WooCommerce sends `""` for a subscription that has no token. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function enabled(type: string): Record<string, unknown> {
  const [group, name] = type.split('.') as [string, string?]
  const product = { type: 'payment_product_type', enabled: true }
  return { [group]: name === undefined ? product : { type: 'payment_type', [name]: product } }
}
