/*
 * Run as a process of its own by database.test.ts: breaks the connections to the database inside transactions, and says whether the pool
 * and the process are still of use afterwards. The one fault of the driver ends in nobody's hands, which no test runner allows.
 */
import { connect as connectTo, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, inTransaction, openTransaction } from '../src/lib/db.ts'
import { isWriteToBrokenConnection } from '../src/lib/driver.ts'

const target = new URL(process.argv[2]!)
const { hostname, port } = target
const sockets = new Set<Socket>()
const proxy = createServer((client) => {
  const server = connectTo(Number(port), hostname)
  sockets.add(client)
  client.pipe(server).pipe(client)
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on('error', () => other.destroy()).on('close', () => other.destroy())
  }
})
await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
target.port = String((proxy.address() as { port: number }).port)
process.on('uncaughtException', (error) => {
  if (!isWriteToBrokenConnection(error)) throw error
})

const sql = connect(target.href, { max: 2 })
const cut = async () => {
  for (const socket of sockets) socket.destroy()
  await sleep(50)
}
const report: Record<string, unknown> = {}

await inTransaction(sql, async (tx) => {
  await tx`select 1`
  await cut()
  await tx`select 2`
}).catch((error) => {
  report.in_transaction = error.code
})

const idle = await openTransaction(sql)
await idle.tx`select 1`
await cut()
report.broken = ((await idle.broken) as { code?: string }).code
report.commit = await idle.commit().then(
  () => 'done',
  (error) => error.code,
)
await idle.rollback()

// The driver needs a failed attempt for each broken connection before it connects anew; the pool heals by itself.
for (const deadline = Date.now() + 60_000; Date.now() < deadline && !report.next; ) {
  await openTransaction(sql)
    .then(async (next) => {
      await next.tx`select 1`
      await next.commit()
      report.next = 'committed'
    })
    .catch(() => sleep(100))
}
console.log(JSON.stringify(report))
process.exit(0)
