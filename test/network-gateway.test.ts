import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { Gateway } from '../src/gateways/gateway.ts'
import { createTestAccount, type TestAccount, until } from './client.ts'
import { differences, insisting, proof } from './crash.ts'
import { startFaultyNetwork } from './faulty-network.ts'
import { chance } from './hostile.ts'
import { startServer, type TestServer } from './server.ts'
import { type Acknowledged, nothing, type Story, walk } from './walk.ts'

/*
 * A provider at the other end of a bad line: the simulator behind HTTP, and in front of it a proxy that delays, cuts the connection after
 * the request has gone through, or cuts the reply. NETWORK_SEED plays it again.
 */
const seed = Number(process.env.NETWORK_SEED ?? Math.floor(Math.random() * 2 ** 31))
const account_id = 'T00000041'
const time = { ahead_ms: 0 }
let server: TestServer
let shop: TestAccount
let provider: Server
before(async () => {
  server = await startServer({ clock: { now: () => new Date(Date.now() + time.ahead_ms) } })
  shop = await createTestAccount(server, { account_id })
})
after(async () => {
  await server.close()
  provider?.closeAllConnections()
  provider?.close()
})

const methods = ['authorize', 'capture', 'refund', 'void', 'updateAuthorization', 'find'] as const

/** The other end: what arrives is done, and answered if there is still somebody to answer. */
async function startProvider(gateway: Gateway): Promise<URL> {
  provider = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const method = methods.find((name) => request.url === `/${name}`)!
      const answer = await gateway[method](JSON.parse(Buffer.concat(chunks).toString()))
      response.end(JSON.stringify(answer))
    } catch {
      response.destroy()
    }
  })
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
  return new URL(`http://127.0.0.1:${(provider.address() as AddressInfo).port}`)
}

/** Our end: one request a call; whatever goes wrong is thrown, and so is unknown. */
function gatewayOver(url: string, { name, products }: Gateway): Gateway {
  const ask = (method: (typeof methods)[number]) => async (call: object) => {
    const response = await fetch(new URL(method, url), {
      method: 'POST',
      body: JSON.stringify(call),
      signal: AbortSignal.timeout(5_000),
    })
    return (await response.json()) as never
  }
  return {
    name,
    products,
    authorize: ask('authorize'),
    capture: ask('capture'),
    refund: ask('refund'),
    void: ask('void'),
    updateAuthorization: ask('updateAuthorization'),
    find: ask('find'),
  }
}

test(`network: calls to the provider delayed and cut, seed ${seed}: everything acknowledged is there once, on both sides`, async () => {
  const r = chance(seed)
  const simulator = server.gateways.find(account_id, 'dintero_psp.creditcard')!
  const line = await startFaultyNetwork(await startProvider(simulator), r)
  const remote = gatewayOver(line.url, simulator)
  Object.assign(server.gateways, { find: () => remote })
  const faults: string[] = []
  const call = insisting(server.url, faults, shop)
  const walks: { key: string; told: Acknowledged }[] = []
  const walker = async (count: number) => {
    for (let n = 0; n < count; n += 1) {
      const one = { key: `walk-${walks.length}`, told: nothing() }
      walks.push(one)
      const amount = 1_000 + r.below(5_000)
      const steps: Story['steps'] = [
        { kind: 'capture', amount: 1 + r.below(amount) },
        { kind: 'capture', amount: 1 + r.below(amount) },
        { kind: 'refund', amount: 1 + r.below(amount) },
        { kind: 'void' },
      ]
      const story = { amount, steps: r.odds(0.2) ? steps.toReversed() : steps }
      await walk(call, account_id, one.key, story, one.told).catch((error) => faults.push(`${one.key}: ${error.message}`))
    }
  }
  try {
    line.rate.value = 0.12
    await Promise.all([walker(5), walker(5), walker(5), walker(5)])
    line.rate.value = 0
    assert.deepEqual(faults, [], `seed ${seed}`)
    const { cut_after, cut_before, cut_reply } = line.faults
    assert.ok(cut_after > 0 && cut_before > 0 && cut_reply > 0, `too few faults were met: ${JSON.stringify(line.faults)}`)
    await until(async () => {
      // The resolver works meanwhile; its waits are an hour at the longest.
      time.ahead_ms += 3_600_000
      const [open] = await server.sql`select from checkout.operations where next_attempt_at is not null limit 1`
      return open === undefined
    }, 60_000)
    const moves = walks.flatMap(({ told }) => told.moves)
    assert.ok(moves.some(({ status }) => status === 202) && moves.some(({ status }) => status === 200), JSON.stringify(moves))
    assert.deepEqual(await proof(server.sql, walks, shop), [], `seed ${seed}`)
    assert.deepEqual(await differences(server.sql), [], `seed ${seed}`)
  } finally {
    line.close()
  }
})
