import type { FastifyPluginAsync } from 'fastify'
import type { TSchema } from 'typebox'
import type { Parts } from '../app.ts'
import { dropsEmpties } from '../lib/schema.ts'
import { draftRoutes } from './drafts/routes.ts'
import { eventRoutes } from './events/routes.ts'
import { orderResourceRoutes } from './orders/routes.ts'
import { paymentRoutes } from './payments/routes.ts'
import { sessionRoutes } from './sessions/routes.ts'
import type { CreateCheckoutSession } from './sessions/session.ts'
import { viewRoutes } from './views/routes.ts'

/** The Orders API (orders-api §2). */
export const orderRoutes: FastifyPluginAsync<Parts & { createCheckoutSession: CreateCheckoutSession }> = async (
  app,
  { sql, clock, ids, memory, createCheckoutSession },
) => {
  const service = { sql, clock, ids, memory }
  app.addHook('onRoute', (route) => {
    if (route.schema?.body) route.preValidation = dropsEmpties(route.schema.body as TSchema)
  })
  await app.register(draftRoutes, service)
  await app.register(orderResourceRoutes, service)
  await app.register(viewRoutes, service)
  await app.register(paymentRoutes, service)
  await app.register(eventRoutes, service)
  await app.register(sessionRoutes, { ...service, createCheckoutSession })
}
