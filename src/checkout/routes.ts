import type { FastifyPluginAsync } from 'fastify'
import type { Parts } from '../app.ts'
import { authorizationUpdateRoutes } from './authorization-updates/routes.ts'
import { brandingRoutes } from './branding/routes.ts'
import { cardTokenRoutes } from './card-tokens/routes.ts'
import { operationRoutes } from './operations-log/routes.ts'
import { merchantPaymentRoutes } from './payments/merchant/routes.ts'
import { paymentRoutes } from './payments/routes.ts'
import { profileRoutes } from './profiles/routes.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { settlementRoutes } from './settlements/routes.ts'
import { transactionRoutes } from './transactions/routes.ts'
import { viewRoutes } from './view/routes.ts'

/** The Checkout API. */
export const checkoutRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  await app.register(profileRoutes, parts)
  await app.register(sessionRoutes, parts)
  await app.register(transactionRoutes, parts)
  await app.register(authorizationUpdateRoutes, parts)
  await app.register(paymentRoutes, parts)
  await app.register(cardTokenRoutes, parts)
  await app.register(merchantPaymentRoutes, parts)
  await app.register(operationRoutes, parts)
  await app.register(settlementRoutes, parts)
  await app.register(viewRoutes, parts)
  await app.register(brandingRoutes, parts)
}
