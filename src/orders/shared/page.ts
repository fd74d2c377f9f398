import Type from 'typebox'
import { part } from '../../lib/db.ts'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { DateTime } from '../../lib/schema.ts'
import { endOfRange } from '../../lib/time.ts'

/** Where a page starts: after this row, newest first. */
export type After = { created_at: string; id: string }

/** The query members that every list has (orders-api §1.4). A larger `limit` than the largest page counts as the largest page. */
export const paging = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, description: `At most ${limits.page_size_max}.`, default: limits.page_size_default }),
  ),
  starting_after: Type.Optional(Type.String({ description: '`starting_after` of the page before.' })),
  'created_at.gte': Type.Optional(DateTime),
  'created_at.lte': Type.Optional(DateTime),
  currency: Type.Optional(Type.String()),
}

export function pageSize(limit: number | undefined): number {
  return Math.min(limit ?? limits.page_size_default, limits.page_size_max)
}

/**
 * Where a page starts, as a row to compare `(created_at, id)` with: at the cursor, or at the end that was asked for, whichever is earlier.
 * One bound, for PostgreSQL enters the index at one of two, and walks from there.
 */
export function startOf(after: After | undefined, until: string | undefined) {
  const late = until !== undefined && (after === undefined || Date.parse(until) < Date.parse(after.created_at))
  const created_at = late ? until : after?.created_at
  return part`(coalesce(${created_at ?? null}::timestamptz, 'infinity'), ${late ? uuid_max : (after?.id ?? uuid_max)}::uuid)`
}

const uuid_max = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** The opaque cursor that names the last row of a page. */
function cursorOf({ created_at, id }: After): string {
  return Buffer.from(`${created_at} ${id}`).toString('base64url')
}

const cursor = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

/** Reads a cursor; a text that is none of ours is refused. */
export function parseCursor(text: string | undefined): After | undefined | { refusal: Refusal } {
  if (text === undefined) return undefined
  const [, created_at = '', id = ''] = cursor.exec(Buffer.from(text, 'base64url').toString()) ?? []
  if (Date.parse(created_at) >= 0) return { created_at, id }
  return {
    refusal: { code: 'invalid_request', path: '?starting_after', message: 'Pass starting_after as the page before returned it.' },
  }
}

type Window = { 'created_at.gte'?: string; 'created_at.lte'?: string }

/** The window of a list, both ends inclusive, as {@link endOfRange} has them; or which of them is no time. */
export function windowOf(query: Window): { from: string | undefined; until: string | undefined; refusals: Refusal[] } {
  const refusals: Refusal[] = []
  const instant = (name: keyof Window): string | undefined => {
    const text = query[name]
    if (text === undefined) return undefined
    const end = endOfRange(text)
    if (end === undefined) refusals.push({ code: 'invalid_request', path: `?${name}`, message: `${text} is no time.` })
    return end
  }
  return { from: instant('created_at.gte'), until: instant('created_at.lte'), refusals }
}

/** The rows before the first that the page has no room for, which is `undefined`. */
export function whole<T>(rows: readonly (T | undefined)[]): T[] {
  const end = rows.indexOf(undefined)
  return (end === -1 ? rows : rows.slice(0, end)) as T[]
}

/** One page out of one row more than a page: the rows, and the cursor when there are more. */
export function pageOf<T>(
  rows: readonly (T | undefined)[],
  size: number,
  keyOf: (row: T) => After,
): { rows: T[]; starting_after?: string } {
  const page = whole(rows.slice(0, size))
  const last = page.at(-1)
  return rows.length > page.length && last ? { rows: page, starting_after: cursorOf(keyOf(last)) } : { rows: page }
}
