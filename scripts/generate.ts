// `npm run generate`: writes the files that are generated from the code and the migrations. test/generated.test.ts compares them.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect } from '../src/lib/db.ts'
import { openEmbeddedPostgres } from '../src/lib/embedded-postgres.ts'
import { migrate } from '../src/lib/migrate.ts'
import { generateFiles } from './generated.ts'

const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'kvitt-generate-'))
chmodSync(folder, 0o711)
const server = await openEmbeddedPostgres(folder, { durable: false, note: console.error })
const sql = connect(server.url, { max: 2 })
try {
  await migrate(sql)
  const files = await generateFiles(sql)
  for (const name of readdirIfThere(join(root, 'docs/openapi'))) {
    if (!files.has(`docs/openapi/${name}`)) rmSync(join(root, 'docs/openapi', name))
  }
  for (const [path, text] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    console.log(path)
  }
} finally {
  await sql.end()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
}

function readdirIfThere(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
