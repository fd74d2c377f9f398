import assert from 'node:assert/strict'
import { test } from 'node:test'
import { now, operationRow, sessionRow } from '../../test/rows.ts'
import type { OperationRow } from '../checkout/operations-log/operation.ts'
import { verifySession } from './session.ts'
import type { SessionRead } from './store.ts'

const paid = operationRow({ id: 'op1', kind: 'authorize', amount: 100, state: 'succeeded', outcome: {} })
const capture = operationRow({ id: 'op2', state: 'succeeded', outcome: {} })

const asked = { merchant_reference_2: null, store_id: null, amount_to_pay: 100 }
/** Its last event says what its outcome does, when that is an end. */
const session = (changes: Partial<SessionRead['row']> = {}, rest: Partial<SessionRead> = {}): SessionRead => ({
  ...{
    account_id: 'T12345678',
    id: 'T12345678.s',
    row: { ...sessionRow(), events_size: 0, currency: 'NOK', merchant_reference_2: null, store_id: null, ...changes },
    asked,
    hash: 'h1',
    events: [named(changes.outcome ?? 'INITIATED')],
  },
  ...{ transaction: null, operations: [], size_max: null, ...rest },
})
const done = { outcome: 'AUTHORIZED', transaction_id: 't' } as const
const transaction = { session_id: 'T12345678.s', authorized_at: now }
const named = (name: string) => ({ sequence: 1, name, hash: 'h1', linked: true })
const sessions: [title: string, read: SessionRead, differences: unknown[][]][] = [
  ['open', session(), []],
  ['counted as larger than it is', session({ events_size: 6 }, { size_max: 5 }), [['events_size', 'at most 5', 6]]],
  ['paid', session(done, { transaction, operations: [paid] }), []],
  ['paid, cancelled then', session({ ...done, outcome: 'CANCELLED' }, { transaction, operations: [paid] }), []],
  ['without its transaction', session({ ...done, outcome: 'FAILED' }), [['transaction_id', 'a transaction', 't']]],
  [
    'with the transaction of another',
    session({ ...done, outcome: 'FAILED' }, { transaction: { ...transaction, session_id: 'x' } }),
    [['session_id of the transaction', 'T12345678.s', 'x']],
  ],
  ['paid twice', session(done, { transaction, operations: [paid, { ...paid, id: 'op2' }] }), [['successful payments', 1, 2]]],
  [
    'tried twice, paid once',
    session(done, { transaction, operations: [{ ...paid, id: 'op0', state: 'failed' }, paid, capture] }),
    [],
  ],
  [
    'paid, but not authorized',
    session(done, { transaction: { ...transaction, authorized_at: null } }),
    [['outcome', 'an authorized transaction', 'AUTHORIZED']],
  ],
  ['paid, by nothing', session({ outcome: 'AUTHORIZED' }), [['outcome', 'an authorized transaction', 'AUTHORIZED']]],
  [
    'paid, but it does not know',
    session({ transaction_id: 't' }, { transaction, operations: [paid], events: [named('AUTHORIZED')] }),
    [['outcome', 'AUTHORIZED', null]],
  ],
  [
    'paid, but the column says cancelled',
    session({ ...done, outcome: 'CANCELLED' }, { transaction, operations: [paid], events: [named('AUTHORIZED')] }),
    [['outcome', 'AUTHORIZED', 'CANCELLED']],
  ],
  [
    'paid with another amount and currency',
    session({ ...done, currency: 'SEK' }, { transaction, operations: [paid], asked: { ...asked, amount_to_pay: 1 } }),
    [
      ['amount', 100, 1],
      ['currency', 'NOK', 'SEK'],
    ],
  ],
  [
    'open, but the column says it is over',
    session({ outcome: 'DECLINED' }, { events: [named('VISITED')] }),
    [['outcome', null, 'DECLINED']],
  ],
  ['tried in vain', session({}, { events: [named('PAY_FAILED')] }), []],
  [
    'other references than its order',
    session({ merchant_reference_2: 'x', store_id: 'x' }, { asked: { ...asked, merchant_reference_2: 'R2' } }),
    [
      ['merchant_reference_2', 'R2', 'x'],
      ['store_id', null, 'x'],
    ],
  ],
  ['of another store', session({}, { asked: { ...asked, store_id: 'oslo' } }), [['store_id', 'oslo', null]]],
  ...(['PAYMENT_INITIATED', 'ON_HOLD', 'UNKNOWN'] as const).map((outcome, index): (typeof sessions)[number] => {
    const state = (['action_required', 'held', 'unknown'] as const)[index]!
    const other = (['held', 'unknown', 'action_required'] as const)[index]!
    const expected = (['ON_HOLD', 'UNKNOWN', 'PAYMENT_INITIATED'] as const)[index]!
    const at = (state: OperationRow['state']) => {
      const operations = [{ ...paid, state }]
      return session({ operation_id: 'op1', outcome }, { operations, events: [named('INITIATED')] })
    }
    assert.deepEqual(verifySession(at(state)), [])
    return [`on its way as ${other}, but the column says ${outcome}`, at(other), [['outcome', expected, outcome]]]
  }),
  [
    'its payment voided, but not cancelled yet',
    session(
      { operation_id: 'op1', outcome: 'ON_HOLD' },
      { operations: [{ ...paid, state: 'failed' }], events: [named('INITIATED')] },
    ),
    [],
  ],
  ['being paid', session({ operation_id: 'op1' }, { operations: [{ ...paid, state: 'pending' }] }), []],
  [
    'being paid, but it does not know',
    session(
      {},
      {
        operations: [
          { ...paid, state: 'unknown' },
          { ...capture, state: 'unknown' },
        ],
      },
    ),
    [['operation_id', 'op1', null]],
  ],
  [
    'being paid by another',
    session({ operation_id: 'x' }, { operations: [{ ...paid, state: 'failed' }] }),
    [['operation_id', 'an operation', 'x']],
  ],
  ['being paid by nothing', session({ operation_id: 'op1' }), [['operation_id', 'an operation', 'op1']]],
  ['with a broken chain', session({ event_count: 2 }), [['number of events', 2, 1]]],
]
for (const [title, given, differences] of sessions) {
  test(`verify a session: ${title}`, () => {
    const list = verifySession(given)
    assert.deepEqual(
      list.map(({ what, expected, found }) => [what, expected, found]),
      differences,
    )
    for (const { aggregate_type, aggregate_id } of list)
      assert.deepEqual([aggregate_type, aggregate_id], ['session', 'T12345678.s'])
  })
}
