import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import postgres from 'postgres'
import { withoutPassword } from '../src/commands/open-database.ts'
import { schemas } from '../src/lib/migrate.ts'
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
async function emptyDatabase(how = '') {
  const name = `kvitt_start_${randomBytes(6).toString('hex')}`
  await admin.unsafe(`create database ${name} ${how}`)
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
    [['client', 'create', '--scopes', ''], {}, 2, /--scopes is given without a value/],
    [['start', '--workers', ' '], {}, 2, /--workers is given without a value/],
    [['client', 'create', '--scopes', ' , '], {}, 2, /--scopes names nothing/],
    [['client', 'create', '--scopes', 'bogus'], {}, 2, /--scopes: "bogus" is not a scope/],
    [['client', 'create', '--client-id', 'a b:c'], {}, 2, /--client-id must be 1 to 255 characters without a colon, not a b:c/],
    [['client', 'list', '--account', 'bogus'], {}, 2, /--account must be T .* eight digits, not bogus/],
    [['account', 'create', '--id', 'X123'], {}, 2, /--id must be .*, not X123/],
    [['account', 'create', '--production', '--id', 'T11111111'], {}, 2, /--production makes an account P…, and --id says T1/],
    [['account', 'create', 'extra'], {}, 2, /`extra` is one word too many. Try `kvitt account create --help`/],
    [['trigger', 'checkout_transaction', 'extra'], {}, 2, /`extra` is one word too many/],
    [
      ['listen', '--forward-to', 'http://localhost:3000', '--events', 'bogus'],
      {},
      2,
      /no event bogus; --events takes .*session_c/,
    ],
    [['replay', 'x', '--url', 'bogus'], {}, 2, /--url must be an absolute URL, not bogus/],
    [['replay', 'x', '--url', 'http://localhost:3000'], {}, 1, /Only HTTPS is called.*KVITT_ALLOW_LOOPBACK_CALLBACKS=1.* server/],
    [['start', '--workers', '-1'], {}, 2, /'--workers' argument is ambiguous.*'--workers=-XYZ'. Try `kvitt start --help`/],
    [['account', 'make'], {}, 2, /no command `account make`. There are `account create`, `account list`/],
    [['toString'], {}, 2, /There is no command `toString`/],
    [
      ['client', 'create'],
      { KVITT_DATA: '/nowhere/at/all' },
      1,
      /no database in \/nowhere\/at\/all. Set KVITT_DATA or DATABASE_URL/,
    ],
    [['start'], { KVITT_DATA: '/dev/null' }, 1, /KVITT_DATA: no database can be kept in \/dev\/null: EEXIST/],
    [['start'], { KVITT_DATA: '/proc/kvitt/x' }, 1, /KVITT_DATA: no database can be kept in \/proc\/kvitt\/x: /],
    [
      ['start'],
      { DATABASE_URL: 'postgres://a:secret@b/c?target_session_attrs=standby' },
      1,
      /DATABASE_URL: target_session_attrs/,
    ],
    [['start'], { PORT: 'http' }, 1, /PORT must be 0 to 65535, not http/],
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

test('command line: what the database says of it is one line too', async () => {
  const { env, sql } = await emptyDatabase()
  const empty = await kvitt(['verify'], env)
  assert.deepEqual([empty.code, empty.output], [1, 'kvitt: There is nothing of Kvitt in this database.\n'])
  const { env: latin } = await emptyDatabase("template template0 encoding 'LATIN1' locale 'C'")
  const refused = await kvitt(['migrate'], latin)
  assert.deepEqual(
    [refused.code, refused.output.startsWith('kvitt: Kvitt needs a database in UTF8; this one is in LATIN1')],
    [1, true],
  )
  const odd = await kvitt(['verify'], { DATABASE_URL: `${env.DATABASE_URL}?channel_binding=require` })
  assert.match(
    odd.output,
    /^kvitt: No connection .*"channel_binding"\. What stands behind the \? of DATABASE_URL .*: leave it out .*\n$/,
  )
  assert.equal((await kvitt(['migrate', '--schemas', 'accounts'], env)).code, 0)
  const lock = await sql.reserve()
  await lock`begin`
  await lock`lock table accounts.accounts in access exclusive mode`
  const cut = kvitt(['account', 'list'], env)
  await until(
    async () =>
      (
        await admin`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = ${new URL(env.DATABASE_URL).pathname.slice(1)} and wait_event_type = 'Lock'`
      ).length > 0,
  )
  await lock`rollback`
  lock.release()
  const { code, output } = await cut
  assert.equal(code, 1)
  assert.match(output, /^kvitt: .*\n$/)
  await sql`update public.kvitt_migrations set checksum = 'another'`
  for (const args of [['client', 'create'], ['migrate'], ['start']]) {
    const { code, output } = await kvitt(args, env)
    assert.deepEqual([args, code], [args, 1])
    assert.match(output, /^kvitt: Migration accounts\/.* was changed after it was applied\. .*\n$/)
  }
})

const shown: [url: string, shown: string][] = [
  ['postgres://u:p@h:5432/d', 'postgres://u:***@h:5432/d'],
  ['postgres://u@h:5432/d?host=/run@x', 'postgres://u@h:5432/d?host=/run@x'],
  ['postgresql://u:p%40@a:1,b:2/d?sslmode=require', 'postgresql://u:***@a:1,b:2/d?sslmode=require'],
  ['postgres://h/d?user=u&password=p&x=y', 'postgres://h/d?user=u&password=***&x=y'],
]
for (const [url, expected] of shown)
  test(`database: ${url} is shown without its password`, () => assert.equal(withoutPassword(url), expected))

test('start: a user that may not create anything serves a database that is up to date, and is told who may migrate another', async () => {
  const { env, sql } = await emptyDatabase()
  const role = new URL(env.DATABASE_URL).pathname.slice(1)
  await sql.unsafe(`create role ${role} login password 'x'`)
  cleanUps.push(() => admin.unsafe(`drop role ${role}`))
  const url = new URL(env.DATABASE_URL)
  Object.assign(url, { username: role, password: 'x' })
  const limited = { ...env, DATABASE_URL: url.href }
  const { code, output } = await kvitt(['start'], limited)
  assert.equal(code, 1)
  assert.match(output, /^kvitt: permission denied for schema public\. Who brings the database up to date must own it, .*\n$/)
  assert.equal((await kvitt(['migrate'], env)).code, 0)
  for (const schema of [...schemas, 'public']) {
    await sql.unsafe(`grant usage on schema ${schema} to ${role}; grant all on all tables in schema ${schema} to ${role};
      grant all on all sequences in schema ${schema} to ${role}`)
  }
  cleanUps.push(() => sql.unsafe(`drop owned by ${role}`))
  const server = runKvitt(['start'], limited)
  assert.equal((await send((await server.ready).url, 'GET', '/readyz')).status, 200)
  assert.equal(await stop(server), 0)
})

test('readyz: 503 while the database takes no writes, read-only or with a full disk, and 200 again once it does', async () => {
  const { env } = await emptyDatabase()
  const name = new URL(env.DATABASE_URL).pathname.slice(1)
  const server = runKvitt(['start'], env)
  const { url } = await server.ready
  const becomes = async (expected: string) => {
    // Each connection is told of it as it begins.
    await admin`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`
    let found = ''
    const asked = async () => {
      const { status, body } = await send(url, 'GET', '/readyz')
      found = `${status} ${body.message?.replaceAll('"', '') ?? body.status}`
      return found === expected
    }
    await until(asked).catch(() => assert.equal(found, expected))
  }
  for (const [setting, value, why] of [
    ['default_transaction_read_only', 'on', 'it is read-only.'],
    ['temp_file_limit', '0', 'temporary file size exceeds temp_file_limit (0kB)'], // as with a full disk, nothing more can be written
  ]) {
    await admin.unsafe(`alter database ${name} set ${setting} = ${value}`)
    await becomes(`503 The database takes no writes: ${why}`)
    assert.equal((await send(url, 'GET', '/healthz')).status, 200)
    if (value === 'on') {
      const made = await kvitt(['client', 'create', '--scopes', 'read:checkout'], env)
      assert.deepEqual(made, { code: 1, output: 'kvitt: cannot execute INSERT in a read-only transaction\n' })
    }
    await admin.unsafe(`alter database ${name} reset ${setting}`)
    await becomes('200 ok')
  }
  assert.equal(await stop(server), 0)
})

test('start: says so when a newer release has migrated the database', async () => {
  const { env, sql } = await emptyDatabase()
  assert.equal((await kvitt(['migrate'], env)).code, 0)
  await sql`insert into public.kvitt_migrations (schema, name, checksum) values ('checkout', '9999_later.sql', '')`
  const server = runKvitt(['start'], env)
  await server.ready
  assert.match(server.output(), /^kvitt: A newer release was here before: checkout\/9999_later\.sql is unknown to this one/m)
  assert.equal(await stop(server), 0)
  const orders = runKvitt(['start', 'orders'], env)
  await orders.ready
  assert.ok(!orders.output().includes('newer release'))
  assert.equal(await stop(orders), 0)
})

test('command line: --help of a word that several commands begin with lists them', async () => {
  for (const args of [
    ['client', '--help'],
    ['help', 'client'],
  ]) {
    const { code, output } = await kvitt(args, {})
    assert.equal(code, 0)
    assert.match(output, /^Usage: kvitt client <command>.*\n {2}client create .*\n {2}client rotate .*\n {2}client list /s)
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
