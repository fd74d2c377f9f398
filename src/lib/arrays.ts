/*
 * Lists of PostgreSQL (`text[]` and the like), of one dimension. The driver would ask each new connection which types are lists, and
 * nobody catches what comes of that when the connection breaks meanwhile: it ends the process. These are the types that we have.
 */

type Read = (text: string) => unknown
const plain: Read = (text) => text
const time: Read = (text) => new Date(text)

/** How an element of a list is read, by the `oid` of the list. */
const lists: Readonly<Record<number, Read>> = {
  1000: (text) => text === 't', // boolean
  1005: Number, // smallint
  1007: Number, // integer
  1016: safeInteger, // bigint
  1021: Number, // real
  1022: Number, // double precision
  1003: plain, // name
  1009: plain, // text
  1015: plain, // varchar
  1231: plain, // numeric
  2951: plain, // uuid
  1115: time, // timestamp
  1185: time, // timestamptz
}

/** The lists, as the driver takes types: for results and, times apart, for parameters. */
export const listTypes = Object.fromEntries(
  Object.entries(lists).map(([oid, read]) => {
    const parse = (text: string) => listOf(text, read)
    const serialize = (values: unknown) => (Array.isArray(values) ? listText(values) : values)
    return [`list_${oid}`, { to: Number(oid), from: [Number(oid)], serialize, parse }]
  }),
)

/** A `bigint`, or a count. Throws past the safe range, instead of losing a unit. */
export function safeInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new Error(`bigint out of range: ${text}`)
  return value
}

/** A `bytea`, as `bytea_output` has it: in hex, or escaped. */
export function bytesOf(text: string): Buffer {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex')
  const latin1 = text.replace(/\\(\\|\d{3})/g, (_, byte: string) =>
    byte === '\\' ? byte : String.fromCharCode(Number.parseInt(byte, 8)),
  )
  return Buffer.from(latin1, 'latin1')
}

function listText(values: readonly unknown[]): string {
  const texts = values.map((value) =>
    value === null || value === undefined ? 'null' : `"${String(value).replace(/["\\]/g, '\\$&')}"`,
  )
  return `{${texts.join(',')}}`
}

function listOf(text: string, read: Read): unknown[] {
  return [...text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/gs)].map(([, quoted, bare]) => {
    if (quoted !== undefined) return read(quoted.replace(/\\(.)/gs, '$1'))
    return bare === 'NULL' ? null : read(bare!)
  })
}
