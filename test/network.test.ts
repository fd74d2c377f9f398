import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from './client.ts'
import { differences, freePort, insisting, proof } from './crash.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'
import { startFaultyNetwork } from './faulty-network.ts'
import { chance } from './hostile.ts'
import { runKvitt } from './process.ts'
import { type Acknowledged, nothing, walk } from './walk.ts'

const seed = Number(process.env.NETWORK_SEED ?? Math.floor(Math.random() * 2 ** 31))
const account_id = 'T00000040'
const client = { account_id, client_id: 'network', client_secret: 'network-secret-network-secret' }
let database: TestDatabase
before(async () => {
  database = await cloneDatabase()
})
after(() => database.drop())

test(`network: connections to PostgreSQL and from clients delayed and cut, seed ${seed}: everything acknowledged is there once`, async () => {
  const r = chance(seed)
  const toDatabase = await startFaultyNetwork(new URL(database.url), r)
  const port = await freePort()
  const direct = `http://127.0.0.1:${port}`
  const fromClients = await startFaultyNetwork(new URL(direct), r)
  const url = fromClients.url.replace(/\/$/, '')
  const env = {
    PORT: String(port),
    DATABASE_URL: toDatabase.url,
    KVITT_ACCOUNT_ID: client.account_id,
    KVITT_CLIENT_ID: client.client_id,
    KVITT_CLIENT_SECRET: client.client_secret,
    KVITT_LOG: 'fatal',
  }
  // The database driver may take the process down with a connection; whoever runs a server starts it again.
  let server = runKvitt(['start'], env)
  let stopping = false
  let deaths = 0
  const supervised = (async () => {
    while (!stopping) {
      await server.exit
      if (stopping) return
      deaths += 1
      server = runKvitt(['start'], env)
    }
  })()
  try {
    await server.ready
    toDatabase.rate.value = 0.005
    fromClients.rate.value = 0.06
    const faults: string[] = []
    const call = insisting(url, faults, client)
    const walks: { key: string; told: Acknowledged }[] = []
    const walker = async (count: number) => {
      for (let n = 0; n < count; n += 1) {
        const one = { key: `walk-${walks.length}`, told: nothing() }
        walks.push(one)
        const amount = 1_000 + r.below(5_000)
        const steps = [
          { kind: 'capture', amount: 1 + r.below(amount) },
          { kind: 'capture', amount: 1 + r.below(amount) },
          { kind: 'refund', amount: 1 + r.below(amount) },
        ] as const
        await walk(call, account_id, one.key, { amount, steps }, one.told).catch((error) =>
          faults.push(`${one.key}: ${error.message}`),
        )
      }
    }
    await Promise.all([walker(2), walker(2), walker(2)])
    toDatabase.rate.value = 0
    fromClients.rate.value = 0
    assert.deepEqual(faults, [], `seed ${seed}`)
    const met = [toDatabase.faults, fromClients.faults].map((all) => Object.values(all).reduce((sum, count) => sum + count, 0))
    assert.ok(
      met.every((count) => count > 0),
      `no faults were met: ${met}`,
    )
    await until(async () => {
      const [open] = await database.sql`select from checkout.operations where next_attempt_at is not null limit 1`
      return open === undefined
    }, 60_000)
    assert.deepEqual(await proof(database.sql, walks, client), [], `seed ${seed}`)
    assert.deepEqual(await differences(database.sql), [], `seed ${seed}`)
    assert.ok(deaths < 50, `the server died ${deaths} times`)
  } finally {
    stopping = true
    toDatabase.rate.value = 0
    server.child.kill('SIGKILL')
    await supervised
    toDatabase.close()
    fromClients.close()
  }
})
