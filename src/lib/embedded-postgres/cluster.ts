import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { ensureBinaries, shared_folder } from './binaries.ts'
import { canEnter, findSystemUser, type SystemUser } from './system-user.ts'

/** What `database.json` in the data folder remembers. It holds the password: only its owner may read it. */
type Remembered = {
  /** Where the database files are: in the data folder, or elsewhere when the system user can't enter that. */
  cluster_folder: string
  port: number
  password: string
  /** Whose file this is: a copy of it names a database that is not its own. */
  data_folder?: string
}

export type Cluster = Remembered & {
  data_folder: string
  /** PostgreSQL's own messages. */
  log_file: string
  /** The folder that holds `bin/postgres`. */
  binaries: string
  /** Set when we are root. */
  user: SystemUser | undefined
  /** Where the running PostgreSQL has its Unix socket, if it has one. */
  socket_folder?: string
}

/** True when a database was made in this data folder; what is wrong with it, should something be, `openCluster` says. */
export function hasCluster(data_folder: string): boolean {
  return existsSync(join(data_folder, 'database.json'))
}

/** Finds the database files of a data folder, or makes them. Starts nothing. */
export async function openCluster(data_folder: string, note: (message: string) => void): Promise<Cluster> {
  let remembered = read(data_folder)
  const existing = remembered && filesOf(data_folder, remembered)
  const user = findSystemUser(existing)
  const binaries = ensureBinaries(user, note)
  if (remembered && existing && existing !== remembered.cluster_folder) {
    remembered = { ...remembered, cluster_folder: existing, data_folder }
    remember(data_folder, remembered)
  }
  if (existing && user) own(existing, user)
  if (remembered && !existing) {
    const file = join(data_folder, 'database.json')
    throw new Error(
      `${file} says that the database is in ${remembered.cluster_folder}, but it is not. Restore it, or delete that file to begin anew.`,
    )
  }
  const log_file = join(data_folder, 'postgres.log')
  if (!remembered) {
    remembered = {
      cluster_folder: place(data_folder, user, note),
      port: await freePort(),
      password: randomBytes(24).toString('hex'),
      data_folder,
    }
    await createCluster({ ...remembered, data_folder, log_file, binaries, user })
    remember(data_folder, remembered)
  }
  return { ...remembered, data_folder, log_file, binaries, user }
}

/** Keeps another port, when the one of last time is taken by somebody else. */
export async function movePort(cluster: Cluster): Promise<void> {
  cluster.port = await freePort()
  const { cluster_folder, port, password, data_folder } = cluster
  remember(data_folder, { cluster_folder, port, password, data_folder })
}

/**
 * Where the database files are: in the data folder before anywhere else, since that may have been moved, or be a copy. Throws for a copy
 * of a folder whose files are elsewhere: it would write into the other one's database.
 */
function filesOf(data_folder: string, { cluster_folder, data_folder: owner = data_folder }: Remembered): string | undefined {
  const inside = join(data_folder, 'postgres')
  if (isCluster(inside)) {
    // By the name that it has had, when that is the same folder.
    return isCluster(cluster_folder) && realpathSync(inside) === realpathSync(cluster_folder) ? cluster_folder : inside
  }
  if (!isCluster(cluster_folder)) return undefined
  if (existsSync(join(owner, 'database.json')) && realpathSync(owner) !== realpathSync(data_folder)) {
    throw new Error(
      `${join(data_folder, 'database.json')} is a copy: its database is that of ${owner}, in ${cluster_folder}. ` +
        `Copy that folder to ${inside}.`,
    )
  }
  return cluster_folder
}

const isCluster = (folder: string) => existsSync(join(folder, 'PG_VERSION'))

/** Files that root has copied are root's; PostgreSQL takes only its own, and only when nobody else may enter their folder. */
function own(folder: string, { uid, gid }: SystemUser): void {
  if (statSync(folder).uid !== 0) return
  execFileSync('chown', ['-R', `${uid}:${gid}`, folder])
  chmodSync(folder, 0o700)
}

function place(data_folder: string, user: SystemUser | undefined, note: (message: string) => void): string {
  if (!user || canEnter(user, data_folder)) return join(data_folder, 'postgres')
  // A name of its own: when the data folder is deleted and made again, the old database is not taken for the new one's.
  const folder = join(shared_folder, `database-${randomBytes(6).toString('hex')}`)
  note(`The system user ${user.name} can't enter ${data_folder}; the database is kept in ${folder} instead.`)
  return folder
}

async function createCluster({ cluster_folder, data_folder, password, binaries, user }: Cluster): Promise<void> {
  // Made under another name, so that an attempt that dies half-way is not taken for a database.
  const half = `${cluster_folder}.new`
  rmSync(half, { recursive: true, force: true })
  mkdirSync(join(half, '..'), { recursive: true, mode: 0o755 })
  mkdirSync(half, { mode: 0o700 })
  if (existsSync(cluster_folder))
    throw new Error(`${cluster_folder} exists, but ${join(data_folder, 'database.json')} is missing.`)
  const password_file = `${half}.password`
  writeFileSync(password_file, password, { mode: 0o600 })
  if (user) {
    chownSync(half, user.uid, user.gid)
    chownSync(password_file, user.uid, user.gid)
  }
  const args = ['-D', half, '-U', 'kvitt', '-A', 'scram-sha-256', `--pwfile=${password_file}`, '-E', 'UTF8', '--no-instructions']
  args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8')
  try {
    await run(join(binaries, 'bin/initdb'), args, user)
  } finally {
    rmSync(password_file, { force: true })
  }
  renameSync(half, cluster_folder)
}

function run(command: string, args: string[], user: SystemUser | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = ''
    const owner = user ? { uid: user.uid, gid: user.gid } : {}
    const child = spawn(command, args, { ...owner, cwd: '/', env: plain_environment, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
    child.on('error', (error) => reject(new Error(`${command} could not be run: ${error.message}`, { cause: error })))
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`${command} failed (${code}): ${output.trim()}`))))
  })
}

/** PostgreSQL reads no setting of ours by accident. */
export const plain_environment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

function read(data_folder: string): Remembered | undefined {
  const path = join(data_folder, 'database.json')
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Remembered
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code === 'EACCES')
      throw new Error(`${path} belongs to another user. Run Kvitt as that user, or set KVITT_DATA.`, { cause: error })
    throw new Error(`${path} can't be read: ${message}`, { cause: error })
  }
}

function remember(data_folder: string, remembered: Remembered): void {
  const path = join(data_folder, 'database.json')
  writeFileSync(`${path}.new`, `${JSON.stringify(remembered, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
