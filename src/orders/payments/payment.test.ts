import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Item } from '../items/item.ts'
import { splitAmount } from '../items/payout.ts'
import { applyEvent, foldOrder, type Order, orderSums, paymentStatus, type RecordType } from '../orders/order.ts'
import { decideRecord } from './payment.ts'

const item = (line_id: number, gross_amount: number, more: Partial<Item> = {}): Item => ({
  line_id,
  gross_amount,
  net_amount: gross_amount,
  tax_lines: [],
  ...more,
})
const base = (version: number) => ({ id: `e${version}`, version, created_at: '2026-01-01T00:00:00.000Z', created_by: 'c' })

function newOrder(items: Item[], multiple_authorizations = false): Order {
  const options = multiple_authorizations ? { multiple_authorizations } : {}
  return foldOrder([
    { ...base(1), type: 'created', order_uuid: 'u', order_id: 'O', currency: 'NOK', options, content: {}, items },
  ])!
}

type Step = [type: RecordType, amounts: Record<number, number>, more?: { success?: boolean; authorization_id?: string }]

/** Plays one step: the order after it, and the codes of the refusals. */
function play(order: Order, [type, amounts, more = {}]: Step): { order: Order; codes: string[]; allowed: unknown[] } {
  const items = Object.entries(amounts).map(([line_id, amount]) => ({ line_id, amount }))
  const decided = decideRecord(order, type, { items, ...more })
  if (decided.refusals.length > 0) {
    return { order, codes: decided.refusals.map(({ code }) => code), allowed: decided.refusals.map(({ allowed }) => allowed) }
  }
  const version = order.version + 1
  const amount = decided.items.reduce((sum, { amount }) => sum + amount, 0)
  const record = { ...base(version), items: decided.items, amount, success: more.success ?? true, ...more }
  return { order: applyEvent(order, { ...base(version), type, record }), codes: [], allowed: [] }
}

