import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transactionRow } from '../../../test/rows.ts'
import type { PaymentProduct } from '../../gateways/gateway.ts'
import type { Refusal } from '../../lib/errors.ts'
import type { TransactionRow } from '../transactions/transaction.ts'
import {
  type AuthorizationRequest,
  type AuthorizationUpdate,
  mayUpdateAuthorization,
  type Update,
} from './authorization-update.ts'

const items = (...amounts: (number | undefined)[]) => amounts.map((amount) => (amount === undefined ? {} : { amount }))
const said = (update: Update, amount: number, void_amount = 0): AuthorizationUpdate => ({
  update,
  amount,
  void_amount,
  new_amount: amount,
})
const no = (code: Refusal['code'], message: string, path?: string, allowed?: Refusal['allowed']): Refusal => ({
  ...{ code, message },
  ...(path ? { path } : {}),
  ...(allowed === undefined ? {} : { allowed }),
})
const type = 'dintero_psp.creditcard'
const unsupported = no('operation_unsupported', `The authorization of a ${type} payment can't be changed like this.`)
const above_zero = no('amount_required', '/amount must be above zero.', '/amount', 1)
const busy = no('operation_pending', 'A void or a change of the authorization is not settled yet.')
const state = (status: string) =>
  no('transaction_status_conflict', `The authorization of a transaction that is ${status} can't be changed.`, 'id', [
    'AUTHORIZED',
    'PARTIALLY_CAPTURED',
    'PARTIALLY_CAPTURED_REFUNDED',
  ])
const sum = (is: number, be: number) => no('items_invalid', `/items add up to ${is}, not to ${be}.`, '/items')
const least = (amount: number) =>
  no('amount_not_allowed', `/amount must be at least ${amount}, which is captured or being captured.`, '/amount', amount)
const not_above = no('amount_not_allowed', '/amount must be above 100 while the authorization is not final.', '/amount', 101)

type Case = [title: string, row: Partial<TransactionRow>, can: Update[], AuthorizationRequest, AuthorizationUpdate | Refusal]
const held = { status: 'ON_HOLD' } as const
const draft = { final_authorization: false }
const changing = { data: { updating: 'op' } }
const part = { status: 'PARTIALLY_CAPTURED', captured: 40, pending_capture: 10 } as const
const cases: Case[] = [
  ['a product that can nothing', {}, [], {}, unsupported],
  ['extend', {}, ['extend'], {}, said('extend', 100)],
  ['extend, but by an amount', {}, ['extend'], { amount: 100 }, unsupported],
  ['extend what is captured', { status: 'CAPTURED' }, ['extend'], {}, state('CAPTURED')],
  ['extend what is partly captured', { status: 'PARTIALLY_CAPTURED' }, ['extend'], {}, said('extend', 100)],
  ['extend what is refunded in part', { status: 'PARTIALLY_CAPTURED_REFUNDED' }, ['extend'], {}, said('extend', 100)],
  ['extend what is being voided', { pending_void: 1 }, ['extend'], {}, busy],
  ['release', held, ['release_hold', 'extend'], {}, said('release_hold', 100)],
  ['release, all said again', held, ['release_hold'], { amount: 100, items: items(60, 40) }, said('release_hold', 100)],
  [
    'release of another amount',
    held,
    ['release_hold'],
    { amount: 99 },
    no('amount_not_allowed', '/amount must be that of the order, 100.', '/amount', 100),
  ],
  ['release of other items', held, ['release_hold'], { items: items(60, undefined) }, sum(60, 100)],
  ['release, no items', held, ['release_hold'], { items: [] }, said('release_hold', 100)],
  [
    'release of what is not held',
    {},
    ['release_hold'],
    {},
    no('transaction_status_conflict', 'A transaction that is AUTHORIZED is not on hold.', 'id', ['ON_HOLD']),
  ],
  ['hold of a product that is not released', held, ['extend'], {}, state('ON_HOLD')],
  ['final', draft, ['pre_authorization', 'extend'], { final_authorization: true }, said('pre_authorization', 100)],
  ['final, less', draft, ['pre_authorization'], { final_authorization: true, amount: 70 }, said('pre_authorization', 70, 30)],
  ['final, more', draft, ['pre_authorization'], { final_authorization: true, amount: 130 }, said('pre_authorization', 130)],
  [
    'final, with items',
    draft,
    ['pre_authorization'],
    { final_authorization: true, items: items(100) },
    said('pre_authorization', 100),
  ],
  ['final, with other items', draft, ['pre_authorization'], { final_authorization: true, items: items(99) }, sum(99, 100)],
  ['final, of nothing', draft, ['pre_authorization'], { final_authorization: true, amount: 0 }, above_zero],
  ['more, not final yet', draft, ['pre_authorization', 'amount'], { amount: 101 }, said('pre_authorization', 101)],
  ['as much, not final yet', draft, ['pre_authorization'], { amount: 100 }, not_above],
  ['nothing said, not final yet', draft, ['pre_authorization'], { final_authorization: false }, not_above],
  [
    'final already',
    {},
    ['pre_authorization'],
    { amount: 101 },
    no('authorization_final', 'The authorization is final already and can no longer be changed.'),
  ],
  ['final, being voided', { ...draft, pending_void: 1 }, ['pre_authorization'], { amount: 101 }, busy],
  ['extend what is being changed', changing, ['extend'], {}, busy],
  ['final, being changed', { ...draft, ...changing }, ['pre_authorization'], { final_authorization: true }, busy],
  ['more, being changed', changing, ['amount'], { amount: 130 }, busy],
  ['more', {}, ['amount', 'extend'], { amount: 130 }, said('amount', 130)],
  ['less', {}, ['amount'], { amount: 70 }, said('amount', 70, 30)],
  ['nothing', {}, ['amount'], { amount: 0 }, above_zero],
  ['no amount', {}, ['amount'], {}, unsupported],
  ['as little as is captured', part, ['amount'], { amount: 50 }, said('amount', 50, 50)],
  ['less than is captured', part, ['amount'], { amount: 49 }, least(50)],
  ['of a refunded payment', { status: 'REFUNDED' }, ['amount'], { amount: 70 }, state('REFUNDED')],
  [
    'without items, of a payment with items',
    { data: { items: [{ line_id: '1' }] } },
    ['amount'],
    { amount: 70 },
    no('items_invalid', '/items is required: the transaction has items.', '/items'),
  ],
  [
    'without items, of a payment with none',
    { data: { items: [] } },
    ['amount'],
    { amount: 70, items: [] },
    said('amount', 70, 30),
  ],
  [
    'with items',
    { data: { items: [{ line_id: '1' }] } },
    ['amount'],
    { amount: 70, items: items(30, 40) },
    said('amount', 70, 30),
  ],
  ['with other items', {}, ['amount'], { amount: 70, items: items(30, 41) }, sum(71, 70)],
]
for (const [title, row, can, request, verdict] of cases) {
  test(`authorization update: ${title}`, () => {
    const product = { authorization_update: can } as unknown as PaymentProduct
    assert.deepEqual(mayUpdateAuthorization(transactionRow(row), product, request), verdict)
  })
}
test('authorization update: of an unknown product', () => {
  assert.deepEqual(mayUpdateAuthorization(transactionRow(), undefined, {}), unsupported)
})
