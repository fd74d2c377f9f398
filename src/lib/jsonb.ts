import { createHash } from 'node:crypto'

/**
 * The text that PostgreSQL gives for this value when it is stored as `jsonb`: members by the length of their name, then by its bytes. A
 * hash over it can be made here and checked there. `undefined` members vanish, as in JSON.
 */
export function jsonbText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
      return numberText(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return `[${value.map(jsonbText).join(', ')}]`
      if ('toJSON' in value) return jsonbText((value as { toJSON(): unknown }).toJSON())
      return objectText(value as Record<string, unknown>)
    default:
      return 'null'
  }
}

function objectText(object: Record<string, unknown>): string {
  const names = Object.keys(object)
  const is_plain = plain.test(names.join(''))
  let text = ''
  for (const name of names.sort(is_plain ? byLength : byLengthThenBytes)) {
    const member = object[name]
    if (member === undefined || typeof member === 'function') continue
    text += `${text === '' ? '' : ', '}${is_plain ? `"${name}"` : JSON.stringify(name)}: ${jsonbText(member)}`
  }
  return `{${text}}`
}

/** One byte a character, and none that JSON escapes: most names. */
const plain = /^[ !#-[\]-~]*$/

function byLength(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : 1)
}

function byLengthThenBytes(a: string, b: string): number {
  const [first, second] = [Buffer.from(a), Buffer.from(b)]
  return first.length - second.length || first.compare(second)
}

/** PostgreSQL writes all digits, and no exponent. What is no number in JSON is `null` there. */
function numberText(value: number): string {
  if (Number.isSafeInteger(value)) return String(value)
  if (!Number.isFinite(value)) return 'null'
  const text = JSON.stringify(value)
  const [, sign, whole, fraction = '', exponent] = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text) ?? []
  if (exponent === undefined) return text
  const digits = whole! + fraction
  const point = whole!.length + Number(exponent)
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  return `${sign}${digits.padEnd(point, '0')}`
}

/** A time as PostgreSQL writes it inside of `jsonb`: the session's time zone is UTC. */
export function timestampText(iso: string): string {
  const [seconds, fraction] = new Date(iso).toISOString().slice(0, -1).split('.')
  const kept = fraction!.replace(/0+$/, '')
  return `${seconds}${kept === '' ? '' : `.${kept}`}+00:00`
}

/** One link of a hash chain: the hash of the one before and of this text. */
export function chainHash(previous: Uint8Array, text: string): Buffer {
  return createHash('sha256').update(previous).update(text).digest()
}
