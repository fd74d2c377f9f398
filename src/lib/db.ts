import postgres from 'postgres'
import { limits } from './limits.ts'

/** A pool of connections. Statements written as tagged templates are prepared once a connection. */
export type Sql = postgres.Sql<{ bigint: number }>
/** One database transaction. Everything that takes `Db` works on the pool and inside a transaction. */
export type Tx = postgres.TransactionSql<{ bigint: number }>
export type Db = Sql | Tx

/** Connects to PostgreSQL. `bigint` columns are read as numbers; one past the safe range throws instead of losing a unit. */
export function connect(url: string, options: { max?: number; application_name?: string } = {}): Sql {
  return postgres(url, {
    max: options.max ?? limits.database_connections,
    onnotice: () => {},
    transform: { undefined: null },
    connection: {
      application_name: options.application_name ?? 'kvitt',
      statement_timeout: limits.statement_timeout_ms,
      lock_timeout: limits.lock_wait_ms,
      TimeZone: 'UTC',
      // What the guards and locks are written, and tested, for; whatever the server's default is.
      default_transaction_isolation: 'read committed',
    },
    types: {
      bigint: {
        to: 20,
        from: [20],
        serialize: String,
        parse: (text: string) => {
          const number = Number(text)
          if (!Number.isSafeInteger(number)) throw new Error(`bigint out of range: ${text}`)
          return number
        },
      },
    },
  })
}

/** Runs `work` in one database transaction; inside one already, it joins that. */
export async function inTransaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  if (!('begin' in db)) return work(db)
  return (await db.begin((tx) => work(tx as unknown as Tx))) as T
}

/** A value for a `jsonb` column. `undefined` members vanish, as in JSON. */
export function json(db: Db, value: unknown): postgres.Parameter {
  return db.json(value as postgres.JSONValue)
}

/** True when `error` is PostgreSQL's refusal of a duplicate, or of a broken `check`, on the named constraint. */
export function violates(error: unknown, constraint: string): boolean {
  return error instanceof postgres.PostgresError && error.constraint_name === constraint
}
