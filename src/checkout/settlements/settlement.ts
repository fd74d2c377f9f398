/*
 * Terminology
 *
 * - settlement: what a provider owes the merchant for a day, in one currency: captured − refunded − fee
 * - item: one successful CAPTURE or REFUND event of a transaction, in the one settlement that it is part of
 * - provider: the payment product, the part of `payment_product_type` before the dot
 * - told: the transaction has its SETTLEMENT event for the settlement
 */
import type { EventData, SettlementStatus, TransactionStatus } from '../transactions/transaction.ts'

export const day_ms = 86_400_000
/** A day is settled this long after its end, when every event of it is committed: far longer than any statement may run. */
export const settle_delay_ms = 600_000
/** Events that were committed later than that are looked for this far back, and settled with the next day. */
export const look_back_ms = 2 * day_ms

/** A row of `checkout.settlements`. Amounts are minor units of `currency`. */
export type SettlementRow = {
  account_id: string
  id: string
  kind: 'day' | 'test'
  provider: string
  provider_reference: string
  currency: string
  payout_destination_id: string
  start_at: Date
  /** The midnight after; the period ends before it. */
  end_at: Date
  capture: number
  refund: number
  fee: number
  amount: number
  item_count: number
  told_at: Date | null
  created_at: Date
  updated_at: Date
  settled_at: Date
}

/** What is settled together. `payout_destination_id` is empty when the transactions name none. */
export type Group = Pick<SettlementRow, 'provider' | 'currency' | 'payout_destination_id'>

/** The midnight (UTC) that the day of this moment began with. */
export function midnight(at: Date): Date {
  return new Date(Math.floor(at.getTime() / day_ms) * day_ms)
}

/** The midnight (UTC) that ends the last day that is finished for good. */
export function finishedUntil(now: Date): Date {
  return midnight(new Date(now.getTime() - settle_delay_ms))
}

/** The midnight after. */
export function nextMidnight(at: Date): Date {
  return new Date(midnight(at).getTime() + day_ms)
}

/** What the provider's statement would call it: `dintero_psp-NOK-2026-11-22`. */
export function providerReference({ provider, currency, payout_destination_id }: Group, start_at: Date): string {
  const destination = payout_destination_id === '' ? [] : [payout_destination_id]
  return [provider, currency, start_at.toISOString().slice(0, 10), ...destination].join('-')
}

/** How far the money of a transaction is settled, by the number of events that moved money and of those that are settled. */
export function settlementStatus({ moved, settled }: { moved: number; settled: number }): SettlementStatus {
  if (settled === 0) return 'NOT_SETTLED'
  return settled < moved ? 'PARTIALLY_SETTLED' : 'SETTLED'
}

/** What is read to tell one transaction of one settlement. */
export type Untold = {
  id: string
  version: number
  event_count: number
  status: TransactionStatus
  /** Events that moved money; those of them that are settled by this settlement or one that was told before. */
  moved: number
  settled: number
  items: { capture: number; refund: number; fee: number; request_id: string }[]
}

/** What is written for it: the SETTLEMENT event, and the transaction's new status. */
export type SettlementEvent = {
  transaction_id: string
  version: number
  sequence: number
  transaction_status: TransactionStatus
  settlement_status: SettlementStatus
  amount: number
  request_id: string
  data: EventData
  created_at: string
}

/** The SETTLEMENT event of a transaction (checkout-api §4.3): each capture and refund that was settled, and what remains of it. */
export function settlementEvent(
  transaction: Untold,
  { id, provider_reference }: Pick<SettlementRow, 'id' | 'provider_reference'>,
  chance: { now: Date; uuid: () => string },
): SettlementEvent {
  const settlement_status = settlementStatus(transaction)
  const events = transaction.items.map(({ capture, refund, fee, request_id }) => ({
    settlement_id: id,
    provider_reference,
    amount: capture - refund - fee,
    event_correlation_id: request_id,
    capture,
    refund,
    fee,
  }))
  return {
    transaction_id: transaction.id,
    version: transaction.version,
    sequence: transaction.event_count + 1,
    transaction_status: transaction.status,
    settlement_status,
    amount: events.reduce((sum, { amount }) => sum + amount, 0),
    request_id: chance.uuid(),
    data: { settlements: { events, settlement_status } },
    created_at: chance.now.toISOString(),
  }
}

/** What can be downloaded of a settlement; made from its rows when it is asked for. */
export const attachmentTypes = {
  csv: 'text/csv; charset=utf-8',
  pdf: 'application/pdf',
} as const
export type Extension = keyof typeof attachmentTypes

/** The file's name: `settlement-dintero_psp-NOK-2026-11-22.pdf`. */
export function attachmentName({ provider_reference }: Pick<SettlementRow, 'provider_reference'>, extension: Extension): string {
  return `settlement-${provider_reference.replace(/[^\w.-]/g, '_')}.${extension}`
}

/** The id of one, which is also that of a report. */
export function attachmentId({ id }: Pick<SettlementRow, 'id'>, extension: Extension): string {
  return `${id}-${extension}`
}

/** Which attachment of the settlement this id means, if any. */
export function extensionOf(settlement: Pick<SettlementRow, 'id'>, attachment_id: string): Extension | undefined {
  return (Object.keys(attachmentTypes) as Extension[]).find((extension) => attachment_id === attachmentId(settlement, extension))
}

/** The settlement as the API shows it (checkout-api §10.1). Nothing is paid when nothing is owed: then it is `postponed`. */
export function settlementView(row: SettlementRow): Record<string, unknown> {
  const { id, account_id, capture, refund, fee, amount, currency } = row
  return {
    id,
    account_id,
    start_at: row.start_at.toISOString(),
    end_at: row.end_at.toISOString(),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    settled_at: row.settled_at.toISOString(),
    provider: row.provider,
    provider_reference: row.provider_reference,
    attachments: (Object.keys(attachmentTypes) as Extension[]).map((extension) => ({
      id: attachmentId(row, extension),
      key: attachmentName(row, extension),
      content_type: attachmentTypes[extension].split(';')[0],
      extension,
      created_by: 'kvitt',
    })),
    amounts: [{ amount, capture, refund, fee, currency }],
    payment_status: amount < 0 ? 'postponed' : 'paid',
    ...(row.payout_destination_id === '' ? {} : { payout_destination_id: row.payout_destination_id }),
  }
}
