import postgres from 'postgres'
import { textOf } from './statement.ts'

/** A query of the driver, with what it does not publish. */
export type Query = Promise<unknown> & {
  resolve(result: unknown): void
  reject(error: unknown): void
  execute(): Query
  strings: TemplateStringsArray
  args: unknown[]
  /** Sends it. Not called for one that stands in another. */
  handler(asked: Query): void
  forEachFn?(row: unknown, result: unknown[]): void
  options: { prepare?: boolean }
  /** What the driver sets on one that it is about to send again. */
  retried?: unknown
  /** One of these the driver does not send. */
  cancelled?: unknown
}

/**
 * The driver counts the rows of a connection, and begins at the old count when the statement before failed after its first row: the next
 * one's rows come behind holes (porsager/postgres#1119). Adding each row at the end does without the count. Within a transaction nothing
 * that has rows can follow a failed statement.
 */
const keepRow = (row: unknown, result: unknown[]) => {
  result.push(row)
}

/**
 * A statement that PostgreSQL has forgotten (a pooler, `deallocate`), or whose result has changed, the driver sends again, behind what has
 * been sent meanwhile: within somebody else's transaction; and when both are to be described first, each gets the other's description,
 * and the connection hangs. Here it is refused instead, and whoever asked asks again. It holds for all queries of the driver, from the
 * first on.
 */
const notSentAgain: PropertyDescriptor & ThisType<Query> = {
  get: () => undefined,
  set(error: object) {
    this.cancelled = true
    forgotten.add(error)
    this.reject(error)
  },
}
const forgotten = new WeakSet<object>()

/** The query that a tagged template makes on a pool or a connection; or a list of values, or a name, when it is no query. */
export function query(sql: object, args: unknown[]): Query {
  const made = Reflect.apply(sql as () => unknown, undefined, args) as Query
  if (made.reject === undefined) return made
  made.forEachFn = keepRow
  if (!('retried' in made)) Object.defineProperty(Object.getPrototypeOf(made), 'retried', notSentAgain)
  const { handler } = made
  made.handler = (asked) => {
    const known = textOf(asked.strings, asked.args)
    // The text is whole: the driver needs only number the values.
    if (known) Object.assign(asked, { strings: known.text, args: known.values, tagged: false })
    handler(asked)
  }
  return made
}

/**
 * True when nothing of a statement, or of a whole transaction, has happened and doing it again is right: PostgreSQL took it back because of
 * another one (a serialization failure, a deadlock), or no longer knew what it had prepared.
 */
export function mayBeAskedAgain(error: unknown): boolean {
  if (!(error instanceof postgres.PostgresError)) return false
  return error.code === '40001' || error.code === '40P01' || forgotten.has(error)
}
