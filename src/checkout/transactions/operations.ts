import type { FastifyBaseLogger } from 'fastify'
import type { Gateway, Gateways, OperationOutcome, PaymentProduct } from '../../gateways/gateway.ts'
import { type Db, inTransaction, type Sql, violates } from '../../lib/db.ts'
import { isDryRun } from '../../lib/dry-run.ts'
import { ApiError, type Refusal, refused } from '../../lib/errors.ts'
import { failpoint } from '../../lib/failpoints.ts'
import { keyInFlight, keyReused } from '../../lib/idempotency.ts'
import type { Clock, Ids } from '../../lib/ids.ts'
import { limits } from '../../lib/limits.ts'
import { type Memory, unlessRefused } from '../../lib/memory.ts'
import type { Notification } from '../../lib/outbox.ts'
import { isSettled, type OperationKind, type OperationRequest, type OperationRow } from '../operations-log/operation.ts'
import { findOpenPayment, findOperation, postponeOperation } from '../operations-log/store.ts'
import type { SessionRow } from '../sessions/session.ts'
import { searchTerm } from './list.ts'
import { nextAutoCapture, reserve, settle } from './settlement.ts'
import { type Ended, findTransaction, lockTransaction, type Transaction, updateReference, writeTransaction } from './store.ts'
import { delayedCallback, notificationsOf } from './tell.ts'
import {
  type CaptureRequest,
  change_pending,
  isRefusal,
  mayCapture,
  mayRefund,
  mayStillCapture,
  mayVoid,
  type Reservation,
  type TransactionRow,
} from './transaction.ts'

/** What moving money needs. */
export type Payments = {
  sql: Sql
  clock: Clock
  ids: Ids
  gateways: Gateways
  log: FastifyBaseLogger
  memory: { transactions: Memory<Transaction>; sessions: Memory<SessionRow> }
}

/** One request to move money on a transaction. */
export type Command = {
  account_id: string
  id: string
  created_by: string | undefined
  request: OperationRequest
  /** Of an `Idempotency-Key`: the operation that this key names. */
  operation_id?: string
}

/** The transaction afterwards, and the operation: settled, or `unknown` while the provider has not answered. */
export type Moved = {
  transaction: Transaction
  operation: OperationRow
  /** The same request had been made before, and this is what came of it. */
  repeated?: boolean
}

/** One transaction with its events. Errors: not_found. */
export async function readTransaction({ sql }: Pick<Payments, 'sql'>, account_id: string, id: string): Promise<Transaction> {
  const transaction = await findTransaction(sql, account_id, id)
  if (!transaction) throw new ApiError('not_found', `There is no transaction ${id.slice(0, 100)}.`)
  return transaction
}

/** Sets `merchant_reference_2`, whatever the status (checkout-api §4.5.3). Errors: not_found. */
export async function changeReference(
  payments: Pick<Payments, 'sql' | 'clock'>,
  { account_id, id, merchant_reference_2 }: { account_id: string; id: string; merchant_reference_2: string | undefined },
): Promise<Transaction> {
  if (merchant_reference_2 !== undefined) {
    const search_term = searchTerm(account_id, merchant_reference_2)
    await updateReference(payments.sql, { account_id, id, merchant_reference_2, search_term, now: payments.clock.now() })
  }
  return readTransaction(payments, account_id, id)
}

/** Captures an amount, or all that is left. Errors: not_found, those of `mayCapture`, operation_conflict. */
export function capture(payments: Payments, command: Command & CaptureRequest): Promise<Moved> {
  return move(payments, command, 'capture', (row, product) => mayCapture(row, product, command))
}

/** Gives back a captured amount. Errors: not_found, those of `mayRefund`, operation_conflict. */
export function refund(payments: Payments, command: Command & CaptureRequest): Promise<Moved> {
  return move(payments, command, 'refund', (row, product) => mayRefund(row, product, command))
}

/** Releases what is left of the authorization. Errors: not_found, those of `mayVoid`, operation_conflict. */
export function voidAuthorization(payments: Payments, command: Command): Promise<Moved> {
  return move(payments, command, 'void', (row, product) => mayVoid(row, product, command.request.cancelling))
}

