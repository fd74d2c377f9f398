import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Parts } from '../../app.ts'
import { ApiError } from '../../lib/errors.ts'
import { responses } from '../../lib/schema.ts'
import { SignatureSecret } from './signature.ts'
import { findSignature, insertSignature } from './store.ts'

/** The secret with which every request to the merchant is signed (checkout-api §6.3). */
export const signatureRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, { sql, clock, ids }) => {
  app.post(
    '/v1/admin/signature',
    {
      // The answer holds a secret, which is not to stand among the stored answers.
      config: { scopes: ['admin:checkout', 'write:checkout'], api_key: true, idempotency: 'none' },
      schema: {
        operationId: 'admin_signature_post',
        tags: ['admin'],
        summary: 'Create the secret for Dintero-Signature; a new one replaces the old at once',
        response: responses({ 200: SignatureSecret }, 401, 403),
      },
    },
    ({ auth }) =>
      insertSignature(sql, auth.account_id, {
        id: ids.uuid(),
        secret: ids.secret(),
        created_at: clock.now(),
        created_by: auth.subject,
      }),
  )

  app.get(
    '/v1/admin/signature',
    {
      config: { scopes: ['admin:checkout', 'read:checkout'], api_key: true },
      schema: {
        operationId: 'admin_signature_get',
        tags: ['admin'],
        summary: 'Get the secret for Dintero-Signature',
        response: responses({ 200: SignatureSecret }, 401, 403, 404),
      },
    },
    async ({ auth }) => {
      const signature = await findSignature(sql, auth.account_id)
      if (!signature) throw new ApiError('not_found', 'This account has no signature secret yet. Create one by POST.')
      return signature
    },
  )
}
