import type { FastifyPluginAsync } from 'fastify'
import type { Parts } from '../../app.ts'
import { responses } from '../../lib/schema.ts'
import { TransactionAnswer } from '../transactions/answer.ts'
import { answer, commandOf, recordOf } from '../transactions/routes.ts'
import { bodyOf } from '../transactions/schemas.ts'
import { AuthorizationBody, type AuthorizationRequest } from './authorization-update.ts'
import { updateAuthorization } from './operations.ts'

/** `POST /v1/transactions/{id}/authorization` (checkout-api §4.5.5). */
export const authorizationUpdateRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  app.post<{ Params: { id: string }; Body: AuthorizationRequest }>(
    '/v1/transactions/:id/authorization',
    {
      config: { scopes: ['admin:checkout', 'write:checkout'], idempotency: 'late' },
      schema: {
        operationId: 'transactions_id_authorization_post',
        tags: ['transactions'],
        summary: 'Extend, change or finalise an authorization, or release a hold',
        body: AuthorizationBody,
        response: responses({ 200: TransactionAnswer, 202: TransactionAnswer }, 400, 401, 403, 404, 409, 422),
      },
    },
    async (request, reply) => {
      const command = { ...commandOf(request), request: recordOf(request, {}) }
      const updated = await updateAuthorization(parts, command, bodyOf(request.body), (work) => request.effect(work))
      return answer(reply, updated)
    },
  )
}
