import cluster, { type Worker } from 'node:cluster'
import net from 'node:net'
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
type Listener = { listen(room: number): number; close(): void }
type Handing = {
  /** The socket that listens. Unknown where Node.js makes it in another way than is known here: then some clients are reset at the end. */
  listener?: Listener
  /** What was handed to each worker and is not taken yet, by its number. */
  handed: Map<Worker, Map<number, { close(): void }>>
  /** How many were handed out ever. */
  count: number
}

/** Node.js makes the socket for the first worker that listens, and shows it to nobody. */
function watchListener(handing: Handing): void {
  const { createServer } = net
  const watched = (...args: []) => {
    const server = createServer(...args)
    server.once('listening', () => {
      handing.listener = (server as unknown as { _handle: Listener })._handle
      Object.assign(net, { createServer })
    })
    return server
  }
  Object.assign(net, { createServer: watched })
}

/**
 * A connection that was handed to a worker which ended before it took it would stay open in the primary, where nobody reads it: its client
 * waits for ever. Node.js does not see to that, and tells of connections only in messages of its own.
 */
function watchHanding(worker: Worker, handing: Handing): void {
  const handed = new Map<number, { close(): void }>()
  handing.handed.set(worker, handed)
  const child = worker.process
  const send = child.send as (message: Handed, ...rest: unknown[]) => boolean
  child.send = (message: Handed, ...rest: unknown[]) => {
    if (message.act === 'newconn') {
      handed.set(message.seq!, rest[0] as { close(): void })
      handing.count += 1
    }
    return send.call(child, message, ...rest)
  }
  child.on('internalMessage', ({ ack }: Handed) => ack !== undefined && handed.delete(ack))
  worker.once('exit', () => {
    handing.handed.delete(worker)
    for (const connection of handed.values()) connection.close()
  })
}

/**
 * Connections that no worker takes any more Node.js resets. So before the workers are stopped, there is room for no more (as in
 * `lib/http.ts`), what waits is handed out and taken, and then nobody listens: who connects from now on is refused.
 */
async function takeNoMore(handing: Handing): Promise<void> {
  const { listener, handed } = handing
  if (!listener) return
  listener.listen(0)
  const until = performance.now() + limits.last_connections_ms
  let count: number
  do {
    count = handing.count
    await new Promise((turn) => setImmediate(turn))
  } while ((count !== handing.count || [...handed.values()].some(({ size }) => size > 0)) && performance.now() < until)
  listener.close()
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
  const handing: Handing = { handed: new Map(), count: 0 }
  watchListener(handing)
  let stopping = false
  let serving = 0
  let ended = () => {}
  const ready = new Promise<Listening>((resolve, reject) => {
    const start = () => {
      if (stopping) return
      const worker = cluster.fork()
      living.add(worker)
      watchHanding(worker, handing)
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
      await takeNoMore(handing)
      const done = new Promise<void>((resolve) => {
        ended = () => living.size === 0 && resolve()
      })
      for (const worker of living) worker.process.kill('SIGTERM')
      if (living.size > 0) await done
    },
  }
}
