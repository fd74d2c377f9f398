import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { responses } from '../../lib/schema.ts'
import { ByOrder, callerOf, listOf, read, tag, write } from '../shared/routes.ts'
import { getSession, listSessions, type SessionService, startSession } from './operations.ts'
import { SessionIn, SessionOut } from './session.ts'

const url = '/v1/accounts/:aid/shopping/orders/:order_id/sessions'
const tags = ['ordersessions']

/** Payment sessions of an order (orders-api §2.11). */
export const sessionRoutes: FastifyPluginAsyncTypebox<SessionService> = async (app, service) => {
  app.post(
    url,
    {
      // Another server may be asked, so no transaction stays open around it; the session itself remembers the key.
      config: { ...write, idempotency: 'operation' },
      schema: {
        operationId: 'aid_orders_id_sessions_post',
        tags,
        summary: 'Start a payment session for lines of an order',
        params: ByOrder,
        body: SessionIn,
        response: responses({ 200: SessionOut }, 400, 401, 403, 404, 409, 412, 503),
      },
    },
    async (request, reply) => {
      const { order_id } = request.params
      const { session, version, repeated } = await startSession(
        service,
        callerOf(request),
        order_id,
        request.body,
        request.idempotency,
      )
      tag(reply, version)
      if (repeated) reply.header('idempotent-replayed', 'true')
      return session
    },
  )

  app.get(
    url,
    {
      config: read,
      schema: {
        operationId: 'aid_orders_id_sessions_list_get',
        tags,
        summary: 'List the payment sessions of an order',
        params: ByOrder,
        response: responses({ 200: listOf('sessions', SessionOut) }, 401, 403, 404),
      },
    },
    async (request, reply) => {
      const { sessions, version } = await listSessions(service, request.auth.account_id, request.params.order_id)
      tag(reply, version)
      return { sessions }
    },
  )

  app.get(
    `${url}/:session_id`,
    {
      config: read,
      schema: {
        operationId: 'aid_orders_id_sessions_id_get',
        tags,
        summary: 'Get a payment session of an order',
        params: Type.Object({ ...ByOrder.properties, session_id: Type.String() }),
        response: responses({ 200: SessionOut }, 401, 403, 404),
      },
    },
    async (request, reply) => {
      const { order_id, session_id } = request.params
      const { session, version } = await getSession(service, request.auth.account_id, order_id, session_id)
      tag(reply, version)
      return session
    },
  )
}
