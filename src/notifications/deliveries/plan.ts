import { limits } from '../../lib/limits.ts'
import { type CallbackDetails, callbackRequest } from './callback.ts'

/** A row of the outbox that nobody has been told yet. */
export type OutboxRow = {
  id: number
  aggregate_type: string
  aggregate_id: string
  sequence: number
  event: string
  details: Record<string, unknown>
}

/** What of a subscription decides whether it is told. */
export type Subscriber = { id: string; url: string; events: readonly string[] }

/** A delivery to be inserted; the rest of its row is the same for all of them. */
export type PlannedDelivery = Omit<OutboxRow, 'id'> & {
  endpoint: string
  lane: string
  position: number
  subscription_id?: string
  method: 'GET' | 'POST'
  url: string
  delay_s: number
  /** Why it is dead from the start: nobody can be told like this, and the merchant can see it. */
  error?: string
}

/** Who is told about a row: the merchant's callback URL if it asked for this, or each subscription to the event. */
export function planDeliveries(row: OutboxRow, position: number, subscribers: readonly Subscriber[]): PlannedDelivery[] {
  const { id: _, ...told } = row
  const common = { ...told, position, lane: `${row.aggregate_type}:${row.aggregate_id}` }
  if (row.event === 'session_callback') {
    const request = callbackRequest(row.details as CallbackDetails)
    if (!request) return []
    const { method, url, origin, delay_s } = request
    const delivery: PlannedDelivery = { ...common, endpoint: `callback:${origin}`, method, url, delay_s }
    const { length } = new URL(origin).hostname
    if (length <= limits.host_length_max) return [delivery]
    return [deadDelivery(delivery, `The host name has ${length} characters; none has more than ${limits.host_length_max}.`)]
  }
  return subscribers
    .filter(({ events }) => events.includes(row.event))
    .map(({ id, url }) => ({
      ...common,
      endpoint: `subscription:${id}`,
      subscription_id: id,
      method: 'POST' as const,
      url,
      delay_s: 0,
    }))
}

/** A delivery that nobody will be told of, with the reason. Its endpoint is cut: it is part of an index, whose rows have a largest size. */
export function deadDelivery(delivery: PlannedDelivery, error: string): PlannedDelivery {
  return { ...delivery, endpoint: delivery.endpoint.slice(0, 300), error }
}

/** The dead delivery of a row that can't even be planned. */
export function unplannedDelivery(row: OutboxRow, position: number, error: string): PlannedDelivery {
  const { id: _, ...told } = row
  const lane = `${row.aggregate_type}:${row.aggregate_id}`
  const details = row.details ?? {}
  return { ...told, details, position, lane, endpoint: 'unplanned', method: 'GET', url: '', delay_s: 0, error }
}
