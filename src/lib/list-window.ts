const per_row = 50
const least = 1_000

/**
 * How many of the newest rows a list looks at, for a page of `limit`, before it asks the index of terms: enough for a filter that many
 * rows share, little for one that few do (docs/decisions/0165).
 */
export function newestLookedAt(limit: number): number {
  return Math.max(limit * per_row, least)
}
