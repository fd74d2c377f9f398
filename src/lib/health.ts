import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import type { Sql } from './db.ts'
import { ApiError } from './errors.ts'
import { inTime } from './in-time.ts'
import { collectProcessMetrics, type Metrics } from './metrics.ts'
import { findPendingMigration, type Schema } from './migrate.ts'
import { responses } from './schema.ts'

const Health = Type.Object({ status: Type.Literal('ok') })

/** What orchestrators and monitoring ask: `/healthz`, `/readyz`, `/metrics`. Public, and they tell nothing about accounts. */
export const healthRoutes: FastifyPluginAsync<{ sql: Sql; metrics: Metrics; schemas: readonly Schema[] }> = async (
  app,
  parts,
) => {
  const { sql, metrics, schemas } = parts
  let stopping = false
  let collecting = false
  app.addHook('preClose', async () => {
    stopping = true
  })

  app.get(
    '/healthz',
    {
      config: { access: 'public' },
      schema: {
        operationId: 'healthz_get',
        tags: ['health'],
        summary: 'The process is alive',
        response: responses({ 200: Health }),
      },
    },
    async () => ({ status: 'ok' }),
  )

  app.get(
    '/readyz',
    {
      config: { access: 'public' },
      schema: {
        operationId: 'readyz_get',
        tags: ['health'],
        summary: 'Requests can be served',
        description:
          '503 while the server stops, while the database does not answer, and while a migration of this release is missing.',
        response: responses({ 200: Health }, 503),
      },
    },
    async () => {
      if (stopping) throw new ApiError('unavailable', 'This server is stopping.')
      const pending = await inTime(findPendingMigration(sql, schemas)).catch((error: Error) => {
        throw new ApiError('unavailable', `The database does not answer: ${error.message}`)
      })
      if (pending) throw new ApiError('unavailable', `The migration ${pending} has not been applied.`)
      return { status: 'ok' }
    },
  )

  app.get(
    '/metrics',
    {
      config: { access: 'public' },
      schema: {
        operationId: 'metrics_get',
        tags: ['health'],
        summary: 'Metrics for Prometheus',
        description: 'Without what waits in the database while that does not answer.',
        produces: ['text/plain'],
        response: { 200: Type.String({ description: 'Prometheus text format.' }) },
      },
    },
    async (_request, reply) => {
      if (!collecting) collectProcessMetrics(metrics)
      collecting = true
      const text = await metrics.registry.metrics()
      return reply.type(metrics.registry.contentType).serializer(String).send(text)
    },
  )
}
