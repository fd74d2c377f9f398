import type { Sql } from '../lib/db.ts'
import { verifyCardToken } from './card-token.ts'
import type { Difference } from './difference.ts'
import { verifyDraft, verifyOrder } from './order.ts'
import { verifySession } from './session.ts'
import { verifySettlement } from './settlement.ts'
import * as store from './store.ts'
import * as stray from './strays/store.ts'
import { verifyTelling } from './telling.ts'
import { verifyTransaction } from './transaction.ts'

export type Verify = {
  account_id: string | null
  /** Called for each difference, as it is found. */
  onDifference: (difference: Difference) => void
  onProgress?: (kind: string, checked: number) => void
  page_size?: number
}
/** How many aggregates of each kind were compared. */
export type Verified = { checked: Record<string, number>; differences: number }

/**
 * Compares everything with its events, a page at a time, so that memory stays flat and no lock is held. Each page is one statement:
 * one moment of a database that may be in use. Operations under way are no differences.
 */
export async function verify(sql: Sql, { account_id, onDifference, onProgress, page_size = 200 }: Verify): Promise<Verified> {
  const found = new Set(await store.listSchemas(sql))
  const result: Verified = { checked: {}, differences: 0 }
  const report = (difference: Difference) => {
    result.differences += 1
    onDifference(difference)
  }
  async function walk<T extends store.After>(
    kind: string,
    list: (page: store.Page) => Promise<T[]>,
    compare: (read: T) => Difference[],
  ): Promise<void> {
    let after: store.After = { account_id: '', id: '' }
    result.checked[kind] = 0
    while (true) {
      const page = await list({ account_id, after, limit: page_size })
      for (const read of page) for (const difference of compare(read)) report(difference)
      result.checked[kind] += page.length
      onProgress?.(kind, result.checked[kind])
      const last = page.at(-1)
      if (!last || page.length < page_size) return
      after = { account_id: last.account_id, id: last.id }
    }
  }
  const strays = (rows: stray.Stray[]) => {
    for (const { what, ...about } of rows) report({ ...about, what, expected: 'what it belongs to', found: null })
  }
  if (found.has('orders')) {
    await walk('drafts', (page) => store.listDrafts(sql, page), verifyDraft)
    await walk('orders', (page) => store.listOrders(sql, page), verifyOrder)
    strays(await stray.listOrderStrays(sql, account_id, page_size))
  }
  if (found.has('checkout')) {
    const simulator = found.has('simulator')
    await walk('sessions', (page) => store.listSessions(sql, page), verifySession)
    await walk('transactions', (page) => store.listTransactions(sql, page, simulator), verifyTransaction)
    await walk('card_tokens', (page) => store.listCardTokens(sql, page), verifyCardToken)
    await walk('settlements', (page) => store.listSettlements(sql, page), verifySettlement)
    strays(await stray.listSettlementStrays(sql, account_id, page_size))
    strays(await stray.listCheckoutStrays(sql, account_id, page_size))
    if (simulator) strays(await stray.listSimulatorStrays(sql, account_id, page_size))
  }
  if (found.has('notifications')) {
    for (const row of await stray.listUntold(sql, account_id, page_size)) verifyTelling(row).forEach(report)
  }
  return result
}
