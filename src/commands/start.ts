import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { buildApp, type Environment, schemasOf } from '../app.ts'
import { ensureDefaultProfile } from '../checkout/profiles/operations.ts'
import { type Config, type Role, roles } from '../lib/config.ts'
import { armFailpoints } from '../lib/failpoints.ts'
import { systemClock, systemIds } from '../lib/ids.ts'
import { limits } from '../lib/limits.ts'
import { createLog } from '../lib/log.ts'
import { findUnknownMigration } from '../lib/migrate.ts'
import { startWork } from '../worker/loop.ts'
import { type Command, Failure, type Invocation, UsageError } from './command.ts'
import { ensureFirst, type First } from './first-account.ts'
import { type Database, migrateDatabase, openDatabase } from './open-database.ts'
import { welcome } from './welcome.ts'
import { connectionsOf, startWorkers, tellPrimary, workerCount } from './workers.ts'

export const start: Command = {
  name: 'start',
  summary: 'Starts the server, with everything it needs.',
  usage: '[all|orders|checkout|worker] [--workers N]',
  help: `
Starts the embedded PostgreSQL unless DATABASE_URL is set, brings the database up to date, makes sure that there is an account with
an API client, and serves until SIGTERM or SIGINT; requests in flight are finished then. When it is ready it prints a line
\`kvitt ready {"url":…,"account_id":…,"client_id":…}\`.

What to serve:
  all       Orders, checkout and the background work. The default.
  orders    Only the orders service.
  checkout  Only the checkout service, with the payment page.
  worker    No API: only the background work of both.

Several processes may share one database, each in the same role or another.

Options:
  --workers  So many processes share the port, one for each core at most: 1. One that dies is started again.

Environment (docs/operations.md has the whole list):
  PORT                8080; 0 takes a free port.
  HOST                0.0.0.0
  DATABASE_URL        A PostgreSQL 15 or later. Unset: the embedded one.
  KVITT_DATA          Folder of the embedded PostgreSQL: ./data
  KVITT_PUBLIC_URL    Where customers and merchants reach this server: http://localhost:8080
  KVITT_ACCOUNT_ID, KVITT_CLIENT_ID, KVITT_CLIENT_SECRET
                      The first account and API client. Unset: made at the first start, the secret shown once.
  KVITT_TRUSTED_PROXIES
                      Proxies in front whose X-Forwarded-For is believed, such as 10.0.0.0/8.
  KVITT_LOG           info; also debug, warn, error, silent.

Examples:
  npm start
  PORT=8081 npm start -- orders
  DATABASE_URL=postgres://kvitt:secret@db/kvitt npx kvitt start checkout`,
  options: { workers: { type: 'string' } },
  words: 1,
  run: (invocation) => {
    collectWhenGrownBy(50)
    const count = workerCount(invocation.values)
    // The channel to the primary would keep a worker alive that has finished.
    if (cluster.isWorker) {
      return run({ ...invocation, print: () => {} }, tellPrimary, connectionsOf(count)).then(() => process.disconnect())
    }
    return count > 1 ? runWorkers(invocation, count) : run(invocation, undefined)
  },
}

/** Serves until told to stop. Whatever was opened is closed, in reverse order, also when starting fails half-way. */
async function run(
  { config, positionals, print, through_npm }: Invocation,
  whenReady: ((config: Config) => void) | undefined,
  connections: number = limits.database_connections,
): Promise<void> {
  const role = roleOf(positionals)
  const stopped = stopSignal(print, through_npm)
  const opened: (() => Promise<unknown>)[] = []
  let tell = print
  try {
    const database = await openDatabase(config, (message) => tell(message), { max: connections, create: true })
    opened.push(() => database.close())
    const { environment, first } = await prepare(config, role, database, print)
    armFailpoints(config.failpoints)
    const { app, parts, work } = await buildApp(environment)
    if (role === 'all' || role === 'checkout') await ensureDefaultProfile(parts, first.account_id)
    let running: ReturnType<typeof startWork> | undefined
    const finish = () => Promise.all([app.close(), running?.stop()])
    opened.push(() => within(limits.shutdown_ms, finish(), () => app.server.closeAllConnections()))
    await listen(app, config)
    letMemoryGrow()
    if (availableParallelism() <= 2) collectAlone()
    compileAtOnce()
    running = startWork(work, environment.log)
    whenReady?.(config)
    sayReady(print, { config, role, first, database })
    // From here on with its time. Of several workers, the primary tells.
    if (!whenReady) tell = (message) => environment.log.warn(message)
    print(`kvitt: ${await stopped}, stopping …`)
  } finally {
    for (const close of opened.reverse()) await close()
  }
  print('kvitt: stopped')
}

