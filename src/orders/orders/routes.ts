import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { ApiError, throwRefusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { isObject } from '../../lib/object.ts'
import { Currency, responses } from '../../lib/schema.ts'
import { contentMembers, type DraftIn, DraftOptions, Items, OrderIn } from '../drafts/draft.ts'
import { eventKinds } from '../events/event.ts'
import type { Service } from '../shared/operations.ts'
import { Account, ById, ByOrder, callerOf, read, tag, write } from '../shared/routes.ts'
import { ListQuery } from './list.ts'
import * as operations from './operations.ts'
import { type Order, orderView } from './order.ts'
import { cancelReasons, decideCancel, decideClose, decideOpen } from './status.ts'
import { decideUpdate, OrderUpdateIn } from './update.ts'
import { OrderOut } from './wire.ts'

const url = '/v1/accounts/:aid/shopping/orders'
const tags = ['orderstatus']
const IncludeEvents = Type.Object({ include_events: ListQuery.properties.include_events })
const changed = responses({ 200: OrderOut }, 400, 401, 403, 404, 409, 412)

/** A draft's body, or the members of its `order` and `options` side by side (orders-api §2, no. 11). */
const OrderCreateIn = Type.Object(
  {
    order: Type.Optional(OrderIn),
    options: Type.Optional(DraftOptions),
    currency: Type.Optional(Currency),
    items: Type.Optional(Items),
    ...contentMembers,
  },
  {
    additionalProperties: true,
    examples: [{ currency: 'NOK', items: [{ id: '175938', line_id: 1, gross_amount: 39800, tax_lines: [] }] }],
  },
)

/** A refusal of a draft's body as it is told to a client that sent the members of `order` alone: its pointers begin at the top. */
function withoutOrder(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error
  const short = (text: string) => text.replace(/^\/order\//, '/')
  const details = error.details.map(({ path, message, ...rest }) => ({
    ...rest,
    message: short(message),
    ...(path === undefined ? {} : { path: short(path) }),
  }))
  return new ApiError(error.code, short(error.message), { details, headers: error.headers })
}

/** Orders (orders-api §2.7 and §2.8). Lists are in `../views`. */
export const orderResourceRoutes: FastifyPluginAsyncTypebox<Service> = async (app, service) => {
  app.post(
    url,
    {
      config: write,
      schema: {
        operationId: 'aid_orders_post',
        tags,
        summary: 'Create an order',
        params: Account,
        body: OrderCreateIn,
        response: changed,
      },
    },
    async (request, reply) => {
      const { options, order, ...members } = request.body
      const content = order ?? members
      if (content.currency === undefined) {
        throwRefusal({ code: 'missing_field', path: '/currency', message: '/currency is required.' })
      }
      const body = { order: content, ...(options ? { options } : {}) } as DraftIn
      const created = await operations.createOrder(service, callerOf(request), body).catch((error) => {
        throw order ? error : withoutOrder(error)
      })
      tag(reply, created.version)
      return orderView(created)
    },
  )

  app.get(
    `${url}/:order_id`,
    {
      config: read,
      schema: {
        operationId: 'aid_orders_id_get',
        tags,
        summary: 'Get an order',
        params: ByOrder,
        querystring: IncludeEvents,
        response: responses({ 200: OrderOut }, 401, 403, 404),
      },
    },
    async (request, reply) => {
      const kinds = eventKinds(request.query.include_events, { unless: false })
      const wanted = kinds.api || kinds.service
      const found = await operations.getOrder(service, request.auth.account_id, request.params.order_id, wanted)
      tag(reply, found.order.version)
      return operations.withEvents(found, wanted ? kinds : undefined)
    },
  )

  type Call = { method: 'PUT' | 'POST'; path: string; operationId: string; summary: string; body: Type.TSchema }
  /** A call that decides on the order and its body, and answers the order with its events. */
  function change({ method, path, ...schema }: Call, decide: (order: Order, body: unknown) => operations.Decision) {
    app.route({
      method,
      url: `${url}/:id${path}`,
      config: write,
      schema: { ...schema, tags, params: ById, querystring: IncludeEvents, response: changed },
      handler: async (request, reply) => {
        const { id } = request.params
        const found = await operations.changeOrder(service, callerOf(request), id, (order) => decide(order, request.body), true)
        tag(reply, found.order.version)
        return operations.withEvents(found, eventKinds(request.query.include_events, { unless: true }))
      },
    })
  }

  const nothing = Type.Unknown({ description: 'Ignored.' })
  const updated = { operationId: 'aid_orders_id_put', summary: 'Update an order', body: OrderUpdateIn }
  const opened = { operationId: 'aid_orders_id_open_post', summary: 'Open a closed order', body: nothing }
  const closed = { operationId: 'aid_orders_id_close_post', summary: 'Close an order', body: nothing }
  const cancelled = {
    operationId: 'aid_orders_id_cancel_post',
    summary: 'Cancel an uncaptured order',
    body: Type.Unknown({
      description: `Optional: \`{"reason": …}\`, one of ${cancelReasons.join(', ')}.`,
      examples: [{ reason: 'customer' }],
    }),
  }
  change({ method: 'PUT', path: '', ...updated }, (order, body) => decideUpdate(order, body as OrderUpdateIn))
  change({ method: 'POST', path: '/open', ...opened }, decideOpen)
  change({ method: 'POST', path: '/close', ...closed }, decideClose)
  change({ method: 'POST', path: '/cancel', ...cancelled }, (order, body) => {
    const { reason, cancelled_reason } = (isObject(body) ? body : {}) as Record<string, unknown>
    return reason || !cancelled_reason
      ? decideCancel(order, reason || 'customer', '/reason')
      : decideCancel(order, cancelled_reason, '/cancelled_reason')
  })

  app.post(
    `${url}/:id/comments`,
    {
      config: write,
      schema: {
        operationId: 'aid_orders_id_comments_post',
        tags,
        summary: 'Add a comment',
        params: ById,
        querystring: IncludeEvents,
        body: Type.Object(
          {
            comment: Type.Optional(Type.String({ minLength: 1, maxLength: limits.text_length_max })),
            text: Type.Optional(Type.String({ minLength: 1, maxLength: limits.text_length_max })),
          },
          { additionalProperties: true, examples: [{ comment: 'The customer will pick it up on Friday.' }] },
        ),
        response: changed,
      },
    },
    async (request, reply) => {
      const text = request.body.comment ?? request.body.text
      if (text === undefined)
        throw new ApiError('missing_field', '/comment is required.', { details: [{ path: '/comment', message: 'Required.' }] })
      const found = await operations.addComment(service, callerOf(request), request.params.id, text)
      tag(reply, found.order.version)
      return operations.withEvents(found, eventKinds(request.query.include_events, { unless: true }))
    },
  )

  app.delete(
    `${url}/:id/comments/:comment_id`,
    {
      config: write,
      schema: {
        operationId: 'aid_orders_id_comments_id_delete',
        tags,
        summary: 'Delete a comment',
        params: Type.Object({ ...ById.properties, comment_id: Type.String() }),
        querystring: IncludeEvents,
        response: changed,
      },
    },
    async (request, reply) => {
      const { id, comment_id } = request.params
      const found = await operations.deleteComment(service, callerOf(request), id, comment_id)
      tag(reply, found.order.version)
      return operations.withEvents(found, eventKinds(request.query.include_events, { unless: true }))
    },
  )
}
