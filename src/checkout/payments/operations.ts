import type { AuthorizeCall, FoundOutcome, Gateway } from '../../gateways/gateway.ts'
import { type Db, inTransaction } from '../../lib/db.ts'
import { isDryRun } from '../../lib/dry-run.ts'
import { ApiError, throwRefusal } from '../../lib/errors.ts'
import { failpoint } from '../../lib/failpoints.ts'
import { limits } from '../../lib/limits.ts'
import { unlessRefused } from '../../lib/memory.ts'
import { assertUsable, tokenId } from '../card-tokens/operations.ts'
import { isSettled, nextAttempt, type OperationRow } from '../operations-log/operation.ts'
import { findOperation, postponeOperation } from '../operations-log/store.ts'
import { productSettings } from '../profiles/configuration.ts'
import { accountOf, type Effect, plainly, sessionNotFound } from '../sessions/operations.ts'
import { amountToPay } from '../sessions/order.ts'
import { causeOf, isUnmodified, mayPay, returnUrl, type SessionRow, switchesToMerchant } from '../sessions/session.ts'
import { findSession, lockSession } from '../sessions/store.ts'
import { type Payments as Money, remember, withTimeout } from '../transactions/operations.ts'
import { findTransaction, lockTransaction, type Transaction } from '../transactions/store.ts'
import { paymentProduct } from '../transactions/transaction.ts'
import { gone } from '../view/operations.ts'
import { tickedOf } from './new-transaction.ts'
import { type PaymentState, settlePayment, type TokenIds } from './payment.ts'
import { insertPayment, writePayment } from './store.ts'
import { keepsCard, savedCard } from './tokens.ts'

/** What paying needs. `public_url` is where customers come back to. */
export type Payments = Money & { config: { readonly public_url: string } }

/** A customer's attempt: the body goes to the gateway and nowhere else; it may hold a card number. */
export type Attempt = {
  session_id: string
  payment: { payment_product_type: string } & Record<string, unknown>
  if_unmodified_since?: string | undefined
  request_headers?: Record<string, string> | undefined
  language?: string | undefined
}

/** How it stands afterwards: the session as it is now, and the transaction when one is published. */
export type Paid = {
  session: SessionRow
  operation: OperationRow
  transaction: Transaction | undefined
  /** The same request had been made before, and this is what came of it. */
  repeated?: boolean
}

/**
 * The customer pays (checkout-api §3.10.6): intent, call, outcome, like every money move. The intent takes the session, so of several
 * attempts at once exactly one reaches the provider. Errors: those of `mayPay`, 412 when the session has changed, 404 when it is over.
 */
export async function pay(payments: Payments, attempt: Attempt): Promise<Paid> {
  const { sql, memory } = payments
  const account_id = accountOf(attempt.session_id)
  const remembered = memory.sessions.take(account_id, attempt.session_id)
  if (remembered) {
    const intent = await writeIntent(payments, sql, account_id, attempt, remembered).catch(unlessRefused)
    if (intent) return authorize(payments, intent, attempt)
  }
  for (let count = 1; count <= limits.optimistic_attempts; count += 1) {
    const intent = await writeIntent(payments, sql, account_id, attempt)
    if (intent) return authorize(payments, intent, attempt)
  }
  const intent = await inTransaction(sql, async (tx) => {
    await lockSession(tx, account_id, attempt.session_id)
    return writeIntent(payments, tx, account_id, attempt)
  })
  if (!intent) throw new ApiError('session_changed', 'The session was changed by another request. Try again.')
  return authorize(payments, intent, attempt)
}

type Intent = { session: SessionRow; operation: OperationRow; gateway: Gateway }