/** What came of this request when it was made before with the same `Idempotency-Key`. Errors: those of a key. */
export async function findRepeated(payments: Payments, command: Command): Promise<Moved | undefined> {
  const { account_id, id, operation_id } = command
  const known = operation_id ? await findOperation(payments.sql, account_id, operation_id) : undefined
  if (!known) return undefined
  const operation = sameRequest(known, command)
  return { transaction: await readTransaction(payments, account_id, id), operation, repeated: true }
}

/** Voids the payment of a session that is being cancelled, finished or not; says whether it is void by now. Errors: those of the void. */
export async function voidForCancel(payments: Payments, command: Command): Promise<boolean> {
  const request = { ...command.request, cancelling: true }
  try {
    const { transaction } = await voidAuthorization(payments, { ...command, request })
    return transaction.status === 'AUTHORIZATION_VOIDED'
  } catch (error) {
    const transaction = await findTransaction(payments.sql, command.account_id, command.id)
    if (transaction?.status === 'AUTHORIZATION_VOIDED') return true
    throw error
  }
}

export type Decide = (row: TransactionRow, product: PaymentProduct | undefined) => Reservation | Refusal

/**
 * Intent, call, outcome: the amount is reserved and the operation committed before the gateway is asked, and no database
 * transaction is open meanwhile. A crash in between leaves an operation that the resolver finds by its lease.
 */
export async function move(payments: Payments, command: Command, kind: OperationKind, decide: Decide): Promise<Moved> {
  const { sql, memory } = payments
  const { account_id, id } = command
  await failpoint('money.before_intent')
  const remembered = memory.transactions.take(account_id, id)
  if (remembered) {
    const intent = await writeIntent(payments, sql, command, kind, decide, remembered).catch(unlessRefused)
    if (intent) return finish(payments, intent)
  }
  for (let attempt = 1; attempt <= limits.optimistic_attempts; attempt += 1) {
    const intent = await readAndIntend(payments, sql, command, kind, decide, findTransaction)
    if (intent) return finish(payments, intent)
  }
  const intent = await inTransaction(sql, (tx) => readAndIntend(payments, tx, command, kind, decide, lockTransaction))
  if (!intent) throw new ApiError('operation_conflict', 'The transaction was changed by another request. Read it and try again.')
  return finish(payments, intent)
}

type Intent = Moved & { repeated: boolean }

/** Step 1: also finds what came of the request when it is repeated. Returns nothing when somebody else changed the transaction first. */
async function readAndIntend(
  payments: Payments,
  db: Db,
  command: Command,
  kind: OperationKind,
  decide: Decide,
  read: typeof findTransaction,
): Promise<Intent | undefined> {
  const { account_id, id } = command
  const row = await read(db, account_id, id)
  if (!row) throw new ApiError('not_found', `There is no transaction ${id}.`)
  const known = command.operation_id ? await findOperation(db, account_id, command.operation_id) : undefined
  if (known) return { transaction: row, operation: sameRequest(known, command), repeated: true }
  return writeIntent(payments, db, command, kind, decide, row)
}

/** Decides on the transaction as it was read, or remembered, and writes the intent if it still is so. */
async function writeIntent(
  { clock, ids, gateways }: Payments,
  db: Db,
  command: Command,
  kind: OperationKind,
  decide: Decide,
  row: Transaction,
): Promise<Intent | undefined> {
  const { account_id, request } = command
  const product = productOf(gateways.find(account_id, row.payment_product_type), row.payment_product_type)
  const verdict = decide(row, product)
  if (isRefusal(verdict)) throw refused(verdict)
  const { amount, void_amount } = verdict
  const now = clock.now()
  const operation: OperationRow = {
    account_id,
    id: command.operation_id ?? ids.uuid(),
    kind,
    session_id: row.session_id,
    transaction_id: row.id,
    gateway: row.gateway,
    payment_product_type: row.payment_product_type,
    amount,
    currency: row.currency,
    state: 'pending',
    attempts: 1,
    next_attempt_at: new Date(now.getTime() + limits.gateway_timeout_ms * 1.5),
    request: intentRequest(row, request, void_amount),
    outcome: null,
    created_at: now,
    created_by: command.created_by ?? null,
    updated_at: now,
  }
  const next = reserve(row, operation)
  try {
    const written = await writeTransaction(db, {
      row,
      next,
      events: [],
      operation,
      intent: true,
      notifications: [],
    })
    return written && { transaction: { ...next, ...written, events: row.events }, operation, repeated: false }
  } catch (error) {
    if (violates(error, 'operations_pkey')) throw keyReused()
    if (violates(error, 'one_authorization_update')) throw refused(change_pending)
    throw error
  }
}

