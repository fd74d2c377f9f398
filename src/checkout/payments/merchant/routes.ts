import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../../../app.ts'
import { operationIdOf } from '../../../lib/idempotency.ts'
import { dropsEmpties, FreeObject, responses } from '../../../lib/schema.ts'
import { featureToggles, systemHeaders, Toggled } from '../../headers.ts'
import { TransactionAnswer } from '../../transactions/answer.ts'
import { asLeftBy, transactionView } from '../../transactions/view.ts'
import { MerchantPayment } from './merchant-payment.ts'
import { payAsMerchant } from './operations.ts'

const Answer = Type.Intersect([
  TransactionAnswer,
  Type.Object(
    { session_id: Type.String(), success: Type.Boolean(), actions: Type.Array(FreeObject) },
    {
      examples: [
        {
          session_id: 'T12345678.5cyWnV68vzJ1kYjZPrKWWm',
          success: true,
          actions: [{ source: 'DINTERO_PSP', code: 'AUTHORIZED', type: 'success' }],
        },
      ],
    },
  ),
])

/** Payments that the merchant starts (checkout-api §3.9). */
export const merchantPaymentRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  app.post<{ Body: MerchantPayment }>(
    '/v1/sessions/pay',
    {
      config: { scopes: ['admin:checkout', 'write:checkout'], idempotency: 'operation' },
      preValidation: dropsEmpties(MerchantPayment),
      schema: {
        operationId: 'sessions_pay_post',
        tags: ['payments'],
        summary: 'Pay with a token, without the customer; a decline is 200 with status FAILED',
        headers: Toggled,
        body: MerchantPayment,
        response: responses({ 200: Answer }, 400, 401, 403, 409, 422),
      },
    },
    async ({ body, headers, auth, idempotency }, reply) => {
      const { session, operation, transaction, repeated } = await payAsMerchant(parts, {
        account_id: auth.account_id,
        created_by: auth.subject,
        body,
        toggles: featureToggles(headers['dintero-feature-toggles']),
        request_headers: systemHeaders(headers),
        ...(idempotency ? { operation_id: operationIdOf(idempotency), request_hash: idempotency.hash.toString('hex') } : {}),
      })
      if (repeated) reply.header('idempotent-replayed', 'true')
      const success = operation.state === 'succeeded'
      const source = operation.payment_product_type.split('.')[0]!.toUpperCase()
      const shown = transaction && repeated ? asLeftBy(transaction, operation) : transaction
      const action = { source, code: shown?.status ?? 'FAILED', type: success ? 'success' : 'error' }
      const view: Record<string, unknown> = shown ? transactionView(shown) : {}
      return { ...view, ...echoedTokens(view, body), session_id: session.id, success, actions: [action] }
    },
  )
}

/**
 * The customer with the tokens that this request sent: one plugin takes its token for the next time from there (checkout-api §13
 * no. 7). Nobody else reads them: transactions show tokens by their ids.
 */
function echoedTokens({ customer }: Record<string, unknown>, { session }: MerchantPayment): Record<string, unknown> {
  const tokens = session.customer?.tokens
  return tokens === undefined ? {} : { customer: { ...(customer as object | undefined), tokens } }
}
