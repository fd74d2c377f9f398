import { part } from './db.ts'
import { limits } from './limits.ts'

type Fragment = ReturnType<typeof part>

/**
 * How many of the newest are looked at for a page of `limit`. Of a million rows as many have a filter's value, where both ways are equally
 * long: to walk until the page is full, and to read all that an index finds.
 */
const window = (limit: number) => Math.round(1_000 * Math.sqrt(limit))

/**
 * A page of at most `limit` rows for a filter that many rows may share, or none. It looks at the newest rows first; `others` is asked only
 * when these don't fill the page: it goes to an index, and reads neither the whole account nor, when many match, all of these
 * (docs/decisions/0165 and 0175).
 */
export async function newestFirst<T>(
  limit: number,
  newest: (count: number) => Promise<T[]>,
  others: () => Promise<T[]>,
): Promise<T[]> {
  const rows = await newest(window(limit))
  return rows.length === limit ? rows : others()
}

/**
 * True of a row that is no larger than its share of a page of `limit`. What a list reads of a larger one is its row only, so that no
 * statement brings more than a page may hold.
 */
export function isSmall(row: Fragment, limit: number): Fragment {
  return part`${row}.events_size <= ${Math.floor(limits.page_events_size_max / limit)}`
}

/** The rows of a page as `whole` makes them, and large ones as `read` reads them; `undefined` where the page has no more room. */
export function inRoom<Row extends { events_size: number; events: string | null }, T>(
  rows: readonly Row[],
  whole: (row: Row & { events: string }) => T,
  read: (row: Row) => Promise<T | undefined>,
): Promise<(T | undefined)[]> {
  let size = 0
  const found = rows.map((row) => {
    const fits = size < limits.page_events_size_max
    size += row.events_size
    if (!fits) return undefined
    return row.events === null ? read(row) : whole(row as Row & { events: string })
  })
  return Promise.all(found)
}
