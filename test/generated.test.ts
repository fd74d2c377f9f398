import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { generateFiles } from '../scripts/generated.ts'
import { cloneDatabase } from './database.ts'

const database = await cloneDatabase()
after(() => database.drop())
const root = join(import.meta.dirname, '..')
const files = await generateFiles(database.sql)

for (const [path, text] of files) {
  test(`generated: ${path} is what the code and the migrations say`, () => {
    const found = existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : ''
    if (found === text) return
    const lines = found.split('\n')
    const line = text.split('\n').findIndex((wanted, index) => wanted !== lines[index])
    assert.fail(`${path} differs from line ${line + 1} on. Run \`npm run generate\` and commit what it writes.`)
  })
}

test('generated: docs/openapi holds nothing else', () => {
  const extra = readdirSync(join(root, 'docs/openapi')).filter((name) => !files.has(`docs/openapi/${name}`))
  assert.deepEqual(extra, [], 'Run `npm run generate`.')
})
