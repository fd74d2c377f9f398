import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { limits } from '../../lib/limits.ts'
import { DateTime, responses } from '../../lib/schema.ts'
import { present } from '../clients/client.ts'
import { createApiKey, deleteApiKey, rotateApiKey } from './operations.ts'
import { listApiKeys } from './store.ts'

/** A key for `x-api-key` on the admin endpoints (checkout-api §1.7). */
const ApiKey = Type.Object(
  {
    id: Type.String(),
    created_at: DateTime,
    name: Type.Optional(Type.String()),
    updated_at: DateTime,
    expires_at: Type.Optional(DateTime),
    deleted_by: Type.Optional(Type.String()),
    deleted_at: Type.Optional(DateTime),
    access_token: Type.Optional(Type.String({ description: 'The key. Only when it was just created or rotated.' })),
  },
  { title: 'ApiKey' },
)

// Also without a body.
const ApiKeyBody = Type.Unsafe<{ name?: string } | null>({
  type: ['object', 'null'],
  properties: { name: Type.String({ maxLength: 255 }) },
  examples: [{ name: 'Reports' }],
})

const config = { scopes: ['admin:checkout'], api_key: true }
// No Idempotency-Key where the answer holds a key: the stored answer would hold it too.
const shown_once = { ...config, idempotency: 'none' as const }
const tags = ['api-keys']
const Id = Type.Object({ id: Type.String() })

/** `/v1/admin/api-keys…` (checkout-api §1.7). */
export const apiKeyRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, parts) => {
  app.get(
    '/v1/admin/api-keys',
    {
      config,
      schema: {
        tags,
        operationId: 'admin_api_keys_get',
        summary: 'List API keys',
        querystring: Type.Object({
          include_deleted: Type.Optional(Type.Boolean()),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max })),
          starting_after: Type.Optional(Type.String()),
        }),
        response: responses({ 200: Type.Array(ApiKey) }, 400, 401, 403),
      },
    },
    async ({ auth: { account_id }, query }) => {
      const { include_deleted = false, limit = limits.page_size_default, starting_after } = query
      return (await listApiKeys(parts.sql, { account_id, include_deleted, limit, starting_after })).map(present)
    },
  )
  app.post(
    '/v1/admin/api-keys',
    {
      config: shown_once,
      schema: {
        tags,
        operationId: 'admin_api_keys_post',
        summary: 'Create an API key',
        body: ApiKeyBody,
        response: responses({ 200: ApiKey }, 400, 401, 403),
      },
    },
    async ({ auth, body }) => createApiKey(parts, auth, body?.name),
  )
  app.delete(
    '/v1/admin/api-keys/:id',
    {
      config,
      schema: {
        tags,
        params: Id,
        operationId: 'admin_api_keys_id_delete',
        summary: 'Delete an API key',
        response: responses({ 200: ApiKey }, 401, 403, 404),
      },
    },
    async ({ auth, params }) => deleteApiKey(parts, auth, params.id),
  )
  app.post(
    '/v1/admin/api-keys/:id/rotate-api-key',
    {
      config: shown_once,
      schema: {
        tags,
        params: Id,
        operationId: 'admin_api_keys_id_rotate_api_key_post',
        summary: 'Replace an API key',
        response: responses({ 200: ApiKey }, 401, 403, 404),
      },
    },
    async ({ auth, params }) => rotateApiKey(parts, auth, params.id),
  )
}
