import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import postgres from 'postgres'
import { fetchToken, send } from './client.ts'
import { dataFolder, kvitt, runKvitt, stopAll, until } from './process.ts'

const admin = postgres(`${process.env.PG_TEST_URL ?? 'postgres://postgres@127.0.0.1:54329'}/postgres`, {
  max: 1,
  onnotice: () => {},
})
const data = dataFolder()
const cleanUps: (() => Promise<unknown>)[] = []
after(async () => {
  await stopAll()
  data.remove()
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
  await admin.end()
})

/** An empty database, and the environment to start Kvitt on it. */
async function emptyDatabase() {
  const name = `kvitt_start_${randomBytes(6).toString('hex')}`
  await admin.unsafe(`create database ${name}`)
  const url = `${process.env.PG_TEST_URL ?? 'postgres://postgres@127.0.0.1:54329'}/${name}`
  const sql = postgres(url, { max: 2, onnotice: () => {} })
  cleanUps.push(async () => {
    await sql.end()
    await admin.unsafe(`drop database if exists ${name} with (force)`)
  })
  return { sql, env: { DATABASE_URL: url, KVITT_DATA: data.path } }
}

async function stop(one: ReturnType<typeof runKvitt>) {
  one.child.kill('SIGTERM')
  return one.exit
}

test('start: two at once on an empty database make one account', async () => {
  const { sql, env } = await emptyDatabase()
  const both = [runKvitt(['start'], env), runKvitt(['start'], env)]
  const [first, second] = await Promise.all(both.map(({ ready }) => ready))
  assert.deepEqual([second!.account_id, second!.client_id], [first!.account_id, first!.client_id])
  const [row] =
    await sql`select (select count(*)::int from accounts.accounts) as accounts, (select count(*)::int from accounts.clients) as clients`
  assert.deepEqual({ ...row }, { accounts: 1, clients: 1 })
  const shown = both.filter((one) => one.output().includes('shown this once'))
  assert.equal(shown.length, 1, 'one of them shows the secret')
  assert.deepEqual(await Promise.all(both.map(stop)), [0, 0])
})

test('start: uses the account and client of the environment', async () => {
  const { env } = await emptyDatabase()
  const credentials = { KVITT_ACCOUNT_ID: 'T87654321', KVITT_CLIENT_ID: 'shop', KVITT_CLIENT_SECRET: 'a secret of our own' }
  const server = runKvitt(['start'], { ...env, ...credentials })
  const { url, account_id, client_id } = await server.ready
  assert.deepEqual([account_id, client_id], ['T87654321', 'shop'])
  const client_secret = credentials.KVITT_CLIENT_SECRET
  assert.equal((await fetchToken(url, { account_id, client_id, client_secret })).status, 200)
  assert.equal(server.output().includes(client_secret), false)
  assert.equal(await stop(server), 0)
})

test('start: orders alone makes only the schemas it needs', async () => {
  const { sql, env } = await emptyDatabase()
  const server = runKvitt(['start', 'orders'], env)
  const { url } = await server.ready
  assert.equal((await send(url, 'GET', '/readyz')).status, 200)
  assert.equal(await stop(server), 0)
  const rows = await sql`select nspname from pg_namespace where nspname !~ '^pg_|^information_schema$' order by 1`
  const names = rows.map(({ nspname }) => nspname)
  assert.ok(names.includes('accounts') && names.includes('notifications'))
  assert.ok(!names.includes('checkout') && !names.includes('simulator'), names.join())
})

