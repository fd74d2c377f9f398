import { setTimeout } from 'node:timers/promises'
import { inTransaction, type Sql, type Tx, violates } from '../../lib/db.ts'
import { ApiError, invariant } from '../../lib/errors.ts'
import type { Clock, Ids } from '../../lib/ids.ts'
import type { AuthorizeCall, AuthorizeOutcome, FoundOutcome, Gateway, OperationOutcome } from '../gateway.ts'
import { type CardVerdict, judgeCard } from './cards.ts'
import { chooseFault, fittingRules, mask, type Rule, type Script, type Subject } from './faults.ts'
import { arrive, type FollowUpCall, type FollowUpKind, openFollowUp } from './follow-up.ts'
import {
  answerOf,
  applyVerdict,
  type Decision,
  firstAnswer,
  isCalledOff,
  isDue,
  judgeAuthorization,
  type Movement,
  openPayment,
  type Payment,
  type Verdict,
  verdictOf,
} from './payment.ts'
import { findProduct, products } from './products.ts'
import * as store from './store.ts'

/** What the simulator needs. `public_url` is read at each call: tests learn it after the server listens. */
export type Simulator = { sql: Sql; clock: Clock; ids: Ids; config: { readonly public_url: string } }

/** The gateway of test accounts: a pretend payment provider with books of its own. docs/gateways.md says how it behaves. */
export function createSimulator(simulator: Simulator): Gateway {
  const followUp = (kind: FollowUpKind) => async (call: FollowUpCall) => (await ask(simulator, kind, call)) as OperationOutcome
  return {
    name: 'simulator',
    products,
    authorize: async (call) => (await authorize(simulator, call)) as AuthorizeOutcome,
    capture: followUp('capture'),
    refund: followUp('refund'),
    void: followUp('void'),
    updateAuthorization: followUp('update_authorization'),
    find: (query) => find(simulator, query),
  }
}

type Answered = { answer: FoundOutcome; fault?: Rule | undefined }

async function authorize(simulator: Simulator, call: AuthorizeCall): Promise<FoundOutcome> {
  const { sql, ids, clock } = simulator
  const now = clock.now()
  const fresh = {
    ...(call.generate_payment_token ? { payment_token: ids.uuid() } : {}),
    ...(call.generate_recurrence_token ? { recurrence_token: ids.uuid() } : {}),
  }
  const verdict = judgeAuthorization(call, await cardOf(sql, call, now), now)
  const open = (fault: Rule | undefined, tokens = fresh) => openPayment(call, { verdict, fault, tokens, now })
  const write = (db: Sql | Tx, opened: ReturnType<typeof openPayment>, plainly: boolean) =>
    store.insertPayment(db, { ...opened, tokens: storedTokens(opened.movement), plainly, now })
  const plain = open(undefined)
  if (await unlessTaken(() => write(sql, plain, true))) return firstAnswer(plain.movement, told(simulator, plain.movement))

  return withFaults(sql, (tx) =>
    repeated(simulator, tx, call, {
      anew: async (fault) => {
        const opened = open(fault)
        await write(tx, opened, false)
        return opened.movement
      },
      again: async (lost) => {
        const { payment, movement } = open(undefined, lost.detail)
        await store.updateMovement(tx, movement, payment, now)
        return movement
      },
      subject: {
        operation: 'authorize',
        payment_product_type: call.payment_product_type,
        amount: call.amount,
        merchant_reference: call.merchant_reference,
        masked_pan: verdict.card?.masked_pan ?? null,
      },
    }),
  )
}

function storedTokens({ detail, state }: Movement): store.Token[] {
  const { payment_token, recurrence_token } = detail
  if (state === 'failed') return []
  return [
    ...(payment_token ? [{ token: payment_token, type: 'payment_token' as const }] : []),
    ...(recurrence_token ? [{ token: recurrence_token, type: 'recurrence_token' as const }] : []),
  ]
}

