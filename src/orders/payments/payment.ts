/*
 * Terminology
 *
 * - record: an authorization, capture, refund or cancellation that happened elsewhere and is written down here
 * - room: how much of a line a record may still move, signed like the line
 */
import Type from 'typebox'
import type { ErrorCode, Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { Amount, AmountIn, DateTime, FreeObject, LineIdIn, Reference } from '../../lib/schema.ts'
import { dueOf, exchangeRate, type Item, parseLineId } from '../items/item.ts'
import { type Payout, payoutOf } from '../items/payout.ts'
import type { Order, RecordItem, RecordType, Sums } from '../orders/order.ts'

const Text = Type.String({ maxLength: limits.text_length_max })

/** orders-api §3.7; `payment_id` is the checkout transaction. */
const PaymentDetails = Type.Object(
  {
    psp: Type.Optional(Text),
    payment_id: Type.Optional(Text),
    payment_product: Type.Optional(Text),
    payment_product_type: Type.Optional(Text),
  },
  { additionalProperties: true },
)

/** The body of the four POSTs (orders-api §2.9). `splits` and `fee_split` of marketplaces are stored and echoed. */
export const RecordIn = Type.Object(
  {
    items: Type.Array(Type.Object({ line_id: LineIdIn, amount: AmountIn, ...exchangeRate }, { additionalProperties: true }), {
      maxItems: limits.items_per_order_max,
    }),
    id: Type.Optional(
      Type.String({ minLength: 1, maxLength: 40, description: 'Chosen by the client; the same one again is refused.' }),
    ),
    success: Type.Optional(Type.Boolean({ description: 'Default true. A failed attempt is recorded and moves nothing.' })),
    authorization_id: Type.Optional(
      Type.String({ minLength: 1, maxLength: 40, description: 'Needed with `multiple_authorizations`.' }),
    ),
    processed_at: Type.Optional(DateTime),
    processed_by: Type.Optional(Reference),
    payment_details: Type.Optional(PaymentDetails),
    metadata: Type.Optional(FreeObject),
  },
  {
    additionalProperties: true,
    examples: [{ items: [{ amount: 39800, line_id: 1 }], payment_details: { payment_id: 'T12345678.abc' }, success: true }],
  },
)
export type RecordIn = Type.Static<typeof RecordIn> & Record<string, unknown>

/** A record as it is answered (orders-api §3.6). `amount` is the total. */
export const RecordOut = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          line_id: Type.Integer(),
          amount: Amount,
          ...exchangeRate,
          payout: Type.Optional(Type.Unknown({ description: 'How the amount is split, of a line with a payout rule.' })),
        },
        { additionalProperties: true },
      ),
    ),
    processed_at: RecordIn.properties.processed_at,
    processed_by: RecordIn.properties.processed_by,
    payment_details: RecordIn.properties.payment_details,
    metadata: RecordIn.properties.metadata,
    id: Type.String(),
    created_at: DateTime,
    created_by: Type.String(),
    amount: Amount,
    success: Type.Boolean(),
    authorization_id: Type.Optional(Type.String()),
  },
  {
    additionalProperties: true,
    title: 'OrderOperation',
    examples: [
      {
        items: [{ amount: 39800, line_id: 1 }],
        payment_details: { payment_id: 'T12345678.abc' },
        id: '5f0c3b1e-8a55-4b0e-9f3c-2a1d6f7e8b90',
        created_at: '2026-01-02T03:04:05.678Z',
        created_by: 'client-id',
        amount: 39800,
        success: true,
      },
    ],
  },
)

const noun: Record<RecordType, string> = {
  authorization: 'authorized',
  capture: 'captured',
  refund: 'refunded',
  cancellation: 'cancelled',
}
const exceeds = {
  authorization: 'amount_exceeds_authorizable',
  capture: 'amount_exceeds_capturable',
  cancellation: 'amount_exceeds_capturable',
  refund: 'amount_exceeds_refundable',
} as const satisfies Record<RecordType, ErrorCode>

const nothing: Sums = { authorized: 0, cancelled: 0, captured: 0, refunded: 0 }

/** What is left for a record of this type on a line (orders-api §5.3), signed like the line; never crosses zero. */
export function room(type: RecordType, due: number, line: Sums, ofAuthorization: Sums = line): number {
  switch (type) {
    case 'authorization':
      return due - line.authorized + line.cancelled
    case 'capture':
    case 'cancellation':
      return ofAuthorization.authorized - ofAuthorization.cancelled - ofAuthorization.captured
    case 'refund':
      return ofAuthorization.captured - ofAuthorization.refunded
  }
}

/** May the order take such a record in its status at all? (orders-api §5.5) Cancellations and refunds always can be written down. */
function mayRecord(order: Order, type: RecordType): Refusal | undefined {
  if (type === 'cancellation' || type === 'refund' || order.status === 'open') return undefined
  if (order.status === 'cancelled') {
    return { code: 'order_cancelled', message: `Order ${order.order_id} is cancelled: nothing more can be ${noun[type]}.` }
  }
  if (type === 'capture') return undefined
  return { code: 'order_not_open', message: `Order ${order.order_id} is closed. Open it before recording an authorization.` }
}

