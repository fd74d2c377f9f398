import postgres from 'postgres'
import { bytesOf, listTypes, safeInteger } from './arrays.ts'
import { isLoss, mayBeAskedAgain, type Query, query } from './driver.ts'
import { inTime } from './in-time.ts'
import { limits } from './limits.ts'
import { poolOfOnes } from './pool.ts'
import { openSocket, type Place, type SocketOptions, serversOf, tlsOf } from './socket.ts'
import { Parameter, Part } from './statement.ts'
import { shareLane } from './together.ts'

/** A pool of connections. Statements written as tagged templates are prepared once a connection. */
export type Sql = postgres.Sql<{ bigint: number }>
/** One database transaction. Everything that takes `Db` works on the pool and inside a transaction. */
export type Tx = postgres.TransactionSql<{ bigint: number }>
export type Db = Sql | Tx

/**
 * Connects to PostgreSQL. `bigint` columns are read as numbers; one past the safe range throws instead of losing a unit. `?host=/folder`
 * in the URL means the Unix socket in that folder, as in libpq.
 */
export function connect(
  url: string,
  options: {
    max?: number
    application_name?: string
    batch?: { wait_ms: number; lock_wait_ms: number }
    silent_ms?: number
  } = {},
): Sql {
  const { batch = { wait_ms: limits.batch_wait_ms, lock_wait_ms: limits.batch_lock_wait_ms } } = options
  const { silent_ms = limits.silent_database_ms } = options
  const closed = new Set<() => void>()
  const { url: found, ...place } = placeOf(url)
  const own = ownSockets(found)
  // The driver would find out for itself, with sockets of its own.
  const plain = own ? found.replace(/([?&])(?:target_session_attrs=[^&]*|sslrootcert=system)&?/g, '$1') : found
  const onclose = () => {
    for (const tell of closed) tell()
  }
  let turn = 0
  const settings = {
    ...place,
    ...(own === undefined ? {} : { ssl: false, ...oneHost(own), socket: (at: Place) => openSocket(at, { ...own, silent_ms }) }),
    onnotice: () => {},
    connect_timeout: limits.connect_timeout_s,
    backoff: reconnectWait,
    transform: { undefined: null },
    connection: {
      application_name: options.application_name ?? 'kvitt',
      statement_timeout: limits.statement_timeout_ms,
      lock_timeout: limits.lock_wait_ms,
      TimeZone: 'UTC',
      // The one in which times can be read; a role or a database may have another, and `SQL, DMY` would swap day and month.
      DateStyle: 'ISO',
      // What the guards and locks are written, and tested, for; whatever the server's default is.
      default_transaction_isolation: 'read committed' as const,
    },
    types: {
      bigint: {
        to: 20,
        from: [20],
        serialize: String,
        parse: safeInteger,
      },
      bytea: {
        to: 17,
        from: [17],
        serialize: (bytes: Uint8Array) => `\\x${Buffer.from(bytes).toString('hex')}`,
        parse: bytesOf,
      },
      date: {
        to: 1184,
        from: [1082, 1114, 1184],
        serialize: timeText,
        parse: (text: string) => new Date(text),
      },
      ...listTypes,
    },
    // They are known; see arrays.ts.
    fetch_types: false,
  }
  const one = (lost: () => void) => poolOfOne(plain, { ...settings, onclose: both(lost, onclose) })
  const sql = poolOfOnes(options.max ?? limits.database_connections, 1, one)
  const pool = repeatingStatements(sql)
  listeners.set(pool, closed)
  const lane = {
    ...settings,
    max_lifetime: null,
    connection: { ...settings.connection, lock_timeout: batch.lock_wait_ms },
  }
  const endLane = shareLane(pool, {
    wait_ms: batch.wait_ms,
    connect: ({ socket, onclose: lost }) =>
      poolOfOne(plain, {
        ...lane,
        socket: (at: Place) => (own ? socket(at, { ...own, silent_ms }) : socket(oneOf(at, turn++), {})),
        onclose: both(lost, onclose),
      } as typeof lane),
    alone: (args) => Reflect.apply(pool, undefined, args) as Promise<unknown>,
  })
  const keyed = poolOfOnes(1, Number.POSITIVE_INFINITY, one)
  Object.defineProperty(pool, by_key, { value: repeatingStatements(keyed), configurable: true })
  const unhurried = {
    ...settings,
    ...(own && { socket: (at: Place) => openSocket(at, own) }),
    idle_timeout: limits.patient_connection_idle_s,
  }
  const waiting = poolOfOnes(1, 1, (lost) => poolOfOne(plain, { ...unhurried, onclose: lost }))
  Object.defineProperty(pool, patiently, { value: repeatingStatements(waiting), configurable: true })
  const end = sql.end.bind(sql)
  sql.end = async (how) => {
    const ended = endLane().then(() => how)
    // Who has not answered by then is not waited for twice.
    const left = how?.timeout === undefined ? await ended : await inTime(ended, how.timeout * 1_000).catch(() => ({ timeout: 0 }))
    await Promise.all([end(left), keyed.end(left), waiting.end(left)])
  }
  return pool
}