function intentRequest(row: TransactionRow, request: OperationRequest, void_amount: number): OperationRequest {
  return {
    ...(row.data.event_reference ? { event_reference: row.data.event_reference } : {}),
    ...(row.gateway_reference ? { gateway_reference: row.gateway_reference } : {}),
    ...request,
    void_amount,
  }
}

/** The operation that an `Idempotency-Key` names, when this is the same request again. */
function sameRequest(known: OperationRow, { id, request }: Command): OperationRow {
  if (known.transaction_id !== id || known.request.request_hash !== request.request_hash) throw keyReused()
  // The first request is still waiting for the provider, or its process died and the resolver will ask.
  if (known.state === 'pending') throw keyInFlight()
  return known
}

/** Steps 2 and 3. */
async function finish(payments: Payments, { repeated, ...intent }: Intent): Promise<Moved> {
  const { account_id, payment_product_type } = intent.operation
  if (repeated) return { ...intent, repeated }
  await failpoint('money.intent_committed')
  const gateway = payments.gateways.find(account_id, payment_product_type)
  const outcome = await ask(payments, gateway, intent.operation)
  await failpoint('money.answered')
  const moved = await settleOperation(payments, intent, outcome)
  await failpoint('money.outcome_committed')
  return moved
}

/** Calls the gateway. Whatever goes wrong, time-outs too, is `unknown`: money may have moved. */
export async function ask({ log }: Payments, gateway: Gateway | undefined, operation: OperationRow): Promise<OperationOutcome> {
  if (!gateway) return { outcome: 'unknown' }
  if (isDryRun()) return { outcome: 'succeeded', gateway_reference: operation.request.gateway_reference ?? 'dry-run' }
  const { account_id, id, kind, transaction_id, payment_product_type, amount, currency, request } = operation
  const { gateway_reference } = request
  const about = { account_id, idempotency_key: id, transaction_id, payment_product_type, amount, currency }
  const call = gateway_reference ? { ...about, gateway_reference } : about
  try {
    if (kind === 'capture') {
      const { final_capture, automatic } = request
      return await withTimeout(
        gateway.capture({ ...call, ...(final_capture ? { final_capture } : {}), ...(automatic ? { automatic } : {}) }),
      )
    }
    if (kind === 'refund') return await withTimeout(gateway.refund(call))
    if (kind === 'void') return await withTimeout(gateway.void({ ...call, amount: request.void_amount ?? 0 }))
    return await withTimeout(gateway.updateAuthorization(updateCall(call, request)))
  } catch (error) {
    log.warn({ operation_id: id, kind, message: (error as Error).message }, 'gateway call ended without an answer')
    return { outcome: 'unknown' }
  }
}

function updateCall(call: Omit<Parameters<Gateway['updateAuthorization']>[0], 'update'>, request: OperationRequest) {
  return {
    ...call,
    amount: request.new_amount ?? call.amount,
    update: request.update ?? ('extend' as const),
    ...(request.final_authorization === undefined ? {} : { final_authorization: request.final_authorization }),
    ...(request.reason ? { reason: request.reason } : {}),
    ...(request.reference ? { reference: request.reference } : {}),
  }
}

/** Stops waiting after the gateway time-out; the call itself may still end, with the same key, and is asked about later. */
export async function withTimeout<T>(call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('time-out')), limits.gateway_timeout_ms)
  })
  return Promise.race([call, late]).finally(() => clearTimeout(timer))
}

/**
 * Step 3: records an outcome, once. Whoever comes second (a slow answer, the resolver in another process) finds the operation
 * settled and changes nothing. Another event in between only means to decide again on the newer state.
 */
