import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { now, operationRow, transactionRow } from '../../../test/rows.ts'
import type { OperationOutcome } from '../../gateways/gateway.ts'
import type { OperationKind, OperationRequest, OperationRow } from '../operations-log/operation.ts'
import { reserve, settle } from './settlement.ts'
import {
  isRefusal,
  mayCapture,
  mayRefund,
  mayVoid,
  type Reservation,
  restOf,
  statusOf,
  type TransactionRow,
  type TransactionStatus,
} from './transaction.ts'

let counter = 0
const uuid = () => `00000000-0000-4000-8000-${String(++counter).padStart(12, '0')}`

const row = transactionRow

function operation(kind: OperationKind, reservation: Reservation, request: OperationRequest = {}): OperationRow {
  return operationRow({
    id: uuid(),
    kind,
    amount: reservation.amount,
    request: { ...request, void_amount: reservation.void_amount },
  })
}

const succeeded: OperationOutcome = { outcome: 'succeeded', gateway_reference: 'r' }
const failed: OperationOutcome = { outcome: 'failed', error: { message: 'no' } }
const unknown: OperationOutcome = { outcome: 'unknown' }

const decide = { capture: mayCapture, refund: mayRefund, void: (state: TransactionRow) => mayVoid(state, undefined) } as const

/** `c40 r10 v` and so on, each succeeding: the status after them, or the code of the refusal. */
function play(history: string): string {
  let state = row()
  for (const step of history.split(' ').filter(Boolean)) {
    const kind = ({ c: 'capture', r: 'refund', v: 'void' } as const)[step[0] as 'c' | 'r' | 'v']
    const verdict = decide[kind](state, undefined, step.length > 1 ? { amount: Number(step.slice(1)) } : {})
    if (isRefusal(verdict)) return verdict.code
    const intent = operation(kind, verdict)
    state = settle(reserve(state, intent), intent, succeeded, { now, uuid }).next
  }
  return state.status
}

// checkout-api §5.3, of an authorization of 100.
const transitions: [history: string, expected: string][] = [
  ['', 'AUTHORIZED'],
  ['c100', 'CAPTURED'],
  ['c', 'CAPTURED'],
  ['c40', 'PARTIALLY_CAPTURED'],
  ['v', 'AUTHORIZATION_VOIDED'],
  ['c40 c60', 'CAPTURED'],
  ['c40 c', 'CAPTURED'],
  ['c40 c20', 'PARTIALLY_CAPTURED'],
  ['c40 r10', 'PARTIALLY_CAPTURED_REFUNDED'],
  ['c40 r40', 'PARTIALLY_CAPTURED_REFUNDED'],
  ['c40 v', 'CAPTURED'],
  ['c100 r10', 'PARTIALLY_REFUNDED'],
  ['c100 r100', 'REFUNDED'],
  ['c100 r10 r90', 'REFUNDED'],
  ['c40 r10 c60', 'PARTIALLY_REFUNDED'],
  ['c40 r10 c20', 'PARTIALLY_CAPTURED_REFUNDED'],
  ['c40 r40 c60', 'PARTIALLY_REFUNDED'],
  ['c40 r40 v', 'REFUNDED'],
  ['c40 v r40', 'REFUNDED'],
  ['c40 r10 v', 'PARTIALLY_REFUNDED'],
  ['r1', 'transaction_status_conflict'],
  ['v v', 'transaction_status_conflict'],
  ['v c1', 'transaction_status_conflict'],
  ['c v', 'transaction_status_conflict'],
  ['c c1', 'transaction_status_conflict'],
  ['c r r1', 'amount_required'],
  ['c r100 r1', 'transaction_status_conflict'],
  ['c101', 'amount_exceeds_authorized'],
  ['c40 c61', 'amount_exceeds_authorized'],
  ['c0', 'amount_required'],
  ['c40 r41', 'amount_exceeds_captured'],
  ['c40 r0', 'amount_required'],
]
for (const [history, expected] of transitions) {
  test(`transaction: ${history || '(nothing)'} → ${expected}`, () => {
    assert.equal(play(history), expected)
  })
}

const allowed: [TransactionStatus, captures: boolean, refunds: boolean, voids: boolean, cancels: boolean][] = [
  ['INITIATED', false, false, false, true],
  ['ON_HOLD', false, false, false, true],
  ['UNKNOWN', false, false, false, true],
  ['AUTHORIZED', true, false, true, true],
  ['AUTHORIZATION_VOIDED', false, false, false, false],
  ['PARTIALLY_CAPTURED', true, true, true, false],
  ['CAPTURED', false, true, false, false],
  ['PARTIALLY_CAPTURED_REFUNDED', true, true, true, false],
  ['PARTIALLY_REFUNDED', false, true, false, false],
  ['REFUNDED', false, false, false, false],
  ['DECLINED', false, false, false, false],
  ['FAILED', false, false, false, false],
]
for (const [status, captures, refunds, voids, cancels] of allowed) {
  test(`transaction: what is allowed when ${status}`, () => {
    const state = row({ status, captured: 50 })
    assert.equal(!isRefusal(mayCapture(state, undefined, { amount: 1 })), captures)
    assert.equal(!isRefusal(mayRefund(state, undefined, { amount: 1 })), refunds)
    assert.equal(!isRefusal(mayVoid(state, undefined)), voids)
    assert.equal(!isRefusal(mayVoid(state, undefined, true)), cancels)
  })
}

