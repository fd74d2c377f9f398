import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventBase, orderLine as line } from '../../../test/rows.ts'
import {
  applyDraftEvent,
  contentOf,
  type Draft,
  type DraftChange,
  type DraftIn,
  draftItems,
  draftView,
  foldDraft,
  mayChange,
  refuseBesideReserved,
  refuseOptions,
} from './draft.ts'

const at = (version: number) => eventBase(version).created_at
const created: DraftChange = {
  type: 'created',
  currency: 'NOK',
  content: { note: 'n' },
  options: {},
  items: [line(1, 10), line(2, 20)],
}
const fold = (...changes: DraftChange[]): Draft =>
  foldDraft(
    'D',
    [created, ...changes].map((change, index) => ({ ...eventBase(index + 1), ...change })),
  )!
const draft: Draft = {
  ...{
    id: 'D',
    version: 1,
    status: 'open',
    currency: 'NOK',
    content: { note: 'n' },
    options: {},
    items: [line(1, 10), line(2, 20)],
  },
  ...{ created_at: at(1), created_by: 'c1', updated_at: at(1) },
}
const named = { id: 'u', order_id: 'O' }

// what happened to the draft with the lines 1 and 2 | what it changed, besides version and time
const changes: [DraftChange, Partial<Draft>][] = [
  [
    { type: 'updated', currency: 'SEK', content: { b: 1 }, options: { split_draft: true }, items: [line(3, 1)] },
    { currency: 'SEK', content: { b: 1 }, options: { split_draft: true }, items: [line(3, 1)] },
  ],
  [{ type: 'item_added', item: line(3, 1) }, { items: [line(1, 10), line(2, 20), line(3, 1)] }],
  [{ type: 'item_replaced', item: line(2, 1) }, { items: [line(1, 10), line(2, 1)] }],
  [{ type: 'item_removed', line_id: 1 }, { items: [line(2, 20)] }],
  [
    { type: 'completed', orders: [named] },
    { status: 'completed', orders: [named] },
  ],
  [{ type: 'deleted' }, { status: 'deleted', deleted: { at: at(2), by: 'c2' } }],
]
for (const [change, changed] of changes) {
  test(`draft: ${change.type}`, () => assert.deepEqual(fold(change), { ...draft, version: 2, updated_at: at(2), ...changed }))
}
test('draft: begins with its creation, once; it may hold a name', () => {
  assert.deepEqual(fold(), draft)
  assert.equal(foldDraft('D', []), undefined)
  const reserved: DraftChange = { ...(created as Extract<DraftChange, { type: 'created' }>), reserved: named }
  assert.deepEqual(applyDraftEvent('D', { ...eventBase(1), ...reserved }), { ...draft, reserved: named })
  assert.throws(() => fold(created), /a draft is created once/)
  assert.throws(() => foldDraft('D', [{ ...eventBase(1), type: 'deleted' }]), /the first event of a draft is deleted/)
})

test('draft: content is what only the client says', () => {
  const server = [
    ...['id', 'currency', 'items', 'gross_amount', 'net_amount', 'total_discount', 'total_manual_discount_amount', 'status'],
    ...['payment_status', 'created_at', 'created_by', 'updated_at', 'deleted_at', 'deleted_by', 'cancelled_reason'],
    ...['cancelled_at', 'cancelled_by', 'closed_at', 'closed_by', 'authorizations', 'captures', 'refunds', 'cancellations'],
    ...['sessions', 'comments', 'events', 'version', '_links', 'serial_order_number'],
  ]
  const order = { ...Object.fromEntries(server.map((name) => [name, 1])), order_id: 'O', options: {}, more: 1 }
  assert.deepEqual(contentOf(order), { order_id: 'O', options: {}, more: 1 })
  assert.equal(order.more, 1)
})

