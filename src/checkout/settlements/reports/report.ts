/*
 * Terminology
 *
 * - report: a file that says what was settled: an attachment of a settlement, under the attachment's id
 */
import Type from 'typebox'
import { DateTime } from '../../../lib/schema.ts'
import { attachmentId, attachmentName, attachmentTypes, type Extension, type SettlementRow } from '../settlement.ts'

/** A report as it is listed (checkout-api §10.2); see {@link reportView}. What Kvitt has none of, such as jobs and templates, is absent. */
export const Report = Type.Object(
  {
    id: Type.String({ description: 'The id of the attachment.' }),
    account_id: Type.String(),
    content_type: Type.String(),
    content_language: Type.String(),
    created_by: Type.String(),
    created_at: DateTime,
    data_from: DateTime,
    data_to: Type.String({ format: 'date-time', description: 'The period ends before this moment.' }),
    schedule: Type.Optional(Type.String({ description: '`daily`; absent of a test report.' })),
    report_file_name: Type.String(),
    data_type: Type.String({ description: '`settlement`.' }),
    signed_url: Type.String({ description: 'Serves the file for 15 minutes.' }),
    report_filters: Type.Array(Type.Object({ filter: Type.String(), value: Type.String() })),
  },
  {
    title: 'Report',
    examples: [
      {
        id: '0f8fad5b-d9cb-469f-a165-70867728950e-csv',
        account_id: 'T12345678',
        content_type: 'text/csv',
        content_language: 'en',
        created_by: 'kvitt',
        created_at: '2026-11-23T04:00:00.000Z',
        data_from: '2026-11-22T00:00:00.000Z',
        data_to: '2026-11-23T00:00:00.000Z',
        schedule: 'daily',
        report_file_name: 'settlement-vipps-NOK-2026-11-22.csv',
        data_type: 'settlement',
        signed_url: 'http://localhost:8080/v1/accounts/T12345678/settlements/1/attachments/1-csv/download?expires=1&signature=x',
        report_filters: [],
      },
    ],
  },
)

/** One file of a settlement. */
export type ReportFile = { settlement: SettlementRow; extension: Extension }

const extensions = Object.keys(attachmentTypes) as Extension[]

/** The files of a settlement, in the order in which they are listed; with `after`, those that follow that one. */
export function filesOf(settlement: SettlementRow, after?: Extension): ReportFile[] {
  return extensions.slice(after === undefined ? 0 : extensions.indexOf(after) + 1).map((extension) => ({ settlement, extension }))
}

/** The report as the API shows it. */
export function reportView({ settlement, extension }: ReportFile, signed_url: string): Record<string, unknown> {
  const { account_id, kind, payout_destination_id: value } = settlement
  return {
    id: attachmentId(settlement, extension),
    account_id,
    content_type: attachmentTypes[extension].split(';')[0],
    content_language: 'en',
    created_by: 'kvitt',
    created_at: settlement.created_at.toISOString(),
    data_from: settlement.start_at.toISOString(),
    data_to: settlement.end_at.toISOString(),
    ...(kind === 'day' ? { schedule: 'daily' } : {}),
    report_file_name: attachmentName(settlement, extension),
    data_type: 'settlement',
    signed_url,
    report_filters: value === '' ? [] : [{ filter: 'operation_payout_destination', value }],
  }
}
