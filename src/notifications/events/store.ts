import type { Db } from '../../lib/db.ts'

/** One thing that happened, in the order in which the account's subscribers are told. */
export type EventRow = {
  position: number
  event: string
  aggregate_type: string
  aggregate_id: string
  sequence: number
  details: Record<string, unknown>
  created_at: Date
}

/** What happened after a position, oldest first. Positions only grow, so a reader who keeps the last one misses nothing. */
export function listEvents(
  db: Db,
  account_id: string,
  wanted: { after: number; limit: number; event?: string | undefined; callbacks: boolean },
): Promise<EventRow[]> {
  return db<EventRow[]>`
    select position, event, aggregate_type, aggregate_id, sequence, details, created_at from notifications.outbox
    where account_id = ${account_id} and position > ${wanted.after} and (${wanted.callbacks} or event <> 'session_callback')
      and (${wanted.event ?? null}::text is null or event = ${wanted.event ?? null})
    order by position limit ${wanted.limit}`
}

/** The position of the newest event. */
export async function findLastPosition(db: Db, account_id: string): Promise<number> {
  const [row] = await db<{ position: number }[]>`select position from notifications.feeds where account_id = ${account_id}`
  return row?.position ?? 0
}
