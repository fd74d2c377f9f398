import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chance, later, now, operationRow, sessionRow, transactionRow } from '../../../test/rows.ts'
import type { FoundOutcome } from '../../gateways/gateway.ts'
import type { OperationRow } from '../operations-log/operation.ts'
import type { SessionRow } from '../sessions/session.ts'
import { auto_capture_ms } from '../transactions/settlement.ts'
import type { TransactionRow } from '../transactions/transaction.ts'
import { newTransaction } from './new-transaction.ts'
import { isOverdue, type PaymentChange, settlePayment, type TokenIds } from './payment.ts'

const session = (changes: Partial<SessionRow['data']> = {}) => sessionRow({ data: { ...sessionRow().data, ...changes } })
const authorize = (changes: Partial<OperationRow> = {}) => operationRow({ kind: 'authorize', amount: 100, ...changes })
const succeeded: FoundOutcome = { outcome: 'succeeded', gateway_reference: 'r' }

/** The published transaction of a payment on its way. */
const published = (changes: Partial<TransactionRow> = {}) =>
  transactionRow({
    status: 'INITIATED',
    authorized: 0,
    authorized_at: null,
    event_count: 1,
    gateway_reference: 'known',
    ...changes,
  })

type State = {
  data?: Partial<SessionRow['data']>
  operation?: Partial<OperationRow>
  transaction?: TransactionRow
  token_ids?: TokenIds
}
function settle({ data, operation, transaction, token_ids }: State, outcome: FoundOutcome): PaymentChange | undefined {
  const context = { ...chance(), ...(token_ids ? { token_ids } : {}) }
  return settlePayment({ session: session(data), operation: authorize(operation), transaction }, outcome, context)
}
/** What a new transaction of the state is, but for `changes`. */
const made = ({ data, operation }: State, changes: Partial<TransactionRow>): TransactionRow => ({
  ...newTransaction(session(data), authorize(operation), now),
  ...changes,
})

const time = now.toISOString()
const initialize = (transaction_status: string, more: object = {}) => ({
  ...{ sequence: 1, event: 'INITIALIZE', transaction_status, success: true, request_id: 'op' },
  ...{ correlation_request_id: null, operation_id: null, data: {}, created_at: time, created_by: 'client', ...more },
})
const authorized = (sequence: number, transaction_status: string, more: object = {}) => ({
  ...{ sequence, event: 'AUTHORIZE', transaction_status, success: true, amount: 100, request_id: 'u1' },
  ...{ correlation_request_id: 'op', operation_id: 'op', data: {}, created_at: time, created_by: 'client', ...more },
})
const told = (id: string, name: string, details?: object) => ({
  ...{ id, name, created_at: time, request_id: 'op' },
  ...(details ? { details } : {}),
})
const webhook = (event: string, sequence: number, details?: object) => ({
  ...{ event, aggregate_type: 'transaction', aggregate_id: 'T12345678.t', sequence },
  ...(details ? { details } : {}),
})
const about = { session_id: 'T12345678.s', transaction_id: 'T12345678.t', merchant_reference: 'R' }
const done = (state: OperationRow['state'], outcome: object) =>
  authorize({ state, next_attempt_at: null, outcome, updated_at: now })

test('succeeded at once: the transaction, its two events, and what is told', () => {
  assert.deepEqual(settle({}, succeeded), {
    session: { outcome: 'AUTHORIZED', transaction_id: 'T12345678.t', operation_id: null },
    session_events: [told('u2', 'AUTHORIZED', { transaction_id: 'T12345678.t', amount: 100 }), told('u3', 'COMPLETED')],
    transaction: made({}, { event_count: 2, authorized: 100, status: 'AUTHORIZED', authorized_at: now, gateway_reference: 'r' }),
    events: [initialize('INITIATED'), authorized(2, 'AUTHORIZED')],
    operation: done('succeeded', {}),
    notifications: [
      webhook('checkout_transaction', 1),
      webhook('checkout_transaction', 2),
      webhook('checkout_authorization', 2, about),
    ],
  })
})

