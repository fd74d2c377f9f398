import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect } from '../src/lib/db.ts'
import { openEmbeddedPostgres } from '../src/lib/embedded-postgres.ts'
import { fetchToken, send } from './client.ts'
import { clusterFolder, dataFolder, type Kvitt, kvitt, postmasterPid, runKvitt, stopAll, until } from './process.ts'

// One story on one data folder: each start finds what the one before left.
const data = dataFolder()
const env = { KVITT_DATA: data.path }
after(async () => {
  await stopAll()
  data.remove()
})

const start = async (args: string[] = []) => {
  const process = runKvitt(['start', ...args], env)
  return { ...process, ...(await process.ready) }
}
const stop = async (one: Kvitt) => {
  one.child.kill('SIGTERM')
  return one.exit
}
const isPostgresGone = () => !existsSync(join(clusterFolder(data.path), 'postmaster.pid'))

let credentials: { account_id: string; client_id: string; client_secret: string }

test('start: the first one makes an account and a client that works, and stops without leaving anything running', async () => {
  const server = await start()
  assert.match(server.account_id, /^T\d{8}$/)
  const client_secret = /Client secret {2}(\S+)/.exec(server.output())![1]!
  credentials = { account_id: server.account_id, client_id: server.client_id, client_secret }
  for (const file of ['database.json', 'postgres.log']) {
    assert.equal(statSync(join(data.path, file)).mode & 0o077, 0, `${file} is for its owner only`)
  }
  const token = await fetchToken(server.url, credentials)
  assert.equal(token.status, 200)
  const session = await send(server.url, 'POST', '/v1/sessions-profile', {
    headers: { authorization: `Bearer ${token.body.access_token}` },
    body: {
      profile_id: 'default',
      url: { return_url: 'https://example.com/accept' },
      order: { amount: 39800, currency: 'NOK', merchant_reference: 'first' },
    },
  })
  assert.equal(session.status, 200, 'the account has a default profile')
  assert.ok((await send(server.url, 'GET', '/openapi.json')).body.paths['/v1/sessions-profile'])
  for (const path of ['/healthz', '/readyz']) assert.deepEqual((await send(server.url, 'GET', path)).body, { status: 'ok' })
  const metrics = await send(server.url, 'GET', '/metrics')
  assert.match(
    metrics.body,
    /kvitt_http_request_duration_seconds_count\{method="POST",route="[^"]*\/auth\/token",status="200"\} 1/,
  )
  assert.match(metrics.body, /process_resident_memory_bytes/)
  assert.match(metrics.body, /kvitt_fan_out_failures_total\{what="round"\} 0/)
  assert.equal(server.output().match(/^kvitt ready /gm)?.length, 1)
  assert.equal(await stop(server), 0)
  assert.ok(isPostgresGone())
})

test('start: the second one has the same account and client, and does not show the secret again', async () => {
  const server = await start()
  assert.deepEqual([server.account_id, server.client_id], [credentials.account_id, credentials.client_id])
  assert.equal(server.output().includes(credentials.client_secret), false)
  assert.equal((await fetchToken(server.url, credentials)).status, 200)

  const [, example = ''] = /3\. (.*npm run example)/.exec(server.output()) ?? []
  assert.equal(example, `PORT=${new URL(server.url).port} KVITT_DATA=${data.path} npm run example`)
  const walked = execFileSync('sh', ['-c', example], { cwd: join(import.meta.dirname, '..'), encoding: 'utf8' })
  assert.match(walked, /transaction status: REFUNDED/)

  server.child.kill('SIGKILL')
  await server.exit
  assert.equal(isPostgresGone(), false, 'PostgreSQL lives on')
})

test('start: PostgreSQL is adopted when only Node was killed', async () => {
  const pid = postmasterPid(data.path)
  const server = await start()
  assert.equal(postmasterPid(data.path), pid)
  assert.equal((await fetchToken(server.url, credentials)).status, 200)
  process.kill(pid, 'SIGKILL')
  server.child.kill('SIGKILL')
  await server.exit
})

