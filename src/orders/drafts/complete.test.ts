import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderLine as line, orderOf, recorded } from '../../../test/rows.ts'
import type { Item } from '../items/item.ts'
import type { Order } from '../orders/order.ts'
import { expiresAt, groupItems, intoOrder, mayComplete, newOrders } from './complete.ts'
import type { Draft } from './draft.ts'

const draftOf = (items: Item[], changes: Partial<Draft> = {}): Draft => ({
  ...{ id: 'D', version: 1, status: 'open', currency: 'NOK', content: {}, options: {}, items },
  ...{ created_at: 't', created_by: 'c', updated_at: 't', ...changes },
})
const of = (store: unknown) => ({ store: { id: store } }) as Partial<Item>
const split = { split_draft: true }

const mixed = [line(1, 1, of('a')), line(2, 1), line(3, 1, of('b')), line(4, 1, of('a')), line(5, 1, of(7))]
const groups: [title: string, Partial<Draft>, line_ids: number[][]][] = [
  ['not split', {}, [[1, 2, 3, 4, 5]]],
  ['by store', { options: split }, [[1, 4], [2], [3], [5]]],
  [
    'those without a store go with the store of the order',
    { options: split, content: { store: { id: 'b' } } },
    [[1, 4], [2, 3], [5]],
  ],
  ['a store may be named as a number', { options: split, content: { store: { id: '7' } } }, [[1, 4], [2, 5], [3]]],
]
for (const [title, changes, line_ids] of groups) {
  test(`draft: its orders: ${title}`, () => {
    assert.deepEqual(
      groupItems(draftOf(mixed, changes)).map((items) => items.map(({ line_id }) => line_id)),
      line_ids,
    )
  })
}

const names = [
  { id: 'u1', order_id: 'O1' },
  { id: 'u2', order_id: 'O2' },
]
const manual_payout = { destinations: [{ destination: 'p' }] }
const payout = { destinations: [{ destination: 'p', amount: 5 }] }
test('draft: becomes an order, with what of the options stays', () => {
  const options = {
    order_time_to_live: 9,
    multiple_authorizations: true,
    payout: 'x',
    generate_order_id: 'ALPHANUMERIC_9',
  } as const
  const items = [line(1, 5, { manual_payout }), line(2, 5, { payout: { old: 1 } })]
  const draft = draftOf(items, { content: { order_id: 'gone', note: 'n' }, options })
  assert.deepEqual(newOrders(draft, names, ['S-1']), [
    {
      ...{ type: 'created', order_uuid: 'u1', order_id: 'O1', currency: 'NOK' },
      options: { order_time_to_live: 9, multiple_authorizations: true, payout: 'x' },
      content: { note: 'n', serial_order_number: 'S-1' },
      items: [{ ...items[0], payout }, items[1]],
    },
  ])
  const [plain] = newOrders(draftOf([line(1, 5, of('a'))], { options: { multiple_authorizations: false } }), names, [])
  assert.deepEqual(plain, {
    ...{
      type: 'created',
      order_uuid: 'u1',
      order_id: 'O1',
      currency: 'NOK',
      options: { multiple_authorizations: false },
      content: {},
      items: [line(1, 5, of('a'))],
    },
  })
})
test('draft: split, each order has the store of its lines, and that of the draft when they name none', () => {
  const contents = (content: object, items = [line(1, 1, of('a')), line(2, 1)]) =>
    newOrders(draftOf(items, { options: split, content: content as never }), names, []).map(
      (change) => 'content' in change && change.content,
    )
  assert.deepEqual(contents({ note: 'n' }), [{ note: 'n', store: { id: 'a' } }, { note: 'n' }])
  assert.deepEqual(contents({ store: { id: 'b' } }), [{ store: { id: 'a' } }, { store: { id: 'b' } }])
  const own = { store: { id: 'a', name: 'A' } }
  assert.deepEqual(contents(own), [own])
  assert.deepEqual(contents({}, []), [])
})

const empty = { code: 'draft_empty', message: 'Draft D has no lines.' }
const finished = { code: 'draft_not_open', message: "Draft D is deleted: it can't be changed or completed any more." }
const back = (line_id: number, amount: number, of: number) => line(line_id, amount, { related_item: { line_id: of } })
const unknown = (line_id: number, of: number, allowed: number[]) => ({
  ...{ code: 'unknown_line_id', allowed },
  message: `Line ${line_id} is related to line ${of}, which the order does not have.`,
})
const exceeds = (line_id: number, is: number, reversed: number) => ({
  ...{ code: 'reversal_exceeds_line', message: `Line ${line_id} is ${is}, and its reversals are ${reversed}.`, allowed: -is },
})
const completions: [title: string, Draft, refusals: object[]][] = [
  ['one line', draftOf([line(1, 1)]), []],
  ['no lines', draftOf([]), [empty]],
  ['deleted', draftOf([], { status: 'deleted' }), [finished]],
  ['a whole reversal', draftOf([line(1, 10), back(2, -10, 1)]), []],
  [
    'reversals that add up to more',
    draftOf([line(1, 10), back(2, -6, 1), back(3, -5, 1)]),
    [exceeds(1, 10, -11), exceeds(1, 10, -11)],
  ],
  [
    'a reversal of a line that a discount has made free',
    draftOf([line(1, 10, { net_amount: 0 }), back(2, -10, 1)]),
    [exceeds(1, 0, -10)],
  ],
  ['a reversal of a line without a price', draftOf([line(1, 0), back(2, -5, 1)]), [exceeds(1, 0, -5)]],
  ['a reversal of nothing by nothing', draftOf([line(1, 10, { net_amount: 0 }), back(2, 0, 1)]), []],
  ['a reversal of a reversal', draftOf([line(1, -10), back(2, 11, 1)]), [exceeds(1, -10, 11)]],
  ['related, but no reversal', draftOf([line(1, 10), back(2, 11, 1)]), []],
  ['a reversal of nothing', draftOf([line(1, 10), back(2, -1, 9)]), [unknown(2, 9, [1])]],
  ['a reversal of itself', draftOf([line(1, 10), back(2, -1, 2)]), [unknown(2, 2, [1])]],
  [
    'a reversal of a line that goes into another order',
    draftOf([line(1, 10, of('a')), { ...back(2, -1, 1), ...of('b') }, line(3, 1, of('b'))], { options: split }),
    [unknown(2, 1, [3])],
  ],
]
for (const [title, draft, refusals] of completions) {
  test(`draft: may be completed: ${title}`, () => assert.deepEqual(mayComplete(draft), refusals))
}
test('draft: of many lines, the first hundred are named', () => {
  const lines = Array.from({ length: 101 }, (_, index) => line(index + 1, 1))
  assert.equal((mayComplete(draftOf([...lines, back(200, -1, 300)]))[0]!.allowed as number[]).length, 100)
})

