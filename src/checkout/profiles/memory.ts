/** What was read a moment ago, by key. */
export type BriefMemory<T> = {
  readonly size: number
  get(key: string, now: number): T | undefined
  set(key: string, value: T, now: number): void
  forget(prefix: string): void
}

/**
 * Remembers values for `lifetime_ms`. What is over goes when the next one comes, not when its own key is asked for again: nobody may ever
 * do that, and profiles of ten thousand accounts are 100 MB.
 */
export function createBriefMemory<T>(options: { lifetime_ms: number; entries_max: number }): BriefMemory<T> {
  const { lifetime_ms, entries_max } = options
  // The oldest first.
  const entries = new Map<string, { value: T; at: number }>()
  const holds = ({ at }: { at: number }, now: number) => at <= now && now < at + lifetime_ms
  return {
    get size() {
      return entries.size
    },
    get(key, now) {
      const entry = entries.get(key)
      return entry && holds(entry, now) ? entry.value : undefined
    },
    set(key, value, now) {
      entries.delete(key)
      for (const [oldest, entry] of entries) {
        if (holds(entry, now) && entries.size < entries_max) break
        entries.delete(oldest)
      }
      entries.set(key, { value, at: now })
    },
    forget(prefix) {
      for (const key of entries.keys()) if (key.startsWith(prefix)) entries.delete(key)
    },
  }
}
