import type { CryptoKey } from 'jose'
import type { Sql } from '../../lib/db.ts'
import { ApiError } from '../../lib/errors.ts'
import type { Clock, Ids } from '../../lib/ids.ts'
import { limits } from '../../lib/limits.ts'
import { createLru } from '../cache.ts'
import { nobodysHash, secretMatches, sha256 } from '../secret.ts'
import { type ClientCredentials, findClientCredentials } from '../store.ts'
import { audienceAccount, defaultAudience } from './audience.ts'
import { importSigningKey, type SigningKey, signToken } from './token.ts'

/** A request for a token, as it came in. */
export type TokenRequest = {
  account_id: string
  client_id: string
  client_secret: string
  audience: string | undefined
  /** Called before a secret that is not known to be right is tried; throws `too_many_requests` (429). */
  countAttempt: () => Promise<void>
}
export type IssuedToken = { access_token: string; token_type: 'Bearer'; expires_in: number }

const announced = { token_type: 'Bearer', expires_in: limits.token_lifetime_s } as const

/**
 * Issues access tokens for client credentials. The client is read from the database each time, so that a rotated secret or a deleted
 * client ends at once here; only the slow hash is saved, for a secret that was right before (Magento asks before every call).
 * Throws `invalid_request` (400) and `forbidden` (403) for the audience, `unauthorized` (401) for the credentials.
 */
export function createTokenIssuer(parts: { sql: Sql; clock: Clock; ids: Ids; config: { public_url: string } }) {
  const { sql, clock, ids, config } = parts
  const assertSecret = createSecretCheck()
  const signed = createLru<{ token: string; grants: string; signed_at_ms: number }>(limits.clients_remembered)
  const keys = createLru<Promise<CryptoKey>>(limits.keys_remembered)

  return async (request: TokenRequest): Promise<IssuedToken> => {
    const { account_id, client_id } = request
    const known = client_id.includes('\u0000') ? undefined : await findClientCredentials(sql, account_id, client_id)
    const client = await assertSecret(request, known)
    const audience = request.audience || defaultAudience(account_id)
    assertAudience(audience, account_id)
    if (client.scopes.length === 0) {
      const message = 'The client has no grant on its account. Create one with POST /v1/accounts/{id}/auth/client-grants.'
      throw new ApiError('forbidden', message)
    }
    return { access_token: await currentToken(account_id, client_id, client, audience), ...announced }
  }

  /** The token signed for the same thing a moment ago, or a new one: signing costs ten times the rest of a request. */
  async function currentToken(
    account_id: string,
    client_id: string,
    client: ClientCredentials,
    audience: string,
  ): Promise<string> {
    const { secret_version, scopes, kid } = client
    const now = clock.now()
    const place = [account_id, client_id, audience].join(' ')
    const grants = [kid, secret_version, ...scopes].join(' ')
    const last = signed.get(place)
    const age_ms = last ? now.getTime() - last.signed_at_ms : Number.POSITIVE_INFINITY
    if (last?.grants === grants && age_ms >= 0 && age_ms < limits.token_reuse_s * 1000) return last.token
    const claims = { account_id, client_id, scopes, secret_version, audience }
    const options = { key: await signingKey(client), kid, jti: ids.uuid(), now, public_url: config.public_url }
    const token = await signToken(claims, options)
    signed.set(place, { token, grants, signed_at_ms: now.getTime() })
    return token
  }

  function signingKey(key: SigningKey): Promise<CryptoKey> {
    const known = keys.get(key.kid)
    if (known) return known
    const imported = importSigningKey(key)
    keys.set(key.kid, imported)
    return imported
  }
}

/**
 * Compares secrets with their stored hashes. Of a secret that was right it remembers a digest, tied to the hash it matched, so that
 * it passes again without the slow hash and past the limit on attempts: somebody else's wrong guesses never lock a shop out.
 */
function createSecretCheck() {
  const matched = createLru<string>(limits.clients_remembered)
  // A shop's workers start together with one secret: they share one attempt.
  const trying = new Map<string, Promise<boolean>>()

  return async (request: TokenRequest, client: ClientCredentials | undefined): Promise<ClientCredentials> => {
    const { account_id, client_id, client_secret } = request
    const place = `${account_id}/${client_id}`
    const stored = client?.secret_hash ?? nobodysHash
    const proof = `${stored} ${sha256(client_secret).toString('base64url')}`
    if (client && matched.get(place) === proof) return client
    const attempt = trying.get(`${place} ${proof}`) ?? begin(`${place} ${proof}`, request, stored)
    if (!(await attempt) || !client) {
      throw new ApiError('unauthorized', `There is no client with this client_id and client_secret on account ${account_id}.`)
    }
    matched.set(place, proof)
    return client
  }

  function begin(name: string, { client_secret, countAttempt }: TokenRequest, stored: string): Promise<boolean> {
    const attempt = countAttempt()
      .then(() => secretMatches(client_secret, stored))
      .finally(() => trying.delete(name))
    trying.set(name, attempt)
    return attempt
  }
}

function assertAudience(audience: string, account_id: string): void {
  const named = audienceAccount(audience)
  if (named === account_id) return
  const allowed = [defaultAudience(account_id)]
  const code = named === undefined ? 'invalid_request' : 'forbidden'
  const message =
    named === undefined
      ? `The audience must be a URL that ends in /v1/accounts/${account_id}.`
      : `The client has no grant for account ${named}; it belongs to ${account_id}.`
  throw new ApiError(code, message, { details: [{ path: '/audience', message, code, allowed }] })
}
