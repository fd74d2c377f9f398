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