/**
 * A time as PostgreSQL reads it. One that is none goes as it is, and PostgreSQL refuses it: an error that the driver meets while it writes
 * leaves what is under way on the connection with each other's answers.
 */
function timeText(time: unknown): string {
  const at = time instanceof Date ? time : new Date(time as string)
  return Number.isNaN(at.getTime()) ? String(time) : at.toISOString()
}

/** Seconds until the next attempt, after so many that failed. The driver's own grow to twenty, and requests would hang for as long. */
export function reconnectWait(failed: number): number {
  return Math.min(0.05 * 2 ** failed, limits.reconnect_wait_max_s)
}

const by_key = Symbol('by_key')

/**
 * Where a read of one thing by its key goes: all of them share one connection and follow each other on it without a pause, so that many are
 * sent, and many answers received, at once. Inside a transaction it is a statement of that.
 */
export function byKey(db: Db): Db {
  return (db as { [by_key]?: Db })[by_key] ?? db
}

const patiently = Symbol('patient')

/**
 * Where a statement goes that has no time-out (`statement_timeout` 0): one connection, which is waited for however long it is silent. It is
 * closed when it has not been used for a while.
 */
export function patient(sql: Sql): Sql {
  return (sql as { [patiently]?: Sql })[patiently] ?? sql
}

const listeners = new WeakMap<Sql, Set<() => void>>()

/** Calls `tell` whenever a connection of this pool has ended: what was read before may not be what the next one sees. */
export function onConnectionClosed(sql: Sql, tell: () => void): void {
  listeners.get(sql)?.add(tell)
}

/**
 * True when a pooler answers for PostgreSQL: the process that it named when we connected is not the one that works for us. One that gives
 * each transaction another session (`pool_mode = transaction`) forgets what is prepared, and may lose what is sent behind an answer.
 */
export async function isPooled(sql: Sql): Promise<boolean> {
  const asked = sql<{ pid: number }[]>`select pg_backend_pid() as pid`
  const [row] = await asked
  return (asked as unknown as Query).state?.pid !== row!.pid
}

/** Where the driver finds the server of a URL: it does not know `?host=/folder` itself. */
export function placeOf(url: string): { url: string; path?: string } {
  if (!URL.canParse(url)) return { url }
  const plain = new URL(url)
  const folder = plain.searchParams.get('host')
  if (!folder?.startsWith('/')) return { url }
  plain.searchParams.delete('host')
  return { url: plain.href, path: `${folder}/.s.PGSQL.${plain.port || 5432}` }
}

/** A pool of the driver with one connection. To reserve one that is not open yet never ends, in the driver, so it is opened first. */
function poolOfOne<T extends { types: Record<string, postgres.PostgresType> }>(url: string, settings: T): Sql {
  const sql = postgres(url, { ...settings, max: 1 } as never) as unknown as Sql
  const { reserve } = sql
  sql.reserve = async () => {
    await sql.unsafe('select')
    return reserve()
  }
  return sql
}

function both(first: () => void, second: () => void): () => void {
  return () => {
    first()
    second()
  }
}

/** Told of several servers, the driver keeps an error to itself, and asks on without a pause. We ask each of them for every connection. */
function oneHost({ servers }: SocketOptions): { host?: string; port?: number } {
  return servers === undefined ? {} : { host: 'localhost', port: 5432 }
}

/** Each of several servers in turn. */
function oneOf({ host, port, ...at }: Place, turn: number): Place {
  return { ...at, host: [host[turn % host.length]!], port: [port[turn % port.length]!] }
}

/** How we open the sockets to PostgreSQL. Undefined where the URL asks for what the driver can do and we can't. */
function ownSockets(url: string): SocketOptions | undefined {
  const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?') + 1) : '')
  const wanted = query.get('target_session_attrs')
  return query.has('sslnegotiation') ? undefined : { tls: tlsOf(query), servers: serversOf(url, wanted) }
}

/** The pool, where a statement that stands alone and was taken back, or forgotten, is asked again. Those that are not cost nothing more. */
function repeatingStatements(sql: Sql): Sql {
  const ask = (args: unknown[], left: number): Query => {
    const asked = query(sql, args)
    const { resolve, reject } = asked
    if (reject === undefined) return asked // a list of values, or a name
    asked.reject = (error) => {
      if (left === 0 || !mayBeAskedAgain(error)) return reject(error)
      ask(args, left - 1).then(resolve, reject)
    }
    return asked
  }
  return new Proxy(sql, { apply: (_, __, args) => ask(args, limits.taken_back_attempts) })
}

