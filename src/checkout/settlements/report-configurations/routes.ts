import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../../../app.ts'
import { ApiError } from '../../../lib/errors.ts'
import { limits } from '../../../lib/limits.ts'
import { Reference, responses } from '../../../lib/schema.ts'
import { readers } from '../schemas.ts'
import {
  configurationOf,
  configurationView,
  ReportConfiguration,
  ReportConfigurationIn,
  type ReportConfigurationRow,
} from './report-configuration.ts'
import * as store from './store.ts'

const tags = ['settlements']
const path = '/v1/accounts/:aid/settlements/reports/configuration'
const creators = ['admin:billing', 'admin:reports', 'admin:settlements', 'write:settlements']
const editors = ['admin:billing', 'write:billing', 'admin:settlements', 'write:settlements']
type Named = { aid: string; configuration_id: string }

function found(row: ReportConfigurationRow | undefined, { configuration_id }: Named) {
  if (!row) throw new ApiError('not_found', `There is no report configuration ${configuration_id}.`)
  return configurationView(row)
}

/** `/v1/accounts/{aid}/settlements/reports/configuration` (checkout-api §10.1). */
export const reportConfigurationRoutes: FastifyPluginAsync<Parts> = async (app, { sql, clock, ids }) => {
  app.get<{ Querystring: { limit?: number; starting_after?: string } }>(
    path,
    {
      config: { scopes: readers },
      schema: {
        operationId: 'aid_settlements_reports_configuration_get',
        tags,
        summary: 'List report configurations, newest first',
        querystring: Type.Object({
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.settlements_page_size_max, default: 100 })),
          starting_after: Type.Optional(Reference),
        }),
        response: responses(
          { 200: Type.Object({ items: Type.Array(ReportConfiguration), starting_after: Type.Optional(Type.String()) }) },
          ...[400, 401, 403],
        ),
      },
    },
    async ({ auth, query: { limit = 100, starting_after = null } }) => {
      const rows = await store.listReportConfigurations(sql, auth.account_id, { limit: limit + 1, starting_after })
      const items = rows.slice(0, limit)
      return { items: items.map(configurationView), ...(rows.length > limit ? { starting_after: items.at(-1)!.id } : {}) }
    },
  )

  app.post<{ Body: ReportConfigurationIn }>(
    path,
    {
      config: { scopes: creators },
      schema: {
        operationId: 'aid_settlements_reports_configuration_post',
        tags,
        summary: 'Add a report configuration',
        body: ReportConfigurationIn,
        response: responses({ 200: ReportConfiguration }, 400, 401, 403),
      },
    },
    async ({ auth, body }) => {
      const change = { account_id: auth.account_id, id: ids.uuid(), data: configurationOf(body, () => ids.uuid()) }
      return configurationView(await store.insertReportConfiguration(sql, { ...change, now: clock.now() }))
    },
  )

  app.get<{ Params: Named }>(
    `${path}/:configuration_id`,
    {
      config: { scopes: readers },
      schema: {
        operationId: 'aid_settlements_reports_configuration_id_get',
        tags,
        summary: 'Read a report configuration',
        response: responses({ 200: ReportConfiguration }, 401, 403, 404),
      },
    },
    async ({ auth: { account_id }, params }) =>
      found(await store.findReportConfiguration(sql, { account_id, id: params.configuration_id }), params),
  )

  app.put<{ Params: Named; Body: ReportConfigurationIn }>(
    `${path}/:configuration_id`,
    {
      config: { scopes: editors },
      schema: {
        operationId: 'aid_settlements_reports_configuration_id_put',
        tags,
        summary: 'Replace a report configuration',
        body: ReportConfigurationIn,
        response: responses({ 200: ReportConfiguration }, 400, 401, 403, 404),
      },
    },
    async ({ auth: { account_id }, params, body }) => {
      const change = { account_id, id: params.configuration_id, data: configurationOf(body, () => ids.uuid()) }
      return found(await store.updateReportConfiguration(sql, { ...change, now: clock.now() }), params)
    },
  )

  app.delete<{ Params: Named }>(
    `${path}/:configuration_id`,
    {
      config: { scopes: editors },
      schema: {
        operationId: 'aid_settlements_reports_configuration_id_delete',
        tags,
        summary: 'Remove a report configuration',
        response: responses({ 200: ReportConfiguration }, 401, 403, 404),
      },
    },
    async ({ auth: { account_id }, params }) =>
      found(await store.deleteReportConfiguration(sql, { account_id, id: params.configuration_id }), params),
  )
}
