import { isSettled } from '../checkout/operations-log/operation.ts'
import type { Outcome, SessionEventName } from '../checkout/sessions/session.ts'
import { compareChain, compareSize, type Difference, Findings } from './difference.ts'
import type { SessionRead } from './store.ts'

/** A session against its events, what was asked for, and what was paid with it. */
export function verifySession(read: SessionRead): Difference[] {
  const { account_id, id, row, hash, asked, events, transaction, operations } = read
  const findings = new Findings(account_id, 'session', id)
  compareChain(findings, events, row.event_count, hash)
  compareSize(findings, row.events_size, read.size_max)
  for (const name of ['merchant_reference_2', 'store_id'] as const) findings.compare(name, asked[name], row[name])
  if (row.transaction_id !== null) {
    if (transaction) findings.compare('session_id of the transaction', id, transaction.session_id)
    else findings.add('transaction_id', 'a transaction', row.transaction_id)
  }
  const authorized = operations.filter(({ kind, state }) => kind === 'authorize' && state === 'succeeded')
  if (authorized.length > 1) findings.add('successful payments', 1, authorized.length)
  for (const { amount, currency } of authorized) {
    findings.compare('amount', amount, asked.amount_to_pay)
    findings.compare('currency', currency, row.currency)
  }
  if (row.outcome === 'AUTHORIZED' && !transaction?.authorized_at)
    findings.add('outcome', 'an authorized transaction', row.outcome)
  else findings.compare('outcome', outcomeOf(read), row.outcome)
  const open = operations.filter((operation) => operation.kind === 'authorize' && !isSettled(operation))
  for (const { id: open_id } of open) findings.compare('operation_id', open_id, row.operation_id)
  if (row.operation_id !== null && !operations.some((operation) => operation.id === row.operation_id)) {
    findings.add('operation_id', 'an operation', row.operation_id)
  }
  return findings.list
}

const endings: readonly string[] = ['AUTHORIZED', 'DECLINED', 'FAILED', 'CANCELLED'] satisfies SessionEventName[]
/** What a session says whose payment is under way. */
const waiting: Readonly<Record<string, Outcome | null>> = {
  pending: null,
  action_required: 'PAYMENT_INITIATED',
  held: 'ON_HOLD',
  unknown: 'UNKNOWN',
}

/** Its last event that ends a session says how; before that, the payment under way does. */
function outcomeOf({ row, events, operations }: SessionRead): string | null {
  const ended = events.findLast(({ name }) => endings.includes(name))
  if (ended) return ended.name
  const operation = operations.find(({ id }) => id === row.operation_id)
  // Its void has ended the payment; who asked for that may have died before the session was cancelled.
  if (operation && isSettled(operation)) return row.outcome
  return operation ? waiting[operation.state]! : null
}
