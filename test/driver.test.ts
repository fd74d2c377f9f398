import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { byKey, connect, json, type Sql } from '../src/lib/db.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'

let database: TestDatabase
let sql: Sql
before(async () => {
  database = await cloneDatabase()
  sql = connect(database.url, { max: 1 })
})
after(async () => {
  await sql.end()
  await database.drop()
})

test('driver: what makes its queries and results is optimized by V8, once', async () => {
  const program = `import { byKey, connect } from './src/lib/db.ts'
    const sql = connect(process.argv[1], { max: 1 })
    for (let round = 0; round < 400; round++) {
      await Promise.all(Array.from({ length: 20 }, (_, value) => byKey(sql)\`select \${value}::int as value\`))
    }
    await sql.end()`
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--trace-opt', '--import', 'tsx', '--input-type=module', '-e', program, '--', database.url],
    { cwd: join(import.meta.dirname, '..'), maxBuffer: 2 ** 26 },
  )
  const lines = stdout.replaceAll(/0x[0-9a-f]+/g, '').split('\n')
  const about = (name: string) => lines.filter((line) => line.includes(`<JSFunction ${name} `))
  for (const name of ['Query', 'Result', 'ReadyForQuery']) {
    assert.ok(
      about(name).some((line) => line.startsWith('[completed optimizing')),
      `${name} is optimized`,
    )
    const given_up = about(name).filter((line) => line.startsWith('[aborted optimizing'))
    assert.ok(given_up.length < 5, given_up.join('\n'))
  }
})

// One text, prepared for values of several types: what was prepared for one kind must not be used for another.
test('driver: the same text with values of other types is another statement', async () => {
  const values = [null, 'true', true, 1, 2n, new Date(0), Buffer.from('x'), json({ a: 1 }), ['a'], [true], 'again', false, 3]
  for (const db of [sql, byKey(sql)]) {
    for (const value of [...values, ...values.toReversed()]) {
      const [row] = await db`select ${value as never} as value`.catch((error: Error) => [{ error: error.message }])
      const [alone] = await database.sql
        .unsafe('select $1 as value', [value as never])
        .catch((error: Error) => [{ error: error.message }])
      assert.deepEqual(row, alone, String(value))
    }
  }
})
