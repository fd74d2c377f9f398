const per_row = 50
const least = 1_000

/**
 * A page of at most `limit` rows for a filter that many rows may share, or none. It looks at the newest rows first, fifty for each wanted
 * and at least a thousand; `others` is asked only when these don't fill the page: it goes to an index, and reads neither the whole account
 * nor, when many match, all of these (docs/decisions/0165 and 0175).
 */
export async function newestFirst<T>(
  limit: number,
  newest: (count: number) => Promise<T[]>,
  others: () => Promise<T[]>,
): Promise<T[]> {
  const rows = await newest(Math.max(limit * per_row, least))
  return rows.length === limit ? rows : others()
}
