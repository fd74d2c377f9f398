import { inTransaction, patient, type Sql } from '../../lib/db.ts'
import type { Clock, Ids } from '../../lib/ids.ts'
import {
  finishedUntil,
  look_back_ms,
  midnight,
  nextMidnight,
  providerReference,
  type SettlementRow,
  settlementEvent,
} from './settlement.ts'
import * as store from './store.ts'

/** What settling needs. */
export type Settling = { sql: Sql; clock: Clock; ids: Ids }

/** Transactions that get their SETTLEMENT event in one statement. Each is held only for that long. */
const tell_batch = 500

/** Makes sure that the account is known to the worker; its first day is that of its first capture. */
export async function openAccount({ sql, clock, ids }: Settling, account_id: string): Promise<void> {
  await store.insertAccount(sql, { account_id, url_key: ids.secret(), before: midnight(clock.now()) })
}

/**
 * Settles the next finished day of an account that has not been settled: one settlement for each provider, currency and payout destination.
 * All of them, and the note that the day is done, are one database transaction. Days on which nothing moved are passed over.
 * @returns how many settlements were made; undefined when no day is due, or another worker is at it
 */
export function settleDay({ sql, clock, ids }: Settling, account_id: string): Promise<number | undefined> {
  return inTransaction(patient(sql), async (tx) => {
    const account = await store.lockAccount(tx, account_id)
    const now = clock.now()
    const finished_until = finishedUntil(now)
    if (!account || account.settled_until >= finished_until) return undefined
    await store.withoutTimeout(tx)
    const moved_at = await store.findNextMoved(tx, { account_id, from: account.settled_until, until: finished_until })
    const until = nextMidnight(moved_at ?? new Date(finished_until.getTime() - 1))
    const scope = { account_id, from: new Date(account.settled_until.getTime() - look_back_ms), until, transaction_ids: null }
    const start_at = midnight(new Date(until.getTime() - 1))
    const made = await insertSettlements({ sql: tx, ids }, scope, { kind: 'day', start_at, end_at: until, now })
    await store.updateSettledUntil(tx, account_id, until)
    return made.length
  })
}

type Period = Pick<SettlementRow, 'kind' | 'start_at' | 'end_at'> & { now: Date }

async function insertSettlements(
  { sql, ids }: { sql: Parameters<typeof store.listDueGroups>[0]; ids: Ids },
  scope: store.Scope,
  { now, ...period }: Period,
) {
  const groups = await store.listDueGroups(sql, scope)
  if (groups.length === 0) return []
  const settlements = groups.map((group) => ({
    ...group,
    ...period,
    id: ids.uuid(),
    provider_reference: providerReference(group, period.start_at),
  }))
  return store.insertSettlements(sql, scope, settlements, now)
}

/**
 * Appends SETTLEMENT events to a batch of transactions of the oldest settlement that is not told yet. A transaction that changes in
 * the same moment is taken again with the next batch. What a worker that died has left behind, the next one finds.
 * @returns how many transactions were told; undefined when there are none, or, unless `wait`, another worker is at it
 */
export function tellSettlement(
  { sql, clock, ids }: Settling,
  account_id: string,
  { wait = false } = {},
): Promise<number | undefined> {
  return inTransaction(sql, async (tx) => {
    if (!(await store.lockAccount(tx, account_id, wait))) return undefined
    const settlement = await store.findUntoldSettlement(tx, account_id)
    if (!settlement) return undefined
    const untold = await store.listUntold(tx, settlement, tell_batch)
    const now = clock.now()
    if (untold.length === 0) {
      await store.updateToldAt(tx, settlement, now)
      return 0
    }
    const events = untold.map((transaction) => settlementEvent(transaction, settlement, { now, uuid: () => ids.uuid() }))
    return store.appendSettlementEvents(tx, settlement, events)
  })
}

/** Everything that is due on one account: days, then the transactions of their settlements. Returns how much that was. */
export async function settleAccount(settling: Settling, account_id: string, signal?: AbortSignal): Promise<number> {
  let done = 0
  for (let made: number | undefined = 0; made !== undefined && !signal?.aborted; ) {
    made = await settleDay(settling, account_id)
    done += made ?? 0
  }
  for (let told: number | undefined = 0; told !== undefined && !signal?.aborted; ) {
    told = await tellSettlement(settling, account_id)
    done += told ?? 0
  }
  return done
}

/** What `generate-test-report` is asked for. */
export type TestReport = {
  account_id: string
  transaction_ids: string[] | null
  number_of_transactions: number | null
  /** Nothing: of the named transactions everything, however old. */
  from: Date | null
  until: Date
}

/**
 * Settles what is not settled of the named or the newest transactions, whatever day it is; each transaction gets its SETTLEMENT event
 * before this returns. Events that are settled here are not settled again when their day is.
 * @returns how many settlements were made
 */
export async function settleForTest(settling: Settling, report: TestReport): Promise<number> {
  const { account_id, from, until } = report
  await openAccount(settling, account_id)
  const made = await inTransaction(settling.sql, async (tx) => {
    await store.lockAccount(tx, account_id, true)
    const scope = { account_id, from: from ?? new Date(0), until, transaction_ids: report.transaction_ids }
    if (report.number_of_transactions !== null) {
      scope.transaction_ids = await store.listDueTransactions(tx, scope, report.number_of_transactions)
    }
    const { start_at, end_at } = from ? { start_at: from, end_at: until } : await store.findDuePeriod(tx, scope)
    const period = { kind: 'test' as const, start_at, end_at, now: settling.clock.now() }
    return insertSettlements({ sql: tx, ids: settling.ids }, scope, period)
  })
  if (made.length > 0) {
    while ((await tellSettlement(settling, account_id, { wait: true })) !== undefined) {}
  }
  return made.length
}