/** Runs `work` in one database transaction, and again when that was taken back; inside a transaction already, it joins that. */
export async function inTransaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  if (!('begin' in db)) return work(db)
  for (let left: number = limits.taken_back_attempts; ; left -= 1) {
    try {
      return await begin(db, work)
    } catch (error) {
      if (left === 0 || !mayBeAskedAgain(error)) throw error
    }
  }
}

/**
 * One transaction. When its connection ends, it is refused, and nothing more is sent: the driver would write the next statement, its own
 * `rollback` included, to a socket that is gone, which throws where nobody catches it (porsager/postgres#1208) and leaves that connection
 * unable to send anything until it has failed to connect several times over.
 */
async function begin<T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T> {
  const connection: { lost?: unknown } = {}
  const begun = sql.begin((tx) => unlessLost(connection, work(untilLost(connection, tx as unknown as Tx))))
  try {
    return (await begun) as T
  } catch (error) {
    if (isLoss(error)) connection.lost ??= error
    throw error
  }
}

/** The transaction, whose statements are refused once its connection is gone. */
function untilLost(connection: { lost?: unknown }, tx: Tx): Tx {
  return new Proxy(tx, {
    apply: (_, __, args) => {
      const asked = query(tx, args)
      const { reject, handler } = asked
      if (reject === undefined) return asked // a list of values, or a name
      asked.reject = (error) => {
        if (isLoss(error)) connection.lost ??= error
        reject(error)
      }
      asked.handler = (query) => (connection.lost ? reject(connection.lost) : handler(query))
      return asked
    },
  })
}

/** What the driver waits for before it commits or rolls back: for ever, when there is nothing left to do either on. */
function unlessLost<T>(connection: { lost?: unknown }, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    work.then(
      (value) => connection.lost || resolve(value),
      (error) => connection.lost || reject(error),
    )
  })
}

/** A database transaction that is ended from elsewhere than where it was begun. */
export type OpenTransaction = { tx: Tx; commit(): Promise<void>; rollback(): Promise<void>; broken: Promise<Error> }

/**
 * Begins a transaction and leaves it open. It goes through the driver's `begin` rather than a reserved connection: only there does the
 * driver tell when the connection breaks, and give the connection up; a reserved one would go back to the pool and hang whoever gets it.
 * `broken` resolves, if ever, when the connection broke: statements on `tx` then get no answer any more.
 */
export async function openTransaction(sql: Sql): Promise<OpenTransaction> {
  const undone = new Error('rolled back')
  let end: (how: 'commit' | 'rollback') => void = () => {}
  const ended = new Promise<'commit' | 'rollback'>((resolve) => {
    end = resolve
  })
  return new Promise((resolve, reject) => {
    let tell: (error: Error) => void = reject
    const broken = new Promise<Error>((report) => {
      tell = (error) => {
        reject(error)
        report(error)
      }
    })
    const done = begin(sql, async (tx) => {
      resolve({ tx, broken, commit: () => finish('commit'), rollback: () => finish('rollback').catch(() => {}) })
      if ((await ended) === 'rollback') throw undone
    }).catch((error: Error) => {
      if (error === undone) return
      tell(error)
      throw error
    })
    done.catch(() => {})
    function finish(how: 'commit' | 'rollback'): Promise<void> {
      end(how)
      return done
    }
  })
}

/**
 * A statement that is planned for the values it has, each time anew. A prepared one is soon planned once for all values, also for the one
 * status that no row has. It costs a round trip more: for statements whose best way depends on how many rows match.
 */
export function plannedForValues<T extends PromiseLike<unknown>>(asked: T): T {
  ;(asked as unknown as Query).options.prepare = false
  return asked
}

type Value = postgres.ParameterOrFragment<number>

/**
 * A piece of SQL to stand in a statement. `db` could be used for it too, but makes a whole query each time: 5 µs, of which a payment needs
 * a hundred.
 */
export function part(strings: TemplateStringsArray, ...values: readonly Value[]): postgres.PendingQuery<never[]> {
  return new Part(strings, values as unknown[]) as never
}

const jsonb_oid = 3802

/** A value for a `jsonb` column. `undefined` members vanish, as in JSON. */
export function json(value: unknown): postgres.Parameter {
  return new Parameter(value, jsonb_oid)
}

/** True when `error` is PostgreSQL's refusal of a duplicate, or of a broken `check`, on the named constraint. */
export function violates(error: unknown, constraint: string): boolean {
  return error instanceof postgres.PostgresError && error.constraint_name === constraint
}
