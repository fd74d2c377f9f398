import { setTimeout } from 'node:timers/promises'
import { limits } from './limits.ts'

/** A database that takes connections and says nothing would keep whoever asks waiting. */
export async function inTime<T>(answer: Promise<T>, ms: number = limits.ready_timeout_ms): Promise<T> {
  const given_up = new AbortController()
  const late = setTimeout(ms, undefined, { signal: given_up.signal, ref: false }).then(() => {
    throw new Error(`no answer within ${ms} ms.`)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    given_up.abort()
    late.catch(() => {})
  }
}
