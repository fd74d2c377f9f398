import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'

/** Who runs PostgreSQL when we are root: it refuses to run as root itself. */
export type SystemUser = { name: string; uid: number; gid: number }

/** Undefined when we are not root: then PostgreSQL runs as we do. */
export function findSystemUser(existing_cluster: string | undefined): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const owner = existing_cluster ? statSync(existing_cluster).uid : 0
  if (owner !== 0) return users().find(({ uid }) => uid === owner) ?? { name: String(owner), uid: owner, gid: owner }
  return users().find(({ name }) => name === 'postgres') ?? createUser()
}

/** Whether that user may enter the folder, and with it every folder above. */
export function canEnter({ uid, gid }: SystemUser, folder: string): boolean {
  return spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { uid, gid, cwd: '/', stdio: 'ignore' }).status === 0
}

function users(): SystemUser[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name, , uid, gid]) => ({ name: name!, uid: Number(uid), gid: Number(gid) }))
}

function createUser(): SystemUser {
  const ways: [command: string, ...args: string[]][] = [
    [
      'useradd',
      '--system',
      '--user-group',
      '--no-create-home',
      '--home-dir',
      '/nonexistent',
      '--shell',
      '/bin/false',
      'postgres',
    ],
    ['adduser', '-S', '-D', '-H', 'postgres'],
  ]
  for (const [command, ...args] of ways) {
    spawnSync(command, args, { stdio: 'ignore', cwd: '/' })
    const created = users().find(({ name }) => name === 'postgres')
    if (created) return created
  }
  throw new Error(
    'PostgreSQL refuses to run as root, and the system user `postgres` could not be created. ' +
      'Create it, run Kvitt as an ordinary user, or set DATABASE_URL.',
  )
}
