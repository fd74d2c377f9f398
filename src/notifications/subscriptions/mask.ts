import { isObject } from '../../lib/object.ts'

/** The members a subscriber wants to see: names to masks, an empty one meaning all of it. */
export type Mask = Map<string, Mask>

/** The envelope of a webhook's body; no mask takes it away. */
const envelope = ['account_id', 'event', 'event_delivery', 'sequence', 'replay_of']

/**
 * Reads a field mask such as `a,b/c,d(e,f/g)` (checkout-api §6.6).
 * @returns undefined when it is not one
 */
export function parseMask(text: string): Mask | undefined {
  let at = 0
  const root = list()
  return root && at === text.length ? root : undefined

  function list(): Mask | undefined {
    const mask: Mask = new Map()
    while (true) {
      const name = /^\s*([^\s,/()]+)\s*/.exec(text.slice(at))
      if (!name) return undefined
      at += name[0].length
      const within = rest()
      if (!within) return undefined
      merge(mask, name[1]!, within)
      if (text[at] !== ',') return mask
      at += 1
    }
  }

  function rest(): Mask | undefined {
    if (text[at] === '/') {
      at += 1
      const name = /^\s*([^\s,/()]+)\s*/.exec(text.slice(at))
      if (!name) return undefined
      at += name[0].length
      const within = rest()
      return within && new Map([[name[1]!, within]])
    }
    if (text[at] !== '(') return new Map()
    at += 1
    const within = list()
    if (!within || text[at] !== ')') return undefined
    at += 1
    at += /^\s*/.exec(text.slice(at))![0].length
    return within
  }
}

/** `a,a/b` asks for all of `a`; `a/b,a/c` for both. */
function merge(mask: Mask, name: string, within: Mask): void {
  const known = mask.get(name)
  if (!known) mask.set(name, within)
  else if (known.size === 0 || within.size === 0) mask.set(name, new Map())
  else for (const [member, deeper] of within) merge(known, member, deeper)
}

/**
 * A webhook's body as the subscriber wants it: only `fields`, without `exclude_fields`. Both name members of the body
 * (`transaction/id`) or of the object in it (`id`). The envelope always stays.
 */
export function masked(
  body: Record<string, unknown>,
  wanted: { fields: string | null; exclude_fields: readonly string[] | null },
): Record<string, unknown> {
  const mask = wanted.fields ? parseMask(wanted.fields) : undefined
  let out = body
  if (mask) {
    const fromRoot = [...mask.keys()].some((name) => name in body && !envelope.includes(name))
    out = Object.fromEntries(
      Object.entries(body).flatMap(([name, value]) => {
        if (envelope.includes(name)) return [[name, value]]
        const within = fromRoot ? mask.get(name) : mask
        return within ? [[name, pick(value, within)]] : []
      }),
    )
  }
  for (const path of wanted.exclude_fields ?? []) {
    const steps = path.split('/').filter((step) => step !== '')
    if (steps.length === 0 || (steps.length === 1 && envelope.includes(steps[0]!))) continue
    out = steps[0]! in body ? without(out, steps) : mapObjects(out, (object) => without(object, steps))
  }
  return out
}

function mapObjects(body: Record<string, unknown>, change: (object: Record<string, unknown>) => Record<string, unknown>) {
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, isObject(value) && !envelope.includes(name) ? change(value) : value]),
  )
}

function pick(value: unknown, mask: Mask): unknown {
  if (mask.size === 0) return value
  if (Array.isArray(value)) return value.map((element) => pick(element, mask))
  if (!isObject(value)) return value
  return Object.fromEntries([...mask].flatMap(([name, within]) => (name in value ? [[name, pick(value[name], within)]] : [])))
}

function without<T>(value: T, [step = '', ...deeper]: readonly string[]): T {
  if (Array.isArray(value)) return value.map((element) => without(element, [step, ...deeper])) as T
  if (!isObject(value) || !(step in value)) return value
  const { [step]: found, ...others } = value
  return (deeper.length === 0 ? others : { ...others, [step]: without(found, deeper) }) as T
}
