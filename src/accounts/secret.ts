import { createHash, scrypt, timingSafeEqual } from 'node:crypto'

// 64 MB·ms rather than a password's worth: the secrets are ours and random unless the merchant chose one.
const cost = { N: 16_384, r: 8, p: 1 }
const hash_bytes = 32

/** What is stored of a client secret: `scrypt$N$r$p$salt$hash`. */
export async function hashSecret(secret: string, salt: string): Promise<string> {
  const hash = await derive(secret, salt, cost)
  return ['scrypt', cost.N, cost.r, cost.p, salt, hash.toString('base64url')].join('$')
}

/** Compares in constant time. An unreadable hash matches nothing. */
export async function secretMatches(secret: string, stored: string): Promise<boolean> {
  const [name, N, r, p, salt, hash] = stored.split('$')
  if (name !== 'scrypt' || !salt || !hash) return false
  const expected = Buffer.from(hash, 'base64url')
  const actual = await derive(secret, salt, { N: Number(N), r: Number(r), p: Number(p) })
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

/** A hash that no secret has; comparing with it makes an unknown client cost as much as a wrong secret. */
export const nobodysHash = `scrypt$${cost.N}$${cost.r}$${cost.p}$nobody$${Buffer.alloc(hash_bytes).toString('base64url')}`

/** For secrets of 256 random bits, and as the key of what is remembered about a presented one. */
export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function derive(secret: string, salt: string, parameters: { N: number; r: number; p: number }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, hash_bytes, parameters, (error, key) => (error ? reject(error) : resolve(key)))
  })
}