/** The card that is paid with: typed, or stored under a token. */
async function cardOf(sql: Sql, call: AuthorizeCall, now: Date): Promise<CardVerdict | undefined> {
  const { card } = call.payment
  const token = call.payment_token ?? call.recurrence_token
  if (token !== undefined) {
    const stored = await store.findToken(sql, { ...call, token })
    const wanted = call.payment_token === undefined ? 'recurrence_token' : 'payment_token'
    if (stored?.type === wanted)
      return { verdict: 'approve', card: stored.card, ...(stored.habit ? { habit: stored.habit } : {}) }
    const error = { code: 'token_unknown', message: 'There is no such token.', type: ['INVALID_TRANSACTION'] }
    return { verdict: 'refuse', error: { ...error, retry_policy: { retry_codes: ['DO_NOT_RETRY'] } } }
  }
  return typeof card === 'object' && card !== null ? judgeCard(card as Record<string, unknown>, now) : undefined
}

async function ask(simulator: Simulator, kind: FollowUpKind, call: FollowUpCall): Promise<FoundOutcome> {
  const { sql, clock } = simulator
  const now = clock.now()
  const product = findProduct(call.payment_product_type)
  const slow =
    !product ||
    kind === 'update_authorization' ||
    call.final_capture ||
    (kind === 'refund' ? product.refund_later : product.direct_capture)
  if (!slow && product.partial_capture && product.partial_refund) {
    const gateway_reference = await unlessTaken(() => store.movePlainly(sql, kind, call, now))
    if (gateway_reference) return { outcome: 'succeeded', gateway_reference, metadata: {} }
  }
  return withFaults(sql, async (tx) => {
    const seen = await store.findMovement(tx, call.account_id, call.idempotency_key)
    const script = seen ? undefined : await store.findScript(tx, call.account_id)
    const open = async (fault: Rule | undefined, payment: Payment | undefined) => {
      const opened = openFollowUp(kind, call, { payment, fault, now })
      const { judged } = opened
      if (judged && 'settles' in judged && judged.settles) await settleAuthorization(tx, payment!, judged.settles, now)
      return { ...opened, after: judged && 'payment' in judged ? judged.payment : undefined }
    }
    // The rules are counted before the payment is locked: whoever needs both locks takes them in this order.
    const peeked = script ? await peek(tx, kind, call) : undefined
    const fault = script && peeked ? await faultFor(tx, script, call, peeked) : undefined
    const payment = await store.lockPayment(tx, { ...call, id: call.gateway_reference })
    if (!seen) {
      const { movement, after } = await open(fault, payment)
      await store.insertMovement(tx, movement, after, now)
      return { answer: firstAnswer(movement, told(simulator, movement)), fault }
    }
    const movement = await store.lockMovement(tx, call.account_id, call.idempotency_key, 1)
    if (movement?.state !== 'lost') return { answer: await replay(simulator, tx, movement!, payment) }
    const { movement: done, after } = await open(undefined, payment)
    await store.updateMovement(tx, done, after, now)
    return { answer: firstAnswer(done, told(simulator, done)) }
  })
}

/** What the rules look at, before anything is locked. */
async function peek(tx: Tx, operation: FollowUpKind, call: FollowUpCall): Promise<Subject> {
  const payment = await store.findPayment(tx, { ...call, id: call.gateway_reference })
  return {
    operation,
    payment_product_type: call.payment_product_type,
    amount: call.amount,
    merchant_reference: payment?.merchant_reference ?? '',
    masked_pan: payment?.masked_pan ?? null,
  }
}

/** An authorization that another call decides: a void cancels it, a released hold approves it. */
async function settleAuthorization(tx: Tx, payment: Payment, settles: 'approved' | 'cancelled', now: Date): Promise<void> {
  const movement = await store.lockMovement(tx, payment.account_id, payment.id, 0)
  invariant(movement, 'a payment has its authorization')
  const settled = applyVerdict(payment, movement, settles === 'approved' ? { is: 'approved' } : verdictOf('cancel', now))
  await store.updateMovement(tx, { ...settled.movement, known_at: null }, settled.payment, now)
}

type Repeatable = {
  anew: (fault: Rule | undefined) => Promise<Movement>
  again: (lost: Movement) => Promise<Movement>
  subject: Subject
}

