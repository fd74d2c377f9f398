import type net from 'node:net'
import postgres from 'postgres'
import type { Db, Sql } from './db.ts'
import { type Query, query, settleOnce } from './driver.ts'
import { limits } from './limits.ts'
import { openSocket, type Place, type SocketOptions } from './socket.ts'

/*
 * Terminology
 *
 * - write: one statement that is an effect by itself, guarded, with nothing before it or after it in its transaction
 * - lane: the one connection of a process that writes share
 * - batch: writes of different requests that go down the lane at once, in one database transaction
 * - under way: sent, and not answered yet
 */

type Settled = { resolve(rows: unknown): void; reject(error: unknown): void }
type Write = Settled & { args: unknown[] }

type Lane = {
  /** Who has waited longer than this for others is made alone. */
  wait_ms: number
  /** Makes a pool of one connection over such a socket; `onclose` is to be called when that connection has ended. */
  connect(options: { socket: (place: Place, options: SocketOptions) => Promise<net.Socket>; onclose: () => void }): Sql
  /** Makes a write by itself, on the pool. */
  alone(args: unknown[]): Promise<unknown>
}
const shared = Symbol('lane')

/**
 * Where a write goes that is a whole effect by itself: it shares its round trip and its commit with those that other requests make at the
 * same time, and its rows come when they are committed. Given a transaction, it is one more statement of that transaction. Errors: its own,
 * as on the pool; CONNECTION_CLOSED when nobody knows what came of it.
 */
export function together(db: Db): Db {
  return (db as { [shared]?: Db })[shared] ?? db
}

/** A socket that says it holds much makes the driver send the rest of a batch one by one, each after the answer to the one before. */
const highWaterMark = Number.MAX_SAFE_INTEGER

/**
 * The driver holds a short message back until the next turn of the event loop, and sends one of a kilobyte at once; of the batch, this is
 * the last one.
 */
const commit = `commit${' '.repeat(1_024)}`

/**
 * Lets `together` find the lane of `pool`. What one turn of the event loop writes is a batch. Two are under way at most, so that PostgreSQL
 * has work while the answers to the first are read; what is written meanwhile is the next. A batch is all or nothing: when PostgreSQL
 * refuses one of it, each is made `alone`, on the pool, and only its own error is its own. Nobody waits long for others: the lane gives up
 * on a lock soon, and whoever has waited for a batch too long is made alone.
 * @returns how to end it: what is under way is waited for
 */
