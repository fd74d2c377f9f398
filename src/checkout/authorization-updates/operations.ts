import { ApiError, refused } from '../../lib/errors.ts'
import type { OperationRequest } from '../operations-log/operation.ts'
import { findOpenPayment } from '../operations-log/store.ts'
import { answerOf, type Payments, resolvePayment } from '../payments/operations.ts'
import { type Effect, plainly } from '../sessions/operations.ts'
import { type Command, findRepeated, type Moved, move, productOf, readTransaction } from '../transactions/operations.ts'
import type { Transaction } from '../transactions/store.ts'
import { isRefusal } from '../transactions/transaction.ts'
import { type AuthorizationRequest, mayUpdateAuthorization } from './authorization-update.ts'

/**
 * Extends, changes or finalises an authorization, or releases a hold (checkout-api §4.5.5).
 * Errors: not_found, those of `mayUpdateAuthorization`, operation_conflict.
 */
export async function updateAuthorization(
  payments: Payments,
  command: Command,
  body: AuthorizationRequest,
  effect: Effect = plainly,
): Promise<Moved> {
  const { gateways } = payments
  const repeated = await findRepeated(payments, command)
  if (repeated) return repeated
  const transaction = await readTransaction(payments, command.account_id, command.id)
  const gateway = gateways.find(command.account_id, transaction.payment_product_type)
  const update = mayUpdateAuthorization(transaction, productOf(gateway, transaction.payment_product_type), body)
  if (isRefusal(update)) throw refused(update)
  if (update.update === 'release_hold') return releaseHold(payments, transaction, command, effect)
  const request: OperationRequest = {
    ...command.request,
    update: update.update,
    new_amount: update.new_amount,
    ...(body.final_authorization === undefined ? {} : { final_authorization: body.final_authorization }),
    ...(body.items?.length && update.update !== 'extend' ? { new_items: body.items } : {}),
    ...(body.reason ? { reason: body.reason } : {}),
    ...(body.reference ? { reference: body.reference } : {}),
    ...(body.description ? { description: body.description } : {}),
  }
  // Decided again on what is read under the guard; another kind of update by then would be another request.
  return move(payments, { ...command, request }, 'update_authorization', (row, product) => {
    const again = mayUpdateAuthorization(row, product, body)
    if (isRefusal(again) || again.update === update.update) return again
    return { code: 'operation_conflict', message: 'The transaction was changed by another request. Read it and try again.' }
  })
}

/**
 * Tells the provider to approve what it holds, then records the payment the usual way: asked what came of it, it says so. That makes
 * a repetition harmless, so no operation of its own is needed; `effect` stores the answer.
 */
async function releaseHold(
  payments: Payments,
  transaction: Transaction,
  { created_by }: Command,
  effect: Effect,
): Promise<Moved> {
  const { account_id, id, payment_product_type, amount, currency, gateway_reference } = transaction
  const gateway = payments.gateways.find(account_id, payment_product_type)
  const held = await findOpenPayment(payments.sql, account_id, id)
  if (!held || !gateway) throw new ApiError('operation_conflict', 'The hold is being resolved. Read the transaction again.')
  const call = { account_id, idempotency_key: payments.ids.uuid(), transaction_id: id, payment_product_type, amount, currency }
  const outcome = await answerOf(payments, held, () =>
    gateway.updateAuthorization({ ...call, update: 'release_hold', ...(gateway_reference ? { gateway_reference } : {}) }),
  )
  if (outcome.outcome === 'failed') {
    throw new ApiError('operation_declined', `The provider refused to release the hold: ${outcome.error.message}`)
  }
  payments.log.info({ transaction_id: id, created_by }, 'hold released')
  const paid = await resolvePayment(payments, held, { effect })
  return { transaction: paid.transaction ?? transaction, operation: paid.operation }
}
