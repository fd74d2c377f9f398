import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { responses } from '../../lib/schema.ts'
import { DeliveriesQuery, Delivery, DeliveryDetail, Replayed, ReplayIn, ReplayRangeIn } from './log.ts'
import * as operations from './operations.ts'

const read = { scopes: ['admin:hooks', 'read:hooks'] }
const write = { scopes: ['admin:hooks', 'write:hooks'] }
const tags = ['hooks']
const id = Type.String()
const OfAccount = Type.Object({ aid: id })
const OfSubscription = Type.Object({ aid: id, hid: id })
const OneOfAccount = Type.Object({ aid: id, delivery_id: id })
const OneOfSubscription = Type.Object({ aid: id, hid: id, delivery_id: id })

/** The same log twice: the published one of a subscription (checkout-api §6.6), and ours of the account, with session callbacks. */
const places = [
  { path: '/v1/accounts/:aid/hooks/subscriptions/:hid', name: 'aid_hooks_subscriptions_hid', whose: 'a subscription', hid: true },
  {
    path: '/v1/accounts/:aid/notifications',
    name: 'aid_notifications',
    whose: 'the account, session callbacks among them',
    hid: false,
  },
] as const

/** What was told, how it went, and telling it again. */
export const logRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, parts) => {
  for (const { path, name, whose, hid } of places) {
    const Whose = (hid ? OfSubscription : OfAccount) as typeof OfAccount
    const One = (hid ? OneOfSubscription : OneOfAccount) as typeof OneOfAccount
    const of = (params: { aid: string; hid?: string }) => ({
      account_id: params.aid,
      ...(params.hid === undefined ? {} : { subscription_id: params.hid }),
    })

    app.get(
      `${path}/deliveries`,
      {
        config: read,
        schema: {
          operationId: `${name}_deliveries_get`,
          tags,
          summary: `List deliveries of ${whose}, newest first`,
          params: Whose,
          querystring: DeliveriesQuery,
          response: responses({ 200: Type.Array(Delivery) }, 401, 403, 404),
        },
      },
      ({ params, query }) => operations.deliveries(parts, of(params), query),
    )

    app.get(
      `${path}/deliveries/:delivery_id`,
      {
        config: read,
        schema: {
          operationId: `${name}_deliveries_id_get`,
          tags,
          summary: 'Get a delivery with its request, its answer and every attempt',
          params: One,
          response: responses({ 200: DeliveryDetail }, 401, 403, 404),
        },
      },
      ({ params }) => operations.delivery(parts, of(params), params.delivery_id),
    )

    app.post(
      `${path}/deliveries/:delivery_id/replay`,
      {
        config: write,
        schema: {
          operationId: `${name}_deliveries_id_replay_post`,
          tags,
          summary: 'Deliver once more, to the same URL or to another',
          params: One,
          body: Type.Union([ReplayIn, Type.Null()]),
          response: responses({ 200: DeliveryDetail }, 400, 401, 403, 404),
        },
      },
      ({ params, body }) => operations.replay(parts, of(params), params.delivery_id, body?.url),
    )

    app.post(
      `${path}/replay`,
      {
        config: write,
        schema: {
          operationId: `${name}_replay_post`,
          tags,
          summary: 'Deliver a time range once more, in the old order',
          params: Whose,
          body: ReplayRangeIn,
          response: responses({ 200: Replayed }, 400, 401, 403),
        },
      },
      ({ params, body }) => operations.replayRange(parts, of(params), body),
    )
  }
}
