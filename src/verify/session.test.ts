import assert from 'node:assert/strict'
import { test } from 'node:test'
import { now, operationRow, sessionRow } from '../../test/rows.ts'
import type { SessionRead } from './store.ts'
import { verifySession } from './transaction.ts'

const paid = operationRow({ id: 'op1', kind: 'authorize', amount: 100, state: 'succeeded', outcome: {} })
const capture = operationRow({ id: 'op2', state: 'succeeded', outcome: {} })

const session = (changes: Partial<SessionRead['row']> = {}, rest: Partial<SessionRead> = {}): SessionRead => ({
  ...{
    account_id: 'T12345678',
    id: 'T12345678.s',
    row: sessionRow(changes),
    hash: 'h1',
    events: [{ sequence: 1, hash: 'h1', linked: true }],
  },
  ...{ transaction: null, operations: [], ...rest },
})
const done = { outcome: 'AUTHORIZED', transaction_id: 't' } as const
const transaction = { session_id: 'T12345678.s', authorized_at: now }
const sessions: [title: string, read: SessionRead, differences: unknown[][]][] = [
  ['open', session(), []],
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
    session({ transaction_id: 't' }, { transaction, operations: [paid] }),
    [['outcome', 'AUTHORIZED', null]],
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