// history on one order with line 1 of 500, line 2 of -200, line 3 of 0; then an attempt; its verdict, what is allowed, the payment status
const [A, C, R, X]: RecordType[] = ['authorization', 'capture', 'refund', 'cancellation']
const lines = () => [item(1, 500), item(2, -200), item(3, 0)]
const captured100 = (cancelled: number): Step[] => [
  [A!, { 1: 500 }],
  [C!, { 1: 100 }],
  [X!, { 1: cancelled }],
]
const table: [title: string, history: Step[], attempt: Step, verdict: string, allowed?: unknown][] = [
  ['authorize all', [], [A!, { 1: 500 }], 'ok'],
  ['authorize a part', [], [A!, { 1: 1 }], 'ok'],
  ['authorize too much', [], [A!, { 1: 501 }], 'amount_exceeds_authorizable', [500]],
  ['authorize a reversed line', [], [A!, { 2: -200 }], 'ok'],
  ['authorize a reversed line too much', [], [A!, { 2: -201 }], 'amount_exceeds_authorizable', [-200]],
  ['authorize against the sign', [], [A!, { 2: 200 }], 'amount_sign'],
  ['authorize a negative amount', [], [A!, { 1: -1 }], 'amount_sign'],
  ['authorize zero', [], [A!, { 1: 0 }], 'amount_sign'],
  ['authorize a line that costs nothing', [], [A!, { 3: 1 }], 'amount_exceeds_authorizable', [0]],
  ['authorize an unknown line', [], [A!, { 9: 1 }], 'unknown_line_id', [[1, 2, 3]]],
  ['authorize nothing', [], [A!, {}], 'missing_field'],
  ['authorize twice', [[A!, { 1: 300 }]], [A!, { 1: 200 }], 'already_authorized', [0]],
  [
    'authorize again after a full cancellation',
    [
      [A!, { 1: 300 }],
      [X!, { 1: 300 }],
    ],
    [A!, { 1: 500 }],
    'ok',
  ],
  ['authorize again what was cancelled, once nothing is left to capture', captured100(400), [A!, { 1: 400 }], 'ok'],
  ['authorize again while something is left to capture', captured100(300), [A!, { 1: 300 }], 'already_authorized', [0]],
  ['authorize more than was cancelled', captured100(400), [A!, { 1: 401 }], 'amount_exceeds_authorizable', [400]],
  ['authorize again after a failed one', [[A!, { 1: 500 }, { success: false }]], [A!, { 1: 500 }], 'ok'],
  ['capture without authorization', [], [C!, { 1: 1 }], 'amount_exceeds_capturable', [0]],
  [
    'capture after a failed authorization',
    [[A!, { 1: 500 }, { success: false }]],
    [C!, { 1: 1 }],
    'amount_exceeds_capturable',
    [0],
  ],
  ['capture all', [[A!, { 1: 500 }]], [C!, { 1: 500 }], 'ok'],
  ['capture more than authorized', [[A!, { 1: 300 }]], [C!, { 1: 301 }], 'amount_exceeds_capturable', [300]],
  [
    'capture the rest',
    [
      [A!, { 1: 500 }],
      [C!, { 1: 200 }],
    ],
    [C!, { 1: 300 }],
    'ok',
  ],
  [
    'capture beyond the rest',
    [
      [A!, { 1: 500 }],
      [C!, { 1: 200 }],
    ],
    [C!, { 1: 301 }],
    'amount_exceeds_capturable',
    [300],
  ],
  [
    'capture what was cancelled',
    [
      [A!, { 1: 500 }],
      [X!, { 1: 400 }],
    ],
    [C!, { 1: 101 }],
    'amount_exceeds_capturable',
    [100],
  ],
  [
    'capture two lines, one too much',
    [[A!, { 1: 500, 2: -200 }]],
    [C!, { 1: 500, 2: -300 }],
    'amount_exceeds_capturable',
    [-200],
  ],
  ['a failed capture has no limit', [], [C!, { 1: 9999 }, { success: false }], 'ok'],
  ['a failed capture of an unknown line', [], [C!, { 9: 1 }, { success: false }], 'unknown_line_id'],
  [
    'cancel what is left',
    [
      [A!, { 1: 500 }],
      [C!, { 1: 200 }],
    ],
    [X!, { 1: 300 }],
    'ok',
  ],
  [
    'cancel what is captured',
    [
      [A!, { 1: 500 }],
      [C!, { 1: 200 }],
    ],
    [X!, { 1: 301 }],
    'amount_exceeds_capturable',
    [300],
  ],
  [
    'refund all',
    [
      [A!, { 1: 500 }],
      [C!, { 1: 500 }],
    ],
    [R!, { 1: 500 }],
    'ok',
  ],
  ['refund what is only authorized', [[A!, { 1: 500 }]], [R!, { 1: 1 }], 'amount_exceeds_refundable', [0]],
  [
    'refund twice',
    [
      [A!, { 1: 500 }],
      [C!, { 1: 500 }],
      [R!, { 1: 400 }],
    ],
    [R!, { 1: 101 }],
    'amount_exceeds_refundable',
    [100],
  ],
  [
    'refund a reversed line',
    [
      [A!, { 2: -200 }],
      [C!, { 2: -200 }],
    ],
    [R!, { 2: -200 }],
    'ok',
  ],
]

