import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

export type Ready = { url: string; account_id: string; client_id: string }
export type Kvitt = {
  child: ChildProcess
  /** What `kvitt ready` says; rejects with the output when the process ends before. */
  ready: Promise<Ready>
  exit: Promise<number | NodeJS.Signals | null>
  output(): string
}

const running = new Set<Kvitt>()

/** For `after`: a test that failed half-way leaves its servers running, and they would keep the test's process. */
export async function stopAll(): Promise<void> {
  for (const { child, exit } of running) {
    child.kill('SIGTERM')
    await exit
  }
}

/** Runs `bin/kvitt.mjs` as users do. Only `env` and what finding programs needs is handed down. */
export function runKvitt(args: string[], env: Record<string, string>): Kvitt {
  return run([join(root, 'bin/kvitt.mjs'), ...args], env, 'ignore')
}

/** Plays `examples/shop.ts` to its end, as `npm run example` does. */
export async function runExample(env: Record<string, string>): Promise<{ code: unknown; output: string }> {
  const one = run(['--import', import.meta.resolve('tsx'), join(root, 'examples/shop.ts')], env, 'ignore')
  return { code: await one.exit, output: one.output() }
}

/** Has a server loaded that starts when `go` is called. */
export function standBy(env: Record<string, string>): Kvitt & { go(): void } {
  const one = run([join(root, 'test/standby.mjs'), 'start'], env, 'pipe')
  return { ...one, go: () => one.child.stdin!.end('go') }
}

function run(args: string[], env: Record<string, string>, stdin: 'ignore' | 'pipe'): Kvitt {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, args, {
    cwd: tmpdir(),
    env: { PATH, HOME, PORT: '0', ...env },
    stdio: [stdin, 'pipe', 'pipe'],
  })
  let output = ''
  const exit = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal))
  })
  const ready = new Promise<Ready>((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (text) => {
        output += text
        const line = /^kvitt ready (\{.*\})$/m.exec(output)
        if (line) resolve(JSON.parse(line[1]!))
      })
    }
    void exit.then((code) => reject(new Error(`ended with ${code} before it was ready:\n${output}`)))
  })
  ready.catch(() => {}) // Whoever waits for it still sees it; for those who don't, it is no accident.
  const one = { child, ready, exit, output: () => output }
  running.add(one)
  void exit.then(() => running.delete(one))
  return one
}

/** Runs a command to its end. */
export async function kvitt(args: string[], env: Record<string, string>): Promise<{ code: unknown; output: string }> {
  const run = runKvitt(args, env)
  return { code: await run.exit, output: run.output() }
}

/** An empty data folder; `remove` deletes it, with what was put elsewhere because another user could not enter it. */
export function dataFolder(mode = 0o711): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'kvitt-start-'))
  chmodSync(path, mode)
  return {
    path,
    remove() {
      if (existsSync(join(path, 'database.json'))) rmSync(clusterFolder(path), { recursive: true, force: true })
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** Where the database files of a data folder are. */
export function clusterFolder(data_folder: string): string {
  return JSON.parse(readFileSync(join(data_folder, 'database.json'), 'utf8')).cluster_folder
}

/** The process id of the PostgreSQL that runs on a data folder. */
export function postmasterPid(data_folder: string): number {
  return Number(readFileSync(join(clusterFolder(data_folder), 'postmaster.pid'), 'utf8').split('\n')[0])
}

/** Waits until something has become true. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited too long for ${condition}`)
    await new Promise((wake) => setTimeout(wake, 20))
  }
}
