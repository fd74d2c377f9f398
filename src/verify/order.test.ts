import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventBase, orderLine as line, recorded } from '../../test/rows.ts'
import { eventView } from '../orders/events/event.ts'
import { foldOrder, type OrderChange, type OrderEvent } from '../orders/orders/order.ts'
import { orderSummary } from '../orders/orders/summary.ts'
import { verifyDraft, verifyOrder } from './order.ts'
import type { OrderRead } from './store.ts'

const chained = (bodies: OrderEvent[]): OrderRead['events'] =>
  bodies.map((body) => ({
    sequence: body.version,
    type: body.type,
    event_id: body.id,
    body,
    hash: `h${body.version}`,
    linked: true,
  }))

const items = [line(1, 100, { store: { id: 'b' } }), line(2, 50)]
const content = { store: { id: 'a' }, merchant_reference: 'R' }
const created: OrderChange = {
  ...{
    type: 'created',
    order_uuid: 'u',
    order_id: 'O',
    currency: 'NOK',
    options: { multiple_authorizations: true },
    content,
    items,
  },
}
const service_event = { state: 'success', service: 'kitchen', service_status: 'done' }
const bodies = [created, recorded('authorization', { 1: 100 }, { id: 'A' }), { type: 'service', service_event } as const].map(
  (change, index): OrderEvent => ({ ...eventBase(index + 1), ...change }),
)
const { lines, stores, created_at, updated_at, ...columns } = orderSummary(foldOrder(bodies)!)
const authorization = { authorization_id: 'A', line_id: 1, authorized: 100, cancelled: 0, captured: 0, refunded: 0 }
const order: OrderRead = {
  ...{ account_id: 'T1', id: 'u', hash: 'h3', events: chained(bodies), lines, stores: ['b', 'a'], names: ['u', 'O'] },
  row: { ...columns, created_at: '2026-01-01T01:00:01+01:00', updated_at: '2026-01-01T00:00:03.000+00:00' },
  authorizations: [authorization],
  told: [
    [2, 'shopping_order_update'],
    [3, 'shopping_order_event_add', { order_event: eventView(bodies[2]!) }],
  ],
  told_since: new Date(created_at),
  size_max: null,
}
const second = order.events[1]!
const orders: [title: string, changes: Partial<OrderRead>, differences: unknown[][]][] = [
  ['as it must be', {}, []],
  ['another amount', { row: { ...order.row, authorized: 99 } }, [['authorized', 100, 99]]],
  ['counted as larger than it is', { row: { ...order.row, events_size: 6 }, size_max: 5 }, [['events_size', 'at most 5', 6]]],
  [
    'about to be removed',
    { row: { ...order.row, expires_at: '2026-01-01T00:00:09Z' } },
    [['expires_at', null, '2026-01-01T00:00:09.000Z']],
  ],
  ['another search', { row: { ...order.row, search: {} } }, [['search', { merchant_references: ['R'] }, {}]]],
  [
    'other times',
    { row: { ...order.row, created_at: '2026-01-01T00:00:02Z', updated_at: '2026-01-01T00:00:02Z' } },
    [
      ['created_at', '2026-01-01T00:00:01.000Z', '2026-01-01T00:00:02.000Z'],
      ['updated_at', '2026-01-01T00:00:03.000Z', '2026-01-01T00:00:02.000Z'],
    ],
  ],
  ['another line', { lines: [lines[0]!, { ...lines[1]!, due: 51 }] }, [['line 2 due', 50, 51]]],
  ['another authorization', { authorizations: [{ ...authorization, captured: 1 }] }, [['authorization A 1 captured', 0, 1]]],
  ['no authorization', { authorizations: [] }, [['authorization A 1', authorization, null]]],
  ['a store too few', { stores: ['a'] }, [['stores', ['a', 'b'], ['a']]]],
  ['a name too few', { names: ['u'] }, [['names', ['O', 'u'], ['u']]]],
  ['names in another order', { names: ['O', 'u'] }, []],
  [
    'columns that contradict the event',
    { events: [order.events[0]!, { ...second, type: 'capture', event_id: 'x' }, order.events[2]!] },
    [
      ['event 2 type', 'authorization', 'capture'],
      ['event 2 event_id', 'e2', 'x'],
    ],
  ],
  [
    'an event that has another number',
    { events: [order.events[0]!, { ...second, body: { ...second.body, version: 9 } }, order.events[2]!] },
    [['event 2 version', 9, 2]],
  ],
  [
    'not told',
    { told: [] },
    [
      ['notification 2 shopping_order_update', 'a row of the outbox', null],
      ['notification 3 shopping_order_event_add', 'a row of the outbox', null],
    ],
  ],
  [
    'told something else',
    { told: [order.told[0]!, [3, 'shopping_order_event_add', {}]] },
    [['notification 3 shopping_order_event_add details', { order_event: eventView(bodies[2]!) }, {}]],
  ],
  ['told so long ago that it is forgotten', { told: [], told_since: new Date('2026-01-02T00:00:00Z') }, []],
  ['a broken chain', { hash: 'x' }, [['hash', 'h3', 'x']]],
  [
    'no event',
    { events: [] },
    [
      ['number of events', 3, 0],
      ['events', 'at least one', null],
    ],
  ],
  [
    'a history that makes no sense',
    { events: order.events.slice(1) },
    [
      ['event 1', 'an event of this number', 'event 2'],
      ['number of events', 3, 2],
      ['events', 'a history that can be replayed', 'Invariant broken: the first event of an order is authorization'],
    ],
  ],
]
for (const [title, changes, differences] of orders) {
  test(`verify an order: ${title}`, () => {
    const list = verifyOrder({ ...order, ...changes })
    assert.deepEqual(
      list.map(({ what, expected, found }) => [what, expected, found]),
      differences,
    )
    for (const { aggregate_type, aggregate_id } of list) assert.deepEqual([aggregate_type, aggregate_id], ['order', 'u'])
  })
}
test('verify an order: one that bears its id as its name has one name', () => {
  const only = { ...eventBase(1), ...created, order_id: 'u' } as OrderEvent
  const { lines, created_at, updated_at, ...columns } = orderSummary(foldOrder([only])!)
  const row = { ...columns, created_at, updated_at }
  const read = { ...order, row, lines, hash: 'h1', events: chained([only]), authorizations: [], names: ['u'], told: [] }
  assert.deepEqual(verifyOrder(read), [])
})