/**
 * On a large machine V8 lets garbage grow to three times what is in use: 280 MB under load. Up to as much again it is 205 MB; and up to
 * half as much while starting, which leaves most of it behind.
 */
function collectWhenGrownBy(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`)
}

/** What `bin/kvitt.mjs` and starting held small. Requests make much that is garbage soon, and have room for it. */
function letMemoryGrow(): void {
  collectWhenGrownBy(100)
  setFlagsFromString('--semi-space-growth-factor=2')
}

/** On few cores, threads that share the work of collecting wait for each other, and for PostgreSQL: 3 % of a walk. */
function collectAlone(): void {
  setFlagsFromString('--no-parallel-scavenge')
}

/**
 * V8 interprets a function until it has been called often. What is compiled without optimization at its first call takes 3 % less of a
 * payment; while starting, where most is called once, it would take longer and more memory.
 */
function compileAtOnce(): void {
  setFlagsFromString('--always-sparkplug')
}

function sayReady(
  print: Invocation['print'],
  { config, role, first, database }: { config: Config; role: Role; first: First; database: Database },
): void {
  for (const line of welcome({ config, role, first, database: database.description })) print(line)
  const { account_id, client_id } = first
  print(`kvitt ready ${JSON.stringify({ url: config.public_url, account_id, client_id })}`)
}

/** Prepares the database, and serves with several processes until told to stop. */
async function runWorkers({ config, positionals, print, through_npm }: Invocation, count: number): Promise<void> {
  const role = roleOf(positionals)
  const stopped = stopSignal(print, through_npm)
  let tell = print
  const database = await openDatabase(config, (message) => tell(message), { create: true })
  try {
    const { first, environment } = await prepare(config, role, database, print)
    const workers = startWorkers(count, print)
    try {
      const { public_url, port } = await workers.ready
      sayReady(print, { config: { ...config, public_url, port }, role, first, database })
      tell = (message) => environment.log.warn(message)
      print(`kvitt: ${await stopped}, stopping …`)
    } finally {
      await workers.stop()
    }
  } finally {
    await database.close()
  }
  print('kvitt: stopped')
}

function roleOf(positionals: string[]): Role {
  const [role = 'all'] = positionals
  if (!(roles as readonly string[]).includes(role)) {
    throw new UsageError(`What to start is one of ${roles.join(', ')}, not \`${role}\`.`)
  }
  return role as Role
}

const parent_interval_ms = 500

/** Resolves with the name of the first signal. At the second one the person has waited enough. */
function stopSignal(print: (line: string) => void, through_npm: boolean): Promise<string> {
  const parent = process.ppid
  return new Promise((resolve) => {
    if (through_npm) setInterval(() => process.ppid !== parent && resolve('npm is gone'), parent_interval_ms).unref()
    let asked = false
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked && signal === 'SIGINT') {
          print('kvitt: not waiting any longer')
          process.exit(130)
        }
        asked = true
        resolve(signal)
      })
    }
  })
}

async function prepare(config: Config, role: Role, { sql }: Database, print: Invocation['print']) {
  await migrateDatabase(sql, schemasOf[role])
  const unknown = await findUnknownMigration(sql, schemasOf[role])
  if (unknown)
    print(`kvitt: A newer release was here before: ${unknown} is unknown to this one, which may do wrong (docs/operations.md).`)
  const clock = systemClock
  const environment: Environment = { sql, config, clock, ids: systemIds(clock), role, log: createLog(config.log_level) }
  return { environment, first: await ensureFirst(environment) }
}

async function listen(app: Awaited<ReturnType<typeof buildApp>>['app'], config: Config): Promise<void> {
  const { port, host } = config
  try {
    await app.listen({ port, host })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') {
      throw new Failure(`Port ${port} is taken. Stop what listens there, or choose another one: PORT=${port + 1} npm start`)
    }
    if (code === 'EACCES') throw new Failure(`Port ${port} may not be opened by this user. Choose one above 1023 with PORT.`)
    throw new Failure(`Can't listen on ${host}:${port}: ${message}`, { cause: error })
  }
  const address = app.server.address()
  if (port === 0 && address !== null && typeof address === 'object') {
    if (config.public_url === 'http://localhost:0') config.public_url = `http://localhost:${address.port}`
    config.port = address.port
  }
}

/** Waits for `work`, but no longer than this; then `giveUp` ends it the hard way. */
async function within(ms: number, work: PromiseLike<unknown>, giveUp: () => void = () => {}): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, ms, 'late')
  })
  if ((await Promise.race([work, late])) === 'late') giveUp()
  clearTimeout(timer)
}
