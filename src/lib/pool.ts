import type postgres from 'postgres'
import type { Sql } from './db.ts'
import { isLeftOver, isLoss, type Query, settleOnce } from './driver.ts'
import { limits } from './limits.ts'

/** A pool of the driver with one connection. */
type One = {
  sql: Sql
  send: (asked: Query) => void
  /** What is under way on it: statements, a transaction, a reservation. */
  load: number
  /** PostgreSQL has answered on this connection. */
  reached: boolean
  /** It has ended since something was last sent. */
  closed: boolean
  /** It is lost, and the driver may not know yet. */
  lost?: NodeJS.Timeout | undefined
}
/** To be told once that it has ended, and how. */
type End = (failed?: { error: unknown }) => void
type Waiting = { use(one: One, end: End): void; refuse(error: unknown): void }

/**
 * Several connections as one pool. Each has as much under way as `depth` says; what finds no room waits for the first that has. A
 * connection that has not answered yet gets one statement. When that is lost, and no other connection answers, whoever waits is refused
 * with the same error: the database is away, and to try again for one after the other would take the last of them longest.
 *
 * `make` makes a pool of the driver with one connection, and has it call `onclose` when that has ended. The driver's own pool of several
 * sends what finds none free down any that is busy, behind whatever goes on there, be it a long list; and where it keeps its connections
 * it leaves a hole for each statement and looks through all of them, for as long as some are in use all the time, or some never: tens of
 * thousands on a server that has little to do. In a pool of one neither can be.
 */
export function poolOfOnes(count: number, depth: number, make: (onclose: () => void) => Sql): Sql {
  const ones = Array.from({ length: count }, () => {
    const sql = make(() => {
      Object.assign(one, { reached: false, closed: true })
      if (one.lost) setImmediate(found, one)
    })
    const one: One = { sql, send: (sql`` as unknown as Query).handler, load: 0, reached: false, closed: true }
    return one
  })
  const first = ones[0]!.sql
  const waiting: Waiting[] = []

  function hasRoom(one: One): boolean {
    return !one.lost && one.load < (one.reached ? depth : 1)
  }

  function borrow({ use, refuse }: Waiting): void {
    const one = ones.find(hasRoom)
    if (one) lend(one, use)
    else waiting.push({ use, refuse })
  }

  function lend(one: One, use: Waiting['use']): void {
    one.load += 1
    one.closed = false
    let over = false
    use(one, (failed) => {
      if (over) return
      over = true
      if (failed) return ended(one, failed.error)
      one.reached = !one.closed
      giveBack(one)
    })
  }

  function giveBack(one: One): void {
    one.load -= 1
    next(one)
  }

  function next(one: One): void {
    while (waiting.length > 0 && hasRoom(one)) lend(one, waiting.shift()!.use)
  }

  /** The driver says that a statement failed before it has given up the connection on which it did. */
  function ended(one: One, error: unknown): void {
    if (isLoss(error)) {
      one.reached = false
      if (!ones.some(({ reached }) => reached)) for (const { refuse } of waiting.splice(0)) refuse(error)
      if (!one.closed) one.lost ??= setTimeout(found, limits.lost_connection_ms, one)
    }
    setImmediate(giveBack, one)
  }

  /** It has closed, or is no longer waited for. */
  function found(one: One): void {
    clearTimeout(one.lost)
    one.lost = undefined
    next(one)
  }

  /** Lists of values and names pass as they are. */
  function onOne<T>(made: T): T {
    const asked = made as unknown as Query
    if (asked.reject === undefined) return made
    asked.handler = () => {
      const { resolve, reject: refuse } = asked
      const ask = (isRefusal: (error: unknown) => boolean) => {
        const use = (one: One, end: End) => {
          asked.resolve = (rows) => {
            end()
            resolve(rows)
          }
          asked.reject = (error) => {
            end({ error })
            if (isRefusal(error)) refuse(error)
            else ask(() => true)
          }
          settleOnce(asked)
          one.send(asked)
        }
        borrow({ use, refuse })
      }
      ask((error) => !isLeftOver(error))
    }
    return made
  }

  async function withOne<T>(use: (one: One) => Promise<T>): Promise<T> {
    const { one, end } = await new Promise<{ one: One; end: End }>((resolve, refuse) =>
      borrow({ use: (one, end) => resolve({ one, end }), refuse }),
    )
    try {
      const result = await use(one)
      end()
      return result
    } catch (error) {
      end({ error })
      throw error
    }
  }

  async function begin<T>(work: (tx: postgres.TransactionSql) => Promise<T>): Promise<unknown> {
    let begun = false
    const attempt = () =>
      withOne((one) =>
        one.sql.begin((tx) => {
          // What goes wrong from here on is not that it can't be reached.
          begun = one.reached = true
          return work(tx)
        }),
      )
    return attempt().catch((error) => {
      if (begun || !isLeftOver(error)) throw error
      return attempt()
    })
  }

  function reserve(): Promise<postgres.ReservedSql> {
    return new Promise((resolve, reject) => {
      const held = withOne(async ({ sql }) => {
        const reserved = await sql.reserve()
        const { release } = reserved
        await new Promise<void>((released) => {
          reserved.release = () => {
            release()
            released()
          }
          resolve(reserved)
        })
      })
      held.catch(reject)
    })
  }

  const ask = (...args: unknown[]) => onOne(Reflect.apply(first, undefined, args))
  return Object.assign(ask, first, {
    unsafe: (...args: Parameters<Sql['unsafe']>) => onOne(first.unsafe(...args)),
    begin,
    reserve,
    end: async (how?: { timeout?: number }) => {
      await Promise.all(ones.map(({ sql }) => sql.end(how)))
    },
  }) as unknown as Sql
}
