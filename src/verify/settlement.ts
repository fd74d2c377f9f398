import { type Group, midnight, nextMidnight, providerReference } from '../checkout/settlements/settlement.ts'
import { type Difference, Findings, moment } from './difference.ts'
import type { SettledItem, SettlementRead } from './store.ts'

type Period = { kind: string; start_at: string; end_at: string }

/** A settlement against its items, and each of them against the event that moved the money and the one that tells of it. */
export function verifySettlement({ account_id, id, row, sums, moved, items }: SettlementRead): Difference[] {
  const findings = new Findings(account_id, 'settlement', id)
  for (const [name, value] of Object.entries(sums)) findings.compare(name, value, row[name])
  findings.compare('amount', sums.capture - sums.refund - sums.fee, row.amount)
  const group = row as Group & Period
  findings.compare('provider_reference', providerReference(group, new Date(group.start_at)), row.provider_reference)
  verifyPeriod(findings, group, moved)
  for (const item of items) verifyItem(findings, item)
  return findings.list
}

/** A day is one, though what is found late counts to a later one; the period of a test has all of its items. */
function verifyPeriod(findings: Findings, period: Period, { first_at, last_at }: SettlementRead['moved']): void {
  const [start_at, end_at] = [new Date(period.start_at), new Date(period.end_at)]
  if (period.kind === 'day') {
    findings.compare('start_at', moment(midnight(start_at)), moment(start_at))
    findings.compare('end_at', moment(nextMidnight(start_at)), moment(end_at))
  } else if (first_at !== null && new Date(first_at) < start_at)
    findings.add('start_at', `at most ${moment(first_at)}`, moment(start_at))
  if (last_at !== null && new Date(last_at) >= end_at) findings.add('end_at', `after ${moment(last_at)}`, moment(end_at))
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
