import { randomBytes, randomInt, randomUUID } from 'node:crypto'

/** Where ids come from. Passed by hand, so that tests can play the same story twice. */
export type Ids = {
  /** A version 4 UUID. */
  uuid(): string
  /** `{account_id}.` and 22 characters: the id of a session, a transaction, a profile (checkout-api §11). */
  short(account_id: string): string
  /** Nine characters of A-Z and 0-9: an order id (orders-api §4.1). */
  orderId(): string
  /** Unguessable text of 256 bits, base64url: a secret. */
  secret(): string
}

/** What time it is. Passed by hand; test accounts and tests use another one. */
export type Clock = { now(): Date }

export const systemClock: Clock = { now: () => new Date() }

const base58 = '123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ'
const alphanumeric = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

/**
 * The published ids decode to version 4 UUIDs whose first three bytes are the day as YYMMDD (checkout-api §11),
 * so that ids of one day stand together in an index.
 */
function shortId(account_id: string, day: Date, bytes: Uint8Array): string {
  const uuid = Buffer.from(bytes)
  uuid.write(day.toISOString().slice(2, 10).replaceAll('-', ''), 0, 'hex')
  uuid[6] = (uuid[6]! & 0x0f) | 0x40
  uuid[8] = (uuid[8]! & 0x3f) | 0x80
  let number = BigInt(`0x${uuid.toString('hex')}`)
  let text = ''
  while (number > 0n) {
    text = base58[Number(number % 58n)] + text
    number /= 58n
  }
  return `${account_id}.${text.padStart(22, '1')}`
}

export function systemIds(clock: Clock): Ids {
  return {
    uuid: randomUUID,
    short: (account_id) => shortId(account_id, clock.now(), randomBytes(16)),
    orderId: () => Array.from({ length: 9 }, () => alphanumeric[randomInt(36)]).join(''),
    secret: () => randomBytes(32).toString('base64url'),
  }
}
