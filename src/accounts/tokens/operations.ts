import type { CryptoKey } from 'jose'
import type { Sql } from '../../lib/db.ts'
import { ApiError } from '../../lib/errors.ts'
import type { Clock, Ids } from '../../lib/ids.ts'
import { limits } from '../../lib/limits.ts'
import { createLru } from '../cache.ts'
import { nobodysHash, secretMatches, sha256 } from '../secret.ts'
import { findClientCredentials } from '../store.ts'
import { audienceAccount, defaultAudience } from './audience.ts'
import { importSigningKey, type SigningKey, signToken } from './token.ts'

/** A request for a token, as it came in. */
export type TokenRequest = { account_id: string; client_id: string; client_secret: string; audience: string | undefined }
export type IssuedToken = { access_token: string; token_type: 'Bearer'; expires_in: number }

/**
 * Issues access tokens for client credentials. The client is read from the database each time, so that a rotated secret or a deleted
 * client ends at once here; only the slow hash is saved, for a secret that was right before (Magento asks before every call).
 * Throws `invalid_request` (400) and `forbidden` (403) for the audience, `unauthorized` (401) for the credentials.
 */
export function createTokenIssuer(parts: { sql: Sql; clock: Clock; ids: Ids; config: { public_url: string } }) {
  const { sql, clock, ids, config } = parts
  // `${account_id}/${client_id}` → the stored hash and the digest of the secret that was found to match it.
  const matched = createLru<string>(limits.clients_remembered)
  const keys = createLru<Promise<CryptoKey>>(limits.clients_remembered)

  return async (request: TokenRequest): Promise<IssuedToken> => {
    const { account_id, client_id, client_secret } = request
    const client = client_id.includes('\u0000') ? undefined : await findClientCredentials(sql, account_id, client_id)
    const stored = client?.secret_hash ?? nobodysHash
    const proof = `${stored} ${sha256(client_secret).toString('base64url')}`
    const place = `${account_id}/${client_id}`
    if (!client || matched.get(place) !== proof) {
      const right = await secretMatches(client_secret, stored)
      if (!client || !right) {
        throw new ApiError('unauthorized', `There is no client with this client_id and client_secret on account ${account_id}.`)
      }
      matched.set(place, proof)
    }
    const audience = request.audience || defaultAudience(account_id)
    assertAudience(audience, account_id)
    if (client.scopes.length === 0) {
      throw new ApiError(
        'forbidden',
        `The client has no grant on account ${account_id}. Create one with POST /auth/client-grants.`,
      )
    }
    const { secret_version, scopes, kid } = client
    const claims = { account_id, client_id, scopes, secret_version, audience }
    const options = { key: await signingKey(client), kid, jti: ids.uuid(), now: clock.now(), public_url: config.public_url }
    const access_token = await signToken(claims, options)
    return { access_token, token_type: 'Bearer', expires_in: limits.token_lifetime_s }
  }

  function signingKey(key: SigningKey): Promise<CryptoKey> {
    const known = keys.get(key.kid)
    if (known) return known
    const imported = importSigningKey(key)
    keys.set(key.kid, imported)
    return imported
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
