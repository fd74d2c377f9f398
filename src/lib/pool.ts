import type postgres from 'postgres'
import type { Sql } from './db.ts'
import { isLoss, type Query } from './driver.ts'
import { limits } from './limits.ts'

type One = {
  sql: Sql
  send: (asked: Query) => void
  /** When its connection has ended, and the driver knows. */
  onclose?: (() => void) | undefined
}

/**
 * Several connections as one pool. A statement, or a transaction, has a connection to itself and waits for the first that is free.
 * `make` makes a pool of the driver with one connection, and has it call `onclose` when that has ended.
 *
 * The driver's own pool sends what finds none free down any that is busy, behind whatever goes on there, be it a long list; and where it
 * keeps its connections it leaves a hole for each statement and looks through all of them, for as long as some are in use all the time,
 * or some never: tens of thousands on a server that has little to do. In a pool of one neither can be.
 */
export function poolOfOnes(count: number, make: (onclose: () => void) => Sql): Sql {
  const ones = Array.from({ length: count }, () => {
    const one: One = { sql: make(() => one.onclose?.()), send: () => {} }
    one.send = (one.sql`` as unknown as Query).handler
    return one
  })
  const first = ones[0]!.sql
  const free = [...ones]
  const waiting: ((one: One) => void)[] = []

  function borrow(use: (one: One) => void): void {
    const one = free.pop()
    if (one) use(one)
    else waiting.push(use)
  }

  function giveBack(one: One): void {
    const next = waiting.shift()
    if (next) next(one)
    else free.push(one)
  }

  /** The driver says that a statement failed before it has given up the connection on which it did. */
  function giveBackAfter(one: One, error: unknown): void {
    if (!isLoss(error)) return void setImmediate(giveBack, one)
    const timer = setTimeout(() => one.onclose?.(), limits.lost_connection_ms)
    one.onclose = () => {
      one.onclose = undefined
      clearTimeout(timer)
      setImmediate(giveBack, one)
    }
  }

  /** Lists of values and names pass as they are. */
  function onOne<T>(made: T): T {
    const asked = made as unknown as Query
    if (asked.reject === undefined) return made
    asked.handler = () =>
      borrow((one) => {
        const { resolve, reject } = asked
        asked.resolve = (rows) => {
          giveBack(one)
          resolve(rows)
        }
        asked.reject = (error) => {
          giveBackAfter(one, error)
          reject(error)
        }
        one.send(asked)
      })
    return made
  }

  async function withOne<T>(use: (one: Sql) => Promise<T>): Promise<T> {
    const one = await new Promise<One>(borrow)
    try {
      const result = await use(one.sql)
      giveBack(one)
      return result
    } catch (error) {
      giveBackAfter(one, error)
      throw error
    }
  }

  async function reserve(): Promise<postgres.ReservedSql> {
    const one = await new Promise<One>(borrow)
    try {
      const reserved = await one.sql.reserve()
      const { release } = reserved
      reserved.release = () => {
        release()
        giveBack(one)
      }
      return reserved
    } catch (error) {
      giveBackAfter(one, error)
      throw error
    }
  }

  const ask = (...args: unknown[]) => onOne(Reflect.apply(first, undefined, args))
  return Object.assign(ask, first, {
    unsafe: (...args: Parameters<Sql['unsafe']>) => onOne(first.unsafe(...args)),
    begin: (work: (tx: postgres.TransactionSql) => Promise<unknown>) => withOne((one) => one.begin(work as never)),
    reserve,
    end: async (how?: { timeout?: number }) => {
      await Promise.all(ones.map(({ sql }) => sql.end(how)))
    },
  }) as unknown as Sql
}