test('start: recovers by itself when everything was killed, and again when PostgreSQL dies under it', async () => {
  const server = await start()
  assert.equal((await fetchToken(server.url, credentials)).status, 200)
  process.kill(postmasterPid(data.path), 'SIGKILL')
  await until(() => server.output().includes('is back'))
  // With their time, as everything else in the log.
  const told = [
    ...server.output().matchAll(/^\{.*"level":40,"time":"[^"]+","msg":"(The [^"]* PostgreSQL (?:broke|is back)[^"]*)"\}$/gm),
  ]
  assert.deepEqual(
    told.map(([, message]) => message),
    ['The connection to the embedded PostgreSQL broke; bringing it back.', 'The embedded PostgreSQL is back.'],
  )
  await until(async () => (await send(server.url, 'GET', '/readyz')).status === 200)
  assert.equal(await stop(server), 0)
  assert.ok(isPostgresGone())
})

test('start: a second process on the folder shares the database; the last one out stops PostgreSQL', async () => {
  const [first, second] = await Promise.all([start(['orders']), start(['checkout'])])
  assert.equal(first.account_id, second.account_id)
  assert.equal(await stop(first), 0)
  assert.equal((await fetchToken(second.url, credentials)).status, 200)
  assert.equal((await send(second.url, 'GET', '/readyz')).status, 200)

  const created = await kvitt(['account', 'create', '--name', 'Another'], env)
  assert.equal(created.code, 0, created.output)
  assert.equal((await fetchToken(second.url, JSON.parse(created.output))).status, 200)
  assert.equal(await stop(second), 0)
  assert.ok(isPostgresGone())
})

test('client create, rotate, list: work while no server runs', async () => {
  const { account_id } = credentials
  const create = await kvitt(
    ['client', 'create', '--account', account_id, '--scopes', 'read:checkout', '--client-id', 'till'],
    env,
  )
  assert.equal(create.code, 0, create.output)
  const rotate = await kvitt(['client', 'rotate', '--account', account_id, '--client-id', 'till'], env)
  assert.notEqual(JSON.parse(rotate.output).client_secret, JSON.parse(create.output).client_secret)
  const list = await kvitt(['client', 'list', '--account', account_id], env)
  assert.match(list.output, /^till {2}/m)
  const accounts = await kvitt(['account', 'list'], env)
  assert.equal(accounts.code, 0)
  assert.match(accounts.output, new RegExp(`^${credentials.account_id} {2}\\S+Z\n(.*\n)*T\\d{8} {2}\\S+Z {2}Another\n`))
  assert.ok(isPostgresGone())
})

test('only start and migrate make a database in a data folder that has none', async () => {
  const empty = join(data.path, 'empty')
  for (const args of [['account', 'create'], ['client', 'create'], ['verify'], ['trigger', 'settlement_add']]) {
    const { code, output } = await kvitt(args, { KVITT_DATA: empty })
    assert.deepEqual([args, code], [args, 1])
    assert.match(output, /^kvitt: There is no database in .*empty\. Set KVITT_DATA or DATABASE_URL .*\n$/)
    assert.equal(existsSync(empty), false)
  }
})

test('start: the database is kept elsewhere when its user can not enter the folder', {
  skip: process.getuid?.() !== 0,
}, async () => {
  const hidden = dataFolder(0o700)
  const server = runKvitt(['start'], { KVITT_DATA: hidden.path })
  try {
    await server.ready
    assert.match(server.output(), /can't enter .* the database is kept in \/var\/lib\/kvitt\//)
  } finally {
    server.child.kill('SIGTERM')
    assert.equal(await server.exit, 0)
    hidden.remove()
  }
})

test('start: a data folder that was moved has its database with it, and a copy has one of its own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kvitt-moved-'))
  chmodSync(folder, 0o711)
  const [first, moved, copy, other] = ['first', 'moved', 'copy', 'other'].map((name) => join(folder, name))
  const open: { close(): Promise<void> }[] = []
  const things = async (data_folder: string, add?: string) => {
    const database = await openEmbeddedPostgres(data_folder, { durable: false })
    open.push(database)
    const sql = connect(database.url, { max: 1 })
    await sql`create table if not exists public.things (name text)`
    if (add) await sql`insert into public.things values (${add})`
    const rows = await sql<{ name: string }[]>`select name from public.things order by name`
    await sql.end()
    return rows.map(({ name }) => name)
  }
  try {
    assert.deepEqual(await things(first!, 'a'), ['a'])
    await open.pop()!.close()
    renameSync(first!, moved!)
    // As root, who is then the owner of the copy.
    cpSync(moved!, copy!, { recursive: true })
    assert.deepEqual(await things(moved!, 'b'), ['a', 'b'])
    assert.deepEqual(await things(copy!, 'c'), ['a', 'c'], 'both run at once, on a port each')
    assert.deepEqual(await things(moved!), ['a', 'b'])
    symlinkSync(moved!, join(folder, 'link'))
    assert.deepEqual(await things(join(folder, 'link')), ['a', 'b'])
    assert.equal(postmasterPid(join(folder, 'link')), postmasterPid(moved!), 'one runs, whatever the folder is called')
    renameSync(copy!, join(folder, 'copied'))
    await assert.rejects(
      openEmbeddedPostgres(join(folder, 'copied')),
      /copied\/postgres was moved while in use. Stop it first: kill -INT \d+/,
    )
    renameSync(join(folder, 'copied'), copy!)
    // Where the files are elsewhere, only what says so can be copied.
    mkdirSync(other!)
    cpSync(join(moved!, 'database.json'), join(other!, 'database.json'))
    await assert.rejects(openEmbeddedPostgres(other!), /database.json is a copy: its database is that of .*moved/)
  } finally {
    for (const database of open) await database.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
