import type { FastifyPluginAsync } from 'fastify'
import type { Parts } from '../app.ts'
import { signatureRoutes } from './signature/routes.ts'

export const notificationRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  await app.register(signatureRoutes, parts)
}
