import cors from '@fastify/cors'
import swagger from '@fastify/swagger'
import type { FastifyBaseLogger } from 'fastify'
import { createAuthenticate } from './accounts/authenticate.ts'
import { accountRoutes } from './accounts/routes.ts'
import { createCheckoutSessions } from './bridge.ts'
import { paymentPageRoutes } from './checkout/payment-page/routes.ts'
import { checkoutRoutes } from './checkout/routes.ts'
import { recordCallbackSent } from './checkout/sessions/operations.ts'
import type { SessionRow } from './checkout/sessions/session.ts'
import { sessionForm } from './checkout/sessions/store.ts'
import { type Transaction, transactionForm } from './checkout/transactions/store.ts'
import type { Gateways } from './gateways/gateway.ts'
import { createGateways } from './gateways/registry.ts'
import { gatewayRoutes } from './gateways/routes.ts'
import type { Config, Role } from './lib/config.ts'
import { onConnectionClosed, type Sql } from './lib/db.ts'
import { honourDryRun } from './lib/dry-run.ts'
import { healthRoutes } from './lib/health.ts'
import { createServer } from './lib/http.ts'
import { honourIdempotencyKeys, joiningTransactions } from './lib/idempotency.ts'
import type { Clock, Ids } from './lib/ids.ts'
import { limits } from './lib/limits.ts'
import { createMemory, createRing, type Memory } from './lib/memory.ts'
import { createMetrics, type Metrics } from './lib/metrics.ts'
import type { Schema } from './lib/migrate.ts'
import { openApiRoutes } from './lib/openapi.ts'
import { describeRoute, securitySchemes } from './lib/openapi-shared.ts'
import { observeRequests } from './lib/request-log.ts'
import { type CallMerchant, callMerchant } from './notifications/call-merchant.ts'
import { retryRules } from './notifications/deliveries/delivery.ts'
import type { Delivering } from './notifications/deliveries/operations.ts'
import { createOutbound, type Outbound, openingsOf } from './notifications/outbound.ts'
import { notificationRoutes } from './notifications/routes.ts'
import { draftForm, type FoundDraft } from './orders/drafts/store.ts'
import { type FoundOrder, orderForm } from './orders/orders/store.ts'
import { orderRoutes } from './orders/routes.ts'
import { analyzeTables } from './worker/analyze-tables.ts'
import { autoCapture } from './worker/auto-capture.ts'
import { deliveryWork } from './worker/deliver.ts'
import { expireOrders } from './worker/expire-orders.ts'
import { forgetIdempotencyKeys } from './worker/forget-idempotency-keys.ts'
import { forgetNotifications } from './worker/forget-notifications.ts'
import type { Work } from './worker/loop.ts'
import { measureWaiting } from './worker/measure-waiting.ts'
import { payloadSources } from './worker/payload-sources.ts'
import { resolveOperations } from './worker/resolve-operations.ts'
import { settle } from './worker/settle.ts'

/** What the server is built from; the outside world comes in here and nowhere else. */
export type Environment = {
  sql: Sql
  config: Config
  clock: Clock
  ids: Ids
  role: Role
  log: FastifyBaseLogger
}

/** The parts every service is handed. */
export type Parts = Environment & {
  /** What this process wrote last. */
  memory: {
    drafts: Memory<FoundDraft>
    orders: Memory<FoundOrder>
    sessions: Memory<SessionRow>
    transactions: Memory<Transaction>
  }
  gateways: Gateways
  metrics: Metrics
  /** Calls merchants' servers, and never our own network. */
  outbound: Outbound
  /** Asks a merchant's server something while his customer waits. */
  callMerchant: CallMerchant
}

/** The PostgreSQL schemas that a role reads and writes; alone, a service needs only its own and the shared ones. */
export const schemasOf: Record<Role, readonly Schema[]> = {
  all: ['accounts', 'notifications', 'orders', 'checkout', 'simulator'],
  worker: ['accounts', 'notifications', 'orders', 'checkout', 'simulator'],
  orders: ['accounts', 'notifications', 'orders'],
  checkout: ['accounts', 'notifications', 'checkout', 'simulator'],
}

/** Builds the server from its parts. Does not listen, and starts no background work: the caller does both. */
export async function buildApp(environment: Environment) {
  const { role, log, config, clock } = environment
  const sql = joiningTransactions(environment.sql)
  const outbound = createOutbound(openingsOf(config))
  // The gateways keep the plain pool: what a provider did is not undone when a request of ours is.
  const parts: Parts = {
    ...environment,
    memory: createMemories(environment.sql),
    sql,
    gateways: createGateways(environment),
    metrics: createMetrics(),
    outbound,
    callMerchant: callMerchant({ sql, clock, outbound }),
  }
  const authenticate = createAuthenticate(environment)
  const app = createServer({
    authenticate,
    logger: log,
    trusted_proxies: environment.config.trusted_proxies,
  })
  observeRequests(app, parts)
  await app.register(cors, {
    origin: '*',
    methods: ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE'],
    maxAge: 600,
    strictPreflight: false,
  })
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Kvitt', version: '1' }, components: { securitySchemes } },
    transform: describeRoute,
  })

  honourDryRun(app, environment.sql)
  honourIdempotencyKeys(app, environment.sql)

  measureWaiting(parts, schemasOf[role])
  await app.register(healthRoutes, { ...parts, schemas: schemasOf[role] })
  await app.register(openApiRoutes)
  await app.register(accountRoutes, parts)
  await app.register(notificationRoutes, { ...parts, sources: payloadSources(parts), authenticate })
  if (role === 'all' || role === 'orders') {
    await app.register(orderRoutes, { ...parts, createCheckoutSession: createCheckoutSessions(parts) })
  }
  if (role === 'all' || role === 'checkout') {
    await app.register(checkoutRoutes, parts)
    await app.register(paymentPageRoutes, parts)
    await app.register(gatewayRoutes, parts)
  }
  return { app, parts, work: backgroundWork(parts) }
}

/** Memories of what was written through this pool. */
export function createMemories(sql: Sql): Parts['memory'] {
  const ring = createRing(limits.remembered_bytes)
  const memory: Parts['memory'] = {
    drafts: createMemory('draft', ring, draftForm),
    orders: createMemory('order', ring, orderForm),
    sessions: createMemory('session', ring, sessionForm),
    transactions: createMemory('transaction', ring, transactionForm),
  }
  // The next connection may be to a server that has lost what this one had: a standby, a backup.
  onConnectionClosed(sql, () => {
    for (const each of Object.values(memory)) each.clear()
  })
  return memory
}

/** What has to happen without anybody asking, for the schemas this role has. */
function backgroundWork(parts: Parts): Work[] {
  const delivering = {
    ...parts,
    rules: retryRules,
    sources: payloadSources(parts),
    ...(parts.role === 'orders' ? {} : callbackRecorder(parts)),
  }
  const work = [analyzeTables(parts), forgetIdempotencyKeys(parts), forgetNotifications(parts), deliveryWork(delivering)]
  if (parts.role !== 'orders') work.push(resolveOperations(parts), autoCapture(parts), settle(parts))
  if (parts.role !== 'checkout') work.push(expireOrders(parts))
  return work
}

/** A delivered callback becomes an event of its session. */
function callbackRecorder(parts: Parts): Pick<Delivering, 'recordCallbackSent'> {
  return {
    recordCallbackSent: (account_id, { session_id, name, details }) =>
      recordCallbackSent(parts, { account_id, session_id, name, ...details }),
  }
}
