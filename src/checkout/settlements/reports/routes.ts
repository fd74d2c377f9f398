import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../../../app.ts'
import { limits } from '../../../lib/limits.ts'
import { Reference, responses } from '../../../lib/schema.ts'
import { listReports } from './operations.ts'
import { Report } from './report.ts'

const Reports = Type.Object({ reports: Type.Array(Report), starting_after: Type.Optional(Type.String()) })

/** `/v1/accounts/{aid}/reports/metadata` (checkout-api §10.2). */
export const reportRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  app.get<{ Querystring: { limit?: number; starting_after?: string } }>(
    '/v1/accounts/:aid/reports/metadata',
    {
      config: { scopes: ['read:reports', 'admin:reports'] },
      schema: {
        operationId: 'aid_reports_metadata_get',
        tags: ['settlements'],
        summary: 'List the reports of settlements, newest first',
        querystring: Type.Object({
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max })),
          starting_after: Type.Optional(Reference),
        }),
        response: responses({ 200: Reports }, 400, 401, 403),
      },
    },
    async ({ auth, query: { limit = limits.page_size_default, starting_after } }) =>
      listReports(parts, auth.account_id, { limit, starting_after }),
  )
}
