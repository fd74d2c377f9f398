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

/**
 * Remembers what `load` answered, also that it found nothing, for `lifetime_ms` from the moment it was asked; callers that come
 * meanwhile share one question. Measured in real time, not by `clock`: it bounds how old an answer is, whatever day a test plays.
 */
export function createRefreshing<T>(
  load: (account_id: string, id: string) => Promise<T | undefined>,
  options: { lifetime_ms: number; entries_max: number },
): (account_id: string, id: string) => Promise<T | undefined> {
  const entries = createLru<{ asked_at: number; answer: Promise<T | undefined> }>(options.entries_max)
  return (account_id, id) => {
    const key = `${account_id}/${id}`
    const asked_at = performance.now()
    const known = entries.get(key)
    if (known && asked_at - known.asked_at < options.lifetime_ms) return known.answer
    const answer = load(account_id, id)
    entries.set(key, { asked_at, answer })
    answer.catch(() => entries.delete(key))
    return answer
  }
}
