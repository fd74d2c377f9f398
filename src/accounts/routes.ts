import type { FastifyPluginAsync } from 'fastify'
import type { Parts } from '../app.ts'
import { apiKeyRoutes } from './api-keys/routes.ts'
import { clientRoutes, grantRoutes } from './clients/routes.ts'
import { tokenRoutes } from './tokens/routes.ts'

/** Everything under `/v1/accounts/{oid}/auth`, and the API keys. */
export const accountRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  await app.register(tokenRoutes, parts)
  await app.register(clientRoutes, parts)
  await app.register(grantRoutes, parts)
  await app.register(apiKeyRoutes, parts)
}
