import { createHash } from 'node:crypto'
import { ApiError } from '../../../lib/errors.ts'
import { limits } from '../../../lib/limits.ts'
import type { OperationRow } from '../../operations-log/operation.ts'
import { endOperation, finishOperation } from '../../operations-log/store.ts'
import { cancelSession, type SessionParts } from '../../sessions/operations.ts'
import { findSession } from '../../sessions/store.ts'
import { voidForCancel } from '../../transactions/operations.ts'
import { findTransaction } from '../../transactions/store.ts'
import { type Paid, type Payments, resolvePayment } from '../operations.ts'
import { isOverdue } from '../payment.ts'

/** What ends a payment that nobody finished. */
export type Overdue = Payments & SessionParts

/**
 * Asks once more what came of a payment, and calls it off when its time is over: void at the provider, then the session is cancelled
 * and the merchant told, then nobody asks again. Each step is safe to repeat, so that a crash in between only delays the next one.
 * A success that is found before the void counts; one that comes in between is recorded, and voided at once.
 */
export async function resolveOrCallOff(payments: Overdue, operation: OperationRow): Promise<void> {
  if (operation.state === 'succeeded') return voidLate(payments, operation)
  const paid = await resolvePayment(payments, operation)
  if (!isOverdue(paid, payments.clock.now())) return
  if (await callOff(payments, paid)) return
  const again = await resolvePayment(payments, paid.operation, { too_late: true })
  if (again.operation.state === 'succeeded') await voidLate(payments, again.operation)
}

/** Voids a payment that succeeded while it was being called off; asked again, should the process die in between. */
async function voidLate(payments: Overdue, operation: OperationRow): Promise<void> {
  const { account_id, session_id, transaction_id } = operation
  const session = await findSession(payments.sql, account_id, session_id)
  const transaction = await findTransaction(payments.sql, account_id, transaction_id)
  // What was taken at once, or captured since, stands.
  const standing = !session || transaction?.status !== 'AUTHORIZED'
  if (standing || (await callOff(payments, { session, operation, transaction }))) await finishOperation(payments.sql, operation)
}

/** @returns false when the provider refused: then the payment was decided in between, or its provider can't call it off */
async function callOff(payments: Overdue, { session, operation, transaction }: Paid): Promise<boolean> {
  if (!transaction) return true
  const { account_id } = operation
  const refusals = transaction.events.filter(({ event, success }) => event === 'VOID' && !success).length
  if (refusals >= limits.call_off_attempts) return true
  const command = {
    account_id,
    id: transaction.id,
    created_by: undefined,
    operation_id: voidId(operation, refusals),
    request: { overdue: true, reason: reasonOf(operation) },
  }
  try {
    const caller = { account_id, request_id: operation.id }
    await cancelSession(payments, caller, session.id, () => voidForCancel(payments, command), { tell: true })
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    payments.log.warn({ operation_id: operation.id, message: error.message }, 'overdue payment could not be called off yet')
    return false
  }
  await endOperation(payments.sql, operation, 'cancelled', payments.clock.now())
  return true
}

function reasonOf({ state }: OperationRow): string {
  return state === 'held' ? 'The review did not end in time.' : 'The customer did not finish the payment in time.'
}

/** The same for every try, so that the provider is asked once; a new one after each refusal. */
function voidId({ id }: OperationRow, refusals: number): string {
  const hex = createHash('sha256').update(`${id}/call-off/${refusals}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
