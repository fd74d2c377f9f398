import { ApiError } from '../../lib/errors.ts'
import type { Notification } from '../../lib/outbox.ts'
import { eventView } from '../events/event.ts'
import type { EventBase, Order, OrderChange } from './order.ts'

/** 404: no order answers to this name. */
export function unknownOrder(name: string): ApiError {
  return new ApiError('not_found', `There is no order ${name} on this account.`)
}

/** How a change of an order is announced; its sequence is the order's version. */
export function orderNotification(order: Order, event: EventBase & OrderChange): Notification {
  const base = { aggregate_type: 'order', aggregate_id: order.id, sequence: event.version } as const
  if (event.type !== 'service') return { ...base, event: 'shopping_order_update' }
  return { ...base, event: 'shopping_order_event_add', details: { order_event: eventView(event) } }
}
