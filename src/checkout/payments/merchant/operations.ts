import { type Db, inTransaction, violates } from '../../../lib/db.ts'
import { ApiError, refused } from '../../../lib/errors.ts'
import { keyInFlight, keyReused } from '../../../lib/idempotency.ts'
import { assertChargeable } from '../../card-tokens/operations.ts'
import type { OperationRow } from '../../operations-log/operation.ts'
import { findOperation } from '../../operations-log/store.ts'
import { availableProducts, findSessionDefaults } from '../../profiles/operations.ts'
import { expiry } from '../../sessions/create.ts'
import { withTokenIds } from '../../sessions/operations.ts'
import { type SessionRow, sessionEvent } from '../../sessions/session.ts'
import { findSession, insertSession } from '../../sessions/store.ts'
import { findTransaction } from '../../transactions/store.ts'
import { answerOf, authorizeCall, intentOf, type Paid, type Payments, recordPayment } from '../operations.ts'
import { findReference, insertPayment, lockReference } from '../store.ts'
import { type MerchantPayment, type Prepared, prepareMerchantPayment } from './merchant-payment.ts'

/** A payment that the merchant starts, with a token, while no customer is there. */
export type MerchantAttempt = {
  account_id: string
  created_by: string
  body: MerchantPayment
  toggles: ReadonlySet<string>
  request_headers?: Record<string, string> | undefined
  /** Of an `Idempotency-Key`. */
  operation_id?: string
  request_hash?: string
}

/**
 * Makes a session and pays it at once (checkout-api §3.9): intent, call, outcome. A decline is no error: the transaction is FAILED.
 * Errors: those of `prepareMerchantPayment` and `assertChargeable`, merchant_reference_used, session_payment_in_progress.
 */
export async function payAsMerchant(payments: Payments, attempt: MerchantAttempt): Promise<Paid> {
  const { account_id, body } = attempt
  const known = attempt.operation_id ? await findOperation(payments.sql, account_id, attempt.operation_id) : undefined
  if (known) return repeated(payments, known, attempt)
  const { account } = await findSessionDefaults(payments, account_id, undefined)
  const prepared = prepareMerchantPayment(body, availableProducts(payments.gateways.products(account_id), account))
  if ('code' in prepared) throw refused(prepared)
  const { token } = prepared
  const { payment_product_type, operation: purchase } = body.payment
  const gateway = payments.gateways.find(account_id, payment_product_type)
  if (!gateway) throw new ApiError('payment_product_not_payable', `No gateway of this account serves ${payment_product_type}.`)
  const intent = await inTransaction(payments.sql, (tx) => writeIntent(payments, tx, attempt, prepared, gateway.name)).catch(
    (error: unknown) => {
      if (violates(error, 'operations_pkey')) throw keyInFlight()
      throw error
    },
  )
  const call = {
    ...authorizeCall(payments, intent.session, intent.operation, { payment: { payment_product_type } }),
    ...token,
    operation: purchase,
  }
  const outcome = await answerOf(payments, intent.operation, () => gateway.authorize(call))
  return recordPayment(payments, { ...intent, transaction: undefined }, outcome)
}

async function writeIntent(
  payments: Payments,
  db: Db,
  attempt: MerchantAttempt,
  { data, token }: Prepared,
  gateway: string,
): Promise<{ session: SessionRow; operation: OperationRow }> {
  const { account_id, created_by, body, request_headers } = attempt
  const { clock, ids } = payments
  await assertReferenceFree(db, attempt)
  const now = clock.now()
  const { payment_product_type } = body.payment
  const [value] = Object.values(token) as [string]
  const token_id = await assertChargeable(db, { account_id, payment_product_type, token: value, now })
  const until = expiry(body.session.expires_at, now, '/session/expires_at')
  if ('refusal' in until) throw refused(until.refusal)
  const id = ids.short(account_id)
  await insertSession(
    db,
    {
      account_id,
      id,
      profile_id: null,
      payment_operation: body.payment.operation,
      data: withTokenIds(data, account_id),
      expires_at: until.expires_at,
      created_at: now,
      created_by,
    },
    [sessionEvent('INITIATED', { id: ids.uuid(), request_id: ids.uuid(), at: now, request_headers })],
  )
  const session = await findSession(db, account_id, id)
  if (!session) throw new Error(`Session ${id} was not written.`)
  const operation = intentOf(payments, session, { payment_product_type, gateway, created_by })
  operation.id = attempt.operation_id ?? operation.id
  operation.request = {
    merchant_initiated: true,
    token_id,
    ...('recurrence_token' in token ? { token_type: 'recurrence_token' as const } : {}),
    ...(request_headers ? { request_headers } : {}),
    ...(attempt.request_hash ? { request_hash: attempt.request_hash } : {}),
  }
  await insertPayment(db, session, operation)
  return { session: { ...session, version: session.version + 1, operation_id: operation.id }, operation }
}

/** The strict toggles (checkout-api §1.10). Two requests with one reference wait for each other, so that one of them sees the other. */
async function assertReferenceFree(db: Db, { account_id, body, toggles, operation_id }: MerchantAttempt): Promise<void> {
  const strict = toggles.has('strict-merchant-reference')
  if (!strict && !toggles.has('strict-success-merchant-reference')) return
  const { merchant_reference } = body.session.order
  await lockReference(db, account_id, merchant_reference)
  // The same request, sent twice at once: what holds the reference is this payment.
  if (operation_id && (await findOperation(db, account_id, operation_id))) throw keyInFlight()
  const { used, paid, paying } = await findReference(db, account_id, merchant_reference)
  const path = '/session/order/merchant_reference'
  if (strict ? used : paid) {
    const message = `There is a session${strict ? '' : ' that was paid'} with the merchant_reference ${merchant_reference}.`
    throw refused({ code: 'merchant_reference_used', path, message })
  }
  if (paying) {
    const message = `A session with the merchant_reference ${merchant_reference} is being paid; wait for its outcome.`
    throw refused({ code: 'session_payment_in_progress', path, message })
  }
}

async function repeated({ sql }: Payments, operation: OperationRow, { request_hash }: MerchantAttempt): Promise<Paid> {
  const { account_id, session_id, transaction_id } = operation
  if (operation.request.request_hash !== request_hash) throw keyReused()
  const session = await findSession(sql, account_id, session_id)
  const transaction = await findTransaction(sql, account_id, transaction_id)
  if (!session || !transaction) throw keyInFlight()
  return { session, operation, transaction, repeated: true }
}