async function writeIntent(
  payments: Payments,
  db: Db,
  account_id: string,
  attempt: Attempt,
  remembered?: SessionRow,
): Promise<Intent | undefined> {
  const { clock, gateways } = payments
  const { session_id, if_unmodified_since, payment } = attempt
  const now = clock.now()
  const session = remembered ?? (await findSession(db, account_id, session_id)) ?? sessionNotFound(session_id)
  const cause = causeOf(session, now)
  if (cause && cause !== 'PAYMENT_INITIATED') throw gone(session, cause)
  if (!isUnmodified(session, if_unmodified_since)) {
    throw new ApiError('precondition_failed', 'The session has changed since it was shown. Load it again.')
  }
  const { payment_product_type } = payment
  throwRefusal(mayPay(session, { payment_product_type, products: gateways.products(account_id), now }))
  const gateway = gateways.find(account_id, payment_product_type)
  if (!gateway) throw new ApiError('payment_product_not_payable', `No gateway of this account serves ${payment_product_type}.`)
  const saved = savedCard(session.data.customer, payment)
  if (saved !== undefined) await assertUsable(db, { account_id, payment_product_type, token: saved })
  const operation = intentOf(payments, session, { payment_product_type, gateway: gateway.name, created_by: null })
  if (attempt.request_headers) operation.request.request_headers = attempt.request_headers
  const ticked = tickedOf(payment)
  if (ticked) operation.request.ticked = ticked
  const written = await insertPayment(db, session, operation)
  return written
    ? { session: { ...session, version: session.version + 1, operation_id: operation.id }, operation, gateway }
    : undefined
}

/** The operation of a payment that is about to be asked for. Its transaction's id is chosen now, so that every retry has the same. */
export function intentOf(
  { clock, ids }: Payments,
  session: SessionRow,
  { payment_product_type, gateway, created_by }: { payment_product_type: string; gateway: string; created_by: string | null },
): OperationRow {
  const now = clock.now()
  return {
    account_id: session.account_id,
    id: ids.uuid(),
    kind: 'authorize',
    session_id: session.id,
    transaction_id: ids.short(session.account_id),
    gateway,
    payment_product_type,
    amount: amountToPay(session.data.order),
    currency: session.data.order.currency,
    state: 'pending',
    attempts: 1,
    next_attempt_at: new Date(now.getTime() + limits.gateway_timeout_ms * 1.5),
    request: {},
    outcome: null,
    created_at: now,
    created_by,
    updated_at: now,
  }
}

async function authorize(payments: Payments, { session, operation, gateway }: Intent, attempt: Attempt): Promise<Paid> {
  const call = authorizeCall(payments, session, operation, attempt)
  await failpoint('pay.intent_committed')
  const outcome = await answerOf(payments, operation, () => gateway.authorize(call))
  await failpoint('pay.answered')
  const paid = await recordPayment(payments, { session, operation, transaction: undefined }, outcome)
  await failpoint('pay.outcome_committed')
  return paid
}

/** Whatever goes wrong, time-outs too, is `unknown`: money may be reserved. The body is not logged. */
export async function answerOf(
  { log }: Payments,
  { id }: OperationRow,
  ask: () => Promise<FoundOutcome>,
  { looks = false } = {},
): Promise<FoundOutcome> {
  if (isDryRun() && !looks) return { outcome: 'succeeded', gateway_reference: 'dry-run' }
  try {
    return await withTimeout(ask())
  } catch (error) {
    log.warn({ operation_id: id, message: (error as Error).message }, 'authorization ended without an answer')
    return { outcome: 'unknown' }
  }
}

/** What the gateway is asked. The way back leads to our server. */
export function authorizeCall(
  { config, gateways }: Payments,
  session: SessionRow,
  operation: OperationRow,
  { payment, language }: Pick<Attempt, 'payment' | 'language'>,
): AuthorizeCall {
  const { account_id, id, transaction_id, payment_product_type, amount, currency } = operation
  const { configuration, customer, order, token_provider } = session.data
  const settings = productSettings(configuration, payment_product_type)
  const descriptor = productSettings(configuration, paymentProduct(payment_product_type))?.dynamic_descriptor
  const wanted = token_provider?.token_types ?? []
  const product = gateways.products(account_id).find((one) => one.payment_product_type === payment_product_type)
  const makes = (kind: 'payment_token' | 'recurrence_token') => product?.token_types.includes(kind)
  const token = session.payment_operation === 'generate_payment_token'
  const saved = token ? undefined : savedCard(customer, payment)
  return {
    account_id,
    idempotency_key: id,
    transaction_id,
    payment_product_type,
    amount,
    currency,
    session_id: session.id,
    merchant_reference: order.merchant_reference,
    operation: token ? 'generate_payment_token' : 'purchase',
    payment,
    return_url: wayBack({ config }, session, operation),
    ...(saved === undefined ? {} : { payment_token: saved }),
    // A configuration may ask for tokens that the provider does not make: that keeps no customer from paying.
    ...(makes('payment_token') && (keepsCard(settings, payment) || wanted.includes('payment_token'))
      ? { generate_payment_token: true }
      : {}),
    ...(makes('recurrence_token') && (settings?.generate_recurrence_token === true || wanted.includes('recurrence_token'))
      ? { generate_recurrence_token: true }
      : {}),
    ...(typeof descriptor === 'string' ? { dynamic_descriptor: descriptor } : {}),
    ...(configuration.pre_authorization === true ? { pre_authorization: true } : {}),
    ...(customer ? { customer } : {}),
    ...(language ? { language } : {}),
  }
}

