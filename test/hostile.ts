/** Chance that can be repeated: the same seed, the same numbers (mulberry32). */
export function chance(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  return { next, below, pick: <T>(list: readonly T[]): T => list[below(list.length)]!, odds: (share: number) => next() < share }
}
export type Chance = ReturnType<typeof chance>

type Schema = { [member: string]: unknown }

const texts = [
  'a',
  'x'.repeat(300),
  'Ærøskøbing 🪑',
  "'; drop table orders.orders; --",
  '<script>',
  ' ',
  '‮',
  '0',
  'null',
  'true',
  '-1',
]
const odd: readonly unknown[] = [
  ...texts,
  '',
  'x'.repeat(20_000),
  '__proto__',
  'constructor',
  '2026-02-30T25:61:61Z',
  '0000-00-00',
  'infinity',
  '-infinity',
  '+275760-09-13T00:00:00.001Z',
  '9999-12-31T23:59:59.999Z',
  '1e5',
  '%',
  '\\',
  '{}',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '00000000-0000-0000-0000-000000000000',
  0,
  -0,
  -1,
  0.1,
  1e-7,
  1e21,
  -1e300,
  9_007_199_254_740_992,
  2 ** 31,
  2 ** 63,
  999_999_999_999,
  1_000_000_000_000,
  true,
  false,
  null,
  [],
  {},
  [[]],
  [null],
  [{}],
  { __proto__: null, toString: 1, id: {} },
  ['a', 1, null, {}],
]

/** A value that the schema allows, more or less. */
export function fitting(schema: unknown, r: Chance, ids: readonly string[], depth = 0): unknown {
  const s = (schema ?? {}) as Schema
  const examples = s.examples as unknown[] | undefined
  if (examples?.length && r.odds(0.5)) return structuredClone(r.pick(examples))
  if ('const' in s) return s.const
  if (Array.isArray(s.enum)) return r.pick(s.enum)
  const choice = (s.anyOf ?? s.oneOf ?? s.allOf) as unknown[] | undefined
  if (choice) return fitting(r.pick(choice), r, ids, depth + 1)
  const type = Array.isArray(s.type) ? r.pick(s.type as string[]) : s.type
  switch (type) {
    case 'object':
      return objectOf(s, r, ids, depth)
    case 'array': {
      const length = depth > 6 ? 0 : Math.max(Number(s.minItems ?? 0), r.pick([0, 1, 1, 2, 3]))
      return Array.from({ length }, () => fitting(s.items, r, ids, depth + 1))
    }
    case 'integer':
    case 'number':
      return r.pick([1, 2, 100, 500, 10_000, -100, 0, 99.5, Number(s.minimum ?? 0), Number(s.maximum ?? 1)])
    case 'boolean':
      return r.odds(0.5)
    case 'string':
      return textOf(s, r, ids)
    default:
      return r.pick(odd)
  }
}

function objectOf(s: Schema, r: Chance, ids: readonly string[], depth: number) {
  const required = new Set((s.required ?? []) as string[])
  const object: Record<string, unknown> = {}
  for (const [name, member] of Object.entries((s.properties ?? {}) as Schema)) {
    if (required.has(name) || r.odds(depth > 4 ? 0.1 : 0.6)) object[name] = fitting(member, r, ids, depth + 1)
  }
  if (r.odds(0.15)) object[r.pick(['extra', 'id', 'amount', 'items', '__proto__x'])] = r.pick(odd)
  return object
}

function textOf({ format, pattern, maxLength }: Schema, r: Chance, ids: readonly string[]): unknown {
  if (format === 'date-time' || format === 'date')
    return r.pick(['2026-11-23T10:00:00.000Z', '2020-01-01', '2099-01-01T00:00:00+02:00'])
  if (pattern === '^[A-Z]{3}$') return r.pick(['NOK', 'SEK', 'NOK'])
  if (typeof pattern === 'string' && pattern.includes(':')) return r.pick(['http://127.0.0.1:9/x', 'myapp://back'])
  if (format === 'uri' || format === 'uri-reference') return 'http://127.0.0.1:9/x'
  const text = r.odds(0.4) && ids.length > 0 ? r.pick(ids) : r.pick(texts)
  return typeof maxLength === 'number' ? text.slice(0, maxLength) : text
}

