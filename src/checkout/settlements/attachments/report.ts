/*
 * Terminology
 *
 * - report: a settlement and its items as a file for people and their bookkeeping: CSV or PDF
 */
import { csvCell } from '../../../lib/csv.ts'
import { decimalsOf } from '../../../lib/currency.ts'
import type { SettlementRow } from '../settlement.ts'
import type { ItemRow } from '../store.ts'

const columns = [
  ...['account_id', 'settlement_id', 'provider', 'provider_reference', 'start_at', 'end_at', 'created_at', 'transaction_id'],
  ...['merchant_reference', 'event', 'event_reference', 'payment_product_type', 'currency', 'capture', 'refund', 'fee', 'amount'],
] as const
type Cells = Record<(typeof columns)[number], string | number>

/** The first line of the CSV: the columns' names. */
export function csvHead(): string {
  return csvLine(Object.fromEntries(columns.map((name) => [name, name])) as Cells)
}

/** An item as a line of the CSV. Amounts are minor units, as in the API. */
export function csvItem(settlement: SettlementRow, item: ItemRow): string {
  return csvLine({
    ...csvShared(settlement),
    created_at: item.created_at.toISOString(),
    transaction_id: item.transaction_id,
    merchant_reference: item.merchant_reference,
    event: item.event,
    event_reference: item.event_reference ?? '',
    payment_product_type: item.payment_product_type,
    capture: item.capture,
    refund: item.refund,
    fee: item.fee,
    amount: item.capture - item.refund - item.fee,
  })
}

/** The last line: `event` is TOTAL, the amounts are those of the settlement. */
export function csvTotal(settlement: SettlementRow): string {
  const { capture, refund, fee, amount } = settlement
  const none = { transaction_id: '', merchant_reference: '', event_reference: '', payment_product_type: '' }
  const created_at = settlement.settled_at.toISOString()
  return csvLine({ ...csvShared(settlement), ...none, created_at, event: 'TOTAL', capture, refund, fee, amount })
}

function csvShared(settlement: SettlementRow) {
  const { account_id, id, provider, provider_reference, currency } = settlement
  const period = { start_at: settlement.start_at.toISOString(), end_at: settlement.end_at.toISOString() }
  return { account_id, settlement_id: id, provider, provider_reference, currency, ...period }
}

function csvLine(cells: Cells): string {
  return `${columns.map((name) => csvCell(cells[name])).join(',')}\r\n`
}

/** An amount as people read it, without the currency: `-1 234.50`. */
export function decimal(amount: number, currency: string): string {
  const digits = decimalsOf(currency)
  const text = String(Math.abs(amount)).padStart(digits + 1, '0')
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, ' ')
  return `${amount < 0 ? '-' : ''}${whole}${digits > 0 ? `.${text.slice(-digits)}` : ''}`
}

/** The lines above the table of the PDF. */
export function pdfFacts(settlement: SettlementRow): [name: string, value: string][] {
  const { account_id, id, provider, provider_reference, payout_destination_id, currency } = settlement
  return [
    ['Account', account_id],
    ['Provider', provider],
    ['Period (UTC)', `${minute(settlement.start_at)} to ${minute(settlement.end_at)}`],
    ['Settled', minute(settlement.settled_at)],
    ['Reference', printable(provider_reference)],
    ['Settlement', id],
    ...(payout_destination_id === '' ? [] : [['Payout destination', printable(payout_destination_id)] as [string, string]]),
    ['Currency', currency],
  ]
}

/** The sums, as they stand above and below the table. */
export function pdfTotals({ capture, refund, fee, amount, currency }: SettlementRow): [name: string, value: string][] {
  return [
    ['Captured', decimal(capture, currency)],
    ['Refunded', decimal(-refund, currency)],
    ['Fees', decimal(-fee, currency)],
    ['Amount', decimal(amount, currency)],
  ]
}

/** The table's columns: what stands above them, how wide they are in points, and on which side the text stands. */
export const pdfColumns: readonly { name: string; width: number; align: 'left' | 'right' }[] = [
  { name: 'Time (UTC)', width: 64, align: 'left' },
  { name: 'Merchant reference', width: 98, align: 'left' },
  { name: 'Transaction', width: 160, align: 'left' },
  { name: 'Captured', width: 52, align: 'right' },
  { name: 'Refunded', width: 52, align: 'right' },
  { name: 'Fee', width: 40, align: 'right' },
  { name: 'Amount', width: 57, align: 'right' },
]

/** An item as the cells of a row of the PDF. */
export function pdfCells({ currency }: SettlementRow, item: ItemRow): string[] {
  const money = (amount: number) => (amount === 0 ? '' : decimal(amount, currency))
  const { created_at, merchant_reference, transaction_id, capture, refund, fee } = item
  const left = [minute(created_at), printable(merchant_reference), transaction_id]
  return [...left, money(capture), money(-refund), money(-fee), decimal(capture - refund - fee, currency)]
}

function minute(at: Date): string {
  return at.toISOString().slice(0, 16).replace('T', ' ')
}

/** True when the PDF's own font has every letter (Windows-1252); the others are in a font that is put into the file. */
export function isWestern(text: string): boolean {
  return /^[\x20-\x7e\xa0-\xff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]*$/.test(text)
}

/** A text as the PDF can show it: Latin, Greek, Cyrillic, Armenian and Georgian. The rest is a question mark; the CSV has it. */
export function printable(text: string): string {
  return Array.from(text.normalize('NFC'), (letter) => {
    if (isWestern(letter) || written.test(letter)) return letter
    return /\s/.test(letter) ? ' ' : '?'
  }).join('')
}

const written =
  /^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Armenian}\p{Script=Georgian}\p{Sc}\u2010-\u2027№]$/u
