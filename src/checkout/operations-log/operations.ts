import type { Failed, FoundOutcome, Succeeded } from '../../gateways/gateway.ts'
import { ApiError, throwRefusal } from '../../lib/errors.ts'
import { answerOf, type Payments, recordPayment } from '../payments/operations.ts'
import { type Effect, plainly } from '../sessions/operations.ts'
import { findSession } from '../sessions/store.ts'
import { settleOperation } from '../transactions/operations.ts'
import { findTransaction } from '../transactions/store.ts'
import { isSettled, type OperationRow } from './operation.ts'
import { mayResolve, type Resolution } from './resolution.ts'
import { findOperation, hastenOperation } from './store.ts'

/** One operation, or 404. */
export async function readOperation({ sql }: Pick<Payments, 'sql'>, account_id: string, id: string): Promise<OperationRow> {
  const operation = await findOperation(sql, account_id, id)
  if (!operation) throw new ApiError('not_found', `There is no operation ${id.slice(0, 100)}.`)
  return operation
}

/**
 * A person settles an operation that the provider can't tell about; the event says who, and on what evidence. When the provider can
 * tell, it is refused and the resolver asks at once. Errors: not_found, those of `mayResolve`.
 */
export async function resolveByHand(
  payments: Payments,
  { account_id, id, subject }: { account_id: string; id: string; subject: string },
  resolution: Resolution,
  effect: Effect = plainly,
): Promise<OperationRow> {
  const { clock } = payments
  const operation = await readOperation(payments, account_id, id)
  const gateway = payments.gateways.find(account_id, operation.payment_product_type)
  const known: FoundOutcome =
    gateway && !isSettled(operation)
      ? await answerOf(payments, operation, () => gateway.find({ account_id, idempotency_key: id }), { looks: true })
      : { outcome: 'unknown' }
  const refusal = mayResolve(operation, resolution, known, clock.now())
  if (refusal?.code === 'operation_known') await hastenOperation(payments.sql, operation, clock.now())
  throwRefusal(refusal)
  const settled = await effect(() => record(payments, operation, resolution, subject))
  if (settled.state !== resolution.outcome) {
    throw new ApiError('operation_settled', `Operation ${id} was settled by the provider meanwhile: it ${settled.state}.`)
  }
  payments.log.warn({ account_id, operation_id: id, subject, outcome: resolution.outcome }, 'operation resolved by a person')
  return settled
}

/** The operation is read last: when somebody settles it after that, the version of what was read before is no longer the newest. */
async function record(
  payments: Payments,
  { account_id, id, session_id, transaction_id }: OperationRow,
  resolution: Resolution,
  subject: string,
): Promise<OperationRow> {
  const transaction = await findTransaction(payments.sql, account_id, transaction_id)
  const session = await findSession(payments.sql, account_id, session_id)
  const operation = await readOperation(payments, account_id, id)
  if (isSettled(operation)) return operation
  const { evidence, gateway_reference } = resolution
  const metadata = { resolved_by: subject, resolution_evidence: evidence }
  const outcome: Succeeded | Failed =
    resolution.outcome === 'succeeded'
      ? { outcome: 'succeeded', gateway_reference: gateway_reference ?? operation.request.gateway_reference ?? '', metadata }
      : { outcome: 'failed', error: { code: 'resolved_by_person', message: `${subject}: ${evidence}` }, reason: 'failed' }
  if (operation.kind === 'authorize') {
    if (!session) throw new Error(`Operation ${operation.id} has lost its session.`)
    return (await recordPayment(payments, { session, operation, transaction }, outcome)).operation
  }
  if (!transaction) throw new Error(`Operation ${operation.id} has lost its transaction.`)
  const request = { ...operation.request, metadata: { ...operation.request.metadata, ...metadata } }
  return (await settleOperation(payments, { transaction, operation: { ...operation, request } }, outcome)).operation
}