/** Where the provider sends the customer: to us, or straight to the merchant's app, which asks us then. */
function wayBack({ config }: Pick<Payments, 'config'>, session: SessionRow, operation: OperationRow): string {
  const { id, transaction_id, payment_product_type } = operation
  const url = `${config.public_url}/v1/sessions/${session.id}/redirect/${id}`
  if (!switchesToMerchant(session.data, payment_product_type)) return url
  return returnUrl(session, { transaction_id, payment_return_url: url }) ?? url
}

/**
 * What is known before an outcome. `too_late`: a success is to be voided at once, and stays due until it is. `polled`: somebody looked,
 * and it was not yet time to ask.
 */
type Known = PaymentState & { transaction: Transaction | undefined; too_late?: boolean; polled?: boolean }

/**
 * Records what is known about a payment, once. The first try trusts what was read; after a lost race, or when a transaction is
 * published already, session and transaction are locked and read again.
 */
export async function recordPayment(payments: Payments, known: Known, outcome: FoundOutcome) {
  // Somebody else ended this attempt meanwhile, and the session may have been taken by the next one.
  const held = known.session.operation_id === known.operation.id
  const written = known.transaction || !held ? undefined : await write(payments, payments.sql, known, outcome)
  if (written) return written
  const { account_id, id, session_id, transaction_id } = known.operation
  return inTransaction(payments.sql, async (tx): Promise<Paid> => {
    await lockSession(tx, account_id, session_id)
    const session = await findSession(tx, account_id, session_id)
    const transaction = await lockTransaction(tx, account_id, transaction_id)
    const operation = await findOperation(tx, account_id, id)
    if (!session || !operation) throw new Error(`Operation ${id} has lost its session.`)
    if (isSettled(operation) || session.operation_id !== id) return { session, operation, transaction }
    const settled = await write(payments, tx, { ...known, session, operation, transaction }, outcome)
    if (!settled) throw new Error(`Operation ${id} could not be settled under the lock.`)
    return settled
  })
}

async function write(
  { sql, clock, ids, memory }: Payments,
  db: Db,
  state: Known,
  outcome: FoundOutcome,
): Promise<Paid | undefined> {
  const { session, operation, transaction } = state
  const now = clock.now()
  const token_ids = tokenIds(operation, outcome)
  const change = settlePayment(state, outcome, { now, uuid: () => ids.uuid(), token_ids })
  if (!change) {
    // Who only looks does not put off the resolver, which also calls off what nobody finishes.
    if (!state.polled) await postponeOperation(db, operation, nextAttempt(now, operation.attempts))
    return state
  }
  if (state.too_late && change.operation.state === 'succeeded') {
    change.operation.next_attempt_at = nextAttempt(now, operation.attempts)
  }
  const hashes = await writePayment(db, session, change, transaction)
  if (!hashes) return undefined
  const published = change.transaction && {
    ...change.transaction,
    version: transaction ? transaction.version + 1 : change.transaction.version,
    hash: hashes.transaction,
    events_size: hashes.events_size,
    events: [...(transaction?.events ?? []), ...change.events],
  }
  if (published && db === sql) remember(memory, published)
  const written = { ...session, ...change.session, version: session.version + 1, hash: hashes.session, updated_at: now }
  return {
    session: { ...written, event_count: session.event_count + change.session_events.length },
    operation: change.operation,
    transaction: published,
  }
}