/** An authorization by the slow way: a new key, a lost call that comes again, or a key whose outcome is known. */
async function repeated(
  simulator: Simulator,
  tx: Tx,
  call: AuthorizeCall,
  { anew, again, subject }: Repeatable,
): Promise<Answered> {
  const seen = await store.findMovement(tx, call.account_id, call.idempotency_key)
  if (!seen) {
    const script = await store.findScript(tx, call.account_id)
    const fault = script && (await faultFor(tx, script, call, subject))
    const movement = await anew(fault)
    return { answer: firstAnswer(movement, told(simulator, movement)), fault }
  }
  if (isCalledOff(seen))
    return { answer: { outcome: 'failed', error: { message: 'Called off before it arrived.' }, reason: 'failed' } }
  const payment = await store.lockPayment(tx, { ...seen, id: seen.payment_id })
  const movement = await store.lockMovement(tx, call.account_id, call.idempotency_key, 1)
  invariant(movement && payment, 'a movement has its payment')
  if (movement.state !== 'lost') return { answer: await replay(simulator, tx, movement, payment) }
  const done = await again(movement)
  return { answer: firstAnswer(done, told(simulator, done)) }
}

type Scripted = NonNullable<Awaited<ReturnType<typeof store.findScript>>>

async function faultFor(tx: Tx, { script }: Scripted, call: { account_id: string; transaction_id: string }, subject: Subject) {
  const fitting = fittingRules(script, subject)
  const counts = fitting.some((index) => script.rules![index]!.when?.nth !== undefined)
  const counters = counts ? await store.countRules(tx, call.account_id, fitting) : {}
  const earlier = script.fault_rate ? await store.countEarlier(tx, call.account_id, call.transaction_id, subject.operation) : 0
  return chooseFault(script, subject, { fitting, counters, earlier })
}

/** Runs the slow way in a database transaction, then does what a fault does outside of it: wait, or let the call arrive twice. */
async function withFaults(sql: Sql, work: (tx: Tx) => Promise<Answered>): Promise<FoundOutcome> {
  const once = () => inTransaction(sql, work)
  // A call with the same key came first, in between: this one finds it.
  const first = (await unlessTaken(once)) ?? (await once())
  if (first.fault?.do === 'slow') await setTimeout(first.fault.slow_ms ?? 1000)
  return first.fault?.do === 'duplicate' ? (await once()).answer : first.answer
}

/** Nothing, when another call with the same key is being written at this moment. */
async function unlessTaken<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (violates(error, 'movements_pkey') || violates(error, 'payments_pkey')) return undefined
    throw error
  }
}

/** Answers for a key that was seen before; what is due is settled first. Payment and movement are locked. */
async function replay(simulator: Simulator, tx: Tx, movement: Movement, payment: Payment | undefined): Promise<FoundOutcome> {
  const now = simulator.clock.now()
  let settled = movement
  if (isDue(movement, now)) {
    if (movement.kind === 'authorize') {
      const done = applyVerdict(payment!, movement, movement.detail.then as Verdict)
      settled = { ...done.movement, known_at: null }
      await store.updateMovement(tx, settled, done.payment, now)
    } else {
      const { movement: arrived, judged } = arrive(movement, payment)
      settled = { ...arrived, known_at: null }
      if ('settles' in judged && judged.settles) await settleAuthorization(tx, payment!, judged.settles, now)
      await store.updateMovement(tx, settled, 'payment' in judged ? judged.payment : undefined, now)
    }
  }
  return answerOf(settled, told(simulator, settled))
}

/** What really happened to the call with this key. Most often one read. */
export async function find(simulator: Simulator, query: Parameters<Gateway['find']>[0]): Promise<FoundOutcome> {
  const { account_id, idempotency_key, call_off } = query
  const seen = await store.findMovement(simulator.sql, account_id, idempotency_key)
  if (!seen) {
    // It may arrive at this very moment: whoever writes the key first wins.
    const first = !call_off || (await store.insertCalledOff(simulator.sql, account_id, idempotency_key, simulator.clock.now()))
    return first ? { outcome: 'absent' } : find(simulator, query)
  }
  if (isCalledOff(seen)) return { outcome: 'absent' }
  if (call_off && seen.kind === 'authorize' && seen.state === 'lost') return callOff(simulator, seen)
  if (!isDue(seen, simulator.clock.now())) return answerOf(seen, told(simulator, seen))
  return inTransaction(simulator.sql, async (tx) => {
    const payment = await store.lockPayment(tx, { ...seen, id: seen.payment_id || undefined })
    const movement = await store.lockMovement(tx, account_id, idempotency_key, 0)
    return replay(simulator, tx, movement!, payment)
  })
}

