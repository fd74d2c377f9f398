import { type CallbackDetails, callbackRequest } from '../deliveries/callback.ts'
import { callbackBody, type PayloadSources, webhookBody } from '../deliveries/payload.ts'
import { dinteroSignature, webhookHeaders } from '../signature/signature.ts'
import type { EventRow } from './store.ts'

/** A request that tells a developer's own machine what a merchant's server would be told. */
export type Forwarded = { method: 'GET' | 'POST'; url: string; headers: Record<string, string>; body?: string }

/** What it is signed with, if at all: a webhook secret, and the account's signature secret. */
export type ForwardSecrets = { webhook?: string | undefined; signature?: string | undefined }

/**
 * An event of the feed as a request to `forward_to`: a webhook, or a session callback with its parameters.
 * @returns undefined for a callback that the merchant's switches don't ask for
 */
export async function forwardedRequest(
  account_id: string,
  row: EventRow,
  forward_to: string,
  context: { sources: PayloadSources; secrets: ForwardSecrets; now_s: number; id: string },
): Promise<Forwarded | undefined> {
  const { sources, secrets, now_s, id } = context
  const told = { account_id, id, ...row }
  if (row.event === 'session_callback') {
    const request = callbackRequest(row.details as CallbackDetails)
    if (!request) return undefined
    const url = new URL(forward_to)
    for (const [name, value] of new URL(request.url).searchParams) url.searchParams.append(name, value)
    const headers: Record<string, string> = { 'event-delivery': id }
    if (secrets.signature) {
      headers['dintero-signature'] = dinteroSignature(secrets.signature, now_s, account_id, request.method, url.href)
    }
    const body = request.method === 'POST' ? await callbackBody(told, sources) : undefined
    if (!body) return { method: request.method, url: url.href, headers }
    return {
      method: 'POST',
      url: url.href,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }
  }
  const body = JSON.stringify(await webhookBody(told, sources))
  const headers = webhookHeaders({ id, event: row.event, body }, now_s, secrets.webhook)
  return { method: 'POST', url: forward_to, headers, body }
}
