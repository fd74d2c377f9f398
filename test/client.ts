import { type Accounts, createAccount, createClient } from '../src/accounts/operations.ts'
import type { Clock } from '../src/lib/ids.ts'

/** What a test account gets when it does not say. */
export const testScopes: readonly string[] = [
  'admin:checkout',
  'admin:shopping',
  'admin:accounts',
  'admin:hooks',
  'admin:settlements',
]

/** The answer to a call. `body` is the parsed JSON, the text when it is none, `undefined` when it is empty. */
// biome-ignore lint/suspicious/noExplicitAny: tests read answers of every shape
export type Answer = { status: number; body: any; headers: Headers }

export type TestAccount = Awaited<ReturnType<typeof createTestAccount>>

/**
 * An account with a client of these scopes, and its token. `call` talks to the server over HTTP; it gets a new token when the
 * server's clock has passed the end of the one it has.
 */
export async function createTestAccount(
  server: Accounts & { url: string; clock: Clock },
  options: { account_id?: string; scopes?: readonly string[] } = {},
) {
  const { account_id } = await createAccount(server, { account_id: options.account_id })
  const client = await createClient(server, { account_id, scopes: options.scopes ?? testScopes })
  let token = ''
  let renew_at = 0

  async function currentToken(): Promise<string> {
    const now = server.clock.now().getTime()
    if (now < renew_at) return token
    const answer = await fetchToken(server.url, { account_id, ...client })
    if (answer.status !== 200) throw new Error(`No token: ${answer.status} ${JSON.stringify(answer.body)}`)
    token = answer.body.access_token
    renew_at = now + answer.body.expires_in * 1000
    return token
  }

  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return send(server.url, method, path, { body, headers: { authorization: `Bearer ${await currentToken()}`, ...headers } })
  }

  await currentToken()
  return { account_id, ...client, token, call }
}

/** One request. A body that is a string is sent as it is, anything else as JSON, `undefined` not at all. */
export async function send(
  url: string,
  method: string,
  path: string,
  options: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { body, headers = {} } = options
  const response = await fetch(url + path, {
    method,
    redirect: 'manual',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const json = response.headers.get('content-type')?.includes('json')
  return { status: response.status, body: json && text ? JSON.parse(text) : text || undefined, headers: response.headers }
}

/** Asks the token endpoint. `body` replaces what a plugin sends. */
export function fetchToken(
  url: string,
  options: { account_id: string; client_id: string; client_secret: string; body?: unknown },
): Promise<Answer> {
  const { account_id, client_id, client_secret } = options
  const body = options.body ?? { grant_type: 'client_credentials', audience: `https://api.dintero.com/v1/accounts/${account_id}` }
  const authorization = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`
  return send(url, 'POST', `/v1/accounts/${account_id}/auth/token`, { body, headers: { authorization } })
}

/** Asks again every few milliseconds until it is so; fails after `within_ms`. */
export async function until(isSo: () => Promise<boolean>, within_ms = 10_000): Promise<void> {
  const end = performance.now() + within_ms
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`Not so within ${within_ms} ms: ${isSo}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
