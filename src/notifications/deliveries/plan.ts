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
}

/** Who is told about a row: the merchant's callback URL if it asked for this, or each subscription to the event. */
export function planDeliveries(row: OutboxRow, position: number, subscribers: readonly Subscriber[]): PlannedDelivery[] {
  const { id: _, ...told } = row
  const common = { ...told, position, lane: `${row.aggregate_type}:${row.aggregate_id}` }
  if (row.event === 'session_callback') {
    const request = callbackRequest(row.details as CallbackDetails)
    if (!request) return []
    const { method, url, origin, delay_s } = request
    return [{ ...common, endpoint: `callback:${origin}`, method, url, delay_s }]
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
