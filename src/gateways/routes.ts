import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../app.ts'
import { responses } from '../lib/schema.ts'
import { simulatorRoutes } from './simulator/routes.ts'

const PaymentProductOut = Type.Object(
  {
    payment_product_type: Type.String(),
    direct_capture: Type.Boolean({ description: 'Taken at once when authorized: it can be refunded, never voided.' }),
    partial_capture: Type.Boolean(),
    partial_refund: Type.Boolean(),
    void_remainder: Type.Boolean({ description: 'What is left of a part-captured authorization can be voided.' }),
    may_hold: Type.Boolean({ description: 'May be ON_HOLD until a person decides.' }),
    refund_later: Type.Boolean({ description: 'A refund answers 202 and is settled later.' }),
    authorization_update: Type.Array(Type.Enum(['extend', 'amount', 'pre_authorization', 'release_hold'])),
    token_types: Type.Array(Type.Enum(['payment_token', 'recurrence_token'])),
    currencies: Type.Union([Type.Array(Type.String()), Type.Literal('any')]),
  },
  {
    title: 'PaymentProduct',
    examples: [
      {
        payment_product_type: 'klarna.klarna',
        direct_capture: false,
        partial_capture: true,
        partial_refund: true,
        void_remainder: true,
        may_hold: false,
        refund_later: false,
        authorization_update: ['extend', 'amount'],
        token_types: [],
        currencies: 'any',
      },
    ],
  },
)

/** What every gateway can do (ours), and the simulator's own endpoints. */
export const gatewayRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  app.get(
    '/v1/payment-product-types',
    {
      config: { scopes: ['admin:checkout', 'write:checkout', 'read:checkout'] },
      schema: {
        operationId: 'payment_product_types_get',
        tags: ['payment products'],
        summary: 'What each payment product type can do on this account',
        response: responses({ 200: Type.Array(PaymentProductOut) }, 401, 403),
      },
    },
    async (request) => parts.gateways.products(request.auth.account_id),
  )
  await app.register(simulatorRoutes, parts)
}
