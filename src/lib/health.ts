import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import { inTransaction, type Sql } from './db.ts'
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
          '503 while the server stops, while the database does not answer or takes no writes (its disk is full, or it is read-only), and ' +
          'while a migration of this release is missing.',
        response: responses({ 200: Health }, 503),
      },
    },
    async () => {
      if (stopping) throw new ApiError('unavailable', 'This server is stopping.')
      const pending = await inTime(findPendingMigration(sql, schemas)).catch((error: Error) => {
        throw new ApiError('unavailable', `The database does not answer: ${error.message}`)
      })
      if (pending) throw new ApiError('unavailable', `The migration ${pending} has not been applied.`)
      await inTime(write(sql)).catch((error: Error) => {
        throw new ApiError('unavailable', `The database takes no writes: ${error.message}`)
      })
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

/**
 * Throws when the database takes no writes: payments can't be made then, however well it reads. Whether its disk is full only writing
 * tells: so many numbers have no room in so little memory, and are put into a file, which leaves nothing behind.
 */
function write(sql: Sql): Promise<void> {
  return inTransaction(sql, async (tx) => {
    await tx`set local work_mem = '64kB'`
    const [row] = await tx<{ read_only: boolean }[]>`
      select current_setting('transaction_read_only')::boolean as read_only, count(*) from generate_series(1, 10000)`
    if (row!.read_only) throw new Error('it is read-only.')
  })
}
