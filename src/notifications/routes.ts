import type { FastifyPluginAsync } from 'fastify'
import type { Parts } from '../app.ts'
import type { PayloadSources } from './deliveries/payload.ts'
import { eventRoutes } from './events/routes.ts'
import { logRoutes } from './log/routes.ts'
import { signatureRoutes } from './signature/routes.ts'
import { subscriptionRoutes } from './subscriptions/routes.ts'

/** What merchants are told: secrets, subscriptions, deliveries. */
export const notificationRoutes: FastifyPluginAsync<Parts & { sources: PayloadSources }> = async (app, parts) => {
  await app.register(signatureRoutes, parts)
  await app.register(subscriptionRoutes, parts)
  await app.register(logRoutes, parts)
  await app.register(eventRoutes, parts)
}
