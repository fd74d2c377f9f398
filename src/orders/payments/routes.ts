import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { responses } from '../../lib/schema.ts'
import type { RecordType } from '../orders/order.ts'
import type { Service } from '../shared/operations.ts'
import { ByOrder, callerOf, listOf, read, tag, write } from '../shared/routes.ts'
import { getRecord, listRecords, recordPayment } from './operations.ts'
import { RecordIn, RecordOut } from './payment.ts'

/** Path, operation id and words of each type; the published operation ids are not regular. */
const kinds: { type: RecordType; path: string; post: string; what: string }[] = [
  { type: 'authorization', path: 'authorizations', post: 'aid_orders_id_authorization_post', what: 'an authorization' },
  { type: 'capture', path: 'captures', post: 'aid_orders_id_capture_post', what: 'a capture' },
  { type: 'refund', path: 'refunds', post: 'aid_orders_id_refunds_post', what: 'a refund' },
  {
    type: 'cancellation',
    path: 'cancellations',
    post: 'aid_orders_id_cancellation_post',
    what: 'a cancellation of an authorization',
  },
]

/** Authorizations, captures, refunds and cancellations of an order (orders-api §2.9): records of what a payment system did. */
export const paymentRoutes: FastifyPluginAsyncTypebox<Service> = async (app, service) => {
  for (const { type, path, post, what } of kinds) {
    const url = `/v1/accounts/:aid/shopping/orders/:order_id/${path}`
    const tags = [`order${path}`]
    const record_id = `${type}_id`

    app.post(
      url,
      {
        config: write,
        schema: {
          operationId: post,
          tags,
          summary: `Record ${what}`,
          params: ByOrder,
          body: RecordIn,
          response: responses({ 200: RecordOut }, 400, 401, 403, 404, 409, 412),
        },
      },
      async (request, reply) => {
        const { record, version } = await recordPayment(
          service,
          callerOf(request),
          request.params.order_id,
          type,
          request.body as RecordIn,
        )
        tag(reply, version)
        return record
      },
    )

    app.get(
      url,
      {
        config: read,
        schema: {
          operationId: `aid_orders_id_${path}_get`,
          tags,
          summary: `List the ${path} of an order`,
          params: ByOrder,
          response: responses({ 200: listOf(path, RecordOut) }, 401, 403, 404),
        },
      },
      async (request, reply) => {
        const { records, version } = await listRecords(service, request.auth.account_id, request.params.order_id, type)
        tag(reply, version)
        return { [path]: records }
      },
    )

    app.get(
      `${url}/:${record_id}`,
      {
        config: read,
        schema: {
          operationId: `aid_orders_id_${path}_id_get`,
          tags,
          summary: `Get ${what} of an order`,
          params: Type.Object({ ...ByOrder.properties, [record_id]: Type.String() }),
          response: responses({ 200: RecordOut }, 401, 403, 404),
        },
      },
      async (request, reply) => {
        const params = request.params as Record<string, string>
        const { record, version } = await getRecord(service, request.auth.account_id, params.order_id!, type, params[record_id]!)
        tag(reply, version)
        return record
      },
    )
  }
}