describe('limits of a line (orders-api 5.3)', () => {
  for (const [title, history, attempt, verdict, allowed] of table) {
    test(`${title}: ${verdict}`, () => {
      const order = history.reduce((order, step) => {
        const result = play(order, step)
        assert.deepEqual(result.codes, [])
        return result.order
      }, newOrder(lines()))
      const result = play(order, attempt)
      assert.deepEqual(result.codes, verdict === 'ok' ? [] : [verdict])
      if (allowed) assert.deepEqual(result.allowed, allowed)
      if (verdict !== 'ok') assert.equal(result.order, order)
    })
  }

  const multiple: [title: string, history: Step[], attempt: Step, verdict: string, allowed?: unknown][] = [
    ['second authorization', [[A!, { 1: 300 }]], [A!, { 1: 200 }], 'ok'],
    ['beyond the line', [[A!, { 1: 300 }]], [A!, { 1: 201 }], 'amount_exceeds_authorizable', [200]],
    ['capture without authorization_id', [[A!, { 1: 300 }]], [C!, { 1: 300 }], 'authorization_id_required', [['e2']]],
    ['capture of another authorization', [[A!, { 1: 300 }]], [C!, { 1: 1 }, { authorization_id: 'x' }], 'unknown_authorization'],
    [
      'capture of one',
      [
        [A!, { 1: 300 }],
        [A!, { 1: 200 }],
      ],
      [C!, { 1: 300 }, { authorization_id: 'e2' }],
      'ok',
    ],
    [
      'capture over one',
      [
        [A!, { 1: 300 }],
        [A!, { 1: 200 }],
      ],
      [C!, { 1: 301 }, { authorization_id: 'e2' }],
      'amount_exceeds_capturable',
      [300],
    ],
    [
      'refund of one that is not captured',
      [
        [A!, { 1: 300 }],
        [A!, { 1: 200 }],
        [C!, { 1: 200 }, { authorization_id: 'e3' }],
      ],
      [R!, { 1: 1 }, { authorization_id: 'e2' }],
      'amount_exceeds_refundable',
      [0],
    ],
  ]
  for (const [title, history, attempt, verdict, allowed] of multiple) {
    test(`multiple authorizations, ${title}: ${verdict}`, () => {
      const order = history.reduce((order, step) => play(order, step).order, newOrder(lines(), true))
      const result = play(order, attempt)
      assert.deepEqual(result.codes, verdict === 'ok' ? [] : [verdict])
      if (allowed) assert.deepEqual(result.allowed, allowed)
    })
  }
})

describe('payment_status (orders-api 5.4)', () => {
  const cases: [items: Item[], history: Step[], status: string][] = [
    [[item(1, 500)], [], 'pending'],
    [[item(1, 500)], [[A!, { 1: 500 }]], 'pending'],
    [
      [item(1, 500)],
      [
        [A!, { 1: 500 }],
        [C!, { 1: 499 }],
      ],
      'partially_paid',
    ],
    [
      [item(1, 500)],
      [
        [A!, { 1: 500 }],
        [C!, { 1: 499 }],
        [X!, { 1: 1 }],
      ],
      'partially_paid',
    ],
    [
      [item(1, 500)],
      [
        [A!, { 1: 500 }],
        [C!, { 1: 500 }],
      ],
      'paid',
    ],
    [
      [item(1, 500)],
      [
        [A!, { 1: 500 }],
        [C!, { 1: 500 }],
        [R!, { 1: 1 }],
      ],
      'partially_refunded',
    ],
    [
      [item(1, 500)],
      [
        [A!, { 1: 500 }],
        [C!, { 1: 300 }],
        [R!, { 1: 300 }],
      ],
      'refunded',
    ],
    [
      [item(1, 500)],
      [
        [A!, { 1: 500 }, { success: false }],
        [C!, { 1: 500 }, { success: false }],
      ],
      'pending',
    ],
    [[item(1, 0)], [], 'paid'],
    [[], [], 'pending'],
    [
      [item(1, 500), item(2, -500), item(3, 600)],
      [
        [A!, { 1: 500, 2: -500, 3: 600 }],
        [C!, { 1: 500, 2: -500, 3: 600 }],
      ],
      'paid',
    ],
  ]
  for (const [items, history, status] of cases) {
    const amounts = items.map(({ gross_amount }) => gross_amount)
    test(`${amounts} after ${history.map(([type]) => type).join(', ') || 'nothing'}: ${status}`, () => {
      assert.equal(paymentStatus(history.reduce((order, step) => play(order, step).order, newOrder(items))), status)
    })
  }
})

