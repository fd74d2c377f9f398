import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventBase, orderLine as line, orderOf } from '../../../test/rows.ts'
import { orderNotification, unknownOrder } from '../orders/notice.ts'
import { orderSummary } from '../orders/summary.ts'
import { apiEventView, combinedState, eventKinds, eventView, eventViews } from './event.ts'

const base = { id: 'e', created_at: 't', created_by: 'c', version: 4 }
const request = { path: '/p', method: 'PUT', body: '{}' }
const service_event = { state: 'success', service: 'kitchen', service_status: 'done', more: 1 }
const api = { event_type: 'api-event', ...base, request: undefined, draft_id: undefined }

test('event of an order: as clients see it', () => {
  const change = { ...base, type: 'updated', content: { secret: 1 }, request, draft_id: 'D' }
  assert.deepEqual(apiEventView(change), { ...api, request, draft_id: 'D' })
  assert.deepEqual(eventView(change), { ...api, request, draft_id: 'D' })
  const service = { ...base, type: 'service', service_event }
  assert.deepEqual(eventView(service), { ...service_event, ...api, event_type: 'service-event' })
  assert.equal(apiEventView({ ...base, request: null }).request, undefined)
  assert.deepEqual(eventViews([change, service], { api: true, service: false }), [eventView(change)])
  assert.deepEqual(eventViews([change, service], { api: false, service: true }), [eventView(service)])
})

// include_events | for whom | when nothing is asked for | what is shown
const kinds: [
  values: string[] | undefined,
  view: 'store' | 'customer' | undefined,
  unless: boolean,
  api: boolean,
  service: boolean,
][] = [
  [undefined, undefined, false, false, false],
  [undefined, undefined, true, true, true],
  [undefined, 'store', true, false, true],
  [['true'], undefined, false, true, true],
  [['true'], 'customer', false, false, true],
  [['false'], undefined, true, false, false],
  [['api-event'], undefined, false, true, false],
  [['api-event'], 'store', false, false, false],
  [['service-event'], undefined, true, false, true],
  [[' api-event , service-event '], undefined, false, true, true],
  [['false', 'true'], undefined, false, true, true],
]
for (const [values, view, unless, api, service] of kinds) {
  test(`include_events: ${values}, ${view ?? 'account'}, else ${unless}`, () => {
    assert.deepEqual(eventKinds(values, { unless, ...(view ? { view } : {}) }), { api, service })
  })
}

const told = (...states: [service: string, state: string][]) =>
  states.map(([service, state]) => ({ type: 'service', service_event: { service, state } }))
const states: [events: { type: string }[], state: string][] = [
  [[], 'pending'],
  [[{ type: 'updated' }], 'pending'],
  [[{ type: 'service' }], 'pending'],
  [told(['a', 'success']), 'success'],
  [told(['a', 'pending']), 'pending'],
  [told(['a', 'pending'], ['a', 'success']), 'success'],
  [told(['a', 'pending'], ['b', 'success']), 'pending'],
  [told(['a', 'error'], ['a', 'success']), 'failure'],
  [told(['a', 'success'], ['b', 'failure']), 'failure'],
  [[{ type: 'updated', service_event: { state: 'error' } } as never, ...told(['a', 'success'])], 'success'],
]
for (const [events, state] of states) {
  test(`service events: ${JSON.stringify(events)}: ${state}`, () => assert.equal(combinedState(events), state))
}

test('order: what is told of its changes', () => {
  const order = orderOf([])
  const about = { aggregate_type: 'order', aggregate_id: 'u', sequence: 2 }
  assert.deepEqual(orderNotification(order, { ...eventBase(2), type: 'closed' }), { ...about, event: 'shopping_order_update' })
  const service = { ...eventBase(2), type: 'service', service_event } as const
  assert.deepEqual(orderNotification(order, service), {
    ...{ ...about, event: 'shopping_order_event_add', details: { order_event: eventView(service) } },
  })
  assert.equal(unknownOrder('O').code, 'not_found')
  assert.equal(unknownOrder('O').message, 'There is no order O on this account.')
})

const none = { authorized: 0, cancelled: 0, captured: 0, refunded: 0 }
test('order: what lists filter by', () => {
  const times = { created_at: eventBase(1).created_at, updated_at: eventBase(1).created_at }
  const columns = {
    id: 'u',
    order_id: 'O',
    version: 1,
    status: 'open',
    payment_status: 'pending',
    currency: 'NOK',
    ...none,
    ...times,
  }
  assert.deepEqual(orderSummary(orderOf([])), {
    ...{ ...columns, customer_id: undefined, gross_amount: 0, net_amount: 0, due: 0, search: {}, stores: [], lines: [] },
  })
  const place = (id: unknown, name?: string) => ({ id, ...(name ? { name } : {}) })
  const content = {
    customer: { id: 7 },
    store: { id: 's' },
    merchant_reference: 'R',
    external_ids: ['x', { id: 5 }, 'x'],
    itinerary: [
      { travel_mode: 'car', arrival_address: place('a1', 'Home'), departure_address: [place('d1'), place('d2', 'Shop')] },
      { travel_mode: 'foot', arrival_address: null },
    ],
  }
  const discount_lines = [{ discount_type: 'manual', amount: 10 }, { discount_type: 'loyalty' }, {}]
  const lines = [
    line(1, 100, { net_amount: 90, discount_lines, store: { id: 't' } }),
    line(2, 20, { store: { id: 's' }, tax_lines: [{ amount: 5, included_in_price: false }] }),
  ]
  assert.deepEqual(orderSummary(orderOf(lines, [], { content })), {
    ...{ ...columns, customer_id: '7', gross_amount: 120, net_amount: 110, due: 115, stores: ['s', 't'] },
    search: {
      ...{ external_ids: ['x', '5'], discount_types: ['manual', 'loyalty'], travel_modes: ['car', 'foot'] },
      ...{ arrivals: ['a1', 'Home'], departures: ['d1', 'd2', 'Shop'], merchant_references: ['R'] },
    },
    lines: [
      { line_id: 1, due: 90, ...none },
      { line_id: 2, due: 25, ...none },
    ],
  })
  const nothing = orderSummary(
    orderOf([], [], { content: { itinerary: [null, { arrival_address: [null] }], external_ids: [null] } }),
  )
  assert.deepEqual(nothing.search, {})
  const single = orderSummary(orderOf([], [], { content: { itinerary: { travel_mode: 'car' }, external_ids: 'x' } }))
  assert.deepEqual(single.search, { external_ids: ['x'], travel_modes: ['car'] })
})
