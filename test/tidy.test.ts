import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

// Who may import whom. A path not listed may import nothing of ours.
const rules: [from: RegExp, to: RegExp][] = [
  [/^src\/lib\//, /^src\/lib\//],
  [/^src\/gateways\//, /^src\/(gateways|lib)\//],
  [/^src\/accounts\//, /^src\/(accounts|lib)\//],
  [/^src\/notifications\//, /^src\/(notifications|lib)\//],
  [/^src\/orders\//, /^src\/(orders|lib)\//],
  [/^src\/checkout\//, /^src\/(checkout|gateways|lib)\//],
  [/^src\/worker\/loop\.ts$/, /^src\/lib\//],
  [/^src\/worker\//, /^src\//],
  [/^src\/(app|bridge|main)\.ts$/, /^src\//],
  [/^src\/commands\//, /^src\//],
  [/^src\/verify\//, /^src\/(verify|orders|checkout|notifications|lib)\//],
  [/^web\//, /^(web\/|src\/checkout\/payment-page\/protocol\.ts$)/],
]
// The core: no I/O, no clock, no chance, no environment. Named after its noun; the other three names are the shell.
const shell = /\/(routes|operations|store|work)\.ts$|\.test\.ts$/
const core = /^src\/(orders|checkout|verify)\/(?!payment-page\/)/
const impure = /Date\.now|new Date\(\)|Math\.random|randomUUID|from 'node:|process\.|await |from '(fastify|postgres)'/

const sources = ['src', 'web']
  .filter(existsSync)
  .flatMap((folder) =>
    (readdirSync(folder, { recursive: true }) as string[])
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  )

test('tidy: what is exported is used, and not by its tests alone', () => {
  const scripts = readdirSync('scripts').map((name) => join('scripts', name))
  const texts = [...sources, ...scripts].filter((file) => /(?<!\.test)\.ts$/.test(file)).map((file) => readFileSync(file, 'utf8'))
  const counts = new Map<string, number>()
  for (const [word] of texts.join().matchAll(/\w+/g)) counts.set(word, (counts.get(word) ?? 0) + 1)
  const exported = texts.flatMap((text) => [...text.matchAll(/^export (?:async )?(?:function\*?|const|class|type) (\w+)/gm)])
  assert.deepEqual(
    exported.flatMap(([, name]) => (counts.get(name!) === 1 ? [name] : [])),
    [],
  )
})

for (const file of sources) {
  test(`tidy: ${file}`, () => {
    const text = readFileSync(file, 'utf8')
    const lines = text.split('\n')
    assert.ok(lines.length <= 400, `${lines.length} lines; split by what changes together`)
    const long = lines.findIndex((line) => line.length > 140)
    assert.equal(long, -1, `line ${long + 1} is over 140 columns`)
    assert.doesNotMatch(text, /\b(FIXME|TODO|XXX)\b/, 'a note to self is left')
    if (!file.endsWith('.test.ts')) {
      const allowed = rules.find(([from]) => from.test(file))?.[1]
      for (const [statement, path] of text.matchAll(/(?:import|export)[^'\n]*from '(\.[^']+)'/g)) {
        const target = normalize(join(dirname(file), path!))
        if (/^(import|export) type/.test(statement) && target === 'src/app.ts') continue // Parts, the list of dependencies
        assert.ok(allowed?.test(target), `${file} may not import ${target}`)
      }
    }
    if (core.test(file) && !shell.test(file)) assert.doesNotMatch(text, impure, 'the core must stay pure')
    if (file !== 'src/main.ts') assert.doesNotMatch(text, /process\.env/, 'only main.ts reads the environment')
  })
}
