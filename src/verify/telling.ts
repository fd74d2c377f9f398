import { type CallbackDetails, callbackRequest } from '../notifications/deliveries/callback.ts'
import type { Difference } from './difference.ts'

/** A row of the outbox that has been handled, and the delivery that it should have become and didn't. */
export type Untold = {
  account_id: string
  aggregate_type: string
  aggregate_id: string
  sequence: number
  event: string
  /** `null`: the merchant's callback URL. */
  subscription_id: string | null
  details: Readonly<Record<string, unknown>>
}

/** Somebody who asked to be told and never will be; a callback that the merchant's URL does not ask for is none. */
export function verifyTelling(row: Untold): Difference[] {
  const { account_id, aggregate_type, aggregate_id, sequence, event, subscription_id, details } = row
  if (subscription_id === null && !callbackRequest(details as CallbackDetails)) return []
  const to = subscription_id === null ? 'the callback URL' : `subscription ${subscription_id}`
  const what = `notification ${sequence} ${event} to ${to}`
  return [{ account_id, aggregate_type, aggregate_id, what, expected: 'a delivery', found: null }]
}
