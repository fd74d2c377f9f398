import cluster, { type Worker } from 'node:cluster'
import type { Config } from '../lib/config.ts'
import { limits } from '../lib/limits.ts'
import { Failure, UsageError, type Values } from './command.ts'

/*
 * `kvitt start --workers N`: the primary prepares the database and hands connections out; the workers, the same program once more,
 * serve them and do the background work. They share nothing but the database, so any of them may die.
 */

const workers_max = 32
/** All workers together, well below the 100 of an ordinary PostgreSQL. */
const connections_max = 64
const restart_ms = 500

/** Where the workers listen: known when the first of them does. */
type Listening = Pick<Config, 'public_url' | 'port'>

/** How many processes the command line asks for. */
export function workerCount({ workers }: Values): number {
  const count = Number(workers ?? 1)
  if (Number.isInteger(count) && count >= 1 && count <= workers_max) return count
  throw new UsageError(`--workers must be 1 to ${workers_max}, not ${workers}.`)
}

/** The database connections of the pool of each of so many workers. Each has two more: for writes, and for reads by key. */
export function connectionsOf(count: number): number {
  return Math.max(2, Math.min(limits.database_connections, Math.floor(connections_max / count) - 2))
}

type Handed = { act?: string; seq?: number; ack?: number }

/**
 * A connection that was handed to a worker which ended before it took it would stay open in the primary, where nobody reads it: its client
 * waits for ever. Node.js does not see to that, and tells of connections only in messages of its own.
 */
function closeWhatItNeverTook(worker: Worker): void {
  const handed = new Map<number, { close(): void }>()
  const child = worker.process
  const send = child.send as (message: Handed, ...rest: unknown[]) => boolean
  child.send = (message: Handed, ...rest: unknown[]) => {
    if (message.act === 'newconn') handed.set(message.seq!, rest[0] as { close(): void })
    return send.call(child, message, ...rest)
  }
  child.on('internalMessage', ({ ack }: Handed) => ack !== undefined && handed.delete(ack))
  worker.once('exit', () => {
    for (const connection of handed.values()) connection.close()
  })
}

/** In a worker that serves: says so to the primary. */
export function tellPrimary({ public_url, port }: Config): void {
  process.send!({ public_url, port } satisfies Listening)
}

/**
 * Starts the workers, and each again that dies. `ready` resolves when all serve, and rejects when one dies before it does;
 * `stop` resolves when all have finished what they had begun.
 */
export function startWorkers(count: number, print: (line: string) => void): { ready: Promise<Listening>; stop(): Promise<void> } {
  const living = new Set<Worker>()
  let stopping = false
  let serving = 0
  let ended = () => {}
  const ready = new Promise<Listening>((resolve, reject) => {
    const start = () => {
      if (stopping) return
      const worker = cluster.fork()
      living.add(worker)
      closeWhatItNeverTook(worker)
      worker.once('message', (listening: Listening) => {
        serving += 1
        print(`kvitt: worker ${worker.process.pid} serves`)
        if (serving === count) resolve(listening)
      })
      worker.once('exit', (code, signal) => {
        living.delete(worker)
        if (stopping) return ended()
        const message = `worker ${worker.process.pid} ended (${signal ?? code})`
        if (serving < count) return reject(new Failure(`${message} before all were ready.`))
        print(`kvitt: ${message}, starting another one`)
        setTimeout(start, restart_ms)
      })
    }
    for (let n = 0; n < count; n += 1) start()
  })
  ready.catch(() => {}) // Whoever stops us first no longer waits for it.
  return {
    ready,
    async stop() {
      stopping = true
      const done = new Promise<void>((resolve) => {
        ended = () => living.size === 0 && resolve()
      })
      for (const worker of living) worker.process.kill('SIGTERM')
      if (living.size > 0) await done
    },
  }
}
