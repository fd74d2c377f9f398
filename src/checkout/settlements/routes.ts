import type { FastifyPluginAsync } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { ApiError, refused, throwRefusal } from '../../lib/errors.ts'
import { responses } from '../../lib/schema.ts'
import { bodyOf } from '../transactions/schemas.ts'
import { attachmentUrl, downloadAttachment } from './attachments/operations.ts'
import { settleForTest } from './operations.ts'
import { reportConfigurationRoutes } from './report-configurations/routes.ts'
import { reportRoutes } from './reports/routes.ts'
import {
  Fees,
  readers,
  refuseFees,
  Settlements,
  SettlementsQuery,
  settlementFilter,
  TestReportBody,
  type TestReportIn,
  testReport,
} from './schemas.ts'
import { settlementView } from './settlement.ts'
import { listFees, listSettlements, replaceFees } from './store.ts'

const tags = ['settlements']
const SignedUrl = Type.String({
  description: 'A signed URL, as JSON text.',
  examples: [
    'http://localhost:8080/v1/accounts/T12345678/settlements/1/attachments/1-csv/download?expires=1795428000&signature=x',
  ],
})
const file = { schema: Type.String() }
const File = { description: 'The file.', content: { 'text/csv': file, 'application/pdf': file } }
const message = { message: Type.String() }
const Nothing = Type.Object(message, {
  examples: [{ message: 'There is nothing to report: no money moved that is not settled.' }],
})
const Made = Type.Object(message, { examples: [{ message: '1 settlement was created.' }] })
const path = '/v1/accounts/:aid/settlements'
type Attachment = { aid: string; settlement_id: string; attachment_id: string }

/** `/v1/accounts/{aid}/settlements` (checkout-api §10.1). */
export const settlementRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  const { sql, clock } = parts
  await app.register(reportConfigurationRoutes, parts)
  await app.register(reportRoutes, parts)

  app.get<{ Querystring: SettlementsQuery }>(
    path,
    {
      config: { scopes: readers },
      schema: {
        operationId: 'aid_settlements_get',
        tags,
        summary: 'List settlements, newest first',
        querystring: SettlementsQuery,
        response: responses({ 200: Settlements }, 400, 401, 403),
      },
    },
    async ({ auth, query }) => {
      const filter = settlementFilter(query)
      if ('code' in filter) throw refused(filter)
      const { limit } = filter
      const rows = await listSettlements(sql, auth.account_id, { ...filter, limit: limit + 1 })
      const items = rows.slice(0, limit)
      const last = rows.length > limit ? items.at(-1) : undefined
      return {
        items: items.map(settlementView),
        ...(last
          ? {
              last_evaluated_key: {
                id: last.id,
                account_id: last.account_id,
                settled_at: last.settled_at,
                created_at: last.created_at,
              },
            }
          : {}),
      }
    },
  )

  app.get<{ Params: Attachment }>(
    `${path}/:settlement_id/attachments/:attachment_id`,
    {
      config: { scopes: readers },
      schema: {
        operationId: 'aid_settlements_sid_attachments_id_get',
        tags,
        summary: 'A URL by which the attachment can be downloaded for 15 minutes',
        response: responses({ 200: SignedUrl }, 401, 403, 404),
      },
    },
    async ({ auth, params }, reply) => {
      const { settlement_id, attachment_id } = params
      const url = await attachmentUrl(parts, { account_id: auth.account_id, settlement_id, attachment_id })
      return reply.type('application/json; charset=utf-8').send(JSON.stringify(url))
    },
  )

  app.get<{ Params: Attachment; Querystring: { expires: string; signature: string } }>(
    `${path}/:settlement_id/attachments/:attachment_id/download`,
    {
      config: { access: 'public' },
      schema: {
        operationId: 'aid_settlements_sid_attachments_id_download_get',
        tags,
        summary: 'The attachment itself; the signature is the credential',
        querystring: Type.Object({ expires: Type.String({ maxLength: 20 }), signature: Type.String({ maxLength: 100 }) }),
        response: responses({ 200: File as never }, 400, 403),
      },
    },
    async ({ params: { aid, ...named }, query }, reply) => {
      const { name, content_type, content } = await downloadAttachment(parts, { account_id: aid, ...named, ...query })
      reply.headers({ 'content-disposition': `attachment; filename="${name}"`, 'cache-control': 'private, no-store' })
      return reply.type(content_type).send(content)
    },
  )

  app.post<{ Body: TestReportIn | undefined }>(
    `${path}/reports/generate-test-report`,
    {
      config: { scopes: ['admin:billing', 'admin:reports'] },
      schema: {
        operationId: 'aid_settlements_reports_generate_test_report_post',
        tags,
        summary: 'Settle now what was captured and refunded; test accounts only',
        body: TestReportBody,
        response: responses({ 200: Nothing, 201: Made }, ...[400, 401, 403]),
      },
    },
    async ({ auth, body }, reply) => {
      const { account_id } = auth
      if (!account_id.startsWith('T')) {
        throw new ApiError('test_accounts_only', 'A test report can be generated on test accounts only.')
      }
      const report = testReport(bodyOf(body), account_id, clock.now())
      if ('code' in report) throw refused(report)
      const made = await settleForTest(parts, report)
      if (made === 0) return { message: 'There is nothing to report: no money moved that is not settled.' }
      reply.code(201)
      return { message: `${made === 1 ? '1 settlement was' : `${made} settlements were`} created.` }
    },
  )

  app.get(
    `${path}/fees`,
    {
      config: { scopes: readers },
      schema: {
        operationId: 'aid_settlements_fees_get',
        tags,
        summary: 'What providers keep of captured money',
        response: responses({ 200: Fees }, 401, 403),
      },
    },
    async ({ auth }) => ({ fees: await listFees(sql, auth.account_id) }),
  )

  app.put<{ Body: Fees }>(
    `${path}/fees`,
    {
      config: { scopes: ['admin:billing', 'admin:settlements', 'write:settlements'] },
      schema: {
        operationId: 'aid_settlements_fees_put',
        tags,
        summary: 'Replace the fees; they hold for what is settled from now on',
        body: Fees,
        response: responses({ 200: Fees }, 400, 401, 403),
      },
    },
    async ({ auth, body }) => {
      throwRefusal(refuseFees(body))
      const fees = body.fees.map(({ provider, currency, basis_points, fixed }) => ({ provider, currency, basis_points, fixed }))
      await replaceFees(sql, auth.account_id, fees)
      return { fees: await listFees(sql, auth.account_id) }
    },
  )
}
