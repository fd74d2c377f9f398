import type { FastifyBaseLogger } from 'fastify'

/** One kind of background work. */
export type Work = {
  name: string
  /** Does what is due now and says how much that was: at 0 the loop rests for `interval_ms`. Must be safe to run in several processes. */
  run(signal: AbortSignal): Promise<number>
  interval_ms: number
}

/** Runs each kind of work in a loop of its own, so that a slow one never delays another. A failure is logged and tried again. */
export function startWork(works: readonly Work[], log: FastifyBaseLogger): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const { signal } = stopping
  const loops = works.map(async ({ name, run, interval_ms }) => {
    let failures = 0
    while (!signal.aborted) {
      let done = 0
      try {
        done = await run(signal)
        failures = 0
      } catch (error) {
        failures += 1
        if (!signal.aborted) log.error({ err: error, work: name, failures }, 'background work failed')
      }
      if (done === 0 && !signal.aborted) await rest(interval_ms * Math.min(2 ** failures, 60), signal)
    }
  })
  return {
    async stop() {
      stopping.abort()
      await Promise.all(loops)
    },
  }
}

/** Waits, or returns at once when told to stop. Jittered, so that several processes don't ask at the same moment. */
function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(finish, ms * (0.8 + Math.random() * 0.4))
    signal.addEventListener('abort', finish, { once: true })
    function finish() {
      clearTimeout(timer)
      signal.removeEventListener('abort', finish)
      resolve()
    }
  })
}
