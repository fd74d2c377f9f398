import { createHash, randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { connect, type Sql } from '../src/lib/db.ts'
import { migrate, migrationFiles, schemas } from '../src/lib/migrate.ts'

/** The PostgreSQL server of the tests; `npm test` starts one and sets this. */
const server = process.env.PG_TEST_URL ?? 'postgres://postgres@127.0.0.1:54329'

/** The URL with the isolation of all transactions of the tests, for the server that they start and for themselves. */
export function atIsolation(url: string): string {
  const place = new URL(url)
  if (process.env.PG_TEST_ISOLATION) place.searchParams.set('default_transaction_isolation', process.env.PG_TEST_ISOLATION)
  return place.href
}

export type TestDatabase = { sql: Sql; url: string; drop(): Promise<void> }

/** A migrated database of its own, cloned from a template that is made once for each state of the migrations. */
export async function cloneDatabase(): Promise<TestDatabase> {
  const admin = postgres(`${server}/postgres`, { max: 1, onnotice: () => {} })
  const template = await ensureTemplate(admin)
  const name = `kvitt_test_${randomBytes(6).toString('hex')}`
  await admin.unsafe(`create database ${name} template ${template} strategy file_copy`)
  const url = atIsolation(`${server}/${name}`)
  const sql = connect(url, { max: 8, application_name: 'kvitt-test' })
  return {
    sql,
    url,
    async drop() {
      await sql.end({ timeout: 1 })
      await admin.unsafe(`drop database if exists ${name} with (force)`)
      await admin.end()
    },
  }
}

async function ensureTemplate(admin: postgres.Sql): Promise<string> {
  const text = migrationFiles(schemas).map((file) => file.schema + file.name + file.text)
  const template = `kvitt_template_${createHash('sha256').update(text.join()).digest('hex').slice(0, 12)}`
  const lock = await admin.reserve()
  try {
    await lock`select pg_advisory_lock(5884289)`
    const [row] = await lock`select from pg_database where datname = ${template}`
    if (!row) {
      // Built under another name, so that a test run that dies half-way leaves no half template behind.
      await lock.unsafe(`drop database if exists ${template}_building with (force)`)
      await lock.unsafe(`create database ${template}_building`)
      const sql = connect(`${server}/${template}_building`, { max: 1 })
      await migrate(sql)
      await sql.end()
      await lock.unsafe(`alter database ${template}_building rename to ${template}`)
    }
  } finally {
    await lock`select pg_advisory_unlock(5884289)`
    lock.release()
  }
  return template
}
