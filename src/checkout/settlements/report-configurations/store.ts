import { type Db, json } from '../../../lib/db.ts'
import type { ReportConfigurationRow } from './report-configuration.ts'

type Named = Pick<ReportConfigurationRow, 'account_id' | 'id'>
type Change = Named & Pick<ReportConfigurationRow, 'data'> & { now: Date }

/** A page, newest first, after the one that `starting_after` names. */
export function listReportConfigurations(
  db: Db,
  account_id: string,
  { limit, starting_after }: { limit: number; starting_after: string | null },
): Promise<ReportConfigurationRow[]> {
  return db<ReportConfigurationRow[]>`
    select * from checkout.report_configurations c
    where c.account_id = ${account_id} and (${starting_after}::text is null or (c.created_at, c.id) < (
      select a.created_at, a.id from checkout.report_configurations a
      where a.account_id = ${account_id} and a.id = ${starting_after}))
    order by c.account_id, c.created_at desc, c.id desc
    limit ${limit}`
}

export async function findReportConfiguration(db: Db, { account_id, id }: Named): Promise<ReportConfigurationRow | undefined> {
  const [row] = await db<ReportConfigurationRow[]>`
    select * from checkout.report_configurations where account_id = ${account_id} and id = ${id}`
  return row
}

export async function insertReportConfiguration(db: Db, { account_id, id, data, now }: Change): Promise<ReportConfigurationRow> {
  const [row] = await db<ReportConfigurationRow[]>`
    insert into checkout.report_configurations (account_id, id, data, created_at, updated_at, last_modified_at)
    values (${account_id}, ${id}, ${json(data)}, ${now}, ${now}, ${now})
    returning *`
  return row!
}

export async function updateReportConfiguration(
  db: Db,
  { account_id, id, data, now }: Change,
): Promise<ReportConfigurationRow | undefined> {
  const [row] = await db<ReportConfigurationRow[]>`
    update checkout.report_configurations set data = ${json(data)}, updated_at = ${now}, last_modified_at = ${now}
    where account_id = ${account_id} and id = ${id}
    returning *`
  return row
}

export async function deleteReportConfiguration(db: Db, { account_id, id }: Named): Promise<ReportConfigurationRow | undefined> {
  const [row] = await db<ReportConfigurationRow[]>`
    delete from checkout.report_configurations where account_id = ${account_id} and id = ${id} returning *`
  return row
}
