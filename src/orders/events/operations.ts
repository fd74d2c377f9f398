import { changeOrder, getOrder } from '../orders/operations.ts'
import type { ServiceStatus } from '../orders/order.ts'
import type { Caller, Service } from '../shared/operations.ts'
import { combinedState, eventView, eventViews } from './event.ts'

/** Adds what a service reports to the order, whatever the status of the order (orders-api §2.10). */
export async function addServiceEvent(service: Service, caller: Caller, name: string, body: Partial<ServiceStatus>) {
  const service_event = { ...body, state: body.state ?? 'success' } as ServiceStatus
  const { order, events } = await changeOrder(service, caller, name, () => ({ change: { type: 'service', service_event } }))
  return { event: eventView(events.at(-1)!), version: order.version }
}

/** All events of an order and what they say together. */
export async function listEvents(service: Service, account_id: string, name: string) {
  const { order, events } = await getOrder(service, account_id, name, true)
  return { events: eventViews(events, { api: true, service: true }), state: combinedState(events), version: order.version }
}
