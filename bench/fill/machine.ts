import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect, type Sql } from '../../src/lib/db.ts'
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/lib/embedded-postgres.ts'
import type { Target } from '../scenarios.ts'

const account_id = 'T11112222'
const credentials = { KVITT_ACCOUNT_ID: account_id, KVITT_CLIENT_ID: 'bench', KVITT_CLIENT_SECRET: 'bench-secret-bench-secret' }

export type Database = { sql: Sql; url: string; close(): Promise<void> }
export type Server = { target: Target; pid: number; ready_ms: number; close(): Promise<void> }

/** A folder of our own, for a PostgreSQL of our own; gone with `remove`. */
export function newFolder() {
  const folder = mkdtempSync(join(process.env.KVITT_BENCH_FOLDER ?? tmpdir(), 'kvitt-fill-'))
  chmodSync(folder, 0o711) // as root, PostgreSQL runs as another user
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** The embedded PostgreSQL. `durable` as in production; else as quick as it can be filled. Statistics of statements are kept. */
export async function openDatabase(folder: string, durable: boolean): Promise<Database> {
  let embedded = await openEmbeddedPostgres(folder, { durable })
  const statistics = async (database: EmbeddedPostgres) => {
    const admin = connect(database.url, { max: 1 })
    const [{ shared_preload_libraries: loaded }] = await admin<
      [{ shared_preload_libraries: string }]
    >`show shared_preload_libraries`
    if (loaded !== 'pg_stat_statements') await admin`alter system set shared_preload_libraries = 'pg_stat_statements'`
    await admin.end()
    return loaded === 'pg_stat_statements'
  }
  if (!(await statistics(embedded))) {
    await embedded.close()
    embedded = await openEmbeddedPostgres(folder, { durable })
  }
  // Copying a million rows is one statement.
  const sql = connect(embedded.url, { max: 1, application_name: 'bench', silent_ms: 86_400_000 })
  await sql`set statement_timeout = 0`
  await sql`create extension if not exists pg_stat_statements`
  return {
    sql,
    url: embedded.url,
    async close() {
      await sql.end({ timeout: 1 })
      await embedded.close()
    },
  }
}

/** `kvitt start` as it is shipped, on a free port, and how long it took until it was ready. */
export async function startServer(database_url: string): Promise<Server> {
  const begun = performance.now()
  const env = { ...process.env, ...credentials, PORT: '0', DATABASE_URL: database_url, KVITT_LOG: 'warn' }
  const child = spawn(process.execPath, ['bin/kvitt.mjs', 'start'], {
    env: { ...env, KVITT_ALLOW_LOOPBACK_CALLBACKS: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error('kvitt ended before it was ready.')))
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const found = /^kvitt ready (.*)$/.exec(line)
      if (found) resolve(found[1]!)
    })
  })
  const ready_ms = Math.round(performance.now() - begun)
  const { url } = JSON.parse(said) as { url: string }
  const basic = Buffer.from(`${credentials.KVITT_CLIENT_ID}:${credentials.KVITT_CLIENT_SECRET}`).toString('base64')
  const answer = await fetch(`${url}/v1/accounts/${account_id}/auth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}`, 'content-type': 'application/json' },
    body: JSON.stringify({ grant_type: 'client_credentials', audience: `https://api.dintero.com/v1/accounts/${account_id}` }),
  })
  const { access_token: token } = (await answer.json()) as { access_token: string }
  return { target: { url, account_id, token }, pid: child.pid!, ready_ms, close: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve))
}

/** Answers every webhook and callback at once. */
export async function startReceiver() {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => response.end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() }
}

/** Runs a command of Kvitt to its end: how long it took and the most memory it held. Throws when it fails. */
export async function runCommand(
  args: string[],
  database_url: string,
): Promise<{ seconds: number; peak_mb: number; said: string }> {
  const begun = performance.now()
  const child = spawn(process.execPath, ['bin/kvitt.mjs', ...args], {
    env: { ...process.env, DATABASE_URL: database_url },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let said = ''
  child.stdout!.on('data', (text) => {
    said = `${said}${text}`.slice(-2_000)
  })
  let peak_mb = 0
  const look = setInterval(() => {
    peak_mb = Math.max(peak_mb, peakOf(child.pid!))
  }, 100)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  clearInterval(look)
  if (code !== 0) throw new Error(`kvitt ${args.join(' ')} ended with ${code}: ${said}`)
  return { seconds: (performance.now() - begun) / 1_000, peak_mb, said: said.trim() }
}

/** The most memory the process has held since its peak was forgotten, in MB. */
export function peakOf(pid: number): number {
  return memory(pid, 'VmHWM')
}
export const heldBy = (pid: number) => memory(pid, 'VmRSS')

function memory(pid: number, line: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Math.round(Number(new RegExp(`${line}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024)
  } catch {
    return 0 // it has ended
  }
}

/** Lets the peak of a process begin anew. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}
