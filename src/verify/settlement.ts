import { type Group, providerReference } from '../checkout/settlements/settlement.ts'
import { type Difference, Findings } from './difference.ts'
import type { SettledItem, SettlementRead } from './store.ts'

/** A settlement against its items, and each of them against the event that moved the money and the one that tells of it. */
export function verifySettlement({ account_id, id, row, sums, items }: SettlementRead): Difference[] {
  const findings = new Findings(account_id, 'settlement', id)
  for (const [name, value] of Object.entries(sums)) findings.compare(name, value, row[name])
  findings.compare('amount', sums.capture - sums.refund - sums.fee, row.amount)
  const group = row as Group & { start_at: string }
  findings.compare('provider_reference', providerReference(group, new Date(group.start_at)), row.provider_reference)
  for (const item of items) verifyItem(findings, item)
  return findings.list
}

function verifyItem(findings: Findings, { transaction_id, event_sequence, moved, settled, tells }: SettledItem): void {
  const what = `item ${transaction_id} ${event_sequence}`
  if (!moved) {
    findings.add(what, 'a successful capture or refund', null)
    return
  }
  for (const [name, value] of Object.entries(moved))
    findings.compare(`${what} ${name}`, value, settled[name as keyof typeof moved])
  if (tells === false) findings.add(`${what} SETTLEMENT event`, 'one that says the same', null)
}