export function shareLane(pool: Sql, { wait_ms, connect, alone }: Lane): () => Promise<void> {
  const waiting: Write[] = []
  const underway = new Set<Promise<void>>()
  const losing = new Set<(error: Error) => void>()
  let reserved: postgres.ReservedSql | undefined
  /** A second reservation beside one that is under way would wait for the connection for ever. */
  let opening: Promise<postgres.ReservedSql> | undefined
  let socket: net.Socket | undefined
  /** When the socket has closed, and the driver knows. */
  let gone: Promise<void> | undefined
  let planned = false
  let slow = false
  let describing = false
  let ended = false

  const sql = connect({
    socket: async (place, options) => {
      socket = undefined
      let onclose = () => {}
      gone = new Promise((resolve) => {
        onclose = resolve
      })
      socket = await openSocket(place, { ...options, highWaterMark, onclose })
      return socket
    },
    onclose: () => {
      reserved = undefined
      for (const lose of losing) lose(unknownOutcome())
    },
  })

  /** Nothing when PostgreSQL can't be reached: nothing was sent then. */
  async function reserve(): Promise<postgres.ReservedSql | undefined> {
    // Until then the driver takes statements, and refuses them.
    if (reserved && socket?.destroyed) await gone
    if (reserved) return reserved
    opening ??= sql
      .reserve()
      .then((lane) => (reserved = lane))
      .finally(() => (opening = undefined))
    return opening.catch(() => undefined)
  }

  /** What else this turn of the event loop brings goes along. */
  function soon(): void {
    if (planned) return
    planned = true
    setImmediate(() => {
      planned = false
      next()
    })
  }

  /**
   * The driver has the first statement of a kind described before it sends what comes after it, and then goes on one by one, each after the
   * answer to the one before, until it has nothing left. Under load that was never: it gets no further batch until it has none.
   */
  function mayGo(): boolean {
    if (underway.size === 0) describing = false
    return !describing && underway.size < limits.batches_under_way
  }

  function next(): void {
    while (waiting.length > 0 && mayGo()) {
      const batch = waiting.splice(0, limits.batch_writes_max)
      const timer = setTimeout(() => {
        slow = true
        each(waiting.splice(0))
      }, wait_ms)
      const settled = run(batch).then(() => {
        clearTimeout(timer)
        slow = false
        underway.delete(settled)
        next()
      })
      underway.add(settled)
    }
  }

  async function run(batch: Write[]): Promise<void> {
    let lose: (error: Error) => void = () => {}
    try {
      const lane = await reserve()
      // Whoever waits would only find out the same, batch after batch.
      if (!lane) return each([...batch, ...waiting.splice(0)])
      // The driver's own queue may be left without an answer when the connection ends.
      const results = await new Promise<unknown[]>((resolve, reject) => {
        lose = reject
        losing.add(lose)
        send(lane, batch).then(resolve, reject)
      })
      for (const [index, { resolve }] of batch.entries()) resolve(results[index])
    } catch (error) {
      if (isRolledBack(error)) return each(batch)
      for (const { reject } of batch) reject(error)
    } finally {
      losing.delete(lose)
    }
  }

  /** One message to PostgreSQL, and one commit. A write that is by itself needs no transaction around it. */
  async function send(lane: postgres.ReservedSql, batch: Write[]): Promise<unknown[]> {
    const alone = batch.length === 1
    socket?.cork()
    const begin = alone ? [] : [plain(lane, 'begin')]
    const asked = batch.map(({ args }) => query(lane, args).execute())
    const end = alone ? [] : [plain(lane, commit)]
    // The driver writes each of them a microtask later.
    queueMicrotask(() => {
      socket?.uncork()
      describing ||= asked.some(({ describeFirst }) => describeFirst)
    })
    // All of them, so that none is made again before the transaction has given its locks up.
    const [begun, ...settled] = await outcomes([...begin, ...asked, ...end])
    if (alone) return [rowsOf(begun!)]
    // Without it the others were no transaction, and what came of each is another matter.
    if ('error' in begun!) throw unknownOutcome()
    return settled.map(rowsOf)
  }

  async function each(batch: Write[]): Promise<void> {
    await Promise.all(batch.map(({ args, resolve, reject }) => alone(args).then(resolve, reject)))
  }

  const write = (...args: unknown[]) =>
    new Promise((resolve, reject) => {
      if (ended || slow) return alone(args).then(resolve, reject)
      waiting.push({ args, resolve, reject })
      soon()
    })
  Object.defineProperty(pool, shared, { value: write, configurable: true })

  return async () => {
    ended = true
    next()
    while (underway.size > 0) await Promise.all(underway)
    reserved?.release()
    await sql.end({ timeout: 1 })
  }
}

/** A statement without values. */
function plain(lane: postgres.ReservedSql, text: string): Query {
  return lane.unsafe(text).execute() as unknown as Query
}

type Outcome = { rows: unknown } | { error: unknown }

/** What comes of all of them. The driver's promises are left out: each is a class of its own, with more promises behind it. */
function outcomes(asked: readonly Query[]): Promise<Outcome[]> {
  return new Promise((resolve) => {
    const found: Outcome[] = []
    let left = asked.length
    const ended = (index: number, outcome: Outcome) => {
      found[index] = outcome
      left -= 1
      if (left === 0) resolve(found)
    }
    for (const [index, one] of asked.entries()) {
      one.resolve = (rows) => ended(index, { rows })
      one.reject = (error) => ended(index, { error })
      settleOnce(one)
    }
  })
}

function rowsOf(outcome: Outcome): unknown {
  if ('error' in outcome) throw outcome.error
  return outcome.rows
}

/** What an answer of 503 is made of: nobody knows whether it was written. */
function unknownOutcome(): Error {
  return Object.assign(new Error('The connection that writes share has ended.'), { code: 'CONNECTION_CLOSED' })
}

/** True when PostgreSQL answered that it did not do it. Whatever else happens to a commit, nobody knows what came of it. */
function isRolledBack(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.severity === 'ERROR'
}
