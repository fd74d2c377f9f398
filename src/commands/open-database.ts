import { resolve } from 'node:path'
import type { Config } from '../lib/config.ts'
import { connect, isPooled, type Sql } from '../lib/db.ts'
import { openEmbeddedPostgres } from '../lib/embedded-postgres.ts'
import { migrate, type Schema, schemas } from '../lib/migrate.ts'
import { Failure } from './command.ts'

export type Database = {
  sql: Sql
  /** For a person: where the data is. */
  description: string
  close(): Promise<void>
}

/**
 * Connects to the database of the settings; without `DATABASE_URL` it starts, or joins, the embedded PostgreSQL. Only with `create` it
 * makes one in a data folder that has none: elsewhere that is a mistake in the settings, and a database that nobody looks for.
 */
export async function openDatabase(
  config: Config,
  say: (message: string) => void,
  { create = false, ...options }: { max?: number; create?: boolean } = {},
): Promise<Database> {
  if (config.database_url) {
    const sql = connectTo(config.database_url, options)
    await check(sql, config.database_url)
    if (await isPooled(sql)) say(pooled)
    return { sql, description: `PostgreSQL at ${withoutPassword(config.database_url)}`, close: () => sql.end({ timeout: 5 }) }
  }
  let embedded: Awaited<ReturnType<typeof openEmbeddedPostgres>>
  try {
    embedded = await openEmbeddedPostgres(config.data_folder, { note: say, create })
  } catch (error) {
    const { message, syscall } = error as NodeJS.ErrnoException
    const why = syscall ? `KVITT_DATA: no database can be kept in ${config.data_folder}: ${message}.` : message
    throw new Failure(why, { cause: error })
  }
  const sql = connect(embedded.url, options)
  return {
    sql,
    description: `embedded PostgreSQL, data in ${resolve(config.data_folder)}${embedded.adopted ? ' (was running already)' : ''}`,
    async close() {
      await sql.end({ timeout: 5 })
      await embedded.close()
    },
  }
}

/** For commands other than `start`: the database, migrated as far as it is in use (`schemas`), for as long as `work` takes. */
export async function withDatabase<T>(
  config: Config,
  print: (line: string) => void,
  work: (sql: Sql, schemas: readonly Schema[]) => Promise<T>,
): Promise<T> {
  const database = await openDatabase(config, print, { max: 2 })
  try {
    const found = await schemasInUse(database.sql)
    const used = found.length > 0 ? found : schemas
    await migrateDatabase(database.sql, used)
    return await work(database.sql, used)
  } finally {
    await database.close()
  }
}

/** Brings the database up to date. What keeps it from that, a migration that was changed or a right that is missing, is no bug of ours. */
export async function migrateDatabase(...args: Parameters<typeof migrate>): Promise<string[]> {
  try {
    return await migrate(...args)
  } catch (error) {
    const { message, code, cause } = error as { message: string; code?: string; cause?: { code?: string } }
    const hint = (code ?? cause?.code) === insufficient_privilege ? `. ${owning}` : ''
    throw new Failure(message + hint, { cause: error })
  }
}

const insufficient_privilege = '42501'
const owning = 'Who brings the database up to date must own it, as after `create database … owner …` (docs/operations.md).'

/** The schemas that are there; none on an empty database. */
export async function schemasInUse(sql: Sql): Promise<readonly Schema[]> {
  const [row] = await sql<{ found: string | null }[]>`select to_regclass('public.kvitt_migrations')::text as found`
  if (!row?.found) return []
  const rows = await sql<{ schema: Schema }[]>`select distinct schema from public.kvitt_migrations`
  return rows.map(({ schema }) => schema)
}

function connectTo(url: string, options: { max?: number }): Sql {
  try {
    return connect(url, options)
  } catch (error) {
    throw new Failure((error as Error).message, { cause: error })
  }
}

const ignoring =
  'This is PgBouncer: give it ignore_startup_parameters = statement_timeout, lock_timeout, default_transaction_isolation'
const undefined_object = '42704'
const unknown =
  'What stands behind the ? of DATABASE_URL goes to PostgreSQL, which does not know this: leave it out (docs/operations.md)'
const pooled =
  'kvitt: A pooler stands before the database. It must pool by session, or be PgBouncer 1.21 or later with max_prepared_statements ' +
  '(docs/operations.md).'

async function check(sql: Sql, url: string): Promise<void> {
  try {
    const [row] = await sql<{ version: number; called: string; encoding: string }[]>`
      select current_setting('server_version_num')::int as version, current_setting('server_version') as called,
        current_setting('server_encoding') as encoding`
    if (row && row.version < 150_000) throw new Failure(`Kvitt needs PostgreSQL 15 or later; this one is ${row.called}.`)
    // Elsewhere there are customers whose names can't be stored.
    if (row && row.encoding !== 'UTF8')
      throw new Failure(
        `Kvitt needs a database in UTF8; this one is in ${row.encoding}: create database … template template0 encoding 'UTF8'.`,
      )
  } catch (error) {
    await sql.end({ timeout: 1 })
    if (error instanceof Failure) throw error
    const { message, code } = error as { message: string; code?: string }
    const hint = message.includes('unsupported startup parameter')
      ? `. ${ignoring}`
      : code === undefined_object
        ? `. ${unknown}`
        : ''
    throw new Failure(`No connection to DATABASE_URL (${withoutPassword(url)}): ${message || code}${hint}`, { cause: error })
  }
}

/** It may name several servers, which no `URL` does. */
export function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/[^:/?#]*):[^/?#]*@/, '$1:***@').replace(/([?&]password=)[^&]*/g, '$1***')
}