/** The same JSON text with one or more things wrong with it. */
export function spoil(value: unknown, r: Chance): string | undefined {
  if (r.odds(0.03)) return r.pick(['', '{', '[]', 'null', '"x"', '{"a":}', '0', '\u0000', '{"a":1}{"b":2}', '['.repeat(2_000)])
  let copy = structuredClone(value)
  for (let count = r.pick([0, 0, 0, 1, 1, 1, 2, 4]); count > 0; count -= 1) copy = spoilOne(copy, r)
  const text = JSON.stringify(copy)
  if (text === undefined) return undefined
  if (r.odds(0.05)) return text.replace('"', '"\\u0000')
  if (r.odds(0.03)) return text.replace(/:"/, ':"\\ud800')
  if (r.odds(0.02)) return `${'{"a":'.repeat(60)}${text}${'}'.repeat(60)}`
  if (r.odds(0.02)) return text.replace(/^\{/, '{"__proto__":{"admin":true},"constructor":{"prototype":1},')
  return text
}

/** Replaces, drops or doubles one node of the tree. */
function spoilOne(value: unknown, r: Chance): unknown {
  if (typeof value !== 'object' || value === null || r.odds(0.1)) return r.pick(odd)
  if (Array.isArray(value)) {
    if (value.length === 0 || r.odds(0.15))
      return r.odds(0.1) ? Array.from({ length: 1_100 }, () => value[0] ?? 1) : [...value, ...value]
    const index = r.below(value.length)
    return value.with(index, spoilOne(value[index], r))
  }
  const names = Object.keys(value)
  if (names.length === 0) return { [JSON.stringify(r.pick(odd))]: r.pick(odd) }
  const name = r.pick(names)
  const { [name]: member, ...rest } = value as Schema
  return r.odds(0.2) ? rest : { ...rest, [name]: spoilOne(member, r) }
}

/** Text for a path segment or a query value, as it stands in the URL. */
export function segment(r: Chance, ids: readonly string[]): string {
  if (ids.length > 0 && r.odds(0.8)) return encodeURIComponent(r.pick(ids))
  return r.pick([
    'x',
    '0',
    '-1',
    '1e9',
    '99999999999999999999',
    '%20',
    '%2e%2e',
    '%ff',
    '%c0%80',
    '%00',
    '%F0%9F%AA%91',
    "'",
    encodeURIComponent("' or 1=1 --"),
    'null',
    'T00000001.x',
    'T99999999.11111111111111111111',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    'FFFFFFFF-FFFF-4FFF-8FFF-FFFFFFFFFFFF',
    '00000000-0000-0000-0000-00000000000g',
    'x'.repeat(256),
    'x'.repeat(400),
    encodeURIComponent('a/b?c#d'),
  ])
}

/** Headers that clients, proxies and attackers send. */
export function headersOf(r: Chance): Record<string, string> {
  const some: Record<string, readonly string[]> = {
    'idempotency-key': ['k', 'x'.repeat(300), 'ø', "'; --", '', `${r.below(1e9)}`],
    'if-match': ['"1"', '*', 'W/"2"', '""', 'x,y', '"99999999999999999999"'],
    'if-unmodified-since': ['1', 'x', 'Mon, 23 Nov 2026 10:00:00 GMT', '2026-11-23T10:00:00Z', '9'.repeat(400)],
    'accept-language': ['no', 'xx-YY;q=abc', ',,,;', '*', 'a'.repeat(500)],
    accept: ['*/*', 'text/html', 'application/json;q=x', 'text/csv', ''],
    'dintero-feature-toggles': ['a,b', ',', 'payout-enabled'],
    'dintero-system-name': ['x'.repeat(2_000), 'woocommerce'],
    'user-agent': ['x'.repeat(5_000), '', 'curl'],
    'x-forwarded-for': ['1.2.3.4', 'x', '::1, ::2'],
    'accept-encoding': ['gzip', 'x'],
    host: ['x', 'example.com:99999'],
    prefer: ['respond-async'],
    'last-event-id': ['x', '-1'],
  }
  return Object.fromEntries(
    Object.entries(some)
      .filter(() => r.odds(0.12))
      .map(([name, values]) => [name, r.pick(values)]),
  )
}