test('random records against a small independent model: same refusals, same totals, same payment_status', () => {
  const amounts = fc.dictionary(fc.constantFrom('1', '2', '3'), fc.integer({ min: -120, max: 120 }), { minKeys: 1 })
  const step = fc.record({
    type: fc.constantFrom<RecordType>('authorization', 'capture', 'refund', 'cancellation'),
    amounts,
    failed: fc.nat(9).map((n) => n === 0),
  })
  const due: Record<string, number> = { 1: 100, 2: -60, 3: 37 }
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let order = newOrder(Object.entries(due).map(([line_id, amount]) => item(Number(line_id), amount)))
      // The model: per line, four piles of single units that move from one to the next.
      const free = new Map(Object.entries(due).map(([line, amount]) => [line, Math.abs(amount)]))
      const reserved = new Map<string, number>()
      const taken = new Map<string, number>()
      const back = new Map<string, number>()
      const pile = (map: Map<string, number>, line: string) => map.get(line) ?? 0
      const used = (line: string) => pile(reserved, line) + pile(taken, line) + pile(back, line) > 0
      for (const { type, amounts, failed } of steps) {
        const success = !failed
        const entries = Object.entries(amounts)
        const shapely = entries.every(([line, amount]) => amount !== 0 && Math.sign(amount) === Math.sign(due[line]!))
        const from = { authorization: free, capture: reserved, cancellation: reserved, refund: taken }[type]
        const to = { authorization: reserved, capture: taken, cancellation: free, refund: back }[type]
        const fits = entries.every(
          ([line, amount]) => Math.abs(amount) <= pile(from, line) && !(type === 'authorization' && used(line)),
        )
        const accepted = shapely && (failed || fits)
        const result = play(order, [type, amounts as never, { success }])
        assert.equal(result.codes.length === 0, accepted, `${type} ${JSON.stringify(amounts)} ${success}: ${result.codes}`)
        order = result.order
        if (!accepted || failed) continue
        for (const [line, amount] of entries) {
          from.set(line, pile(from, line) - Math.abs(amount))
          to.set(line, pile(to, line) + Math.abs(amount))
        }
      }
      const signed = (map: Map<string, number>) =>
        Object.keys(due).reduce((sum, line) => sum + Math.sign(due[line]!) * pile(map, line), 0)
      const { due: total, authorized, cancelled, captured, refunded } = orderSums(order)
      assert.equal(authorized - cancelled, signed(reserved) + signed(taken) + signed(back))
      assert.equal(captured, signed(taken) + signed(back))
      assert.equal(refunded, signed(back))
      const [C, R] = [captured, refunded]
      const expected =
        R !== 0
          ? R === C
            ? 'refunded'
            : 'partially_refunded'
          : C === 0
            ? 'pending'
            : Math.abs(C) < Math.abs(total)
              ? 'partially_paid'
              : 'paid'
      assert.equal(paymentStatus(order), expected)
    }),
    { numRuns: 300 },
  )
})

test('splitAmount: the parts add up exactly, mirror for negative amounts, and differ from the exact share by less than the count', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -1e12, max: 1e12 }),
      fc.array(fc.nat(1e6), { minLength: 1, maxLength: 8 }),
      (amount, weights) => {
        const parts = splitAmount(amount, weights)
        assert.equal(
          parts.reduce((sum, part) => sum + part, 0),
          amount,
        )
        assert.deepEqual(
          splitAmount(-amount, weights).map((part) => part + 0),
          parts.map((part) => (part === 0 ? 0 : -part)),
        )
        const whole = weights.reduce((sum, weight) => sum + weight, 0)
        if (whole === 0) return
        for (const [index, part] of parts.entries())
          assert.ok(Math.abs(part - (amount * weights[index]!) / whole) < weights.length)
      },
    ),
  )
})
