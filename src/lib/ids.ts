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
function shortId(account_id: string, day: Date, uuid: string): string {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex')
  bytes.write(day.toISOString().slice(2, 10).replaceAll('-', ''), 0, 'hex')
  return `${account_id}.${inBase58(bytes)}`
}

/** Long division of 128 bits, two bytes at a time; with a BigInt it takes five times as long. Always 22 characters. */
function inBase58(bytes: Buffer): string {
  const digits = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2))
  let text = ''
  for (let count = 0; count < 22; count++) {
    let rest = 0
    for (let index = 0; index < 8; index++) {
      const number = rest * 65_536 + digits[index]!
      digits[index] = Math.floor(number / 58)
      rest = number % 58
    }
    text = base58[rest] + text
  }
  return text
}

export function systemIds(clock: Clock): Ids {
  return {
    uuid: randomUUID,
    short: (account_id) => shortId(account_id, clock.now(), randomUUID()),
    orderId: () => Array.from({ length: 9 }, () => alphanumeric[randomInt(36)]).join(''),
    secret: () => randomBytes(32).toString('base64url'),
  }
}
