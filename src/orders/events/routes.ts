import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { responses } from '../../lib/schema.ts'
import type { Service } from '../shared/operations.ts'
import { ByOrder, callerOf, read, tag, write } from '../shared/routes.ts'
import { EventOut, ServiceEventIn } from './event.ts'
import { addServiceEvent, listEvents } from './operations.ts'

const url = '/v1/accounts/:aid/shopping/orders/:order_id/events'
const tags = ['orderevents']

/** Events of an order (orders-api §2.10); a client may be given these two calls and nothing else. */
export const eventRoutes: FastifyPluginAsyncTypebox<Service> = async (app, service) => {
  app.post(
    url,
    {
      config: { scopes: [...write.scopes, 'write:shopping:/orders/ANY/events'] },
      schema: {
        operationId: 'aid_orders_id_events_post',
        tags,
        summary: 'Add a service event',
        params: ByOrder,
        body: ServiceEventIn,
        response: responses({ 200: EventOut }, 400, 401, 403, 404, 412),
      },
    },
    async (request, reply) => {
      const { event, version } = await addServiceEvent(service, callerOf(request), request.params.order_id, request.body)
      tag(reply, version)
      return event
    },
  )

  app.get(
    url,
    {
      config: { scopes: [...read.scopes, 'read:shopping:/orders/ANY/events'] },
      schema: {
        operationId: 'aid_orders_id_events_get',
        tags,
        summary: 'List the events of an order, with the combined state of its services',
        params: ByOrder,
        response: responses({ 200: Type.Object({ events: Type.Array(EventOut), state: Type.String() }) }, 401, 403, 404),
      },
    },
    async (request, reply) => {
      const { version, ...body } = await listEvents(service, request.auth.account_id, request.params.order_id)
      tag(reply, version)
      return body
    },
  )
}
