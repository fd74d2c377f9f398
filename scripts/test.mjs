// `npm test [files…]`: everything CI checks, from a fresh clone. With files, only those tests, for a quick run.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { prepare, root, say } from '../bin/prepare.mjs'
import { bundleTests } from './bundle-tests.mjs'

process.chdir(root)
const named = process.argv.slice(2)
// The tests of the start run the build, and the page's tests the bundle in it.
await prepare()

if (named.length === 0) {
  const tsc = 'typescript/bin/tsc'
  const good = await Promise.all([
    step('biome check', '@biomejs/biome/bin/biome', 'check', '.'),
    step('tsc --noEmit', tsc, '--noEmit'),
    step('tsc -p web/payment-page', tsc, '-p', 'web/payment-page'),
  ])
  if (good.includes(false)) process.exit(1)
}

const chromium = findChromium()
const database = await startDatabase()
let code = 1
try {
  code = await runTests(await bundleTests(named.length > 0 ? named : testFiles()))
} finally {
  await database.stop()
}
process.exit(code)

/** Runs a tool of node_modules; false when it finds something. */
async function step(title, tool, ...args) {
  say(title)
  const child = spawn(process.execPath, [join(root, 'node_modules', tool), ...args], { stdio: 'inherit' })
  const status = await new Promise((done) => child.once('exit', done))
  if (status !== 0) say(`${title} failed`)
  return status === 0
}

/** Those in src/ are read by test/cores.test.ts. */
function testFiles() {
  const found = ['test', 'examples'].filter(existsSync).flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => join(folder, name)),
  )
  return found.sort()
}

/** A PostgreSQL of our own, fast because nothing of it has to survive; or the one in PG_TEST_URL. */
async function startDatabase() {
  if (process.env.PG_TEST_URL) return { url: process.env.PG_TEST_URL, stop: async () => {} }
  const { openEmbeddedPostgres } = await import('../dist/lib/embedded-postgres.js')
  const folder = mkdtempSync(join(tmpdir(), 'kvitt-test-'))
  chmodSync(folder, 0o711) // as root, PostgreSQL runs as another user
  const server = await openEmbeddedPostgres(folder, { durable: false, note: say })
  const stop = async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop().then(() => process.exit(130)))
  // By TCP: some tests put something in between.
  const { protocol, username, password, host } = new URL(server.url)
  return { url: `${protocol}//${username}:${password}@${host}`, stop }
}

function runTests(files) {
  // Tests wait for browsers, processes that start, and time-outs more than they compute.
  const concurrency = availableParallelism() + 1
  const args = [
    '--enable-source-maps',
    '--test',
    `--test-concurrency=${concurrency}`,
    '--test-timeout=400000',
    '--test-reporter=spec',
    ...files,
  ]
  const env = { ...process.env, PG_TEST_URL: database.url, ...(chromium ? { KVITT_CHROMIUM: chromium } : {}) }
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: 'inherit', env })
    child.on('exit', (status) => resolve(status ?? 1))
    process.once('exit', () => child.kill())
  })
}

/** The browser of the payment page's tests. Those may be left out only on purpose. */
function findChromium() {
  if (process.env.KVITT_SKIP_BROWSER === '1') {
    say('leaving out the browser tests, as KVITT_SKIP_BROWSER=1 says')
    return undefined
  }
  let found = onPath()
  if (!found && process.platform === 'linux' && process.getuid() === 0) {
    say('installing Chromium (apt-get) …')
    const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }
    spawnSync('apt-get', ['update', '-qq'], quiet)
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium'], quiet)
    found = onPath()
  }
  if (found) return found
  say('The browser tests need Chromium. Install it (Debian: apt-get install chromium), name it in KVITT_CHROMIUM,')
  say('or leave those tests out with KVITT_SKIP_BROWSER=1.')
  process.exit(1)
}

function onPath() {
  if (process.env.KVITT_CHROMIUM) return process.env.KVITT_CHROMIUM
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
  const folders = (process.env.PATH ?? '').split(delimiter)
  const mac = [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ]
  return [...folders.flatMap((folder) => names.map((name) => join(folder, name))), ...mac].find((path) => existsSync(path))
}