const changes = [
  { type: 'created', currency: 'NOK', content: {}, options: {}, items: [] },
  { type: 'item_removed', line_id: 1 },
  { type: 'completed', orders: [] },
]
const draft: OrderRead = {
  ...{ ...order, id: 'd', events: chained(changes.map((change, index) => ({ ...eventBase(index + 1), ...change })) as never) },
  row: {
    version: 3,
    status: 'completed',
    currency: 'NOK',
    created_at: '2026-01-01T00:00:01Z',
    updated_at: '2026-01-01T00:00:03Z',
  },
  told: [
    [1, 'shopping_draft_add'],
    [2, 'shopping_draft_update'],
    [3, 'shopping_draft_complete'],
  ],
}
const drafts: [title: string, changes: Partial<OrderRead>, differences: unknown[][]][] = [
  ['as it must be', {}, []],
  [
    'other columns',
    {
      row: {
        version: 3,
        status: 'open',
        currency: 'SEK',
        created_at: '2026-01-01T00:00:02Z',
        updated_at: '2026-01-01T00:00:04Z',
      },
    },
    [
      ['status', 'completed', 'open'],
      ['currency', 'NOK', 'SEK'],
      ['created_at', '2026-01-01T00:00:01.000Z', '2026-01-01T00:00:02.000Z'],
      ['updated_at', '2026-01-01T00:00:03.000Z', '2026-01-01T00:00:04.000Z'],
    ],
  ],
  [
    'not told',
    { told: [] },
    [
      ['notification 1 shopping_draft_add', 'a row of the outbox', null],
      ['notification 2 shopping_draft_update', 'a row of the outbox', null],
      ['notification 3 shopping_draft_complete', 'a row of the outbox', null],
    ],
  ],
  ['told so long ago that it is forgotten', { told: [], told_since: new Date('2026-01-02T00:00:00Z') }, []],
  ['a broken chain', { hash: 'x' }, [['hash', 'h3', 'x']]],
  [
    'no event',
    { events: [] },
    [
      ['number of events', 3, 0],
      ['events', 'at least one', null],
    ],
  ],
]
for (const [title, changed, differences] of drafts) {
  test(`verify a draft: ${title}`, () => {
    const list = verifyDraft({ ...draft, ...changed })
    assert.deepEqual(
      list.map(({ what, expected, found }) => [what, expected, found]),
      differences,
    )
    for (const { aggregate_type, aggregate_id } of list) assert.deepEqual([aggregate_type, aggregate_id], ['draft', 'd'])
  })
}

test('verify an order: when it is to be removed, the events say; not once lines were added', () => {
  const replaced = { type: 'replaced', content, items, options: {} } as const
  const expiry = (expires_at: string | null, ...changes: OrderChange[]) => {
    const events = [{ ...created, options: { order_time_to_live: 60 } }, ...changes].map(
      (change, index): OrderEvent => ({ ...eventBase(index + 1), ...change }) as OrderEvent,
    )
    const list = verifyOrder({ ...order, row: { ...order.row, expires_at }, events: chained(events) })
    return list.filter(({ what }) => what === 'expires_at').map(({ expected }) => expected)
  }
  const [first, second] = ['2026-01-01T00:01:01.000Z', '2026-01-01T00:01:02.000Z']
  assert.deepEqual(expiry(first), [])
  assert.deepEqual(expiry(null), [first])
  assert.deepEqual(expiry(first, replaced), [])
  // A draft without a time of its own leaves that of the order, and its option; one that says the same has the same event.
  for (const at of [first, second]) assert.deepEqual(expiry(at, { ...replaced, options: { order_time_to_live: 60 } }), [])
  assert.deepEqual(expiry(first, { ...replaced, options: { order_time_to_live: 61 } }), ['2026-01-01T00:01:03.000Z'])
  assert.deepEqual(expiry(null, { type: 'lines_added', items: [line(3, 1)] }), [])
})
