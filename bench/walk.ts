import { Connection } from './client.ts'
import { type Machine, round, usage } from './measure.ts'
import { type Step, steps, type Target } from './scenarios.ts'

/** The nine calls of the published walk, as one unit, with the token reused and polling left out. */
export async function walks(
  target: Target,
  { in_flight, seconds, machine }: { in_flight: number; seconds: number; machine: Machine },
): Promise<Record<string, number>> {
  const urls = new URL(target.url)
  let done = 0
  const before = await usage(machine)
  const start = performance.now()
  const deadline = start + seconds * 1000
  await Promise.all(
    Array.from({ length: in_flight }, async () => {
      const connection = new Connection(urls)
      const call = async <T>(step: Step, id = '') => {
        const { status, body } = await connection.send({ ...steps[step](target, id), token: target.token })
        if (status !== 200) throw new Error(`${step} answered ${status}: ${body.slice(0, 300)}`)
        return JSON.parse(body) as T
      }
      while (performance.now() < deadline) {
        const draft = await call<{ id: string }>('draft_create')
        const { orders } = await call<{ orders: { order_id: string }[] }>('draft_complete', draft.id)
        const order = orders[0]!.order_id
        const session = await call<{ id: string }>('session_create', order)
        const { redirect_url } = await call<{ redirect_url: string }>('pay', session.id)
        const transaction = new URL(redirect_url).searchParams.get('transaction_id')!
        await call('order_authorization', order)
        await call('capture', transaction)
        await call('order_capture', order)
        await call('refund', transaction)
        await call('order_refund', order)
        done += 1
      }
      connection.close()
    }),
  )
  const elapsed = (performance.now() - start) / 1000
  const after = await usage(machine)
  return {
    walks: done,
    walks_per_second: round(done / elapsed),
    server_cpu_ms: round((after.server_ms - before.server_ms) / done),
    database_cpu_ms: round((after.database_ms - before.database_ms) / done),
    statements: round((after.statements - before.statements) / done),
    wal_bytes: Math.round((after.wal - before.wal) / done),
    client_cpu_share: round((after.client_ms - before.client_ms) / (elapsed * 1000)),
  }
}
