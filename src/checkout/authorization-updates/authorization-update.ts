import Type from 'typebox'
import type { PaymentProduct } from '../../gateways/gateway.ts'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { AmountIn, LineIdIn, Reference } from '../../lib/schema.ts'
import { CaptureBody } from '../transactions/schemas.ts'
import {
  change_pending,
  type Item,
  open,
  type Reservation,
  refuse,
  refuseStatus,
  restOf,
  type TransactionRow,
  updatePending,
} from '../transactions/transaction.ts'

/** An item as sessions have it: of neither member the contract says that it must be there. */
const ItemIn = Type.Object({
  line_id: Type.Optional(LineIdIn),
  amount: Type.Optional(AmountIn),
  quantity: Type.Optional(Type.Number()),
})

/** The body of `POST /v1/transactions/{id}/authorization` (checkout-api §4.5.5). Every member is optional. */
export const AuthorizationBody = Type.Unsafe<AuthorizationRequest>({
  ...CaptureBody,
  title: 'AuthorizationUpdate',
  properties: {
    amount: AmountIn,
    final_authorization: { type: 'boolean' },
    items: Type.Optional(Type.Array(ItemIn, { maxItems: limits.items_per_order_max })),
    reason: { type: 'string', maxLength: 1000 },
    reference: Reference,
    description: { type: 'string', maxLength: 1000 },
  },
  examples: [{ amount: 45000, final_authorization: true }],
})
export type AuthorizationRequest = {
  amount?: number
  final_authorization?: boolean
  items?: Item[]
  reason?: string
  reference?: string
  description?: string
}

export type Update = PaymentProduct['authorization_update'][number]
/** Which update it is, and what it reserves: of a smaller amount the difference, so that it can't be captured meanwhile. */
export type AuthorizationUpdate = Reservation & { update: Update; new_amount: number }

/** Whether, and how, the authorization may be changed (checkout-api §4.5.5). Precedence: product, status, amount, items. */
export function mayUpdateAuthorization(
  row: TransactionRow,
  product: PaymentProduct | undefined,
  request: AuthorizationRequest,
): AuthorizationUpdate | Refusal {
  const can = (update: Update) => product?.authorization_update.includes(update) === true
  if (can('release_hold')) {
    if (row.status === 'ON_HOLD') return release(row, request)
    return refuseStatus(`A transaction that is ${row.status} is not on hold.`, ['ON_HOLD'])
  }
  if (can('pre_authorization')) return preAuthorization(row, request)
  if (request.amount !== undefined && can('amount')) return changeAmount(row, request, request.amount)
  if (request.amount === undefined && can('extend')) {
    return refusedStatus(row) ?? { update: 'extend', amount: row.amount, void_amount: 0, new_amount: row.amount }
  }
  return refuse('operation_unsupported', `The authorization of a ${row.payment_product_type} payment can't be changed like this.`)
}

function release(row: TransactionRow, { amount, items }: AuthorizationRequest): AuthorizationUpdate | Refusal {
  if (amount !== undefined && amount !== row.amount) {
    return refuse('amount_not_allowed', `/amount must be that of the order, ${row.amount}.`, '/amount', row.amount)
  }
  const sum = sumOf(items)
  if (sum !== undefined && sum !== row.amount) {
    return refuse('items_invalid', `/items add up to ${sum}, not to ${row.amount}.`, '/items')
  }
  return { update: 'release_hold', amount: row.amount, void_amount: 0, new_amount: row.amount }
}

function preAuthorization(
  row: TransactionRow,
  { amount, final_authorization, items }: AuthorizationRequest,
): AuthorizationUpdate | Refusal {
  const refusal = refusedStatus(row)
  if (refusal) return refusal
  if (row.final_authorization)
    return refuse('authorization_final', 'The authorization is final already and can no longer be changed.')
  const wanted = amount ?? row.amount
  if (!final_authorization && wanted <= row.amount) {
    const message = `/amount must be above ${row.amount} while the authorization is not final.`
    return refuse('amount_not_allowed', message, '/amount', row.amount + 1)
  }
  if (wanted <= 0) return refuse('amount_required', '/amount must be above zero.', '/amount', 1)
  const sum = sumOf(items)
  if (sum !== undefined && sum !== wanted) return refuse('items_invalid', `/items add up to ${sum}, not to ${wanted}.`, '/items')
  return { update: 'pre_authorization', amount: wanted, void_amount: Math.max(row.amount - wanted, 0), new_amount: wanted }
}

function changeAmount(row: TransactionRow, { items }: AuthorizationRequest, amount: number): AuthorizationUpdate | Refusal {
  const refusal = refusedStatus(row)
  if (refusal) return refusal
  if (amount <= 0) return refuse('amount_required', '/amount must be above zero.', '/amount', 1)
  const less = row.amount - amount
  if (less > restOf(row)) {
    const least = row.amount - restOf(row)
    return refuse(
      'amount_not_allowed',
      `/amount must be at least ${least}, which is captured or being captured.`,
      '/amount',
      least,
    )
  }
  const sum = sumOf(items)
  if (sum === undefined && row.data.items?.length) {
    return refuse('items_invalid', '/items is required: the transaction has items.', '/items')
  }
  if (sum !== undefined && sum !== amount) return refuse('items_invalid', `/items add up to ${sum}, not to ${amount}.`, '/items')
  return { update: 'amount', amount, void_amount: Math.max(less, 0), new_amount: amount }
}

function refusedStatus(row: TransactionRow): Refusal | undefined {
  if (row.pending_void > 0 || updatePending(row)) return change_pending
  if (open.includes(row.status)) return undefined
  return refuseStatus(`The authorization of a transaction that is ${row.status} can't be changed.`, open)
}

function sumOf(items: readonly Item[] | undefined): number | undefined {
  return items?.length ? items.reduce((total, { amount = 0 }) => total + amount, 0) : undefined
}
