/** A map that forgets what was not used for longest. */
export type Lru<T> = { get(key: string): T | undefined; set(key: string, value: T): void; delete(key: string): void }

export function createLru<T>(entries_max: number): Lru<T> {
  const entries = new Map<string, T>()
  return {
    get(key) {
      const value = entries.get(key)
      if (value !== undefined && entries.size > entries_max / 2) {
        entries.delete(key)
        entries.set(key, value)
      }
      return value
    },
    set(key, value) {
      entries.delete(key)
      entries.set(key, value)
      if (entries.size > entries_max) entries.delete(entries.keys().next().value!)
    },
    delete: (key) => void entries.delete(key),
  }
}

/** Asks for what belongs to an id of an account. An answer from before `asked_since` is not good enough. */
export type Refreshing<T> = (account_id: string, id: string, asked_since?: number) => Promise<T | undefined>

/**
 * Remembers what `load` answered, also that it found nothing, for `lifetime_ms` from the moment it was asked; callers that come
 * meanwhile share one question. Measured in real time, not by `clock`: it bounds how old an answer is, whatever day a test plays.
 */
export function createRefreshing<T>(
  load: (account_id: string, id: string) => Promise<T | undefined>,
  options: { lifetime_ms: number; entries_max: number },
): Refreshing<T> {
  const entries = createLru<{ asked_at: number; answer: Promise<T | undefined> }>(options.entries_max)
  return (account_id, id, asked_since = Number.NEGATIVE_INFINITY) => {
    const key = `${account_id}/${id}`
    const asked_at = performance.now()
    const known = entries.get(key)
    if (known && known.asked_at >= asked_since && asked_at - known.asked_at < options.lifetime_ms) return known.answer
    const answer = load(account_id, id)
    entries.set(key, { asked_at, answer })
    answer.catch(() => entries.delete(key))
    return answer
  }
}
