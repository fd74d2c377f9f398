import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, later, now } from '../../test/rows.ts'
import {
  compareChain,
  compareNotifications,
  compareRows,
  Findings,
  type Link,
  moment,
  stillKept,
  type Told,
} from './difference.ts'
import { verifySettlement } from './settlement.ts'
import type { SettlementRead } from './store.ts'
import { type Untold, verifyTelling } from './telling.ts'

const about = { account_id: 'T1', aggregate_type: 'order', aggregate_id: 'o' }
/** What is found, without whom it is about. */
function found(look: (findings: Findings) => void): unknown[][] {
  const findings = new Findings('T1', 'order', 'o')
  look(findings)
  return findings.list.map(({ what, expected, found, ...rest }) => {
    assert.deepEqual(rest, about)
    return [what, expected, found]
  })
}

test('findings: absent and null are the same, and so is JSON in another order', () => {
  assert.deepEqual(
    found((findings) => {
      findings.compare('a', null, undefined)
      findings.compare('b', { x: 1, y: 2 }, { y: 2, x: 1 })
      findings.compare('c', undefined, 0)
      findings.compare('d', 1, undefined)
      findings.add('e', undefined, false)
    }),
    [
      ['c', null, 0],
      ['d', 1, null],
      ['e', null, false],
    ],
  )
})

const chain = (...events: [sequence: number, linked?: boolean][]): Link[] =>
  events.map(([sequence, linked = true]) => ({ sequence, hash: `h${sequence}`, linked }))
const missing = (number: number, next: number) => [`event ${number}`, 'an event of this number', `event ${next}`]
const broken = (number: number) => [`hash of event ${number}`, 'sha256 of the hash before it and its content', `h${number}`]
const chains: [title: string, links: Link[], count: number, hash: string, differences: unknown[][]][] = [
  ['whole', chain([1], [2]), 2, 'h2', []],
  ['empty', [], 0, '', []],
  ['empty, though there should be one', [], 1, 'h1', [['number of events', 1, 0]]],
  ['a gap', chain([1], [3], [4]), 3, 'h4', [missing(2, 3)]],
  ['without the first', chain([2]), 1, 'h2', [missing(1, 2)]],
  [
    'without the last',
    chain([1]),
    2,
    'h2',
    [
      ['number of events', 2, 1],
      ['hash', 'h1', 'h2'],
    ],
  ],
  ['a changed event', chain([1], [2, false], [3, false]), 3, 'h3', [broken(2)]],
]
for (const [title, links, count, hash, differences] of chains) {
  test(`chain: ${title}`, () =>
    assert.deepEqual(
      found((findings) => compareChain(findings, links, count, hash)),
      differences,
    ))
}

test('notifications: those of recent events must be there; others may', () => {
  const expected: Told[] = [
    [1, 'a'],
    [2, 'a'],
    [2, 'b'],
    [3, 'a'],
  ]
  const events = [
    { sequence: 1, at: before.toISOString() },
    { sequence: 2, at: now.toISOString() },
    { sequence: 3, at: later(1).toISOString() },
  ]
  assert.deepEqual(stillKept(expected, events, now), expected.slice(1))
  const told: Told[] = [
    [1, 'a'],
    [2, 'b'],
    [9, 'x'],
  ]
  assert.deepEqual(
    found((findings) => compareNotifications(findings, expected, told)),
    [
      ['notification 2 a', 'a row of the outbox', null],
      ['notification 3 a', 'a row of the outbox', null],
    ],
  )
})

test('rows: missing, strange, and different ones', () => {
  const expected = new Map([
    ['1', { a: 1, b: 2 }],
    ['2', { a: 1 }],
    ['3', { a: 1 }],
  ])
  const rows = new Map<string, Record<string, unknown>>([
    ['1', { a: 1, b: 3, c: 4 }],
    ['3', { a: 1 }],
    ['4', { a: 5 }],
  ])
  assert.deepEqual(
    found((findings) => compareRows(findings, 'line', expected, rows)),
    [
      ['line 1 b', 2, 3],
      ['line 2', { a: 1 }, null],
      ['line 4', null, { a: 5 }],
    ],
  )
})
test('moment: the same, however it is written', () => {
  assert.equal(moment('2026-11-23T11:00:00+01:00'), now.toISOString())
  assert.equal(moment(null), undefined)
})

