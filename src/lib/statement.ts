import postgres from 'postgres'

const unused = postgres({ max: 1 })
const { constructor: AnyQuery } = unused`` as unknown as { constructor: new () => object }

/** A value with its type, as the driver has it. */
export const { constructor: Parameter } = unused.json(null) as unknown as {
  constructor: new (value: unknown, type: number) => never
}

/** A piece of SQL to stand in a statement. The driver takes it for a query that stands in another; it has nothing of a promise. */
export class Part {
  strings: TemplateStringsArray
  args: unknown[]
  constructor(strings: TemplateStringsArray, args: unknown[]) {
    this.strings = strings
    this.args = args
  }
  // biome-ignore lint/suspicious/noThenProperty: whoever awaits it has forgotten to ask the database.
  then(): never {
    throw new Error('A part of a statement is no statement.')
  }
}
Object.setPrototypeOf(Part.prototype, AnyQuery.prototype)

/** What a statement is made of: its pieces in order, each after so many values; the text of all of them, and a number for that. */
type Shape = { text?: readonly string[]; number?: number; next: Map<object | number, Shape[]> }
const shapes: Shape = { next: new Map() }
let known = 0

/**
 * The text of a statement and its values in order. The text is put together once for each way in which a statement is made of its pieces:
 * they are what the code has, so there are not many. `kind` tells texts apart, and the same text for values of other types. Undefined for
 * what only the driver can read.
 */
export function textOf(
  strings: TemplateStringsArray,
  args: readonly unknown[],
): { text: readonly string[]; values: unknown[]; kind: string } | undefined {
  const values: unknown[] = []
  const shape = walk(shapes, strings, args, values)
  if (!shape) return undefined
  shape.text ??= Object.assign([written(strings, args, { count: 0 })], { raw: [] })
  shape.number ??= known++
  let kind = `${shape.number}`
  for (const value of values) kind += typeOf(value)
  return { text: shape.text, values, kind }
}

/** What the driver says to PostgreSQL about the type of a value, as few letters. */
function typeOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value === 'boolean' ? 'b' : typeof value === 'bigint' ? 'i' : '-'
  if (value instanceof Parameter) return `p${(value as { type: number }).type}`
  if (value instanceof Date) return 't'
  if (value instanceof Uint8Array) return 'x'
  return Array.isArray(value) ? typeOf(value[0]) : '-'
}

/** The shape after these pieces; collects the values. */
function walk(from: Shape, strings: TemplateStringsArray, args: readonly unknown[], values: unknown[]): Shape | undefined {
  let shape: Shape | undefined = step(from, strings, values.length)
  for (const arg of args) {
    if (arg instanceof Part) shape = walk(shape, arg.strings, arg.args, values)
    else if (Array.isArray(arg) && arg[0] instanceof Part) {
      shape = step(shape, arg.length, values.length)
      for (const part of arg as Part[]) {
        shape = walk(shape, part.strings, part.args, values)
        if (!shape) return undefined
      }
    } else if (isValue(arg)) values.push(arg)
    else return undefined
    if (!shape) return undefined
  }
  return shape
}

/** Pieces and how many values stand before each say which piece stands in which, and where. */
function step({ next }: Shape, piece: object | number, count: number): Shape {
  const known = next.get(piece)?.[count]
  if (known) return known
  const made: Shape = { next: new Map() }
  const after = next.get(piece) ?? []
  after[count] = made
  next.set(piece, after)
  return made
}

function written(strings: TemplateStringsArray, args: readonly unknown[], seen: { count: number }): string {
  return strings.reduce((text, piece, index) => text + argument(args[index - 1], seen) + piece)
}

function argument(arg: unknown, seen: { count: number }): string {
  if (arg instanceof Part) return written(arg.strings, arg.args, seen)
  if (Array.isArray(arg) && arg[0] instanceof Part) {
    return (arg as Part[]).map((part) => ` ${written(part.strings, part.args, seen)}`).join('')
  }
  seen.count += 1
  return `$${seen.count}`
}

/** Names, lists of columns and whole queries are written into the text by the driver. */
function isValue(arg: unknown): boolean {
  if (arg === null || typeof arg !== 'object') return typeof arg !== 'function'
  if (Array.isArray(arg)) return !(arg[0] instanceof AnyQuery)
  return arg instanceof Parameter || arg instanceof Date || arg instanceof Uint8Array
}
