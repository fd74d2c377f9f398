import type { Config } from '../../../lib/config.ts'
import type { Sql } from '../../../lib/db.ts'
import type { Clock } from '../../../lib/ids.ts'
import { attachmentUrls } from '../attachments/operations.ts'
import { settlementFilter } from '../schemas.ts'
import { attachmentId, extensionOf } from '../settlement.ts'
import { findSettlement, listSettlements, type SettlementFilter } from '../store.ts'
import { filesOf, type ReportFile, reportView } from './report.ts'

type Page = { limit: number; starting_after: string | undefined }
type Reports = { reports: Record<string, unknown>[]; starting_after?: string }

/** A page of the account's reports, those of the newest settlements first; `starting_after` is absent on the last one. */
export async function listReports(
  parts: { sql: Sql; config: Config; clock: Clock },
  account_id: string,
  { limit, starting_after }: Page,
): Promise<Reports> {
  const files = await listFiles(parts.sql, account_id, { limit: limit + 1, starting_after })
  const page = files.slice(0, limit)
  const named = page.map(({ settlement, extension }) => ({
    settlement_id: settlement.id,
    attachment_id: attachmentId(settlement, extension),
  }))
  const urls = await attachmentUrls(parts, account_id, named)
  const reports = page.map((file, index) => reportView(file, urls[index]!))
  return { reports, ...(files.length > limit ? { starting_after: named.at(-1)!.attachment_id } : {}) }
}

/** Nothing after a report that there is not. */
async function listFiles(sql: Sql, account_id: string, { limit, starting_after }: Page): Promise<ReportFile[]> {
  const filter = { ...(settlementFilter({}) as SettlementFilter), limit }
  if (starting_after === undefined) return (await listSettlements(sql, account_id, filter)).flatMap((row) => filesOf(row))
  const last = await findSettlement(sql, account_id, starting_after.replace(/-[^-]*$/, ''))
  const extension = last && extensionOf(last, starting_after)
  if (!extension) return []
  const after = { ...filter, starting_after_date: last.settled_at, starting_after_id: last.id }
  const next = await listSettlements(sql, account_id, after)
  return [...filesOf(last, extension), ...next.flatMap((row) => filesOf(row))]
}
