import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { responses } from '../../lib/schema.ts'
import type { Service } from '../shared/operations.ts'
import { ByOrder, read, tag } from '../shared/routes.ts'
import { getOrder } from './operations.ts'
import { orderView } from './order.ts'
import { OrderOut } from './wire.ts'

const url = '/v1/accounts/:aid/shopping/orders'

/** Orders (orders-api §2.6 to §2.8). */
export const orderResourceRoutes: FastifyPluginAsyncTypebox<Service> = async (app, service) => {
  app.get(
    `${url}/:order_id`,
    {
      config: read,
      schema: {
        operationId: 'aid_orders_id_get',
        tags: ['orderstatus'],
        summary: 'Get an order',
        params: ByOrder,
        response: responses({ 200: OrderOut }, 401, 403, 404),
      },
    },
    async (request, reply) => {
      const { order } = await getOrder(service, request.auth.account_id, request.params.order_id)
      tag(reply, order.version)
      return orderView(order)
    },
  )
}
