import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const heartbeat_ms = 1_000
/** A holder that did not touch its lock for this long is gone, whatever its process id says. */
const stale_ms = 10_000
const wait_ms_max = 60_000

/** Lets one process at a time start or stop the PostgreSQL of a data folder. Survives a holder that was killed. */
export async function withLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const path = join(folder, 'starting.lock')
  const deadline = Date.now() + wait_ms_max
  while (!take(path)) {
    if (isStale(path)) rmSync(path, { force: true })
    else if (Date.now() > deadline)
      throw new Error(`${path} is held by another process for too long. If there is none, delete it.`)
    else await new Promise((wake) => setTimeout(wake, 25))
  }
  const heartbeat = setInterval(() => touch(path), heartbeat_ms)
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    rmSync(path, { force: true })
  }
}

function touch(path: string): void {
  try {
    utimesSync(path, new Date(), new Date())
  } catch {
    // The folder was deleted under us; whoever works in it will say so.
  }
}

function take(path: string): boolean {
  try {
    writeFileSync(path, `${process.pid}\n`, { flag: 'wx', mode: 0o644 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function isStale(path: string): boolean {
  try {
    if (Date.now() - statSync(path).mtimeMs > stale_ms) return true
    const pid = Number(readFileSync(path, 'utf8'))
    // In a container the process before us had the same id as we have.
    if (!pid || pid === process.pid) return pid === process.pid
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
