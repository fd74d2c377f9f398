import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, later, now, operationRow } from '../../../test/rows.ts'
import type { FoundOutcome } from '../../gateways/gateway.ts'
import { isSettled, nextAttempt, type OperationRow, type OperationState } from './operation.ts'
import { mayResolve, operationView, type Resolution } from './resolution.ts'

// attempts so far | seconds until the next
const waits = [1, 1, 2, 5, 10, 30, 60, 300, 900, 3_600, 3_600, 3_600]
for (const [attempts, seconds] of waits.entries()) {
  test(`operation: after ${attempts} attempts, asked again in ${seconds} s`, () => {
    assert.deepEqual(nextAttempt(now, attempts), later(seconds * 1_000))
  })
}

const settled: [OperationState, boolean, next: string][] = [
  [
    'pending',
    false,
    'The provider is being asked; should the process that asks have died, another one asks again at next_attempt_at.',
  ],
  ['unknown', false, 'The provider is asked again, with the same key, at next_attempt_at; or a person resolves it.'],
  ['action_required', false, 'The customer is at the provider; it is asked at next_attempt_at.'],
  ['held', false, 'Somebody at the provider decides; it is asked at next_attempt_at.'],
  ['succeeded', true, 'Nothing: it is settled.'],
  ['failed', true, 'Nothing: it is settled.'],
]
for (const [state, expected, next] of settled) {
  test(`operation: ${state} is ${expected ? '' : 'not '}settled, and says what is next`, () => {
    assert.equal(isSettled({ state }), expected)
    const next_attempt_at = expected ? null : new Date(0)
    assert.equal(operationView(operationRow({ state, next_attempt_at })).next, next)
  })
}
test('operation: a late success says that it is being voided', () => {
  const row = operationRow({ state: 'succeeded', next_attempt_at: new Date(0) })
  assert.equal(operationView(row).next, 'It succeeded too late and is being voided.')
})

test('operation: shown without what is secret', () => {
  const operation = operationRow({
    state: 'action_required',
    next_attempt_at: now,
    updated_at: now,
    request: { void_amount: 60, request_hash: 'h', token_id: 't', request_headers: { 'user-agent': 'x' }, reason: 'why' },
    outcome: { redirect_url: 'https://bank', gateway_reference: 'r' },
  })
  assert.deepEqual(operationView(operation), {
    id: 'op',
    kind: 'capture',
    session_id: 'T12345678.s',
    transaction_id: 'T12345678.t',
    gateway: 'fake',
    payment_product_type: 'dintero_psp.creditcard',
    amount: 40,
    currency: 'NOK',
    state: 'action_required',
    attempts: 1,
    intent: { void_amount: 60, reason: 'why' },
    outcome: { gateway_reference: 'r' },
    next_attempt_at: now.toISOString(),
    next: 'The customer is at the provider; it is asked at next_attempt_at.',
    created_at: before.toISOString(),
    created_by: 'client',
    updated_at: now.toISOString(),
  })
  const bare = operationView(operationRow({ next_attempt_at: null, created_by: null }))
  for (const name of ['outcome', 'next_attempt_at', 'created_by']) assert.equal(name in bare, false, name)
})

const yes: Resolution = { outcome: 'succeeded', evidence: 'e' }
const refused = (code: string, message: string, path?: string) => ({ code, message, ...(path ? { path } : {}) })
const asked = refused('operation_pending', 'The provider is being asked right now. Wait until next_attempt_at.')
const known = (what: string) =>
  refused('operation_known', `The provider can tell, and says ${what}; that is what will be recorded.`)
const reference = refused(
  'invalid_request',
  '/gateway_reference is required when an authorization succeeded.',
  '/gateway_reference',
)
type Case = [title: string, OperationRow, Resolution, FoundOutcome, refusal: object | undefined]
const unknown: FoundOutcome = { outcome: 'unknown' }
const authorize = operationRow({ kind: 'authorize', state: 'unknown' })
const cases: Case[] = [
  ['unknown', operationRow({ state: 'unknown', next_attempt_at: later(1) }), yes, unknown, undefined],
  ['being asked', operationRow({ next_attempt_at: later(1) }), yes, unknown, asked],
  ['asked by somebody who died', operationRow({ next_attempt_at: now }), yes, unknown, undefined],
  ['asked by nobody', operationRow({ next_attempt_at: null }), yes, unknown, undefined],
  [
    'settled',
    operationRow({ state: 'succeeded' }),
    yes,
    { outcome: 'absent' },
    refused('operation_settled', 'Operation op is settled already: it succeeded.'),
  ],
  [
    'refused already',
    operationRow({ state: 'failed' }),
    yes,
    unknown,
    refused('operation_settled', 'Operation op is settled already: it failed.'),
  ],
  ['known', operationRow(), yes, { outcome: 'succeeded', gateway_reference: 'r' }, known('that it succeeded')],
  ['known to have failed', operationRow(), yes, { outcome: 'failed', error: { message: '' } }, known('that it failed')],
  ['never received', operationRow(), yes, { outcome: 'absent' }, known('that it never received it')],
  ['pending there', operationRow(), yes, { outcome: 'pending' }, undefined],
  ['held there', operationRow(), yes, { outcome: 'held', gateway_reference: 'r' }, undefined],
  ['a payment without a reference', authorize, yes, unknown, reference],
  ['a payment', authorize, { ...yes, gateway_reference: 'r' }, unknown, undefined],
  ['a payment that failed', authorize, { ...yes, outcome: 'failed' }, unknown, undefined],
]
for (const [title, operation, resolution, found, refusal] of cases) {
  test(`resolve by hand: ${title}: ${refusal ? 'no' : 'yes'}`, () => {
    assert.deepEqual(mayResolve(operation, resolution, found, now), refusal)
  })
}
