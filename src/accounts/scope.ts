/*
 * Terminology
 *
 * - scope: `verb:resource`, or `verb:resource:/a/path` for a part of it: `write:checkout`, `read:shopping:/orders/ANY/events`
 * - granted: what the token has; wanted: what a route lists, any one of which suffices
 */

/** With the verbs as published (checkout-api §1.6). `write` does not imply `read`. */
const grammar = /^(admin|write|read|create):([a-z][a-z0-9_-]*)((?::[a-z][a-z0-9_-]*)*)(?::(\/[A-Za-z0-9_./{}-]*))?$/

/** True when the text follows the published grammar. */
export function isScope(text: string): boolean {
  return grammar.test(text)
}

/**
 * Does one granted scope do for one wanted scope? The same text does, and `admin:X` does for everything of X; an `admin` scope with
 * a path does for that path and what is below it. Nothing else: routes list every scope that suffices, also the ones for a path.
 */
export function covers(granted: string, wanted: string): boolean {
  if (granted === wanted) return true
  if (!granted.startsWith('admin:')) return false
  const whole = granted.slice('admin:'.length)
  const part = wanted.slice(wanted.indexOf(':') + 1)
  return part === whole || part.startsWith(`${whole}${whole.includes(':/') ? '/' : ':'}`)
}

/** Does any granted scope do for any of the wanted ones? */
export function mayCall(granted: readonly string[], wanted: readonly string[]): boolean {
  return wanted.some((scope) => granted.some((one) => covers(one, scope)))
}

/** Is everything that was issued still covered by what is granted now? */
export function allGranted(issued: readonly string[], current: readonly string[]): boolean {
  return issued.every((scope) => current.some((one) => covers(one, scope)))
}

/** What a token may do when the client's grants changed after it was issued: what both allow. */
export function stillGranted(issued: readonly string[], current: readonly string[]): string[] {
  const kept = issued.filter((scope) => current.some((one) => covers(one, scope)))
  const narrowed = current.filter((scope) => issued.some((one) => covers(one, scope)))
  return [...new Set([...kept, ...narrowed])]
}
