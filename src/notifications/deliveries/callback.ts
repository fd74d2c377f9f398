import { limits } from '../../lib/limits.ts'
import { sortedQuery } from '../signature/signature.ts'

/** What a `session_callback` notification carries in its `details`; written by the checkout service with its change. */
export type CallbackDetails = {
  /** The merchant's `callback_url`, with the behaviour switches in its query. */
  url: string
  session_id: string
  /** Absent when the payment failed before there was a transaction. */
  transaction_id?: string
  merchant_reference: string
  /** ISO 8601: when the transaction was created. */
  time: string
  reason: 'authorized' | 'on_hold' | 'error' | 'event'
  /** With reason `error`: `cancelled`, `authorization` or `failed`. */
  error?: string
  /** With reason `event`: `CAPTURE`, `REFUND` or `VOID`, and the number of the transaction's event. */
  event?: string
  event_id?: string
  /** The transaction is told as it was at this event, when that is later than the one reported (checkout-api §5.5). */
  transaction_sequence?: number
}

export type CallbackRequest = {
  method: 'GET' | 'POST'
  /** As it is sent: with our parameters, sorted, in the form in which it is signed. */
  url: string
  origin: string
  delay_s: number
  /** The body of a POST also carries the session. */
  with_session: boolean
}

/**
 * Reads the behaviour switches of a callback URL and builds the request (checkout-api §6.2, clients §5).
 * @returns undefined when the merchant did not ask to be told about this, or the URL is none
 */
export function callbackRequest(details: CallbackDetails): CallbackRequest | undefined {
  if (!URL.canParse(details.url)) return undefined
  const url = new URL(details.url)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return undefined
  const query = url.searchParams
  if (details.reason === 'error' && query.get('report_error') !== 'true') return undefined
  if (details.reason === 'event' && !listed(query, 'report_event').includes(details.event ?? '')) return undefined

  const asked = Number(query.get('delay_callback') ?? 0)
  const delay_s = Number.isFinite(asked) ? Math.min(Math.max(asked, 0), limits.callback_delay_max_s) : 0
  const method = query.get('method')?.toUpperCase() === 'POST' ? 'POST' : 'GET'
  const added: Record<string, string | undefined> = {
    transaction_id: details.transaction_id,
    [query.get('sid_parameter_name') === 'sid' ? 'sid' : 'session_id']: details.session_id,
    merchant_reference: details.merchant_reference,
    time: details.time,
    error: details.error,
    event: details.event,
    event_id: details.event_id,
  }
  const sent = new URLSearchParams(query)
  for (const [name, value] of Object.entries(added)) if (value !== undefined) sent.set(name, value)
  url.search = sortedQuery(sent)
  url.hash = ''
  return { method, url: url.href, origin: url.origin, delay_s, with_session: listed(query, 'includes').includes('session') }
}

/** A parameter that may be repeated, or hold several values with commas between. */
function listed(query: URLSearchParams, name: string): string[] {
  return query.getAll(name).flatMap((value) => value.split(','))
}
