/** True for a JSON object: not an array, not null. */
export function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * A text, number or truth value as text; undefined for anything else. `String` is for values whose type is known: it throws on the
 * object `{ "toString": 1 }`, which any client can send where no schema describes a member.
 */
export function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** The same JSON, whatever the order of members; a member that is `undefined` is absent. */
export function sameJson(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((element, index) => sameJson(element, other[index]))
  }
  if (!isObject(one) || !isObject(other)) return false
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...names].every((name) => sameJson(one[name], other[name]))
}

/** A member's name as a step of a JSON pointer (RFC 6901). */
export function pointerStep(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** Drops members that are `null`, at every depth, except those at the paths in `keep` (`/order/shipping_option`). */
export function dropNulls(value: unknown, keep: readonly string[] = [], path = ''): unknown {
  if (Array.isArray(value)) return value.map((element, index) => dropNulls(element, keep, `${path}/${index}`))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      const at = `${path}/${name}`
      return member === null && !keep.includes(at) ? [] : [[name, dropNulls(member, keep, at)]]
    }),
  )
}
