import type { Sql } from '../../lib/db.ts'
import { limits } from '../../lib/limits.ts'
import { type PayloadSources, webhookBody } from '../deliveries/payload.ts'
import { type EventRow, findLastPosition, listEvents } from './store.ts'

/** An event as the feed shows it; `body` is what a webhook about it carries, if asked for. */
export type FeedEvent = {
  position: number
  event: string
  aggregate_type: string
  aggregate_id: string
  sequence: number
  created_at: string
  body?: Record<string, unknown>
}

type Feed = { sql: Sql; sources: PayloadSources }

const bodies_at_once = 4

/** A page of the account's events, oldest first, after a position. With bodies it ends where it has no more room, after some at least. */
export async function events(
  feed: Feed,
  account_id: string,
  wanted: { after: number; limit?: number; event?: string | undefined; body?: boolean },
): Promise<FeedEvent[]> {
  const { after, limit = limits.page_size_default, event, body = false } = wanted
  const rows = await listEvents(feed.sql, account_id, { after, limit, event, callbacks: false })
  if (!body) return Promise.all(rows.map((row) => show(feed, account_id, row, false)))
  const shown: FeedEvent[] = []
  for (let size = 0; shown.length < rows.length && size < limits.page_events_size_max; ) {
    const next = rows.slice(shown.length, shown.length + bodies_at_once)
    const read = await Promise.all(next.map((row) => show(feed, account_id, row, true)))
    size += JSON.stringify(read).length
    shown.push(...read)
  }
  return shown
}

/**
 * The account's events as they come, from a position on (without one: from now on), until the signal. Read from the table, so
 * that it shows what other processes did, too; `rest` waits between two looks. An `undefined` says that nothing has come.
 */
export async function* eventStream(
  feed: Feed,
  account_id: string,
  options: { after: number | undefined; signal: AbortSignal; rest: () => Promise<void> },
): AsyncGenerator<FeedEvent | undefined> {
  let after = options.after ?? (await findLastPosition(feed.sql, account_id))
  while (!options.signal.aborted) {
    const rows = await listEvents(feed.sql, account_id, { after, limit: limits.page_size_max, callbacks: false })
    for (const row of rows) {
      yield await show(feed, account_id, row, true)
      after = row.position
    }
    if (rows.length > 0) continue
    yield undefined
    await options.rest()
  }
}

async function show(feed: Feed, account_id: string, row: EventRow, with_body: boolean): Promise<FeedEvent> {
  const { position, event, aggregate_type, aggregate_id, sequence, details, created_at } = row
  const shown = { position, event, aggregate_type, aggregate_id, sequence, created_at: created_at.toISOString() }
  if (!with_body) return shown
  const told = { account_id, id: `${account_id}.${position}`, event, aggregate_type, aggregate_id, sequence, details }
  return { ...shown, body: await webhookBody(told, feed.sources) }
}