test('void: a payment that was authorized after its cancellation began is voided whole', () => {
  const intent = operation('void', { amount: 0, void_amount: 0 }, { cancelling: true })
  const unfinished = row({ status: 'INITIATED', authorized: 0 })
  assert.equal(settle(reserve(unfinished, intent), intent, succeeded, { now, uuid }).next.status, 'AUTHORIZATION_VOIDED')
  const { next, events } = settle(row(), intent, succeeded, { now, uuid })
  assert.equal(next.voided, 100)
  assert.equal(events[0]!.amount, 100)
})

/** The independent model: only sums, no statuses. It says what must be possible and what must be refused. */
type Model = { authorized: number; captured: number; refunded: number; voided: number; waiting: Waiting[] }
type Waiting = { operation: OperationRow; kind: 'capture' | 'refund' | 'void'; amount: number; rest: number }

const sum = (waiting: Waiting[], kind: string) =>
  waiting.reduce(
    (total, { kind: other, amount, rest }) => total + (other === kind ? amount : 0) + (kind === 'void' ? rest : 0),
    0,
  )

const step = fc.record({
  kind: fc.constantFrom('capture', 'refund', 'void', 'settle'),
  amount: fc.option(fc.integer({ min: -1, max: 120 }), { nil: undefined }),
  final: fc.boolean(),
  outcome: fc.constantFrom('succeeded', 'failed', 'unknown'),
  which: fc.nat(),
})

test('transaction: random captures, refunds, voids, time-outs and late outcomes agree with the model', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let state = row()
      const model: Model = { authorized: 100, captured: 0, refunded: 0, voided: 0, waiting: [] }
      let count = 2
      for (const { kind, amount, final, outcome, which } of steps) {
        const settles = kind === 'settle'
        if (settles && model.waiting.length === 0) continue
        let waiting: Waiting
        if (settles) {
          waiting = model.waiting.splice(which % model.waiting.length, 1)[0]!
        } else {
          const request = { ...(amount === undefined ? {} : { amount }), ...(final ? { final_capture: true } : {}) }
          const verdict = decide[kind as 'capture'](state, undefined, request)
          const held = sum(model.waiting, 'void')
          const rest = model.authorized - model.captured - model.voided - sum(model.waiting, 'capture') - held
          const back = model.captured - model.refunded - sum(model.waiting, 'refund')
          const possible =
            kind === 'capture'
              ? held === 0 &&
                rest > 0 &&
                (amount === undefined || (amount > 0 && amount <= rest)) &&
                !(final && sum(model.waiting, 'capture') > 0)
              : kind === 'refund'
                ? amount !== undefined && amount > 0 && amount <= back
                : rest > 0 && held === 0 && sum(model.waiting, 'capture') === 0
          assert.equal(!isRefusal(verdict), possible, `${kind} ${amount} of ${JSON.stringify(model)}`)
          if (isRefusal(verdict)) continue
          const intent = operation(kind as OperationKind, verdict)
          state = reserve(state, intent)
          const moved = kind === 'void' ? rest : (amount ?? rest)
          waiting = {
            operation: intent,
            kind: kind as 'capture',
            amount: moved,
            rest: kind === 'capture' && final ? rest - moved : 0,
          }
        }
        const answer = { succeeded, failed, unknown }[outcome as 'failed']
        const change = settle(state, waiting.operation, answer, { now, uuid })
        count += change.events.length
        state = change.next
        if (outcome === 'unknown') model.waiting.push({ ...waiting, operation: change.operation })
        if (outcome === 'succeeded') {
          if (waiting.kind === 'capture') model.captured += waiting.amount
          if (waiting.kind === 'refund') model.refunded += waiting.amount
          if (waiting.kind === 'void') model.voided += waiting.amount
          model.voided += waiting.rest
        }
        const { authorized, captured, refunded, voided } = state
        assert.deepEqual(
          { captured, refunded, voided },
          { captured: model.captured, refunded: model.refunded, voided: model.voided },
        )
        assert.equal(state.status, statusOf({ authorized, captured, refunded, voided }))
        assert.equal(state.event_count, count)
        assert.ok(restOf(state) >= 0 && refunded <= captured)
        assert.equal(state.pending_capture, sum(model.waiting, 'capture'))
        assert.equal(state.pending_refund, sum(model.waiting, 'refund'))
        assert.equal(state.pending_void, sum(model.waiting, 'void'))
      }
    }),
    { numRuns: 500 },
  )
})