test('start: a request in flight is finished after SIGTERM, and new ones are refused', async () => {
  const { sql, env } = await emptyDatabase()
  const credentials = { account_id: 'T11111111', client_id: 'shop', client_secret: 'a secret of our own' }
  const server = runKvitt(['start'], {
    ...env,
    KVITT_ACCOUNT_ID: credentials.account_id,
    KVITT_CLIENT_ID: credentials.client_id,
    KVITT_CLIENT_SECRET: credentials.client_secret,
  })
  const { url } = await server.ready
  const lock = await sql.reserve()
  await lock`begin`
  await lock`lock table accounts.clients in access exclusive mode`
  const answer = fetchToken(url, credentials)
  await until(async () => {
    const [row] = await admin`select count(*)::int as waiting from pg_stat_activity
      where datname = ${new URL(env.DATABASE_URL).pathname.slice(1)} and wait_event_type = 'Lock'`
    return row!.waiting > 0
  })
  server.child.kill('SIGTERM')
  await until(() =>
    fetch(`${url}/healthz`).then(
      () => false,
      () => true,
    ),
  )
  assert.equal(server.child.exitCode, null)
  await lock`rollback`
  lock.release()
  assert.equal((await answer).status, 200)
  assert.equal(await server.exit, 0)
})

test('start: says what to do when the port is taken', async () => {
  const { env } = await emptyDatabase()
  const other = createServer().listen(0, '0.0.0.0')
  await until(() => other.listening)
  const { port } = other.address() as { port: number }
  const { code, output } = await kvitt(['start'], { ...env, PORT: String(port) })
  other.close()
  assert.equal(code, 1)
  assert.match(output, new RegExp(`Port ${port} is taken.*PORT=`))
})

test('command line: faults are said in one line, with exit codes', async () => {
  const cases: [args: string[], env: Record<string, string>, code: number, says: RegExp][] = [
    [['strat'], {}, 2, /There is no command `strat`/],
    [['start', 'everything'], {}, 2, /one of all, orders, checkout, worker/],
    [['migrate', '--nope'], {}, 2, /Unknown option '--nope'/],
    [['client', 'rotate'], {}, 2, /--account is required/],
    [['start'], { PORT: 'http' }, 1, /PORT must be 0 to 65535, not http/],
    [['start'], { KVITT_ACCOUNT_ID: 'X1' }, 1, /KVITT_ACCOUNT_ID must be T or P and eight digits, not X1/],
    [['start'], { KVITT_LOG: 'loud' }, 1, /KVITT_LOG must be one of trace, .*, not loud/],
    [
      ['start'],
      { DATABASE_URL: 'mysql://a:secret@b' },
      1,
      /^kvitt: DATABASE_URL must begin with postgres:\/\/ or postgresql:\/\/\.\s*$/,
    ],
    [['start'], { KVITT_PUBLIC_URL: 'shop.example' }, 1, /KVITT_PUBLIC_URL must be a URL with http or https/],
    [['start'], { KVITT_PUBLIC_URL: 'https://shop.example/?a' }, 1, /KVITT_PUBLIC_URL must be .* without \? or #, not https/],
    [['start'], { CHECKOUT_URL: 'https://' }, 1, /CHECKOUT_URL must be a URL/],
    [['start'], { KVITT_TRUSTED_PROXIES: 'loopback, 10.0.0.0/33' }, 1, /KVITT_TRUSTED_PROXIES lists .*, not 10.0.0.0\/33/],
    [
      ['start'],
      { DATABASE_URL: 'postgres://nobody:secret@127.0.0.1:1/none' },
      1,
      /No connection to DATABASE_URL \(postgres:\/\/nobody:\*\*\*@/,
    ],
  ]
  for (const [args, env, code, says] of cases) {
    const run = await kvitt(args, env)
    assert.deepEqual([args, run.code], [args, code])
    assert.match(run.output, says)
    assert.equal(run.output.trim().split('\n').length, 1, run.output)
  }
})

test('command line: --help of every command', async () => {
  const list = await kvitt(['--help'], {})
  const names = [...list.output.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}\S/gm)].map(([, name]) => name!)
  assert.ok(names.includes('start') && names.includes('account create'), list.output)
  for (const name of names) {
    const help = await kvitt([...name.split(' '), '--help'], {})
    assert.equal(help.code, 0)
    assert.match(help.output, new RegExp(`^Usage: kvitt ${name}`))
  }
})