test('succeeded: with the card, the tokens and the metadata that the provider answered', () => {
  const outcome: FoundOutcome = {
    ...succeeded,
    card: { brand: 'visa', masked_pan: '4111' },
    payment_token: 'p',
    metadata: { 'provider:id': 7, shared: 'theirs' },
  }
  const state: State = { data: { metadata: { ext_a: 'A', shared: 'ours' } }, token_ids: { payment_token_id: 'pid' } }
  const change = settle(state, outcome)!
  const transaction = change.transaction!
  assert.equal(transaction.card_brand, 'visa')
  assert.equal(transaction.token_id, 'pid')
  assert.deepEqual(transaction.data.card, { brand: 'visa', masked_pan: '4111', payment_token_id: 'pid' })
  assert.deepEqual(transaction.data.tokens, { payment_token: 'p' })
  assert.deepEqual(transaction.data.metadata, { ext_a: 'A', shared: 'theirs', 'provider:id': 7 })
  assert.deepEqual(transaction.search_terms, [...made(state, {}).search_terms, 'T12345678/pid'])
  assert.deepEqual(change.events[1]!.data, { metadata: { 'provider:id': 7, shared: 'theirs' } })

  const recurring = settle({ token_ids: { recurrence_token_id: 'rid' } }, { ...succeeded, recurrence_token: 'r' })!.transaction!
  assert.equal(recurring.token_id, 'rid')
  assert.deepEqual(recurring.data.tokens, { recurrence_token: 'r' })
  assert.equal('card' in recurring.data, false)

  const plain = settle({}, succeeded)!.transaction!
  assert.equal(plain.token_id, null)
  assert.equal('tokens' in plain.data, false)
  assert.deepEqual(plain.search_terms, made({}, {}).search_terms)
})

test('succeeded and captured at once: the money is taken, and no automatic capture follows', () => {
  const state: State = { data: { configuration: { auto_capture: true } } }
  const change = settle(state, { ...succeeded, captured: true })!
  assert.deepEqual(
    change.transaction,
    made(state, {
      ...{ event_count: 3, authorized: 100, captured: 100, status: 'CAPTURED', authorized_at: now, captured_at: now },
      ...{ gateway_reference: 'r', data: { items: [], url: { return_url: 'https://shop.example/done' }, metadata: {} } },
    }),
  )
  assert.deepEqual(change.events.slice(2), [
    {
      ...{ sequence: 3, event: 'CAPTURE', transaction_status: 'CAPTURED', success: true, amount: 100, request_id: 'u2' },
      ...{ correlation_request_id: null, operation_id: null, data: {}, created_at: time, created_by: 'client' },
    },
  ])
})

test('succeeded, to be captured automatically: at once, for 48 hours, and the callback waits for it', () => {
  const state: State = { data: { configuration: { auto_capture: true } } }
  const transaction = settle(state, succeeded)!.transaction!
  assert.deepEqual(transaction.auto_capture_at, now)
  assert.deepEqual(transaction.auto_capture_until, later(auto_capture_ms))
  assert.equal(transaction.data.callback_due, 2)
  assert.equal(transaction.data.auto_capture, true)
  const nothing = settle({ ...state, operation: { amount: 0 } }, succeeded)!.transaction!
  assert.deepEqual([nothing.auto_capture_at, nothing.data.callback_due], [now, 2])
  const by_hand = settle({}, succeeded)!.transaction!
  assert.equal(by_hand.auto_capture_at, null)
  assert.equal(by_hand.auto_capture_until, null)
})

test('succeeded later: the transaction that is published goes on; headers stand at the first event only', () => {
  const transaction = published({ status: 'ON_HOLD', data: { event_reference: 'E' } })
  const request = { request_headers: { 'user-agent': 'x' } }
  const change = settle({ transaction, operation: { state: 'held', request } }, succeeded)!
  assert.deepEqual(change.transaction, {
    ...transaction,
    ...{ event_count: 2, authorized: 100, status: 'AUTHORIZED', authorized_at: now, gateway_reference: 'r', updated_at: now },
    data: { event_reference: 'E', metadata: {} },
  })
  assert.deepEqual(change.events, [authorized(2, 'AUTHORIZED')])
  assert.deepEqual(transaction, published({ status: 'ON_HOLD', data: { event_reference: 'E' } }))
  const at_once = settle({ operation: { request } }, succeeded)!
  assert.deepEqual(
    at_once.events.map(({ data }) => data),
    [request, request],
  )
})

