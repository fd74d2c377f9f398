import { randomBytes, randomInt, randomUUID } from 'node:crypto'

/** Where ids come from. Passed by hand, so that tests can play the same story twice. */
export type Ids = {
  /** A version 4 UUID that begins with the time: those made one after another stand together in an index (docs/decisions/0176). */
  uuid(): string
  /** `{account_id}.` and 22 characters: the id of a session, a transaction, a profile (checkout-api §11). */
  short(account_id: string): string
  /** Nine characters of A-Z and 0-9: an order id (orders-api §4.1). */
  orderId(): string
  /** Unguessable text of 256 bits, base64url: a secret. */
  secret(): string
}

/** True for the form of an account's id: T (test) or P (production), and eight digits. */
export function isAccountId(text: string): boolean {
  return /^[PT]\d{8}$/.test(text)
}

/** The account in the id of a session, a transaction, a profile: what stands before the dot. */
export function accountIn(id: string): string | undefined {
  return /^([PT]\d{8})\./.exec(id)?.[1]
}

/** Ids in paths are any text; only UUIDs can be compared with uuid columns. */
export function isUuid(id: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)
}

/** What time it is. Passed by hand; test accounts and tests use another one. */
export type Clock = { now(): Date }

export const systemClock: Clock = { now: () => new Date() }

const base58 = '123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ'
const alphanumeric = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

/** 48 bits of milliseconds, then the version, and 74 random bits. */
function uuidAt(time: Date): string {
  const ms = time.getTime().toString(16).padStart(12, '0')
  return `${ms.slice(0, 8)}-${ms.slice(8)}${randomUUID().slice(13)}`
}

/**
 * The published ids decode to version 4 UUIDs whose first three bytes are the day as YYMMDD (checkout-api §11). The next three are the time
 * of that day, so that ids made one after another stand together in an index; 74 bits are random.
 */
function shortId(account_id: string, time: Date): string {
  const bytes = Buffer.from(randomUUID().replaceAll('-', ''), 'hex')
  bytes.write(time.toISOString().slice(2, 10).replaceAll('-', ''), 0, 'hex')
  bytes.writeUIntBE(Math.floor(((time.getTime() % day_ms) / day_ms) * 2 ** 24), 3, 3)
  return `${account_id}.${inBase58(bytes)}`
}

const day_ms = 86_400_000

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
    uuid: () => uuidAt(clock.now()),
    short: (account_id) => shortId(account_id, clock.now()),
    orderId: () => Array.from({ length: 9 }, () => alphanumeric[randomInt(36)]).join(''),
    secret: () => randomBytes(32).toString('base64url'),
  }
}
