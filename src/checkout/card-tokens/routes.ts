import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { ApiError } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { DateTime, FreeObject, Reference, responses } from '../../lib/schema.ts'
import { cardTokenView, tokenStatuses } from './card-token.ts'
import { deleteCardToken, findCardToken, listCardTokens, type TokenQuery } from './store.ts'

const tags = ['card tokens']
const scopes = ['admin:checkout']

const CardToken = Type.Object(
  {
    id: Type.String({ description: 'A digest of the token; `card.payment_token_id` of its transactions.' }),
    token: Type.String(),
    type: Type.Enum(['payment_token', 'recurrence_token']),
    status: Type.Enum([...tokenStatuses]),
    account_id: Type.String(),
    payment_product_type: Type.String(),
    card_brand: Type.Optional(Type.String({ examples: ['visa'] })),
    masked_pan: Type.Optional(Type.String()),
    token_expiry_date: Type.Optional(Type.String({ description: 'MM/YYYY.' })),
    pan_expiry_date: Type.Optional(Type.String({ description: 'MM/YYYY.' })),
    customer_id: Type.Optional(Type.String()),
    relationship_id: Type.Optional(Type.String()),
    transaction_id: Type.String(),
    external_token_references: Type.Array(FreeObject),
    links: Type.Array(FreeObject),
    created_at: DateTime,
    created_by: Type.Optional(Type.String()),
    updated_at: DateTime,
    deleted_at: Type.Optional(DateTime),
    deleted_by: Type.Optional(Type.String()),
  },
  {
    title: 'CardToken',
    examples: [
      {
        id: '2134a260d196b1d65e59b259dc43f619d7f0f3c6',
        token: 'pt_4f3c9c1a',
        type: 'payment_token',
        status: 'ACTIVE',
        card_brand: 'visa',
        masked_pan: '400000******0002',
        pan_expiry_date: '12/2030',
        account_id: 'T12345678',
        payment_product_type: 'dintero_psp.creditcard',
        customer_id: 'c-17',
        transaction_id: 'T12345678.5GD3ZZNzsXn5FpukqUxHWw',
        external_token_references: [],
        links: [],
        created_at: '2026-11-23T10:00:00.000Z',
        updated_at: '2026-11-23T10:00:00.000Z',
      },
    ],
  },
)

/** `/v1/card-tokens` (checkout-api §8.4). */
export const cardTokenRoutes: FastifyPluginAsync<Parts> = async (app, { sql, clock }) => {
  app.get<{ Querystring: TokenQuery }>(
    '/v1/card-tokens',
    {
      config: { scopes },
      schema: {
        operationId: 'checkout_card_tokens_get',
        tags,
        summary: 'List card tokens, newest first',
        querystring: Type.Object({
          customer_id: Type.Optional(Reference),
          relationship_id: Type.Optional(Reference),
          status: Type.Optional(Type.Enum([...tokenStatuses])),
          include_deleted: Type.Optional(Type.Boolean()),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max })),
          starting_after: Type.Optional(Reference),
        }),
        response: responses({ 200: Type.Array(CardToken) }, 400, 401, 403),
      },
    },
    async ({ auth, query }) => {
      const page = { ...query, limit: query.limit ?? limits.page_size_default }
      return (await listCardTokens(sql, auth.account_id, page)).map(cardTokenView)
    },
  )

  app.get<{ Params: { token_id: string } }>(
    '/v1/card-tokens/:token_id',
    {
      config: { scopes },
      schema: {
        operationId: 'checkout_card_tokens_id_get',
        tags,
        summary: 'Read a card token',
        response: responses({ 200: CardToken }, 401, 403, 404),
      },
    },
    async ({ auth, params }) => {
      const token = await findCardToken(sql, auth.account_id, params.token_id)
      if (!token) throw new ApiError('not_found', `There is no card token ${params.token_id}.`)
      return cardTokenView(token)
    },
  )

  app.delete<{ Params: { token_id: string } }>(
    '/v1/card-tokens/:token_id',
    {
      config: { scopes },
      schema: {
        operationId: 'checkout_card_tokens_id_delete',
        tags,
        summary: 'Delete a card token: no payment with it any more',
        response: responses({ 200: CardToken }, 401, 403, 404),
      },
    },
    async ({ auth, params }) => {
      const change = { account_id: auth.account_id, id: params.token_id, deleted_by: auth.subject, at: clock.now() }
      const token = await deleteCardToken(sql, change)
      if (!token) throw new ApiError('not_found', `There is no card token ${params.token_id}.`)
      return cardTokenView(token)
    },
  )
}
