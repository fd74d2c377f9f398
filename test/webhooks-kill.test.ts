import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { account_id, changeOf, startDelivering, subscribe } from './delivering.ts'
import { type Received, startReceiver } from './receiver.ts'

/** Every event came, and the first time that each came was in the order of its aggregate: the later ones are repetitions. */
function assertComplete(received: readonly Received[], aggregates: number, events: number): void {
  const highest = new Map<string, number>()
  for (const { body } of received) {
    const { sequence, transaction } = JSON.parse(body)
    const before = highest.get(transaction.id) ?? 0
    assert.ok(sequence <= before + 1, `${transaction.id}: ${sequence} came after ${before}`)
    highest.set(transaction.id, Math.max(before, sequence))
  }
  assert.equal(highest.size, aggregates)
  for (const [id, last] of highest) assert.equal(last, events, `${id} is not complete`)
}

test('webhook: kill -9 of the worker, again and again in a thousand deliveries, loses nothing and turns nothing around', async (context) => {
  const engine = await startDelivering()
  context.after(() => engine.close())
  const shop = await startReceiver((_request, response) => setTimeout(() => response.end(), 2))
  context.after(() => shop.close())
  await subscribe(engine.sql, shop.url)
  const [{ current_database }] = (await engine.sql`select current_database()`) as [{ current_database: string }]
  const database = `${process.env.PG_TEST_URL ?? 'postgres://postgres@127.0.0.1:54329'}/${current_database}`
  const aggregates = Array.from({ length: 50 }, (_, index) => `t${index}`)
  for (let sequence = 1; sequence <= 20; sequence += 1) await engine.tell(...aggregates.map((name) => changeOf(name, sequence)))
  const workers: ChildProcess[] = []
  const killed = async (worker: ChildProcess) => {
    const gone = new Promise((resolve) => worker.once('exit', resolve))
    worker.kill('SIGKILL')
    await gone
  }
  // Each worker's clock is ahead of the one before, so that the leases of the dead have run out.
  context.after(() =>
    Promise.all(workers.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null).map(killed)),
  )
  for (const [index, until] of [350, 700].entries()) {
    const args = ['--import', 'tsx', join(import.meta.dirname, 'delivering-process.ts'), database, String(index * 120)]
    const worker = spawn(process.execPath, args, { stdio: 'inherit' })
    workers.push(worker)
    await shop.arrived(until)
    await killed(worker)
  }
  engine.pass((Date.now() - Date.parse('2026-03-01T12:00:00Z')) / 1_000 + 1_000)
  await engine.run()
  assertComplete(shop.received, 50, 20)
  assert.ok(shop.received.length >= 1_000)
  const [left] = await engine.sql`select count(*)::int as count from notifications.deliveries where state <> 'delivered'`
  assert.equal(left!.count, 0)
})

test('webhook: whatever receivers do, every event arrives in order (property)', async (context) => {
  const engine = await startDelivering({ timeout_ms: 150 })
  context.after(() => engine.close())
  const answers = {
    ok: (_request: Received, response: import('node:http').ServerResponse) => void response.end(),
    fails: (_request: Received, response: import('node:http').ServerResponse) => void response.writeHead(500).end(),
    resets: (_: Received, __: unknown, socket: import('node:net').Socket) => void socket.destroy(),
    hangs: () => {},
  }
  const kind = fc.oneof({ arbitrary: fc.constant('ok' as const), weight: 3 }, fc.constantFrom('fails', 'resets', 'hangs'))
  // Fewer failures than an event has attempts, so that none is given up.
  const scripts = fc.array(kind, { minLength: 1, maxLength: 12 }).filter((all) => all.filter((one) => one !== 'ok').length <= 4)
  let run = 0
  await fc.assert(
    fc.asyncProperty(scripts, fc.integer({ min: 1, max: 4 }), async (script, aggregates) => {
      run += 1
      const delivered = new Set<string>()
      let at = 0
      const shop = await startReceiver((request, response, socket) => {
        const doing = script[at++] ?? 'ok'
        if (doing === 'ok') delivered.add(String(request.headers['event-delivery']))
        answers[doing as keyof typeof answers](request, response, socket)
      })
      const id = await subscribe(engine.sql, shop.url)
      const names = Array.from({ length: aggregates }, (_, index) => `r${run}-${index}`)
      for (let sequence = 1; sequence <= 3; sequence += 1) await engine.tell(...names.map((name) => changeOf(name, sequence)))
      for (let round = 0; round < 40 && delivered.size < aggregates * 3; round += 1) {
        await Promise.all([engine.run(), engine.run()])
        engine.pass(700)
      }
      await shop.close()
      await engine.sql`update notifications.subscriptions set active = false where account_id = ${account_id} and id = ${id}`
      assertComplete(shop.received, aggregates, 3)
    }),
    { numRuns: 8 },
  )
})