const sums = { capture: 100, refund: 30, fee: 5, item_count: 2 }
const group = { provider: 'p', currency: 'NOK', payout_destination_id: '' }
const settled = { capture: 100, refund: 0, ...group, created_at: '2026-11-22T10:00:00+00:00' }
const day = { kind: 'day', start_at: '2026-11-22T00:00:00+00:00', end_at: '2026-11-23T00:00:00+00:00' }
const row = { ...sums, amount: 65, ...group, ...day, provider_reference: 'p-NOK-2026-11-22' }
const moved = { first_at: '2026-11-20T10:00:00+00:00', last_at: '2026-11-22T23:59:59.999+00:00' }
const read: SettlementRead = { account_id: 'T1', id: 's', row, sums, moved, items: [] }
const item = { transaction_id: 't', event_sequence: 3, moved: settled, settled, tells: true }
const settlements: [title: string, Partial<SettlementRead>, differences: unknown[][]][] = [
  ['as it must be', { items: [item, { ...item, tells: null }] }, []],
  ['another sum', { row: { ...row, refund: 31 } }, [['refund', 30, 31]]],
  ['another amount', { row: { ...row, amount: 66 } }, [['amount', 65, 66]]],
  [
    'another day than one',
    { row: { ...row, start_at: '2026-11-22T01:00:00+00:00', end_at: '2026-11-24T00:00:00+00:00' } },
    [
      ['start_at', '2026-11-22T00:00:00.000Z', '2026-11-22T01:00:00.000Z'],
      ['end_at', '2026-11-23T00:00:00.000Z', '2026-11-24T00:00:00.000Z'],
    ],
  ],
  ['of a test, without items', { row: { ...row, kind: 'test' }, moved: { first_at: null, last_at: null } }, []],
  [
    'of a test, over before its items',
    { row: { ...row, kind: 'test', end_at: moved.last_at } },
    [
      ['start_at', 'at most 2026-11-20T10:00:00.000Z', '2026-11-22T00:00:00.000Z'],
      ['end_at', 'after 2026-11-22T23:59:59.999Z', '2026-11-22T23:59:59.999Z'],
    ],
  ],
  ['another reference', { row: { ...row, provider_reference: 'x' } }, [['provider_reference', 'p-NOK-2026-11-22', 'x']]],
  [
    'an item that moved nothing',
    { items: [{ ...item, moved: null, tells: false }] },
    [['item t 3', 'a successful capture or refund', null]],
  ],
  [
    'an item that moved something else, and is not told',
    { items: [{ ...item, moved: { ...settled, capture: 99, currency: 'SEK' }, tells: false }] },
    [
      ['item t 3 capture', 99, 100],
      ['item t 3 currency', 'SEK', 'NOK'],
      ['item t 3 SETTLEMENT event', 'one that says the same', null],
    ],
  ],
]
for (const [title, changes, differences] of settlements) {
  test(`verify a settlement: ${title}`, () => {
    const list = verifySettlement({ ...read, ...changes })
    assert.deepEqual(
      list.map(({ what, expected, found }) => [what, expected, found]),
      differences,
    )
    for (const { account_id, aggregate_type, aggregate_id } of list) {
      assert.deepEqual([account_id, aggregate_type, aggregate_id], ['T1', 'settlement', 's'])
    }
  })
}

const untold: Untold = {
  ...{ account_id: 'T1', aggregate_type: 'transaction', aggregate_id: 't', sequence: 3, event: 'checkout_transaction' },
  ...{ subscription_id: 's', details: {} },
}
test('verify what was told: somebody who asked and never will be told', () => {
  const about = { account_id: 'T1', aggregate_type: 'transaction', aggregate_id: 't', expected: 'a delivery', found: null }
  assert.deepEqual(verifyTelling(untold), [{ ...about, what: 'notification 3 checkout_transaction to subscription s' }])
  const callback = { ...untold, event: 'session_callback', subscription_id: null }
  assert.deepEqual(verifyTelling({ ...callback, details: { url: 'https://shop.example', reason: 'authorized' } }), [
    { ...about, what: 'notification 3 session_callback to the callback URL' },
  ])
  assert.deepEqual(verifyTelling({ ...callback, details: { url: 'https://shop.example', reason: 'error' } }), [])
})
