import assert from 'node:assert/strict'
import { get } from 'node:http'
import { after, test } from 'node:test'
import { fetchToken, send } from './client.ts'
import { cloneDatabase } from './database.ts'
import { kvitt, runKvitt, stopAll, until } from './process.ts'

after(stopAll)

/** The processes that said that they serve. */
const served = (output: string) => [...output.matchAll(/worker (\d+) serves/g)].map(([, pid]) => Number(pid))

/** Asks on a new connection each time until one does not answer; says what came of that one. */
async function askUntilRefused(url: string): Promise<string | undefined> {
  for (;;) {
    const failed = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      get(url, { agent: false }, (response) => response.resume().on('end', resolve).on('error', resolve)).on('error', resolve)
    })
    if (failed) return failed.code
  }
}

test('start --workers: several processes serve one port; one that is killed is started again; SIGTERM ends all of them', async () => {
  const { url: DATABASE_URL, drop } = await cloneDatabase()
  const credentials = { account_id: 'T87654321', client_id: 'shop', client_secret: 'a secret of our own' }
  const server = runKvitt(['start', '--workers', '2'], {
    DATABASE_URL,
    KVITT_ACCOUNT_ID: credentials.account_id,
    KVITT_CLIENT_ID: credentials.client_id,
    KVITT_CLIENT_SECRET: credentials.client_secret,
  })
  const { url } = await server.ready
  const first = served(server.output())
  assert.equal(first.length, 2)
  assert.equal((await fetchToken(url, credentials)).status, 200)
  process.kill(first[0]!, 'SIGKILL')
  await until(() => served(server.output()).length === 3)
  assert.match(server.output(), new RegExp(`worker ${first[0]} ended \\(SIGKILL\\), starting another one`))
  for (let call = 0; call < 6; call += 1) assert.equal((await send(url, 'GET', '/readyz')).status, 200)
  const clients = Array.from({ length: 16 }, () => askUntilRefused(`${url}/healthz`))
  server.child.kill('SIGTERM')
  assert.equal(await server.exit, 0)
  const resets = (await Promise.all(clients)).filter((code) => code !== 'ECONNREFUSED')
  // All 16 where nobody sees to it. One may come in the very moment in which the socket is closed.
  assert.ok(resets.length < 3, String(resets))
  for (const pid of served(server.output())) assert.throws(() => process.kill(pid, 0), /ESRCH/)
  await drop()
})

test('start --workers: a connection that was handed to a worker which then dies is closed, not left waiting', async () => {
  const { url: DATABASE_URL, drop } = await cloneDatabase()
  const server = runKvitt(['start', '--workers', '2'], { DATABASE_URL })
  const { url } = await server.ready
  const [first] = served(server.output())
  process.kill(first!, 'SIGSTOP')
  const calls = Array.from({ length: 4 }, () => fetch(`${url}/healthz`, { signal: AbortSignal.timeout(20_000) }))
  const ended = Promise.allSettled(calls)
  let answered = 0
  for (const call of calls) call.then(() => (answered += 1)).catch(() => {})
  await until(() => answered === calls.length - 1)
  process.kill(first!, 'SIGKILL')
  const refused = (await ended).filter((call) => call.status === 'rejected')
  assert.deepEqual(
    refused.map(({ reason }) => reason.name),
    ['TypeError'],
  )
  server.child.kill('SIGTERM')
  assert.equal(await server.exit, 0)
  await drop()
})

test('start --workers: refused when it is no number of processes', async () => {
  const { code, output } = await kvitt(['start', '--workers', 'many'], {})
  assert.deepEqual([code, output.includes('--workers must be 1 to 32, not many.')], [2, true])
})