export async function settleOperation(payments: Payments, known: Moved, outcome: OperationOutcome): Promise<Moved> {
  const written = await writeOutcome(payments, payments.sql, known, outcome)
  if (written) return written
  return inTransaction(payments.sql, async (tx) => {
    const { account_id, transaction_id, id } = known.operation
    const transaction = await lockTransaction(tx, account_id, transaction_id)
    const operation = await findOperation(tx, account_id, id)
    if (!transaction || !operation) throw new Error(`Operation ${id} has lost its transaction.`)
    if (isSettled(operation)) return { transaction, operation }
    // The request never changes; a person's resolution adds its evidence to what the event will show.
    const { request } = known.operation
    const settled = await writeOutcome(payments, tx, { transaction, operation: { ...operation, request } }, outcome)
    if (!settled) throw new Error(`Operation ${id} could not be settled under the lock.`)
    return settled
  })
}

async function writeOutcome(
  { sql, clock, ids, memory }: Payments,
  db: Db,
  { transaction: row, operation: before }: Moved,
  outcome: OperationOutcome,
): Promise<Moved | undefined> {
  const { next, events, operation } = settle(row, before, outcome, { now: clock.now(), uuid: () => ids.uuid() })
  if (events.length === 0) {
    await postponeOperation(db, before, operation.next_attempt_at!, operation.state)
    return { transaction: row, operation }
  }
  // The "authorized" callback comes first, and the one about this event after it.
  const waiting = operation.kind === 'update_authorization' ? [] : tellDelayed(next)
  const notifications: Notification[] = [...waiting, ...notificationsOf(next, events)]
  try {
    const ended = await endedPayment(db, operation)
    const written = await writeTransaction(db, { row, next, events, operation, ended, notifications })
    if (!written) return undefined
    const transaction = { ...next, ...written, events: [...row.events, ...events] }
    if (db === sql) remember(memory, transaction)
    return { transaction, operation }
  } catch (error) {
    // Settled by somebody else in the same moment: read again.
    if (!violates(error, 'operation_settles_once')) throw error
    return undefined
  }
}

/** The callback that waits for the first attempt of the automatic capture, which has been made now. */
function tellDelayed(next: TransactionRow): Notification[] {
  const { callback_due, ...data } = next.data
  if (!callback_due) return []
  next.data = data
  return delayedCallback(next, callback_due)
}

/**
 * An automatic capture that could not even be asked for (checkout-api §5.5): for as long as something is left to capture it is tried again,
 * and the callback that waits for the first attempt goes out.
 */
export async function missAutoCapture(payments: Payments, { account_id, id }: { account_id: string; id: string }): Promise<void> {
  const { sql, clock } = payments
  await inTransaction(sql, async (tx) => {
    const row = await lockTransaction(tx, account_id, id)
    if (!row?.auto_capture_at) return
    const now = clock.now()
    const next = { ...row, updated_at: now, auto_capture_at: mayStillCapture(row) ? nextAutoCapture(row, now) : null }
    const notifications = tellDelayed(next)
    await writeTransaction(tx, { row, next, events: [], notifications })
  })
}

/** What was just written and committed, for the next change of it. */
export function remember({ transactions }: Payments['memory'], transaction: Transaction): void {
  const { account_id, id, events_size, events } = transaction
  transactions.keep(account_id, id, transaction, events_size + events.length * event_size)
}
/** What an event takes besides its data. */
const event_size = 500

/** The payment that the void of a cancelled session has ended: nobody needs to ask about it again. */
async function endedPayment(db: Db, operation: OperationRow): Promise<Ended | undefined> {
  const { account_id, state, request, transaction_id, updated_at } = operation
  if (state !== 'succeeded' || !request.cancelling || request.overdue) return undefined
  const payment = await findOpenPayment(db, account_id, transaction_id)
  return (
    payment && {
      account_id,
      id: payment.id,
      state: 'failed',
      next_attempt_at: null,
      outcome: { reason: 'cancelled' },
      updated_at,
    }
  )
}

export function productOf(gateway: Gateway | undefined, payment_product_type: string): PaymentProduct | undefined {
  return gateway?.products.find((product) => product.payment_product_type === payment_product_type)
}
