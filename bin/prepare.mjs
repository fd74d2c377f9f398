// Plain JavaScript without dependencies: it runs before anything is installed or built.
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const isClone = existsSync(join(root, 'src', 'main.ts'))

/** Says on standard error what is going on: standard output belongs to the command. */
export function say(message) {
  process.stderr.write(`kvitt: ${message}\n`)
}

export function fail(message) {
  say(message)
  process.exit(1)
}

/** What every command needs: Node.js, the dependencies, and in a clone the build. */
export async function prepare() {
  checkNode()
  if (!isClone || (isInstalled() && isBuilt())) return
  await alone(() => {
    install()
    if (!isBuilt()) {
      say('building …')
      run(process.execPath, [join(root, 'scripts', 'build.mjs')])
    }
  })
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Kvitt needs Node.js 20.19 or later; this is ${process.versions.node} (${process.execPath}).`)
  }
}

/** Installs the dependencies that `package-lock.json` names, unless they are there. */
export function install() {
  if (isInstalled()) return
  if (isLink(join(root, 'node_modules'))) {
    say('node_modules is a link and does not match package-lock.json; not touching it.')
    return
  }
  say('installing the dependencies (npm install) …')
  // Not `npm ci`: it refuses a lock file that does not list every platform's optional packages. With a lock file, `npm install`
  // takes the same versions; --no-save leaves that file alone. --include: settings that npm hands down to scripts, such as
  // --omit, must not leave us without the compiler.
  run('npm', [
    'install',
    '--no-save',
    '--include=dev',
    '--include=optional',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ])
}

/** Whether node_modules holds each package in the version that the lock file names; optional ones may be missing. */
function isInstalled() {
  const wanted = readPackages(join(root, 'package-lock.json'))
  const found = readPackages(join(root, 'node_modules', '.package-lock.json'))
  if (!wanted) return existsSync(join(root, 'node_modules'))
  if (!found) return false
  return Object.entries(wanted).every(([path, { version, optional, peer, link }]) => {
    if (path === '' || link) return true
    return found[path] ? found[path].version === version : optional || peer
  })
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return undefined
  }
}

/** Whether `dist/` is newer than everything it is made from. */
export function isBuilt() {
  const stamp = join(root, 'dist', '.built')
  if (!existsSync(stamp) || !existsSync(join(root, 'dist', 'main.js'))) return false
  const built = statSync(stamp).mtimeMs
  const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'].map((name) => join(root, name))
  for (const folder of ['src', 'web', 'scripts']) files.push(...listFiles(join(root, folder)))
  return files.every((file) => !existsSync(file) || statSync(file).mtimeMs <= built)
}

function listFiles(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
}

function isLink(path) {
  return existsSync(path) && lstatSync(path).isSymbolicLink()
}

/** Runs a command of the preparation; its output goes to standard error, its failure is ours. */
export function run(command, args) {
  const shell = process.platform === 'win32' && command === 'npm'
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell })
  if (status === 0) return
  if (signal) process.exit(signal === 'SIGINT' ? 130 : 143)
  fail(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ` with code ${status}`}.`)
}

/** Two commands in one fresh clone: the second waits until the first has installed and built. */
async function alone(work) {
  const lock = join(root, '.cache', 'prepare.lock')
  mkdirSync(dirname(lock), { recursive: true })
  let said = false
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      if (isGone(lock)) rmSync(lock, { force: true })
      else if (!said) {
        said = true
        say('another process is installing or building; waiting for it …')
      }
      await new Promise((wake) => setTimeout(wake, 200))
    }
  }
  const remove = () => rmSync(lock, { force: true })
  process.once('exit', remove)
  try {
    work()
  } finally {
    remove()
    process.off('exit', remove)
  }
}

function isGone(lock) {
  try {
    const pid = Number(readFileSync(lock, 'utf8'))
    if (Date.now() - statSync(lock).mtimeMs > 15 * 60_000) return true
    if (!pid || pid === process.pid) return pid === process.pid
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

/** Written when a build is complete, with the time at which it began. */
export function markBuilt(began) {
  const stamp = join(root, 'dist', '.built')
  writeFileSync(stamp, '')
  utimesSync(stamp, began, began)
}
