import type { FastifyBaseLogger } from 'fastify'
import type { Server } from './http.ts'
import type { Metrics } from './metrics.ts'

/**
 * One log line and one measurement a request. The line has the route's pattern, never the URL (a query may hold a token), and
 * no header and no body (they hold credentials, card numbers, names and addresses). What it was about has its id there, and a refusal its
 * code, so that "our capture failed at 14:03" finds its line, and why.
 */
export function observeRequests(app: Server, { log, metrics }: { log: FastifyBaseLogger; metrics: Metrics }): void {
  const seen = new Map<string, ReturnType<Metrics['requests']['labels']>>()
  const measured = (method: string, route: string, status: number) => {
    const key = `${method} ${status} ${route}`
    const known = seen.get(key) ?? metrics.requests.labels({ method, route, status })
    seen.set(key, known)
    return known
  }
  app.addHook('onResponse', (request, reply, done) => {
    const { method, id: request_id } = request
    const route = request.routeOptions.url ?? 'none'
    const status = reply.statusCode
    measured(method, route, status).observe(reply.elapsedTime / 1_000)
    // What probes and Prometheus ask every few seconds would drown the rest.
    const level = quiet.has(route) && status < 400 ? 'debug' : 'info'
    const ms = Math.round(reply.elapsedTime * 10) / 10
    const { account_id } = request.auth ?? {}
    log[level]({
      method,
      route,
      status,
      error: reply.refusal,
      ms,
      request_id,
      account_id,
      id: account_id && idOf(route, request.params),
    })
    done()
  })
}

const quiet = new Set(['/healthz', '/readyz', '/metrics'])

const about = /\/(?:transactions|operations|orders|draft_orders|deliveries)\/:(\w+)/

/** Of a transaction, an operation, an order, a draft or a delivery. Not of a session: who has its id may open its page, and pay. */
function idOf(route: string, params: unknown): string | undefined {
  const name = about.exec(route)?.[1]
  return name && (params as Record<string, string>)[name]
}
