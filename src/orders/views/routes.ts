import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { throwRefusal } from '../../lib/errors.ts'
import { responses } from '../../lib/schema.ts'
import { eventKinds } from '../events/event.ts'
import { csvHeader, csvLine, ListQuery, listFilter, type Source, sourceOf } from '../orders/list.ts'
import { exportOrders, getOrderOf, listOrders, withEvents } from '../orders/operations.ts'
import { orderView } from '../orders/order.ts'
import { OrderOut } from '../orders/wire.ts'
import type { Service } from '../shared/operations.ts'
import { Account, ByOrder, listOf, read, splitsStatus, tag } from '../shared/routes.ts'

const IncludeEvents = Type.Object({ include_events: ListQuery.properties.include_events })
const Page = listOf('orders', OrderOut, { paged: true })
const Listed = {
  description: 'A page; or, when `Accept` asks for lines, all orders that match.',
  content: {
    'application/json': { schema: Page },
    'application/x-ndjson': { schema: Type.String({ description: 'An order on each line, without its events.' }) },
    'text/csv': { schema: Type.String({ description: csvHeader.trim() }) },
  },
}
const listed = { ...responses({}, 400, 401, 403), 200: Listed }
const description = 'Newest first. With `Accept: application/x-ndjson` or `text/csv` all matching orders are streamed.'

/** The lists of orders, and orders as a store or a customer sees them: without API events (orders-api §2.6, §4.8). */
export const viewRoutes: FastifyPluginAsyncTypebox<Service> = async (app, service) => {
  const root = '/v1/accounts/:aid/shopping'

  app.get(
    `${root}/orders`,
    {
      config: read,
      preValidation: splitsStatus,
      schema: {
        operationId: 'aid_orders_get',
        tags: ['orderlist'],
        summary: 'List orders',
        description,
        params: Account,
        querystring: ListQuery,
        response: listed,
      },
    },
    async (request, reply) => answerList(request, reply, sourceOf(request.query), request.query),
  )

  for (const view of ['store', 'customer'] as const) {
    const member = `${view}_id` as const
    const id = Type.String({ minLength: 1, maxLength: 255 })
    const source = (params: unknown): Source => {
      const value = (params as Record<string, string>)[member]!
      return view === 'store' ? { store_id: value } : { customer_id: value }
    }

    app.get(
      `${root}/${view}s/:${member}/orders`,
      {
        config: read,
        preValidation: splitsStatus,
        schema: {
          operationId: `aid_${view}s_id_orders_get`,
          tags: [`${view}order`],
          summary: `List the orders of a ${view}`,
          description,
          params: Type.Object({ ...Account.properties, [member]: id }),
          querystring: ListQuery,
          response: listed,
        },
      },
      async (request, reply) => answerList(request, reply, source(request.params), { ...request.query, view }),
    )

    app.get(
      `${root}/${view}s/:${member}/orders/:order_id`,
      {
        config: read,
        schema: {
          operationId: `aid_${view}s_id_orders_id_get`,
          tags: [`${view}order`],
          summary: `Get an order of a ${view}`,
          description: 'With its service events, unless `include_events=false`.',
          params: Type.Object({ ...ByOrder.properties, [member]: id }),
          querystring: IncludeEvents,
          response: responses({ 200: OrderOut }, 401, 403, 404),
        },
      },
      async (request, reply) => {
        const { order_id } = request.params as Record<string, string>
        const found = await getOrderOf(service, request.auth.account_id, source(request.params), order_id!)
        tag(reply, found.order.version)
        return withEvents(found, eventKinds(request.query.include_events, { view, unless: true }))
      },
    )
  }

  async function answerList({ method, headers, auth }: FastifyRequest, reply: FastifyReply, source: Source, query: ListQuery) {
    const [type] = /application\/(x-ndj|j)son|text\/csv/.exec(headers.accept ?? '') ?? []
    if (type === undefined || type === 'application/json') return listOrders(service, auth.account_id, source, query)
    throwRefusal(listFilter(query).refusals)
    // What a HEAD does not send Fastify would read to its end, and nobody could stop it.
    const orders = method === 'HEAD' ? [] : exportOrders(service, auth.account_id, source, query)
    reply.type(`${type}; charset=utf-8`)
    return reply.send(Readable.from(type === 'text/csv' ? csvOf(orders) : ndjsonOf(orders)))
  }
}

type Orders = ReturnType<typeof exportOrders> | never[]

async function* csvOf(orders: Orders) {
  yield csvHeader
  for await (const order of orders) yield csvLine(order)
}

async function* ndjsonOf(orders: Orders) {
  for await (const order of orders) yield `${JSON.stringify(orderView(order))}\n`
}
