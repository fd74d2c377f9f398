import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK, jwtVerify, SignJWT } from 'jose'
import { limits } from '../../lib/limits.ts'

/** The key that signs an account's tokens. `kid` starts with the account id, so that a token says whose key to look for. */
export type SigningKey = { kid: string; private_jwk: JWK }

/** What an access token says (checkout-api §1.4, Q3). Clients don't read it. */
export type Claims = {
  account_id: string
  client_id: string
  scopes: readonly string[]
  secret_version: number
  audience: string
}

/** Makes an RSA key for RS256. Slow (about 0.1 s), once an account. */
export async function generateSigningKey(kid: string): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true })
  return { kid, private_jwk: await exportJWK(privateKey) }
}

/** The part that may be shown to whoever verifies our tokens. Names its members, so that no private one can slip through. */
export function publicJwk({ kid, private_jwk }: SigningKey): JWK {
  return { kty: 'RSA', kid, alg: 'RS256', use: 'sig', n: private_jwk.n!, e: private_jwk.e! }
}

export async function importSigningKey({ private_jwk }: SigningKey): Promise<CryptoKey> {
  return (await importJWK(private_jwk, 'RS256')) as CryptoKey
}

export async function importVerifyingKey(key: SigningKey): Promise<CryptoKey> {
  return (await importJWK(publicJwk(key), 'RS256')) as CryptoKey
}

/** Signs an access token that says it lives `limits.token_lifetime_s` from `now`. */
export async function signToken(
  claims: Claims,
  options: { key: CryptoKey; kid: string; jti: string; now: Date; public_url: string },
): Promise<string> {
  const { account_id, client_id, scopes, secret_version, audience } = claims
  const issued = Math.floor(options.now.getTime() / 1000)
  const payload = { azp: client_id, scope: scopes.join(' '), secret_version, [`${options.public_url}/account_id`]: account_id }
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: options.kid })
    .setIssuer(`https://${account_id}@api.dintero.com`)
    .setAudience(audience)
    .setSubject(client_id)
    .setJti(options.jti)
    .setIssuedAt(issued)
    .setExpirationTime(issued + limits.token_lifetime_s)
    .sign(options.key)
}

/**
 * Checks the signature and returns the claims, with the time until which the token is accepted: `limits.token_grace_s` past its
 * `exp`, since two plugins use a token to the last second and don't renew on 401 (clients §6.3). `undefined` when it is not ours.
 */
export async function verifyToken(
  token: string,
  options: { findKey: (account_id: string, kid: string) => Promise<CryptoKey | undefined>; now: Date },
): Promise<(Claims & { accepted_until_ms: number }) | undefined> {
  let account_id = ''
  try {
    const { payload } = await jwtVerify(
      token,
      async ({ kid }) => {
        account_id = accountOfKey(kid) ?? ''
        const key = account_id && (await options.findKey(account_id, kid!))
        if (!key) throw new UnknownKey()
        return key
      },
      { algorithms: ['RS256'], currentDate: options.now, clockTolerance: limits.token_grace_s, requiredClaims: ['sub', 'exp'] },
    )
    return {
      account_id,
      client_id: payload.sub!,
      scopes: String(payload.scope ?? '')
        .split(' ')
        .filter(Boolean),
      secret_version: Number(payload.secret_version),
      audience: String(payload.aud),
      accepted_until_ms: (payload.exp! + limits.token_grace_s) * 1000,
    }
  } catch (error) {
    if (error instanceof UnknownKey || (error as { code?: string }).code?.startsWith('ERR_J')) return undefined
    throw error
  }
}

class UnknownKey extends Error {}

/** The account whose key this is. What stands in a token that nobody has verified may be no text, or none that a database holds. */
function accountOfKey(kid: unknown): string | undefined {
  return typeof kid === 'string' ? /^([PT](?:\d{8}|\d{3}))\.[A-Za-z0-9]+$/.exec(kid)?.[1] : undefined
}
