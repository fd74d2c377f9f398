/** Account ids: `T` (test) or `P` (production), and eight digits; partners have three (checkout-api §1.3). */
export const accountIdPattern = '^[PT]([0-9]{8}|[0-9]{3})$'

const account = new RegExp(accountIdPattern)

/**
 * The account that an audience names: `https://any.host/v1/accounts/T12345678`, with or without a trailing slash, a path before it,
 * or the account as user-info (`https://T12345678@any.host/…`). Plugins have the host compiled in, so it is not looked at (clients §6.2).
 * `undefined` when it is no URL, names none, or names two different ones.
 */
export function audienceAccount(audience: string): string | undefined {
  if (!URL.canParse(audience)) return undefined
  const { username, pathname } = new URL(audience)
  const inPath = /\/accounts\/([^/]+)\/?$/.exec(pathname)?.[1]
  if (username && inPath && username !== inPath) return undefined
  const named = inPath ?? username
  return account.test(named) ? named : undefined
}

/** The audience of a token, and of a grant, when none is given. */
export function defaultAudience(account_id: string): string {
  return `https://api.dintero.com/v1/accounts/${account_id}`
}
