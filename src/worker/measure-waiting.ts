import { Gauge } from 'prom-client'
import type { Parts } from '../app.ts'
import { countOpenOperations } from '../checkout/operations-log/store.ts'
import { inTime } from '../lib/in-time.ts'
import { limits } from '../lib/limits.ts'
import type { Schema } from '../lib/migrate.ts'
import { countWaiting } from '../notifications/deliveries/store.ts'

const states = ['pending', 'unknown', 'action_required', 'held', 'succeeded'] as const

/** Adds to `/metrics` what waits in the database. It is asked when somebody reads them; while it does not answer, they are left out. */
export function measureWaiting(parts: Pick<Parts, 'sql' | 'clock' | 'metrics'>, schemas: readonly Schema[]): void {
  const { sql, clock, metrics } = parts
  const most = limits.waiting_counted + 1
  const gauge = (name: string, help: string, collect: (gauge: Gauge) => Promise<void>, labelNames: string[] = []) =>
    new Gauge({
      ...{ name, help, labelNames, registers: [metrics.registry] },
      async collect() {
        // Without labels, `reset` would make it 0.
        if (labelNames.length === 0) this.remove()
        else this.reset()
        await collect(this).catch(() => {})
      },
    })
  if (schemas.includes('checkout')) {
    const operations = oneAtATime(() => countOpenOperations(sql, most))
    const ofState = async (of: (row: Awaited<ReturnType<typeof operations>>[number]) => number, gauge: Gauge) => {
      const rows = await operations()
      for (const state of states) gauge.set({ state }, 0)
      for (const row of rows) gauge.set({ state: row.state }, of(row))
    }
    gauge(
      'kvitt_operations_open',
      `Operations that are not settled, by state. Counted up to ${most}.`,
      (gauge) => ofState(({ count }) => count, gauge),
      ['state'],
    )
    gauge(
      'kvitt_operations_open_oldest_seconds',
      'How long ago the oldest of them began.',
      (gauge) => ofState(({ oldest }) => Math.max(0, (clock.now().getTime() - oldest.getTime()) / 1_000), gauge),
      ['state'],
    )
  }
  const waiting = oneAtATime(() => countWaiting(sql, most))
  const counted = (name: string, help: string, kind: keyof Awaited<ReturnType<typeof waiting>>) =>
    gauge(name, `${help} Counted up to ${most}.`, async (gauge) => gauge.set((await waiting())[kind]))
  counted('kvitt_deliveries_pending', 'Deliveries that are to be made, or made again.', 'pending')
  counted('kvitt_deliveries_dead', 'Deliveries that are given up.', 'dead')
  counted('kvitt_outbox_waiting', 'Events that are not deliveries yet.', 'events')
}

/** Whoever asks while a question is under way gets its answer: a database that is silent is not asked again and again. */
function oneAtATime<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined
  return () => {
    asked ??= ask().finally(() => {
      asked = undefined
    })
    return inTime(asked)
  }
}
