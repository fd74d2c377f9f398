import type { FastifyPluginAsync } from 'fastify'
import type { Parts } from '../app.ts'
import type { Authenticate } from '../lib/http.ts'
import type { PayloadSources } from './deliveries/payload.ts'
import { eventRoutes } from './events/routes.ts'
import { logRoutes } from './log/routes.ts'
import { signatureRoutes } from './signature/routes.ts'
import { subscriptionRoutes } from './subscriptions/routes.ts'

/** What is told, and to whom. */
type Told = { sources: PayloadSources; authenticate: Authenticate }

/** What merchants are told: secrets, subscriptions, deliveries. */
export const notificationRoutes: FastifyPluginAsync<Parts & Told> = async (app, parts) => {
  await app.register(signatureRoutes, parts)
  await app.register(subscriptionRoutes, parts)
  await app.register(logRoutes, parts)
  await app.register(eventRoutes, parts)
}
