import type { Parts } from './app.ts'
import { SessionProfileIn, type SessionRequest } from './checkout/sessions/create.ts'
import { createSession } from './checkout/sessions/operations.ts'
import { isDryRun, notInDryRun } from './lib/dry-run.ts'
import { ApiError } from './lib/errors.ts'
import { limits } from './lib/limits.ts'
import { isObject } from './lib/object.ts'
import { checkOfBody } from './lib/schema.ts'
import type { CheckoutSessionBody, CreateCheckoutSession } from './orders/sessions/session.ts'

/**
 * How orders gets payment sessions: from the checkout service in this process, or over HTTP from the one at `CHECKOUT_URL`,
 * Kvitt's or the hosted one. The only place that knows both services.
 */
export function createCheckoutSessions(parts: Parts): CreateCheckoutSession {
  const { config, role } = parts
  if (config.checkout_url) return overHttp({ ...config, checkout_url: config.checkout_url }, fetch)
  if (role === 'all') return inProcess(parts)
  return async () => {
    throw new ApiError('checkout_unavailable', 'No checkout service is configured: set CHECKOUT_URL and the client for it.')
  }
}

function inProcess(parts: Parts): CreateCheckoutSession {
  const faultOf = checkOfBody(SessionProfileIn)
  return async (caller, body) => {
    // The same check as over HTTP: orders keeps addresses and customers as they came.
    const fault = faultOf(body)
    if (fault) throw new ApiError('checkout_refused', `Checkout can't take ${fault.pointer}: it ${fault.what}.`)
    return createSession(parts, { ...caller, request_id: parts.ids.uuid() }, { body: body as unknown as SessionRequest })
  }
}

type Remote = { checkout_url: string; checkout_client_id: string | undefined; checkout_client_secret: string | undefined }
type Token = { text: string; renew_at: number }

/** A session by HTTP, with a token of the configured client that is kept until it runs out or is refused. */
function overHttp(remote: Remote, call: typeof fetch): CreateCheckoutSession {
  const tokens = new Map<string, Token>()
  return async ({ account_id }, body) => {
    if (isDryRun()) throw notInDryRun('the checkout service')
    for (let attempt = 1; ; attempt++) {
      const token = await currentToken(account_id)
      const answer = await send('/v1/sessions-profile', { authorization: `Bearer ${token}` }, body)
      if (answer.status === 401 && attempt === 1) {
        tokens.delete(account_id)
        continue
      }
      return sessionOf(answer)
    }
  }

  async function currentToken(account_id: string): Promise<string> {
    const known = tokens.get(account_id)
    if (known && performance.now() < known.renew_at) return known.text
    const { checkout_client_id: id, checkout_client_secret: secret } = remote
    const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
    const audience = `https://api.dintero.com/v1/accounts/${account_id}`
    const grant = { grant_type: 'client_credentials', audience }
    const { status, content } = await send(`/v1/accounts/${account_id}/auth/token`, { authorization }, grant)
    if (status !== 200 || typeof content.access_token !== 'string') {
      throw new ApiError(
        'checkout_unavailable',
        `The checkout service gave no access token (${status}). Check CHECKOUT_CLIENT_ID.`,
      )
    }
    const lifetime_s = typeof content.expires_in === 'number' ? content.expires_in : 600
    tokens.set(account_id, { text: content.access_token, renew_at: performance.now() + (lifetime_s - 60) * 1000 })
    return content.access_token
  }

  async function send(path: string, headers: Record<string, string>, body: CheckoutSessionBody | Record<string, string>) {
    try {
      const response = await call(remote.checkout_url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(limits.gateway_timeout_ms),
      })
      const content: unknown = JSON.parse((await response.text()) || '{}')
      return { status: response.status, content: isObject(content) ? content : {} }
    } catch (error) {
      const why =
        error instanceof DOMException && error.name === 'TimeoutError' ? 'did not answer in time' : 'could not be reached'
      throw new ApiError('checkout_unavailable', `The checkout service ${why}. Nothing was recorded; try again.`)
    }
  }
}

function sessionOf({ status, content }: { status: number; content: { readonly [member: string]: unknown } }) {
  const { id, url } = content
  if (status >= 200 && status < 300 && typeof id === 'string' && typeof url === 'string') return { id, url }
  const error = isObject(content.error) ? content.error : {}
  const said = typeof error.message === 'string' ? error.message : `status ${status}`
  if (status >= 400 && status < 500 && status !== 401 && status !== 403 && status !== 429) {
    throw new ApiError('checkout_refused', `The checkout service refused the session: ${said}`)
  }
  throw new ApiError('checkout_unavailable', `The checkout service created no session: ${said}`)
}