const shared = (path: string, message: string) => ({ code: 'invalid_request', path, message })
const both = shared('/order/order_id', 'Give an order_id or have one generated, not both.')
const several = shared('/order/order_id', 'With split_draft there may be several orders: they cannot share an order_id.')
const reserve = shared(
  '/options/generate_order_id',
  'With split_draft there may be several orders: no single order_id can be reserved.',
)
const which = shared('/options/replace', 'Say in options.order_id which order to replace.')
const split = shared('/options/split_draft', 'A draft for an existing order is not split.')
const options: [order_id: string | undefined, DraftIn['options'], refusals: object[]][] = [
  [undefined, undefined, []],
  ['O', undefined, []],
  ['O', {}, []],
  [undefined, { generate_order_id: 'ALPHANUMERIC_9' }, []],
  [undefined, { split_draft: true, generate_order_id: 'ALPHANUMERIC_9' }, []],
  ['O', { generate_order_id: 'ALPHANUMERIC_9' }, [both]],
  ['O', { split_draft: true }, [several]],
  ['O', { split_draft: true, generate_order_id: 'ALPHANUMERIC_9_RESERVE' }, [both, several, reserve]],
  [undefined, { generate_order_id: 'ALPHANUMERIC_9_RESERVE' }, []],
  [undefined, { split_draft: true, generate_order_id: 'ALPHANUMERIC_9_RESERVE' }, [reserve]],
  ['O', { order_id: 'P', generate_order_id: 'ALPHANUMERIC_9' }, []],
  [undefined, { replace: 'order' }, [which]],
  [undefined, { replace: 'order', order_id: 'P' }, []],
  [undefined, { split_draft: true, order_id: 'P' }, [split]],
]
for (const [order_id, given, refusals] of options) {
  test(`draft: ${order_id ?? 'no name'}, ${JSON.stringify(given)}: ${refusals.length} refusals`, () => {
    const order = { currency: 'NOK', ...(order_id ? { order_id } : {}) }
    assert.deepEqual(refuseOptions({ order, ...(given ? { options: given } : {}) }), refusals)
  })
}

const beside = (path: string, more = '') => ({
  ...shared(path, `The draft holds the order_id ${named.order_id}${more}.`),
  allowed: [named.order_id],
})
const kept: [content: object, options: DraftIn['options'], refusals: object[]][] = [
  [{}, {}, []],
  [{ order_id: 'O' }, { order_id: 'P' }, []],
  [{ order_id: 'O' }, {}, [beside('/order/order_id')]],
  [
    { order_id: 'O' },
    { split_draft: true },
    [beside('/order/order_id'), beside('/options/split_draft', ', which several orders cannot share')],
  ],
]
for (const [content, options, refusals] of kept) {
  test(`draft: that holds a name, with ${JSON.stringify({ content, options })}: ${refusals.length} refusals`, () => {
    const given = { content, options } as never
    assert.deepEqual(refuseBesideReserved({ ...draft, reserved: named }, given), refusals)
    assert.deepEqual(refuseBesideReserved(draft, given), [])
  })
}

test('draft: may be changed while it is open', () => {
  assert.equal(mayChange(draft), undefined)
  const message = (status: string) => `Draft D is ${status}: it can't be changed or completed any more.`
  for (const status of ['completed', 'deleted'] as const) {
    assert.deepEqual(mayChange({ ...draft, status }), { code: 'draft_not_open', message: message(status) })
  }
})
test('draft: its lines are completed, beside those there are', () => {
  assert.deepEqual(draftItems([{ gross_amount: 1 }]).items, [line(1, 1)])
  assert.deepEqual(draftItems([{ gross_amount: 1 }], [5]).items, [line(6, 1)])
  assert.equal(draftItems([{}]).refusals[0]!.path, '/order/items/0/gross_amount')
})

test('draft: as clients see it', () => {
  const order = {
    note: 'n',
    currency: 'NOK',
    gross_amount: 30,
    net_amount: 30,
    total_discount: 0,
    total_manual_discount_amount: 0,
  }
  const shown = {
    ...{ order: { ...order, items: draft.items }, options: {}, id: 'D', version: 1, status: 'open' },
    ...{ created_at: at(1), created_by: 'c1', updated_at: at(1) },
  }
  assert.deepEqual(draftView(draft), shown)
  const more = { reserved: named, orders: [named], deleted: { at: 't', by: 'b' } }
  assert.deepEqual(draftView({ ...draft, ...more }, [{ id: 'e' }]), {
    ...{ ...shown, order: { ...shown.order, order_id: 'O' }, orders: [named], events: [{ id: 'e' }] },
    ...{ deleted_at: 't', deleted_by: 'b' },
  })
})
