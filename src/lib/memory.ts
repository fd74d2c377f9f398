import { ApiError } from './errors.ts'
import { running } from './idempotency.ts'
import { limits } from './limits.ts'

/**
 * What this process wrote last, so that its next write need not read it first: a shop creates, pays and captures within minutes, most often
 * through one process. Never trusted: a write is guarded by the version that it decided on, and what does not fit is read from the
 * database and decided anew. Only what is committed is kept.
 */
export type Memory<T> = {
  /** Hands out what is known, once. Nothing inside a database transaction of the request: that sees what is not committed. */
  take(account_id: string, id: string): T | undefined
  /** `size`: about how many characters the value holds. */
  keep(account_id: string, id: string, value: T, size: number): void
  clear(): void
}

/** How a value becomes JSON, and is the same again. */
export type Form<T> = { pack(value: T): unknown; unpack(packed: never): T }

/** Of a row: its hash, some members that are dates, and others that are JSON. */
export function rowForm<T extends { hash: Uint8Array }>(dates: readonly (keyof T)[]): Form<T> {
  type Packed = Record<keyof T, unknown>
  return {
    pack: (row) => ({ ...row, hash: Buffer.from(row.hash).toString('base64') }),
    unpack(packed: Packed) {
      for (const name of dates) packed[name] &&= new Date(packed[name] as string)
      packed.hash = Buffer.from(packed.hash as string, 'base64')
      return packed as T
    },
  }
}

/**
 * The newest are kept as they are. What they push out is kept as text in `ring`, which costs the garbage collector nothing, and which
 * memories of other kinds may share; to clear one clears what all of them have there.
 */
export function createMemory<T>(kind: string, ring: Ring, { pack, unpack }: Form<T>): Memory<T> {
  const kept = new Map<string, { value: T; size: number }>()
  let total = 0
  const keyOf = (account_id: string, id: string) => `${kind} ${account_id}/${id}`
  const drop = (key: string) => {
    const found = kept.get(key)
    total -= found?.size ?? 0
    kept.delete(key)
    return found?.value
  }
  return {
    take(account_id, id) {
      const key = keyOf(account_id, id)
      const found = drop(key)
      const text = ring.take(key)
      if (running.getStore()) return undefined
      return found ?? (text === undefined ? undefined : unpack(JSON.parse(text) as never))
    },
    keep(account_id, id, value, size) {
      const key = keyOf(account_id, id)
      drop(key)
      ring.take(key)
      if (running.getStore() || size > limits.remembered_size_max) return
      kept.set(key, { value, size })
      total += size
      for (const oldest of kept.keys()) {
        if (kept.size <= limits.aggregates_remembered && total <= limits.remembered_total) break
        ring.put(oldest, JSON.stringify(pack(drop(oldest)!)))
      }
    },
    clear() {
      kept.clear()
      ring.clear()
      total = 0
    },
  }
}

/** Texts by key, in one block of memory that is written round and round: what was put longest ago gives way. */
export type Ring = { put(key: string, text: string): void; take(key: string): string | undefined; clear(): void }

/** @param size how many bytes it holds; the system gives them when they are first used */
export function createRing(size: number): Ring {
  const block = Buffer.allocUnsafeSlow(size)
  const placed = new Map<string, { at: number; length: number }>()
  /** Where the next goes, counted without end: what lies before `next - size` has been written over. */
  let next = 0
  return {
    put(key, text) {
      placed.delete(key)
      const length = Buffer.byteLength(text)
      if (length > size) return
      // None is in two pieces.
      if ((next % size) + length > size) next += size - (next % size)
      block.write(text, next % size)
      placed.set(key, { at: next, length })
      next += length
      for (const [oldest, { at }] of placed) {
        if (at >= next - size) break
        placed.delete(oldest)
      }
    },
    take(key) {
      const found = placed.get(key)
      if (!found) return undefined
      placed.delete(key)
      return block.toString('utf8', found.at % size, (found.at % size) + found.length)
    },
    clear: () => placed.clear(),
  }
}

/** For what was decided on a memory: a refusal counts for nothing, since the database may know better. */
export function unlessRefused(error: unknown): undefined {
  if (!(error instanceof ApiError)) throw error
}