/**
 * Decides about a whole record: all of its items, or none. Refusals in order of precedence: the shape (400), the status of the order
 * (409), then the amounts (409). All items at fault are named, each with the largest amount that would have been allowed.
 * A record with `success: false` has no limit on its amounts, for it moved no money. With `free`, lines that cost nothing may stand in it.
 */
export function decideRecord(
  order: Order,
  type: RecordType,
  body: RecordIn,
  { free = false } = {},
): { items: RecordItem[]; refusals: Refusal[] } {
  const { refusals, lines } = shape(order, body, free)
  const authorization = ofAuthorization(order, type, body)
  if ('code' in authorization) refusals.push(authorization)
  if (refusals.length > 0) return { items: [], refusals }
  const status = mayRecord(order, type)
  if (status) return { items: [], refusals: [status] }

  const sums = 'sums' in authorization ? authorization.sums : undefined
  const items = body.items.map((item, index): RecordItem => {
    const line = lines[index]!
    if (body.success !== false) {
      const refusal = overRoom(order, type, line, item.amount, sums, `/items/${index}/amount`)
      if (refusal) refusals.push(refusal)
    }
    const payout: Payout | undefined = payoutOf(line, item.amount)
    return { ...item, line_id: line.line_id, ...(payout ? { payout } : {}) }
  })
  return { items: refusals.length > 0 ? [] : items, refusals }
}

/** Known lines, each once, with amounts in the direction of the line. */
function shape(order: Order, { items }: RecordIn, free: boolean): { refusals: Refusal[]; lines: Item[] } {
  const refusals: Refusal[] = []
  const lines: Item[] = []
  const known = new Map(order.items.map((item) => [item.line_id, item]))
  const seen = new Set<number>()
  if (items.length === 0)
    refusals.push({ code: 'missing_field', path: '/items', message: 'Name at least one line of the order.' })
  for (const [index, { line_id, amount }] of items.entries()) {
    const line = known.get(parseLineId(line_id) ?? Number.NaN)
    const path = `/items/${index}`
    if (!line) {
      const allowed = [...known.keys()].slice(0, 100)
      refusals.push({ code: 'unknown_line_id', path: `${path}/line_id`, message: `The order has no line ${line_id}.`, allowed })
      continue
    }
    if (seen.has(line.line_id)) {
      refusals.push({
        code: 'duplicate_line_id',
        path: `${path}/line_id`,
        message: `Line ${line_id} stands in the request twice.`,
      })
    }
    seen.add(line.line_id)
    lines.push(line)
    const due = dueOf(line)
    if (free && amount === 0 && due === 0) continue
    if (amount === 0 || Math.sign(amount) * Math.sign(due) < 0) {
      const direction = due < 0 ? 'negative, like the line' : 'positive, like the line'
      const message =
        amount === 0 ? `The amount of line ${line_id} is zero.` : `The amount of line ${line_id} must be ${direction}.`
      refusals.push({ code: 'amount_sign', path: `${path}/amount`, message })
    }
  }
  return { refusals, lines }
}

/** With `multiple_authorizations` the record says which authorization it is about, and moves within that one's amounts. */
function ofAuthorization(order: Order, type: RecordType, { authorization_id }: RecordIn): Refusal | { sums?: Map<number, Sums> } {
  if (!order.options.multiple_authorizations || type === 'authorization') return {}
  const path = '/authorization_id'
  const allowed = [...order.authorizations.keys()]
  if (authorization_id === undefined) {
    const message = `The order has multiple authorizations: say which one is ${noun[type]}.`
    return { code: 'authorization_id_required', path, message, allowed }
  }
  const sums = order.authorizations.get(authorization_id)
  if (!sums) {
    const message = `The order has no successful authorization ${authorization_id}.`
    return { code: 'unknown_authorization', path, message, allowed }
  }
  return { sums }
}

function overRoom(
  order: Order,
  type: RecordType,
  line: Item,
  amount: number,
  sums: Map<number, Sums> | undefined,
  path: string,
): Refusal | undefined {
  const totals = order.sums.get(line.line_id) ?? nothing
  const allowed = room(type, dueOf(line), totals, sums ? (sums.get(line.line_id) ?? nothing) : totals)
  const live = totals.authorized - totals.cancelled - totals.captured
  if (type === 'authorization' && live !== 0 && !order.options.multiple_authorizations) {
    const message = `Line ${line.line_id} is already authorized. Several authorizations need the option multiple_authorizations.`
    return { code: 'already_authorized', path, message, allowed: 0 }
  }
  if (Math.abs(amount) <= Math.abs(allowed)) return undefined
  const message = `At most ${allowed} of line ${line.line_id} can be ${noun[type]}, not ${amount}.`
  return { code: exceeds[type], path, message, allowed }
}
