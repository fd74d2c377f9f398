import { buildApp } from '../src/app.ts'
import { readConfig } from '../src/lib/config.ts'
import { type Clock, systemClock, systemIds } from '../src/lib/ids.ts'
import { createLog } from '../src/lib/log.ts'
import { startWork } from '../src/worker/loop.ts'
import { cloneDatabase } from './database.ts'

export type TestServer = Awaited<ReturnType<typeof startServer>>

/** A whole Kvitt over HTTP on a free port, with a database of its own. Background work runs unless `work` is false. */
export async function startServer(
  options: { role?: 'all' | 'orders' | 'checkout'; work?: boolean; clock?: Clock; env?: Record<string, string> } = {},
) {
  const database = await cloneDatabase()
  const clock = options.clock ?? systemClock
  const config = readConfig({ KVITT_ALLOW_LOOPBACK_CALLBACKS: '1', ...options.env })
  const log = createLog(process.env.KVITT_LOG ?? 'fatal')
  const parts = { sql: database.sql, config, clock, ids: systemIds(clock), role: options.role ?? 'all', log } as const
  const { app, work, parts: built } = await buildApp(parts)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  config.public_url = url
  const running = options.work === false ? undefined : startWork(work, log)
  return {
    ...parts,
    url,
    app,
    work,
    /** What checkout asks; a test may put something in front of it. */
    gateways: built.gateways,
    memory: built.memory,
    async close() {
      // Nobody asks any more: it need not wait for those who might.
      app.server.closeAllConnections()
      await app.close()
      await running?.stop()
      await database.drop()
    },
  }
}
