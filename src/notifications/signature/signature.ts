import { createHmac } from 'node:crypto'
import Type, { type Static } from 'typebox'
import { DateTime } from '../../lib/schema.ts'

/**
 * The three ways in which a merchant can tell that a request came from us. All pure: secret, time and request go in.
 * `Dintero-Signature` covers the URL (checkout-api §6.3), `event-signature` the body (§6.6), `kvitt-signature` body, id and time.
 */

/** The account's secret, as `/v1/admin/signature` shows it. */
export const SignatureSecret = Type.Object(
  {
    id: Type.String(),
    created_at: DateTime,
    created_by: Type.String(),
    signature: Type.Object({ type: Type.Literal('v0-hmac-sha256'), secret: Type.String() }),
  },
  { title: 'SignatureSecret' },
)
export type SignatureSecret = Static<typeof SignatureSecret>

/** Names and values of a query in the order in which they are signed: by name, equal names by value (clients §5). */
export function sortedQuery(parameters: URLSearchParams): string {
  const before = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
  const entries = [...parameters].sort(([name, value], [other, also]) => before(name, other) || before(value, also))
  return new URLSearchParams(entries).toString()
}

/** The header `Dintero-Signature` for a request to `url`, at `now_s` seconds since 1970 (checkout-api §6.3). The body is not covered. */
export function dinteroSignature(secret: string, now_s: number, account_id: string, method: string, url: string): string {
  const { hostname, pathname, searchParams } = new URL(url)
  const query = new URLSearchParams(searchParams)
  query.sort()
  const signed = [now_s, account_id, method, hostname, pathname, query.toString()].join('\n')
  return `t=${now_s},v0-hmac-sha256=${createHmac('sha256', secret).update(signed).digest('hex')}`
}

/** The headers of a webhook, whoever sends it: what it is and, with a secret, its signatures (ours under its standard name, too). */
export function webhookHeaders(
  { id, event, body }: { id: string; event: string; body: string },
  now_s: number,
  secret: string | null | undefined,
): Record<string, string> {
  const about = {
    'content-type': 'application/json',
    event,
    'event-delivery': id,
    'webhook-id': id,
    'webhook-timestamp': String(now_s),
  }
  if (!secret) return about
  const signature = kvittSignature(secret, id, now_s, body)
  const event_signature = eventSignature(secret, body)
  return { ...about, 'event-signature': event_signature, 'kvitt-signature': signature, 'webhook-signature': signature }
}

/** The header `event-signature` of a webhook: HMAC-SHA1 of the raw body (checkout-api §6.6). */
export function eventSignature(secret: string, body: string): string {
  return createHmac('sha1', secret).update(body).digest('hex')
}

/**
 * The header `kvitt-signature` of a webhook, in the form of Standard Webhooks: `v1,` and base64 of HMAC-SHA256 over
 * `{webhook-id}.{webhook-timestamp}.{raw body}`. A secret `whsec_…` is base64 of the key; any other is the key itself.
 */
export function kvittSignature(secret: string, webhook_id: string, now_s: number, body: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret
  return `v1,${createHmac('sha256', key).update(`${webhook_id}.${now_s}.${body}`).digest('base64')}`
}