test('an outcome of a payment that is over changes nothing', () => {
  for (const status of ['AUTHORIZED', 'AUTHORIZATION_VOIDED', 'CAPTURED', 'DECLINED', 'FAILED'] as const) {
    for (const outcome of [succeeded, { outcome: 'absent' }, { outcome: 'unknown' }] as const) {
      assert.equal(settle({ transaction: published({ status }) }, outcome), undefined)
    }
  }
})

// The reason that the provider gives, before anything is published: the customer may try again, or the payment is over.
const no = { message: 'no' }
test('rejected: the session stays open, and nothing is published', () => {
  const error = { message: 'no', code: 'c' }
  for (const [reason, shown] of [
    ['rejected', 'Rejected'],
    ['cancelled', 'Cancelled'],
  ] as const) {
    assert.deepEqual(settle({}, { outcome: 'failed', error, reason }), {
      session: { outcome: null, transaction_id: null, operation_id: null },
      session_events: [told('u1', 'PAY_FAILED', { error: shown, payment_product_type: 'dintero_psp.creditcard', message: 'no' })],
      transaction: undefined,
      events: [],
      operation: done('failed', { error, reason }),
      notifications: [],
    })
  }
})
test('absent: as rejected, for nothing reached the provider', () => {
  const change = settle({}, { outcome: 'absent' })!
  assert.equal(change.transaction, undefined)
  const error = { message: 'The provider never received the payment.' }
  assert.deepEqual(change.operation, done('failed', { error, reason: 'rejected' }))
})

type Reason = 'rejected' | 'declined' | 'cancelled' | 'failed' | undefined
const refusals: [title: string, State, Reason, status: string, outcome: string, kept: string, data?: object][] = [
  ['declined', {}, 'declined', 'DECLINED', 'DECLINED', 'declined'],
  ['failed', {}, 'failed', 'FAILED', 'FAILED', 'failed'],
  ['for no reason', {}, undefined, 'FAILED', 'FAILED', 'failed'],
  ['declined by nobody', { operation: { request: { merchant_initiated: true } } }, 'declined', 'FAILED', 'FAILED', 'failed'],
  [
    'rejected, merchant-initiated',
    { operation: { request: { merchant_initiated: true } } },
    'rejected',
    'FAILED',
    'FAILED',
    'failed',
  ],
  ['rejected, published', { transaction: published() }, 'rejected', 'FAILED', 'FAILED', 'rejected'],
  ['declined, published', { transaction: published() }, 'declined', 'DECLINED', 'DECLINED', 'declined'],
  [
    'cancelled, published',
    { transaction: published() },
    'cancelled',
    'DECLINED',
    'CANCELLED',
    'cancelled',
    { error: no, reason: 'cancelled' },
  ],
]
for (const [title, state, reason, status, outcome, kept, data = { error: no }] of refusals) {
  test(`refused: ${title}`, () => {
    const failure: FoundOutcome = { outcome: 'failed', error: no, ...(reason ? { reason } : {}) }
    const { transaction } = state
    const sequence = 2
    const details = { transaction_id: 'T12345678.t', error: 'no' }
    const error = outcome === 'CANCELLED' ? 'cancelled' : outcome === 'DECLINED' ? 'authorization' : 'failed'
    const { transaction_id: _, ...without } = about
    const request = state.operation?.request ?? {}
    assert.deepEqual(settle(state, failure), {
      session: { outcome, transaction_id: 'T12345678.t', operation_id: null },
      session_events: [told('u2', outcome, details)],
      transaction: transaction
        ? { ...transaction, event_count: 2, status, updated_at: now }
        : made(state, { event_count: 2, status: status as 'FAILED' }),
      events: [...(transaction ? [] : [initialize('INITIATED')]), authorized(sequence, status, { success: false, data })],
      operation: { ...done('failed', { error: no, reason: kept }), request },
      notifications: [
        ...(transaction ? [] : [webhook('checkout_transaction', 1)]),
        webhook('checkout_transaction', 2),
        webhook('checkout_authorization', 2, { ...(error === 'cancelled' ? without : about), error }),
      ],
    })
  })
}