/** Tokens are shown by their ids: those that the payment made, or the one that was charged. */
function tokenIds({ account_id, payment_product_type, request }: OperationRow, outcome: FoundOutcome): TokenIds {
  if (outcome.outcome !== 'succeeded') return {}
  const { payment_token, recurrence_token } = outcome
  return {
    ...(request.token_id ? { [`${request.token_type ?? 'payment_token'}_id`]: request.token_id } : {}),
    ...(payment_token ? { payment_token_id: tokenId(account_id, payment_product_type, payment_token) } : {}),
    ...(recurrence_token ? { recurrence_token_id: tokenId(account_id, payment_product_type, recurrence_token) } : {}),
  }
}

/** Asks the provider what came of a payment, and records it. Also what the resolver does. `effect` is for the record of a success. */
export async function resolvePayment(
  payments: Payments,
  operation: OperationRow,
  { effect = plainly, ...options }: { too_late?: boolean; polled?: boolean; effect?: Effect } = {},
): Promise<Paid> {
  const { account_id, id, session_id, transaction_id, payment_product_type } = operation
  const gateway = payments.gateways.find(account_id, payment_product_type)
  // The first call may still be on its way; only when its lease has run out is it called off, so that it can't arrive later.
  const call_off = payments.clock.now().getTime() >= operation.created_at.getTime() + limits.gateway_timeout_ms * 1.5
  const outcome: FoundOutcome = gateway
    ? await answerOf(payments, operation, () => gateway.find({ account_id, idempotency_key: id, call_off }))
    : { outcome: 'unknown' }
  const session = await findSession(payments.sql, account_id, session_id)
  if (!session) throw new Error(`Operation ${id} has lost its session.`)
  const transaction = await findTransaction(payments.sql, account_id, transaction_id)
  if (outcome.outcome === 'absent' && !call_off) return { session, operation, transaction }
  const record = () => recordPayment(payments, { session, operation, transaction, ...options }, outcome)
  return outcome.outcome === 'succeeded' ? effect(record) : record()
}

/** The payment that the customer comes back from, brought up to date. Errors: session_not_found for what is no session's id, not_found. */
export async function readPayment(payments: Payments, session_id: string, operation_id: string): Promise<Paid> {
  const account_id = accountOf(session_id)
  const operation = await findOperation(payments.sql, account_id, operation_id)
  if (operation?.session_id !== session_id || operation.kind !== 'authorize') {
    throw new ApiError('not_found', `There is no payment ${operation_id.slice(0, 100)} of session ${session_id.slice(0, 100)}.`)
  }
  if (!isSettled(operation)) return resolvePayment(payments, operation, { polled: true })
  const session = await findSession(payments.sql, account_id, session_id)
  if (!session) throw new ApiError('not_found', `There is no session ${session_id}.`)
  return { session, operation, transaction: await findTransaction(payments.sql, account_id, operation.transaction_id) }
}

/** Our page for this session. */
export function pageUrl({ config }: Pick<Payments, 'config'>, session_id: string): string {
  return `${config.public_url}/?sid=${encodeURIComponent(session_id)}`
}

/** Where the customer goes now: to the merchant when the session is over, to our page while it can still be paid. */
export function customerUrl({ config }: Payments, { session }: Pick<Paid, 'session'>): string {
  const page = pageUrl({ config }, session.id)
  const { transaction_id } = session
  switch (session.outcome) {
    case 'AUTHORIZED':
    case 'ON_HOLD':
    case 'UNKNOWN':
      return returnUrl(session, { transaction_id }) ?? page
    case 'DECLINED':
      return returnUrl(session, { transaction_id, error: 'authorization' }) ?? page
    case 'FAILED':
      return returnUrl(session, { transaction_id, error: 'failed' }) ?? page
    case 'CANCELLED':
      return returnUrl(session, { error: 'cancelled' }) ?? page
    default:
      return page
  }
}