const order = orderOf([line(1, 10), line(2, 20)], [], {
  content: { serial_order_number: 'S', note: 'old' },
  options: { payout: 'x' },
})
const replace = { options: { replace: 'order', order_time_to_live: 9 } } as const
test('draft into an order: its lines are added', () => {
  const items = [line(3, 5, { manual_payout }), back(4, -10, 1)]
  const change = { type: 'lines_added', items: [{ ...items[0], payout }, items[1]] }
  assert.deepEqual(intoOrder(draftOf(items), order), { change })
})
test('draft into an order: its content takes the place of the order; number and options stay', () => {
  const draft = draftOf([line(1, 5)], { ...replace, content: { order_id: 'O', note: 'new' } })
  assert.deepEqual(intoOrder(draft, order), {
    change: {
      ...{ type: 'replaced', content: { note: 'new', serial_order_number: 'S' }, items: [line(1, 5)] },
      options: { payout: 'x', order_time_to_live: 9 },
    },
  })
  const once = draftOf([line(1, 5)], { options: { replace: 'order', multiple_authorizations: false } })
  assert.deepEqual(intoOrder(once, orderOf([line(1, 1)], [], { options: { multiple_authorizations: true } })), {
    change: { type: 'replaced', content: {}, items: [line(1, 5)], options: { multiple_authorizations: false } },
  })
  const { change } = intoOrder(draft, orderOf([line(9, 1)])) as { change: { content: object } }
  assert.deepEqual(change.content, { note: 'new' })
})

const one = draftOf([line(3, 5)])
const many = (count: number, from: number) => Array.from({ length: count }, (_, index) => line(from + index, 1))
const refused: [title: string, Draft, Order, refusals: object[]][] = [
  ['deleted', draftOf([], { status: 'deleted' }), order, [finished]],
  ['empty', draftOf([]), order, [empty]],
  [
    'a cancelled order, though it has the line too',
    one,
    orderOf([line(3, 1)], [{ type: 'cancelled', reason: 'other' }]),
    [{ code: 'order_cancelled', message: 'Order O is cancelled.' }],
  ],
  [
    'a closed order',
    one,
    orderOf([], [{ type: 'closed' }]),
    [{ code: 'order_not_open', message: 'Order O is closed. Open it first.' }],
  ],
  [
    'another currency',
    draftOf([line(3, 5)], { currency: 'SEK' }),
    order,
    [{ code: 'currency_mismatch', message: 'The draft is in SEK, order O in NOK.', allowed: ['NOK'] }],
  ],
  [
    'replacing what is paid',
    draftOf([line(3, 5)], replace),
    orderOf([line(1, 1)], [recorded('authorization', { 1: 1 }, { success: false })]),
    [
      {
        code: 'replace_not_allowed',
        message: "Order O has payment operations, so it can't be replaced. Add lines that reverse the old ones.",
      },
    ],
  ],
  ['a line that is there', draftOf([line(1, 5)]), order, [{ code: 'line_id_exists', message: 'Order O has a line 1 already.' }]],
  [
    'too many lines',
    draftOf(many(2, 2_000)),
    orderOf(many(999, 1)),
    [{ code: 'too_many_items', message: 'An order has at most 1000 lines.', allowed: 1_000 }],
  ],
  [
    'reversals, with those of the order',
    draftOf([back(4, -5, 1)]),
    orderOf([line(1, 10), back(2, -6, 1)]),
    [exceeds(1, 10, -11)],
  ],
  ['a reversal of a line that is replaced', draftOf([back(4, -5, 1)], replace), order, [unknown(4, 1, [])]],
]
for (const [title, draft, into, refusals] of refused) {
  test(`draft into an order: refused: ${title}`, () => assert.deepEqual(intoOrder(draft, into), { refusals }))
}
test('draft into an order: lines may be added to what is paid, and up to the limit', () => {
  assert.ok('change' in intoOrder(one, orderOf([line(1, 1)], [recorded('authorization', { 1: 1 })])))
  assert.ok('change' in intoOrder(draftOf(many(1, 2_000)), orderOf(many(999, 1))))
  assert.ok('change' in intoOrder(draftOf(many(1_000, 1), replace), order))
})

test('order_time_to_live: seconds from the creation', () => {
  assert.equal(expiresAt({}, '2026-01-01T00:00:00.000Z'), undefined)
  assert.equal(expiresAt({ order_time_to_live: 90 }, '2026-01-01T00:00:00.000Z'), '2026-01-01T00:01:30.000Z')
})
