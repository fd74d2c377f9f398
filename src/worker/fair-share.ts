import { limits } from '../lib/limits.ts'

/** What one call to a provider is about. */
type Asked = { account_id: string; gateway: string }
/** Those that have their share of the calls under way. */
export type Busy = { accounts: string[]; gateways: string[] }

/** How many are claimed at a time: an account or a provider exceeds its share by less than that. */
const batch = 4
const interval_ms = 500

/**
 * Works until nothing is due and nothing under way: each that ends makes room. What is claimed is of no account or provider that has its
 * share under way: one that does not answer leaves room for others. Told to stop, it waits for what is under way. `work` must not fail.
 * @returns how much was done
 */
export async function shareFairly<T extends Asked>(
  signal: AbortSignal,
  { claim, work }: { claim: (count: number, busy: Busy) => Promise<T[]>; work: (due: T) => Promise<void> },
): Promise<number> {
  const underway = new Map<Promise<void>, T>()
  let total = 0
  try {
    while (!signal.aborted) {
      const room = Math.min(limits.resolve_concurrency - underway.size, batch)
      const due = room === 0 ? [] : await claim(room, busyOf([...underway.values()]))
      for (const one of due) {
        const asked = work(one).finally(() => underway.delete(asked))
        underway.set(asked, one)
      }
      total += due.length
      if (underway.size === 0) break
      if (due.length < batch) await next(underway.keys())
    }
  } finally {
    await Promise.all(underway.keys())
  }
  return total
}

function busyOf(underway: readonly Asked[]): Busy {
  const named = (name: 'account_id' | 'gateway', often: number) =>
    atLeast(
      underway.map((one) => one[name]),
      often,
    )
  return {
    accounts: named('account_id', limits.resolve_account_concurrency),
    gateways: named('gateway', limits.resolve_gateway_concurrency),
  }
}

/** What occurs so often. */
function atLeast(names: readonly string[], often: number): string[] {
  return [...new Set(names)].filter((name) => names.filter((other) => other === name).length >= often)
}

/** Waits until one has ended, or something new may be due. */
async function next(underway: Iterable<Promise<void>>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const rest = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, interval_ms)
  })
  await Promise.race([rest, ...underway])
  clearTimeout(timer)
}
