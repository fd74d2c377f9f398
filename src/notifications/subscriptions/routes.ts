import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { responses } from '../../lib/schema.ts'
import * as operations from './operations.ts'
import { PageQuery, Subscription, SubscriptionIn } from './subscription.ts'

const read = { scopes: ['admin:hooks', 'read:hooks'] }
const write = { scopes: ['admin:hooks', 'write:hooks'] }
const tags = ['hooks']
const Aid = Type.Object({ aid: Type.String() })
const Hid = Type.Object({ aid: Type.String(), hid: Type.String() })
const base = '/v1/accounts/:aid/hooks/subscriptions'

/** Webhook subscriptions (checkout-api §6.6). */
export const subscriptionRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, parts) => {
  app.get(
    base,
    {
      config: read,
      schema: {
        operationId: 'aid_hooks_subscriptions_get',
        tags,
        summary: 'List webhook subscriptions, newest first',
        params: Aid,
        querystring: PageQuery,
        response: responses({ 200: Type.Array(Subscription) }, 401, 403),
      },
    },
    ({ auth, query }) => operations.subscriptions(parts, auth.account_id, query),
  )

  app.post(
    base,
    {
      config: write,
      schema: {
        operationId: 'aid_hooks_subscriptions_post',
        tags,
        summary: 'Create a webhook subscription; a ping is sent to it',
        params: Aid,
        body: SubscriptionIn,
        response: responses({ 200: Subscription }, 400, 401, 403),
      },
    },
    ({ auth, body }) => operations.createSubscription(parts, auth, body),
  )

  app.get(
    `${base}/:hid`,
    {
      config: read,
      schema: {
        operationId: 'aid_hooks_subscriptions_hid_get',
        tags,
        summary: 'Get a webhook subscription and the health of its endpoint',
        params: Hid,
        response: responses({ 200: Subscription }, 401, 403, 404),
      },
    },
    ({ auth, params }) => operations.subscription(parts, auth.account_id, params.hid),
  )

  app.put(
    `${base}/:hid`,
    {
      config: write,
      schema: {
        operationId: 'aid_hooks_subscriptions_hid_put',
        tags,
        summary: 'Update a webhook subscription; a secret left out stays',
        params: Hid,
        body: SubscriptionIn,
        response: responses({ 200: Subscription }, 400, 401, 403, 404),
      },
    },
    ({ auth, params, body }) => operations.updateSubscription(parts, auth, params.hid, body),
  )

  app.delete(
    `${base}/:hid`,
    {
      config: write,
      schema: {
        operationId: 'aid_hooks_subscriptions_hid_delete',
        tags,
        summary: 'Delete a webhook subscription',
        params: Hid,
        response: responses({ 200: Subscription }, 401, 403, 404),
      },
    },
    ({ auth, params }) => operations.deleteSubscription(parts, auth, params.hid),
  )

  app.post(
    `${base}/:hid/ping`,
    {
      config: write,
      schema: {
        operationId: 'aid_source_hooks_hid_ping_post',
        tags,
        summary: 'Send a ping, whose body is the subscription',
        params: Hid,
        response: responses({ 204: Type.Null() }, 401, 403, 404),
      },
    },
    async ({ auth, params }, reply) => {
      await operations.ping(parts, auth.account_id, params.hid)
      return reply.code(204).send(null)
    },
  )
}
