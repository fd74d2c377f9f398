import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, realpathSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type Cluster, movePort, plain_environment } from './cluster.ts'

/*
 * Terminology
 *
 * - postmaster: the process of PostgreSQL that listens; its children serve one connection each
 * - postmaster.pid: written by it into the cluster's folder: process id, port, socket, and on line 8 whether it is ready
 */

const start_ms_max = 60_000
const stop_ms_max = 30_000
const poll_ms = 15
const log_bytes_max = 10_000_000

/** Sized for a small machine; whoever outgrows them runs a PostgreSQL of their own and sets DATABASE_URL. */
const settings = {
  listen_addresses: '127.0.0.1',
  shared_buffers: '128MB',
  max_connections: '100',
  max_wal_size: '1GB',
  // Queries here are short; parallel workers would need more of /dev/shm than containers have.
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  // Written at each statement, for `ps`.
  update_process_title: 'off',
  log_timezone: 'UTC',
}
const durable_settings = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' }
/** Only for tests. */
const fast_settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' }

type Options = { durable: boolean; note: (message: string) => void }
type Postmaster = { pid: number; port: number; socket_folder: string; status: string }

/**
 * Makes sure that PostgreSQL runs on the cluster, is ready, and that `cluster.port` is its port.
 * @returns true when it was running already
 */
export async function ensureRunning(cluster: Cluster, options: Options): Promise<boolean> {
  const deadline = Date.now() + start_ms_max
  let child: ChildProcess | undefined
  let exit: string | undefined
  let log_start = 0
  let adopted = false
  let said = false
  for (;;) {
    const postmaster = findPostmaster(cluster)
    if (postmaster?.status === 'ready' && (!child || postmaster.pid === child.pid)) {
      cluster.port = postmaster.port
      if (postmaster.socket_folder === '') delete cluster.socket_folder
      else cluster.socket_folder = postmaster.socket_folder
      return adopted
    }
    if (!child) {
      if (postmaster) adopted = true
      else {
        adopted = false
        exit = undefined
        log_start = logSize(cluster)
        child = startPostmaster(cluster, options.durable)
        child.once('error', (error) => (exit = error.message))
        child.once('exit', (code, signal) => (exit ??= `exit ${code ?? signal}`))
      }
    } else if (exit !== undefined) {
      const log = logTail(cluster, log_start)
      child = undefined
      if (/could not bind|Address already in use/.test(log)) await movePort(cluster)
      else if (!/pre-existing shared memory block|lock file .* already exists/.test(log)) {
        throw new Error(`The embedded PostgreSQL did not start (${exit}). ${cluster.log_file} ends with:\n${log}`)
      } else if (!said) {
        said = true
        options.note('The PostgreSQL of the last run is still ending; waiting for it.')
      }
      await pause(200)
    }
    if (Date.now() > deadline) {
      const log = logTail(cluster, log_start)
      throw new Error(`The embedded PostgreSQL is not ready after ${start_ms_max} ms. ${cluster.log_file} ends with:\n${log}`)
    }
    await pause(poll_ms)
  }
}

/**
 * A Unix socket costs less than TCP to ourselves. It stands in the cluster's folder, which nobody but its owner may enter; the name of a
 * socket can't be long, and a comma would end it.
 */
function fitsSocket(folder: string): boolean {
  return process.platform !== 'win32' && !/[,"']/.test(folder) && Buffer.byteLength(`${folder}/.s.PGSQL.65535.lock`) < 100
}

/** Stops PostgreSQL in order: open statements are cancelled, what was committed is on the disk. */
export async function stopPostmaster(cluster: Cluster): Promise<void> {
  const postmaster = findPostmaster(cluster)
  if (!postmaster) return
  process.kill(postmaster.pid, 'SIGINT')
  const deadline = Date.now() + stop_ms_max
  while (findPostmaster(cluster)?.pid === postmaster.pid) {
    if (Date.now() > deadline) {
      process.kill(postmaster.pid, 'SIGQUIT')
      return
    }
    await pause(poll_ms)
  }
}

function startPostmaster(cluster: Cluster, durable: boolean): ChildProcess {
  const { cluster_folder, port, log_file, binaries, user } = cluster
  const unix_socket_directories = fitsSocket(cluster_folder) ? cluster_folder : ''
  const wanted = { ...settings, ...(durable ? durable_settings : fast_settings), unix_socket_directories }
  const args = [
    '-D',
    cluster_folder,
    '-p',
    String(port),
    ...Object.entries(wanted).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
  const log = openSync(log_file, 'a', 0o600)
  try {
    const child = spawn(join(binaries, 'bin/postgres'), args, {
      ...(user ? { uid: user.uid, gid: user.gid } : {}),
      cwd: cluster_folder,
      env: plain_environment,
      // A group of its own: Ctrl-C in the terminal is for us, and we stop it when the requests in flight are done.
      detached: true,
      stdio: ['ignore', log, log],
    })
    child.unref()
    return child
  } finally {
    closeSync(log)
  }
}

/** Who runs on the cluster, by its `postmaster.pid`. A file that a killed one left behind is removed. */
function findPostmaster({ cluster_folder }: Cluster): Postmaster | undefined {
  const path = join(cluster_folder, 'postmaster.pid')
  let lines: string[]
  try {
    lines = readFileSync(path, 'utf8').split('\n')
  } catch {
    return undefined
  }
  const pid = Number(lines[0])
  if (!pid) return undefined
  if (isPostgres(pid, cluster_folder)) {
    return { pid, port: Number(lines[3]), socket_folder: (lines[4] ?? '').trim(), status: (lines[7] ?? '').trim() }
  }
  // PostgreSQL would take any living process of this id, and a zombie, for its predecessor and refuse to start. Its children,
  // should any be left, are still detected by their shared memory.
  rmSync(path, { force: true })
  return undefined
}

/** Whether this process is a PostgreSQL on these files, under whatever name of their folder. Throws when that can't be known for sure. */
function isPostgres(pid: number, cluster_folder: string): boolean {
  if (process.platform === 'win32') return isAlive(pid)
  const folder = folderOf(pid)
  if (folder === undefined || folder === cluster_folder) return folder !== undefined
  if (existsSync(folder)) return realpathSync(folder) === realpathSync(cluster_folder)
  // Two on the same files would destroy them.
  throw new Error(
    `PostgreSQL (process ${pid}) runs on ${folder}, which is gone: ${cluster_folder} was moved while in use. ` +
      `Stop it first: kill -INT ${pid}`,
  )
}

/** The folder that a living PostgreSQL was started on; undefined for every other process, and for none. */
function folderOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      const command = execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
      return /postgres -D (.+?) -p \d+ /.exec(command)?.[1]
    }
    const [state] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!
    if (state === 'Z' || state === 'X') return undefined
    const [program = '', option, folder] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return program.endsWith('postgres') && option === '-D' ? folder : undefined
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Where this attempt's messages begin. A log that has grown large starts anew. */
function logSize({ log_file }: Cluster): number {
  if (!existsSync(log_file)) return 0
  const { size } = statSync(log_file)
  if (size <= log_bytes_max) return size
  truncateSync(log_file)
  return 0
}

function logTail({ log_file }: Cluster, start: number): string {
  return existsSync(log_file) ? readFileSync(log_file).subarray(start).toString().trimEnd().split('\n').slice(-6).join('\n') : ''
}

function pause(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms))
}
