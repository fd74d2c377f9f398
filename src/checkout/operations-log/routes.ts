import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { limits } from '../../lib/limits.ts'
import { responses } from '../../lib/schema.ts'
import { readOperation, resolveByHand } from './operations.ts'
import { OperationAnswer, operationView, Resolution } from './resolution.ts'
import { listOperations } from './store.ts'

const tags = ['operations']
const read = { scopes: ['admin:checkout', 'read:checkout'] }
const Id = Type.Object({ id: Type.String() })

/** Every call to a gateway, and what will happen to those that have no outcome yet (ours; docs/money-safety.md). */
export const operationRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, parts) => {
  app.get(
    '/v1/operations',
    {
      config: read,
      schema: {
        operationId: 'operations_get',
        tags,
        summary: 'List the operations of a transaction, or all that have no outcome yet',
        querystring: Type.Object({
          transaction_id: Type.Optional(Type.String({ description: 'Without it only operations that are not settled.' })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max })),
          starting_after: Type.Optional(Type.String({ description: 'The id of the last operation of the page before.' })),
        }),
        response: responses({ 200: Type.Array(OperationAnswer) }, 400, 401, 403),
      },
    },
    async ({ auth, query }) => {
      const { transaction_id, limit = limits.page_size_default, starting_after } = query
      const rows = await listOperations(parts.sql, { account_id: auth.account_id, transaction_id, limit, starting_after })
      return rows.map(operationView) as never
    },
  )

  app.get(
    '/v1/operations/:id',
    {
      config: read,
      schema: {
        operationId: 'operations_id_get',
        tags,
        summary: 'Read one call to a gateway: intent, attempts, outcome, what happens next',
        params: Id,
        response: responses({ 200: OperationAnswer }, 401, 403, 404),
      },
    },
    async ({ auth, params }) => operationView(await readOperation(parts, auth.account_id, params.id)) as never,
  )

  app.post(
    '/v1/operations/:id/resolve',
    {
      // The provider is asked first.
      config: { scopes: ['admin:checkout'], idempotency: 'late' },
      schema: {
        operationId: 'operations_id_resolve_post',
        tags,
        summary: 'Settle an operation by hand, with evidence, when the provider can not tell',
        params: Id,
        body: Resolution,
        response: responses({ 200: OperationAnswer }, 400, 401, 403, 404, 409, 422),
      },
    },
    async (request) => {
      const { account_id, subject } = request.auth
      const by = { account_id, id: request.params.id, subject }
      return operationView(await resolveByHand(parts, by, request.body, (work) => request.effect(work))) as never
    },
  )
}
