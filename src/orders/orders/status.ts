import type { Refusal } from '../../lib/errors.ts'
import { asText } from '../../lib/object.ts'
import { type Order, type OrderChange, orderSums } from './order.ts'

export const cancelReasons = ['customer', 'fraud', 'inventory', 'declined', 'other'] as const

type Decided = { change?: OrderChange } | { refusals: Refusal[] }

/** Open again what was closed. Opening an open order changes nothing; a cancelled one stays cancelled (orders-api §5.2). */
export function decideOpen(order: Order): Decided {
  if (order.status === 'open') return {}
  if (order.status === 'closed') return { change: { type: 'opened' } }
  return { refusals: [{ code: 'order_cancelled', message: `Order ${order.order_id} is cancelled for good.` }] }
}

/** Close an open order. Closing a closed one changes nothing. */
export function decideClose(order: Order): Decided {
  if (order.status === 'closed') return {}
  if (order.status === 'open') return { change: { type: 'closed' } }
  return { refusals: [{ code: 'order_cancelled', message: `Order ${order.order_id} is cancelled for good.` }] }
}

/** Cancel an order that holds no captured money. What is authorized may still be cancelled afterwards (orders-api §5.2). */
export function decideCancel(order: Order, asked: unknown, path = '/reason'): Decided {
  const reason = cancelReasons.find((known) => known === asked)
  if (reason === undefined) {
    const message = `${asText(asked)?.slice(0, 100) ?? 'That'} is no reason for a cancellation: ${cancelReasons.join(', ')}.`
    return { refusals: [{ code: 'invalid_request', path, message, allowed: cancelReasons }] }
  }
  if (order.status === 'cancelled') {
    return { refusals: [{ code: 'order_cancelled', message: `Order ${order.order_id} is cancelled already.` }] }
  }
  const { captured, refunded } = orderSums(order)
  if (captured !== refunded) {
    const message = `Order ${order.order_id} has ${captured - refunded} captured and not refunded. Refund it first.`
    return { refusals: [{ code: 'order_captured', message, allowed: 0 }] }
  }
  return { change: { type: 'cancelled', reason } }
}
