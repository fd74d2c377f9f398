import postgres from 'postgres'
import { textOf } from './statement.ts'

/** A query of the driver, with what it does not publish. */
export type Query = Promise<unknown> & {
  resolve(result: unknown): void
  reject(error: unknown): void
  execute(): Query
  strings: TemplateStringsArray
  args: unknown[]
  /** Set as it is written, when its kind is new to the connection: nothing goes behind it before it has been described. */
  describeFirst?: unknown
  /** Sends it. Not called for one that stands in another. */
  handler(asked: Query): void
  forEachFn?(row: unknown, result: unknown[]): void
  options: { prepare?: boolean }
  /** What the driver sets on one that it is about to send again. */
  retried?: unknown
  /** One of these the driver does not send. */
  cancelled?: unknown
  /** By which the driver knows a statement that it has prepared on a connection. */
  signature: string
  written?: string
  /** What PostgreSQL said about its process when the connection began. */
  state?: { pid: number }
  /** Whether it gets a name at the server, to be sent by that the next time. */
  prepare?: boolean
  kind?: string
}

/**
 * The driver counts the rows of a connection, and begins at the old count when the statement before failed after its first row: the next
 * one's rows come behind holes (porsager/postgres#1119). Adding each row at the end does without the count. Within a transaction nothing
 * that has rows can follow a failed statement.
 */
const addRow = (row: unknown, result: unknown[]) => {
  result.push(row)
}
let keepRow = (row: unknown, result: unknown[]) => {
  keepRow = addRow
  letCompile(result.constructor as Class)
  addRow(row, result)
}

/**
 * A statement that PostgreSQL has forgotten (a pooler, `deallocate`), or whose result has changed, the driver sends again, behind what has
 * been sent meanwhile: within somebody else's transaction; and when both are to be described first, each gets the other's description,
 * and the connection hangs. Here it is refused instead, and whoever asked asks again.
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

/**
 * The driver's own is the whole text behind the types of its values, put together and looked up anew for each query: 3 % of a server's
 * processor. Ours says as much in few letters. What ends a transaction is set here, before it is written, to go unprepared: a server that
 * has forgotten it would leave the transaction open, and with it the connection, for good.
 */
const shortSignature: PropertyDescriptor & ThisType<Query> = {
  get() {
    return this.kind ?? this.written
  },
  set(text: string) {
    this.written = text
    if (this.kind === undefined && /^(commit|rollback|savepoint)\b/.test(text)) this.prepare = false
  },
}

type Class = new () => object

/** Holds for all queries of the driver, from the first on. */
function amend(queries: object): void {
  Object.defineProperties(queries, { retried: notSentAgain, signature: shortSignature })
  letCompile(queries.constructor as Class)
}

/**
 * V8 gives up optimizing whatever makes an object of a class that extends a built-in one and has a static `get [Symbol.species]`, as the
 * driver's queries and results do, each time that it has nearly done so, and tries again and again; unless another class extends
 * that one. It is 14 % of a server's processor (docs/decisions/0184).
 */
function letCompile(made: Class): Class {
  return class extends made {}
}

/**
 * What was under way when PostgreSQL ended its connection the driver refuses twice: as lost, and on the next connection with what
 * PostgreSQL had said. And after a refusal it still has a result, without rows. Whoever asks again after a refusal would do again what may
 * have been done; and who counts would count twice.
 */
export function settleOnce(asked: Query): void {
  const { resolve, reject } = asked
  const settle = (tell: () => void) => {
    asked.resolve = asked.reject = () => {}
    tell()
  }
  asked.resolve = (rows) => settle(() => resolve(rows))
  asked.reject = (error) => settle(() => reject(error))
}

/** The query that a tagged template makes on a pool or a connection; or a list of values, or a name, when it is no query. */
export function query(sql: object, args: unknown[]): Query {
  const made = Reflect.apply(sql as () => unknown, undefined, args) as Query
  if (made.reject === undefined) return made
  made.forEachFn = keepRow
  if (!('retried' in made)) amend(Object.getPrototypeOf(made))
  const { handler } = made
  made.handler = (asked) => {
    settleOnce(asked)
    const known = textOf(asked.strings, asked.args)
    // The text is whole: the driver needs only number the values.
    if (known) Object.assign(asked, { strings: known.text, args: known.values, tagged: false, kind: known.kind })
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

/**
 * True when this is what PostgreSQL said as it ended the connection before (57P01, 57P02). The driver keeps it, if a statement was under
 * way there, which it refuses as lost; and refuses with it, unsent, the first one for the next connection.
 */
export function isLeftOver(error: unknown): boolean {
  return error instanceof postgres.PostgresError && (error.code === '57P01' || error.code === '57P02')
}

/** True when the connection is gone: the driver says so, or the socket does. PostgreSQL's own refusals, and ours, are other matters. */
export function isLoss(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof postgres.PostgresError) return false
  const { code, syscall } = error as NodeJS.ErrnoException
  return syscall !== undefined || /^CONNECT(ION_CLOSED|ION_DESTROYED|_TIMEOUT)$/.test(code ?? '')
}