const to_bank: FoundOutcome = { outcome: 'action_required', redirect_url: 'https://bank', gateway_reference: 'r' }
const held: FoundOutcome = { outcome: 'held', gateway_reference: 'r' }
const ways: [FoundOutcome, status: string, outcome: string, state: string, kept: object, gateway_reference: string | null][] = [
  [to_bank, 'INITIATED', 'PAYMENT_INITIATED', 'action_required', { redirect_url: 'https://bank', gateway_reference: 'r' }, 'r'],
  [held, 'ON_HOLD', 'ON_HOLD', 'held', { gateway_reference: 'r' }, 'r'],
  [{ outcome: 'unknown' }, 'UNKNOWN', 'UNKNOWN', 'unknown', {}, null],
  [{ outcome: 'pending' }, 'UNKNOWN', 'UNKNOWN', 'unknown', {}, null],
]
for (const [found, status, outcome, state, kept, gateway_reference] of ways) {
  test(`on its way: ${found.outcome} is published with its first event`, () => {
    assert.deepEqual(settle({ operation: { attempts: 2 } }, found), {
      session: { outcome, transaction_id: 'T12345678.t', operation_id: 'op' },
      session_events: [],
      transaction: made({}, { event_count: 1, status: status as 'ON_HOLD', gateway_reference }),
      events: [initialize(status)],
      operation: authorize({
        ...{ attempts: 2, state: state as 'held', next_attempt_at: later(2_000), outcome: kept, updated_at: now },
      }),
      notifications: [webhook('checkout_transaction', 1)],
    })
  })
}
test('on its way: what was known already is no news', () => {
  for (const [outcome, status] of [
    [to_bank, 'INITIATED'],
    [held, 'ON_HOLD'],
    [{ outcome: 'unknown' }, 'UNKNOWN'],
    [{ outcome: 'unknown' }, 'INITIATED'],
    [{ outcome: 'pending' }, 'ON_HOLD'],
  ] as const) {
    assert.equal(settle({ transaction: published({ status }) }, outcome), undefined)
  }
})
test('on its way: a step further is one more event', () => {
  const change = settle({ transaction: published() }, held)!
  assert.deepEqual(change.transaction, published({ status: 'ON_HOLD', event_count: 2, gateway_reference: 'r', updated_at: now }))
  assert.deepEqual(change.events, [initialize('ON_HOLD', { sequence: 2, request_id: 'u1' })])
  const unknown = published({ status: 'UNKNOWN' })
  assert.equal(settle({ transaction: unknown }, to_bank)!.transaction!.status, 'INITIATED')
})

// session expired so long ago | state of the payment | given up
const grace_ms = 3_600_000
const overdue: [expired_ms: number, state: OperationRow['state'], boolean][] = [
  [grace_ms, 'action_required', true],
  [grace_ms, 'unknown', true],
  [grace_ms - 1, 'action_required', false],
  [-1, 'unknown', false],
  [grace_ms, 'held', false],
  [grace_ms, 'pending', false],
  [grace_ms, 'failed', false],
]
for (const [expired_ms, state, expected] of overdue) {
  test(`overdue: ${state}, ${expired_ms} ms after expiry: ${expected}`, () => {
    const state_of = { session: sessionRow({ expires_at: later(-expired_ms) }), operation: authorize({ state }) }
    assert.equal(isOverdue(state_of, now), expected)
  })
}

test('overdue: a payment that is reviewed, after 90 days, whenever its session expired', () => {
  const reviewed = (age_ms: number) => authorize({ state: 'held', created_at: later(-age_ms) })
  const session = sessionRow({ expires_at: later(1) })
  const day_ms = 86_400_000
  assert.equal(isOverdue({ session, operation: reviewed(90 * day_ms) }, now), true)
  assert.equal(isOverdue({ session, operation: reviewed(90 * day_ms - 1) }, now), false)
})
