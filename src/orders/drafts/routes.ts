import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import Type from 'typebox'
import { responses } from '../../lib/schema.ts'
import { ItemIn } from '../items/item.ts'
import { orderView } from '../orders/order.ts'
import { OrderOut } from '../orders/wire.ts'
import type { Service } from '../shared/operations.ts'
import { Account, ById, callerOf, listOf, read, splitsStatus, tag, write } from '../shared/routes.ts'
import { DraftIn, DraftOut, DraftQuery } from './draft.ts'
import * as operations from './operations.ts'

const url = '/v1/accounts/:aid/shopping/draft_orders'
const ByLine = Type.Object({ ...ById.properties, line_id: Type.String() })
const tags = ['draft']
const itemTags = ['draftitems']

function answer(reply: FastifyReply, found: operations.Found) {
  tag(reply, found.draft.version)
  return operations.viewOf(found)
}

/** Drafts and their lines (orders-api §2.2 to §2.5). */
export const draftRoutes: FastifyPluginAsyncTypebox<Service> = async (app, service) => {
  const draftOr = (...failures: number[]) => responses({ 200: DraftOut }, ...failures)

  app.get(
    url,
    {
      config: read,
      preValidation: splitsStatus,
      schema: {
        operationId: 'aid_draft_orders_get',
        tags: ['orderlist'],
        summary: 'List drafts',
        description: 'Newest first.',
        params: Account,
        querystring: DraftQuery,
        response: responses({ 200: listOf('draft_orders', DraftOut, { paged: true }) }, 400, 401, 403),
      },
    },
    async (request) => operations.listDrafts(service, request.auth.account_id, request.query),
  )

  app.post(
    url,
    {
      config: write,
      schema: {
        operationId: 'aid_draft_orders_post',
        tags,
        summary: 'Create a draft',
        params: Account,
        body: DraftIn,
        response: draftOr(400, 401, 403, 404),
      },
    },
    async (request, reply) => answer(reply, await operations.createDraft(service, callerOf(request), request.body)),
  )

  app.get(
    `${url}/:id`,
    {
      config: read,
      schema: {
        operationId: 'aid_draft_orders_id_get',
        tags,
        summary: 'Get a draft',
        params: ById,
        response: draftOr(401, 403, 404),
      },
    },
    async (request, reply) => answer(reply, await operations.getDraft(service, request.auth.account_id, request.params.id)),
  )

  app.put(
    `${url}/:id`,
    {
      config: write,
      schema: {
        operationId: 'aid_draft_orders_id_put',
        tags,
        summary: 'Update a draft',
        description: 'Replaces the order members; `items` and `options` stay when they are left out.',
        params: ById,
        body: DraftIn,
        response: draftOr(400, 401, 403, 404, 409, 412),
      },
    },
    async (request, reply) =>
      answer(reply, await operations.updateDraft(service, callerOf(request), request.params.id, request.body)),
  )

  app.delete(
    `${url}/:id`,
    {
      config: write,
      schema: {
        operationId: 'aid_draft_orders_id_delete',
        tags,
        summary: 'Delete a draft',
        params: ById,
        response: draftOr(401, 403, 404, 409, 412),
      },
    },
    async (request, reply) => answer(reply, await operations.deleteDraft(service, callerOf(request), request.params.id)),
  )

  app.put(
    `${url}/:id/complete`,
    {
      config: write,
      schema: {
        operationId: 'aid_draft_orders_id_complete_put',
        tags,
        summary: 'Complete a draft',
        description: 'Makes one order of it, one per store with `split_draft`, or brings its lines into `options.order_id`.',
        params: ById,
        body: Type.Unknown({ description: 'Optional; ignored.' }),
        response: responses({ 200: listOf('orders', OrderOut) }, 400, 401, 403, 404, 409, 412),
      },
    },
    async (request) => ({
      orders: (await operations.completeDraft(service, callerOf(request), request.params.id)).map(orderView),
    }),
  )

  app.post(
    `${url}/:id/items`,
    {
      config: write,
      schema: {
        operationId: 'aid_draft_orders_id_items_post',
        tags: itemTags,
        summary: 'Add a line to a draft',
        params: ById,
        body: ItemIn,
        response: draftOr(400, 401, 403, 404, 409, 412),
      },
    },
    async (request, reply) =>
      answer(reply, await operations.addItem(service, callerOf(request), request.params.id, request.body as ItemIn)),
  )

  app.put(
    `${url}/:id/items/:line_id`,
    {
      config: write,
      schema: {
        operationId: 'aid_draft_orders_id_items_line_id_put',
        tags: itemTags,
        summary: 'Replace a line of a draft',
        params: ByLine,
        body: ItemIn,
        response: draftOr(400, 401, 403, 404, 409, 412),
      },
    },
    async (request, reply) => {
      const { id, line_id } = request.params
      return answer(reply, await operations.replaceItem(service, callerOf(request), id, line_id, request.body as ItemIn))
    },
  )

  app.delete(
    `${url}/:id/items/:line_id`,
    {
      config: write,
      schema: {
        operationId: 'aid_draft_orders_id_items_line_id_delete',
        tags: itemTags,
        summary: 'Remove a line from a draft',
        params: ByLine,
        response: draftOr(401, 403, 404, 409, 412),
      },
    },
    async (request, reply) =>
      answer(reply, await operations.removeItem(service, callerOf(request), request.params.id, request.params.line_id)),
  )
}
