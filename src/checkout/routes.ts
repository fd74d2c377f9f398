import type { FastifyPluginAsync } from 'fastify'
import type { Parts } from '../app.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { transactionRoutes } from './transactions/routes.ts'

/** The Checkout API. */
export const checkoutRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  await app.register(sessionRoutes, parts)
  await app.register(transactionRoutes, parts)
}
