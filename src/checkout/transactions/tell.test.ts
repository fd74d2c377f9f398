import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, transactionRow } from '../../../test/rows.ts'
import { delayedCallback, notificationsOf } from './tell.ts'
import type { EventRow } from './transaction.ts'

const event = (name: EventRow['event'], changes: Partial<EventRow> = {}): EventRow => ({
  ...{ sequence: 3, event: name, transaction_status: 'AUTHORIZED', success: true, request_id: 'r', data: {}, created_at: 't' },
  ...changes,
})
const without = { session_id: 'T12345678.s', merchant_reference: 'R' }
const about = { ...without, transaction_id: 'T12345678.t' }
const told = (name: string, details?: object) => ({
  ...{ event: name, aggregate_type: 'transaction', aggregate_id: 'T12345678.t', sequence: 3 },
  ...(details ? { details } : {}),
})
const callback = (details: object) =>
  told('session_callback', { url: 'https://c', ...about, time: before.toISOString(), ...details })

// event | what webhooks are told besides the change | what the callback of the session is told
const cases: [EventRow, webhook: object[], called: object[]][] = [
  [event('INITIALIZE'), [], []],
  [event('INITIALIZE', { transaction_status: 'ON_HOLD' }), [], [callback({ reason: 'on_hold' })]],
  [event('AUTHORIZE'), [told('checkout_authorization', about)], [callback({ reason: 'authorized' })]],
  [event('AUTHORIZE', { data: { update: 'extend' } }), [], []],
  [event('AUTHORIZE', { success: false }), [], []],
  ...(
    [
      ['DECLINED', {}, 'authorization', about],
      ['FAILED', {}, 'failed', about],
      ['DECLINED', { reason: 'cancelled' }, 'cancelled', without],
    ] as const
  ).map(([transaction_status, data, error, names]): [EventRow, object[], object[]] => [
    event('AUTHORIZE', { success: false, transaction_status, data }),
    [told('checkout_authorization', { ...names, error })],
    [callback({ reason: 'error', error })],
  ]),
  ...(['CAPTURE', 'REFUND', 'VOID'] as const).flatMap((name): [EventRow, object[], object[]][] => [
    [event(name), [], [callback({ reason: 'event', event: name, event_id: '3' })]],
    [event(name, { success: false }), [], []],
    [event(`INITIATE_${name}`), [], []],
  ]),
  [event('SETTLEMENT'), [], []],
]
for (const [happened, webhook, called] of cases) {
  const { event: name, success, transaction_status, data } = happened
  test(`told: ${name} ${success ? '' : 'failed '}${transaction_status} ${JSON.stringify(data)}`, () => {
    const change = told('checkout_transaction')
    assert.deepEqual(notificationsOf(transactionRow(), [happened]), [change, ...webhook])
    const row = transactionRow({ data: { url: { callback_url: 'https://c' } } })
    assert.deepEqual(notificationsOf(row, [happened]), [change, ...webhook, ...called])
  })
}
test('told: a payment that is called off before it was authorized is no event for the session', () => {
  const row = transactionRow({ authorized_at: null, data: { url: { callback_url: 'https://c' } } })
  assert.deepEqual(notificationsOf(row, [event('VOID')]), [told('checkout_transaction')])
})
test('told: the callback of a payment to be captured waits for the capture', () => {
  const row = transactionRow({ event_count: 4, data: { auto_capture: true, url: { callback_url: 'https://c' } } })
  assert.deepEqual(notificationsOf(row, [event('AUTHORIZE')]), [
    told('checkout_transaction'),
    told('checkout_authorization', about),
  ])
  assert.deepEqual(delayedCallback(row, 3), [callback({ reason: 'authorized', transaction_sequence: 4 })])
})
