import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { patient, type Sql } from './db.ts'

/** The PostgreSQL schemas, in the order in which they are migrated; each has a folder under `migrations/`. */
export const schemas = ['accounts', 'notifications', 'orders', 'checkout', 'simulator'] as const
export type Schema = (typeof schemas)[number]

const migrationsFolder = join(import.meta.dirname, '../../migrations')

/** One key for every Kvitt process on a database: whoever holds it migrates, the others wait and find nothing to do. */
const advisory_lock = 5_884_288

/**
 * Brings the named schemas up to date. Forward only, each file in its own database transaction together with the row
 * that records it. Safe when several processes start at once. A file that changed after it was applied is refused.
 * @returns the names of the files applied now
 */
export async function migrate(sql: Sql, wanted: readonly Schema[] = schemas, onApply: (name: string) => void = () => {}) {
  const applied: string[] = []
  const connection = await patient(sql).reserve()
  try {
    await connection`set lock_timeout = 0`
    await connection`set statement_timeout = 0`
    await connection`select pg_advisory_lock(${advisory_lock})`
    // PostgreSQL asks of `create … if not exists` the right to create, also where nothing is; who only serves may lack it.
    const [table] = await connection<{ missing: boolean }[]>`select to_regclass('public.kvitt_migrations') is null as missing`
    if (table!.missing)
      await connection`create table public.kvitt_migrations (
        schema text not null, name text not null, checksum text not null, applied_at timestamptz not null default now(),
        primary key (schema, name))`
    const done = new Map<string, string>()
    for (const row of await connection<{ schema: string; name: string; checksum: string }[]>`
      select schema, name, checksum from public.kvitt_migrations`) {
      done.set(`${row.schema}/${row.name}`, row.checksum)
    }
    for (const { schema, name, text } of migrationFiles(wanted)) {
      const checksum = createHash('sha256').update(text).digest('hex')
      const recorded = done.get(`${schema}/${name}`)
      if (recorded === checksum) continue
      if (recorded) throw new Error(`Migration ${schema}/${name} was changed after it was applied. Add a new file instead.`)
      onApply(`${schema}/${name}`)
      await connection`begin`
      try {
        await connection`insert into public.kvitt_migrations (schema, name, checksum) values (${schema}, ${name}, ${checksum})`
        await connection.unsafe(text)
        await connection`commit`
      } catch (error) {
        await connection`rollback`
        throw new Error(`Migration ${schema}/${name} failed: ${(error as Error).message}`, { cause: error })
      }
      applied.push(`${schema}/${name}`)
    }
  } finally {
    await connection`select pg_advisory_unlock(${advisory_lock})`
    await connection`reset lock_timeout`
    await connection`reset statement_timeout`
    connection.release()
  }
  return applied
}

/** The migration files of these schemas, in the order in which they run. */
export function migrationFiles(wanted: readonly Schema[]): { schema: Schema; name: string; text: string }[] {
  return schemas
    .filter((schema) => wanted.includes(schema) && existsSync(join(migrationsFolder, schema)))
    .flatMap((schema) =>
      readdirSync(join(migrationsFolder, schema))
        .filter((name) => name.endsWith('.sql'))
        .sort()
        .map((name) => ({ schema, name, text: readFileSync(join(migrationsFolder, schema, name), 'utf8') })),
    )
}

/** The first migration of these schemas that the database does not have, if any. */
export async function findPendingMigration(sql: Sql, wanted: readonly Schema[]): Promise<string | undefined> {
  const rows = await sql<{ schema: string; name: string }[]>`select schema, name from public.kvitt_migrations`
  const applied = new Set(rows.map(({ schema, name }) => `${schema}/${name}`))
  const pending = migrationFiles(wanted).find(({ schema, name }) => !applied.has(`${schema}/${name}`))
  return pending && `${pending.schema}/${pending.name}`
}

/** The last migration of these schemas that the database has and this release does not know: a newer one was here. */
export async function findUnknownMigration(sql: Sql, wanted: readonly Schema[]): Promise<string | undefined> {
  const known = new Set(migrationFiles(wanted).map(({ schema, name }) => `${schema}/${name}`))
  const rows = await sql<{ migration: string }[]>`
    select schema || '/' || name as migration from public.kvitt_migrations where schema = any (${[...wanted]}) order by applied_at desc`
  return rows.find(({ migration }) => !known.has(migration))?.migration
}
