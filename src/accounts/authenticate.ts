import type { FastifyRequest } from 'fastify'
import type { Sql } from '../lib/db.ts'
import { ApiError } from '../lib/errors.ts'
import type { Auth, Authenticate } from '../lib/http.ts'
import type { Clock } from '../lib/ids.ts'
import { limits } from '../lib/limits.ts'
import { createApiKeyCheck } from './api-keys/operations.ts'
import { createLru, createRefreshing } from './cache.ts'
import { allGranted, mayCall, stillGranted } from './scope.ts'
import { type ClientState, findClientState, findSigningKey } from './store.ts'
import { importVerifyingKey, verifyToken } from './tokens/token.ts'

type Verified = NonNullable<Awaited<ReturnType<typeof verifyToken>>>
/** A token that was verified, and what it may do as long as the client's state is this very one. */
type Known = { token: Verified; seen_at: number; state?: ClientState; auth?: Auth }

/**
 * Checks the access token (or `x-api-key`) of a request against the scopes of its route: 401 when it is missing, bad, expired or
 * revoked, 403 when it may not do this. A token is verified once and remembered; whether its client still has it is asked of the
 * database at most once per `limits.revocation_delay_ms` and client, so a revoked client stops within that time in every process.
 * Measured: 5 µs for a token that is known, 0.5 ms (a signature) for one that is new.
 */
export function createAuthenticate(parts: { sql: Sql; clock: Clock }): Authenticate {
  const { sql, clock } = parts
  const remembered = { lifetime_ms: limits.revocation_delay_ms, entries_max: limits.clients_remembered }
  const apiKey = createApiKeyCheck(parts)
  const known = createLru<Known>(limits.tokens_remembered)
  const clientState = createRefreshing((account_id, client_id) => findClientState(sql, account_id, client_id), remembered)
  const findKey = createRefreshing(
    async (account_id, kid) => {
      const key = await findSigningKey(sql, account_id, kid)
      return key && importVerifyingKey(key)
    },
    // Keys don't change; what is not found is not asked for again and again.
    { lifetime_ms: 60_000, entries_max: limits.keys_remembered },
  )

  async function bearer(token: string): Promise<Auth> {
    const entry = known.get(token) ?? (await verify(token))
    if (!entry || clock.now().getTime() >= entry.token.accepted_until_ms) {
      throw new ApiError('unauthorized', 'The access token is not valid, or has expired. Get a new one.', challenge)
    }
    const { account_id, client_id, scopes, secret_version } = entry.token
    let state = await clientState(account_id, client_id)
    // A token that is newer than what we know of its client: it was rotated, or granted more, just now.
    if (entry.state !== state && !agrees(entry.token, state)) state = await clientState(account_id, client_id, entry.seen_at)
    if (!state || state.secret_version !== secret_version) {
      throw new ApiError('unauthorized', 'The access token was revoked: its client was deleted, or got a new secret.', challenge)
    }
    if (entry.state !== state || !entry.auth) {
      entry.state = state
      entry.auth = { account_id, subject: client_id, scopes: stillGranted(scopes, state.scopes) }
    }
    return entry.auth
  }

  async function verify(text: string): Promise<Known | undefined> {
    const token = await verifyToken(text, { findKey, now: clock.now() })
    if (!token) return undefined
    const entry: Known = { token, seen_at: performance.now() }
    known.set(text, entry)
    return entry
  }

  return async (request) => {
    const auth = await whoCalls(request)
    assertScope(auth, request)
    return auth
  }

  async function whoCalls(request: FastifyRequest): Promise<Auth> {
    const { authorization, 'x-api-key': key } = request.headers
    if (request.routeOptions.config.api_key && typeof key === 'string' && authorization === undefined) {
      const auth = await apiKey(key)
      if (auth) return auth
      throw new ApiError('unauthorized', 'The x-api-key is not valid, or was revoked.', challenge)
    }
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
    if (!token) {
      throw new ApiError(
        'unauthorized',
        'Send an access token: Authorization: Bearer, from POST /v1/accounts/{id}/auth/token.',
        challenge,
      )
    }
    return bearer(token)
  }
}

function agrees({ secret_version, scopes }: Verified, state: ClientState | undefined): boolean {
  return state?.secret_version === secret_version && allGranted(scopes, state.scopes)
}

const challenge = { headers: { 'www-authenticate': 'Bearer' } }

function assertScope(auth: Auth, request: FastifyRequest): void {
  const wanted = request.routeOptions.config.scopes ?? []
  if (mayCall(auth.scopes, wanted)) return
  const message = `This call needs one of these scopes: ${wanted.join(', ')}.`
  throw new ApiError('forbidden', message, { details: [{ message, code: 'forbidden', allowed: wanted }] })
}