/** Gives up an authorization whose call was lost on the way, unless it has come again meanwhile. */
function callOff(simulator: Simulator, { account_id, idempotency_key, ...seen }: Movement): Promise<FoundOutcome> {
  return inTransaction(simulator.sql, async (tx) => {
    const payment = await store.lockPayment(tx, { ...seen, account_id, id: seen.payment_id })
    const movement = await store.lockMovement(tx, account_id, idempotency_key, 0)
    if (movement?.state !== 'lost') return replay(simulator, tx, movement!, payment)
    const off: Movement = { ...movement, state: 'failed', detail: { ...movement.detail, called_off: true } }
    await store.updateMovement(tx, off, payment && { ...payment, state: 'failed' }, simulator.clock.now())
    return { outcome: 'absent' }
  })
}

/** What the customer, or the reviewer, chose on the pretend page. Returns the movement after it; one that is decided stays as it is. */
export async function decide(
  simulator: Simulator,
  { account_id, payment_id, decision }: { account_id: string; payment_id: string; decision: Decision },
): Promise<Movement | undefined> {
  const now = simulator.clock.now()
  const seen = await store.findMovement(simulator.sql, account_id, payment_id)
  if (seen?.kind !== 'authorize') return undefined
  return inTransaction(simulator.sql, async (tx) => {
    const payment = await store.lockPayment(tx, { ...seen, id: payment_id })
    const movement = await store.lockMovement(tx, account_id, payment_id, 0)
    invariant(movement && payment, 'a movement has its payment')
    const type = payment.payment_product_type
    if (decision === 'hold' && !findProduct(type)!.may_hold) throw new ApiError('operation_unsupported', `${type} is never held.`)
    const open = movement.state === 'waiting' || (movement.state === 'held' && decision !== 'hold')
    if (!open) return movement
    const decided = applyVerdict(payment, movement, verdictOf(decision, now))
    const settled = { ...decided.movement, known_at: null }
    await store.updateMovement(tx, settled, decided.payment, now)
    return settled
  })
}

/** A payment with its authorization, for the pretend page. */
export async function findOpen({ sql }: Simulator, account_id: string, payment_id: string) {
  const movement = await store.findMovement(sql, account_id, payment_id)
  const payment = movement?.kind === 'authorize' ? await store.findPayment(sql, { ...movement, id: payment_id }) : undefined
  return movement && payment ? { movement, payment } : undefined
}

/** Puts a script in place. Card numbers in it are kept masked; a seed is chosen when none is given, so that the run can be repeated. */
export async function createScript({ sql, ids, clock }: Simulator, account_id: string, given: Script): Promise<ScriptInPlace> {
  const rules = given.rules?.map((rule) =>
    rule.when?.card ? { ...rule, when: { ...rule.when, card: mask(rule.when.card) } } : rule,
  )
  const script = { ...given, seed: given.seed ?? ids.uuid(), ...(rules ? { rules } : {}) }
  await store.upsertScript(sql, account_id, script, clock.now())
  return { ...script, counters: {} }
}

type ScriptInPlace = Script & { counters: Record<string, number> }

/** One page of the book, with the totals of every payment on it. */
export async function readBook({ sql }: Simulator, account_id: string, query: store.BookQuery) {
  const movements = await store.listMovements(sql, account_id, query)
  const payments = await store.listPayments(sql, account_id, [...new Set(movements.map((movement) => movement.transaction_id))])
  return {
    movements: movements.map(({ account_id: _, sequence, detail, known_at, settled_at, merchant_reference, ...movement }) => ({
      id: String(sequence),
      ...movement,
      merchant_reference: merchant_reference ?? undefined,
      payment_product_type: movement.payment_product_type ?? undefined,
      known_at: known_at ?? undefined,
      settled_at: settled_at ?? undefined,
      error: detail.error,
    })),
    payments: payments.map(({ account_id: _, masked_pan, habit, ...payment }) => ({
      ...payment,
      masked_pan: masked_pan ?? undefined,
      habit: habit ?? undefined,
    })),
  }
}

function told({ clock, config }: Simulator, { account_id, payment_id }: Movement): { now: Date; redirect_url: string } {
  return { now: clock.now(), redirect_url: `${config.public_url}/simulator/${account_id}/${payment_id}` }
}
