import type { FastifyPluginAsync } from 'fastify'
import type { Parts } from '../app.ts'
import { transactionRoutes } from './transactions/routes.ts'

export const checkoutRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  await app.register(transactionRoutes, parts)
}
