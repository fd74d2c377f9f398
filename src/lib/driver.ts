import net from 'node:net'
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

/** Where a server is, and how the driver greets it: its own options. */
export type Place = { path?: string; host: string[]; port: number[]; ssl?: unknown; connection: Record<string, unknown> }

/** `onclose` is called when the driver knows that the socket has closed. */
type SocketOptions = { writableHighWaterMark?: number; onclose?: () => void }

/**
 * A socket for a connection of the driver, which goes around two faults in what the driver does when a connection breaks:
 * - of an error it tells those who wait for an answer, but takes more statements until the socket has closed, and never answers them; what
 *   comes later on that connection waits behind them. Here a socket that was connected has no errors: it just closes.
 * - what it had not sent yet when the socket closed, it never sends, and nothing else, until that is a kilobyte: the next sockets greet
 *   nobody, and each waits for a connection that times out. Here the greeting is a kilobyte, of which only the greeting is sent.
 *
 * `tried` says which of several servers.
 */
export function openSocket(at: Place, tried = 0, { onclose, ...options }: SocketOptions = {}): net.Socket {
  const { path, host, port, ssl } = at
  const index = tried % host.length
  const place: net.NetConnectOpts = path ? { path } : { host: host[index]!, port: port[index]! }
  const socket = Object.assign(net.connect({ ...place, ...options, noDelay: true }), path ? {} : place)
  const { emit, write } = socket
  let connected = false
  socket.emit = (event: string, ...args: unknown[]) => {
    if (event === 'connect') connected = true
    if (connected && event === 'error') return true
    if (event !== 'close') return Reflect.apply(emit, socket, [event, ...args])
    const heard = Reflect.apply(emit, socket, connected ? ['close', false] : [event, ...args])
    onclose?.()
    return heard
  }
  // Within TLS, what is sent is not seen here.
  if (ssl) return socket
  at.connection[padding] = ' '.repeat(1_024)
  socket.write = (data: Buffer, ...rest: unknown[]) => {
    socket.write = write
    return Reflect.apply(write, socket, [greetingIn(data), ...rest])
  }
  return socket
}

const padding = 'padding'
const protocol_3 = 196_608

/** The greeting (`StartupMessage`), without what was left over before it and without the padding. */
function greetingIn(data: Buffer): Buffer {
  let start = 0
  while (
    start < data.length - 8 &&
    !(data.readInt32BE(start) === data.length - start && data.readInt32BE(start + 4) === protocol_3)
  ) {
    start += 1
  }
  const greeting = data.subarray(start)
  const from = greeting.indexOf(`\0${padding}\0`)
  if (from === -1) return greeting
  const until = greeting.indexOf(0, from + padding.length + 2)
  const short = Buffer.concat([greeting.subarray(0, from), greeting.subarray(until)])
  short.writeInt32BE(short.length)
  return short
}

/**
 * True when nothing of a statement, or of a whole transaction, has happened and doing it again is right: PostgreSQL took it back because of
 * another one (a serialization failure, a deadlock), or no longer knew what it had prepared.
 */
export function mayBeAskedAgain(error: unknown): boolean {
  if (!(error instanceof postgres.PostgresError)) return false
  return error.code === '40001' || error.code === '40P01' || forgotten.has(error)
}
