import { refused } from '../../../lib/errors.ts'
import { findOperation } from '../../operations-log/store.ts'
import { type Command, type Payments, voidForCancel } from '../../transactions/operations.ts'
import { findTransaction } from '../../transactions/store.ts'
import { cancellable, refuseStatus } from '../../transactions/transaction.ts'

/**
 * Voids the payment of a session that the merchant cancels; says whether it is void by now. One that was voided by a cancel before is:
 * that request may have died before it marked the session. One that the merchant voided himself is over, and its session is not cancelled
 * (checkout-api §3.7). Errors: transaction_status_conflict, those of the void.
 */
export async function voidForSession(payments: Payments, command: Command): Promise<boolean> {
  const voided = await voidForCancel(payments, command)
  if (!voided || (await wasVoidedByCancel(payments, command))) return voided
  const message = "A transaction that is AUTHORIZATION_VOIDED can't be cancelled."
  throw refused(refuseStatus(message, cancellable))
}

async function wasVoidedByCancel({ sql }: Payments, { account_id, id }: Command): Promise<boolean> {
  const transaction = await findTransaction(sql, account_id, id)
  const event = transaction?.events.findLast(({ event, success }) => event === 'VOID' && success)
  const operation = event?.operation_id ? await findOperation(sql, account_id, event.operation_id) : undefined
  return operation?.request.cancelling === true
}
