// Stryker's test runner for the cores. Their tests neither wait nor leave anything behind, so that one process can run all of them for
// every mutant; with a process each (tap-runner) it takes a hundred times as long. Starts in Stryker's sandbox, after `buildCommand`.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Which mutants run while the modules of a bundle load: they need a fresh one. Written by the dry run, read by every worker. */
const loading = 'loading.json'

class CoreRunner {
  #stryker = globalThis.__stryker__ ?? {}
  #loaded = new Map()
  #versions = 0

  async init() {
    // Far from UTC, so that nothing passes that reads a time in the zone of the machine.
    process.env.TZ = 'Asia/Kathmandu'
    globalThis.__stryker__ = this.#stryker
    const fastCheck = createRequire(resolve('built/x.mjs')).resolve('fast-check')
    // The same examples every time: whether a mutant is found must not depend on chance.
    const { default: fc } = await import(pathToFileURL(fastCheck).href)
    fc.configureGlobal({ seed: 1 })
  }

  capabilities() {
    return { reloadEnvironment: true }
  }

  async dryRun() {
    const tests = []
    const coverage = { static: {}, perTest: {} }
    const whileLoading = {}
    for (const file of testFiles()) {
      this.#stryker.mutantCoverage = { static: {}, perTest: {} }
      this.#stryker.currentTestId = undefined
      const cases = await this.#load(file)
      const early = this.#stryker.mutantCoverage.static
      for (const id of Object.keys(early)) whileLoading[id] = [...(whileLoading[id] ?? []), file]
      for (const { id, run } of cases) {
        this.#stryker.currentTestId = id
        tests.push(await this.#run(id, run))
        coverage.perTest[id] = { ...early, ...this.#stryker.mutantCoverage.perTest[id] }
      }
    }
    this.#stryker.mutantCoverage = undefined
    writeFileSync(loading, JSON.stringify(whileLoading))
    return { status: 'complete', tests, mutantCoverage: coverage }
  }

  async mutantRun({ activeMutant, testFilter, hitLimit }) {
    const whileLoading = existsSync(loading) ? JSON.parse(readFileSync(loading, 'utf8')) : {}
    const wanted = new Set(testFilter)
    this.#stryker.hitLimit = hitLimit
    this.#stryker.hitCount = 0
    let count = 0
    try {
      for (const file of new Set(testFilter.map((id) => id.split(' > ')[0]))) {
        const fresh = whileLoading[activeMutant.id]?.includes(file)
        if (!fresh) await this.#load(file)
        this.#stryker.activeMutant = activeMutant.id
        for (const { id, run } of await this.#load(file, fresh)) {
          if (!wanted.has(id)) continue
          count += 1
          const { status, failureMessage } = await this.#run(id, run)
          if (this.#stryker.hitCount > hitLimit) return { status: 'timeout', reason: 'hit limit' }
          if (status === 1) return { status: 'killed', killedBy: [id], nrOfTests: count, failureMessage }
        }
        this.#stryker.activeMutant = undefined
      }
      return { status: 'survived', nrOfTests: count }
    } catch (error) {
      // The module does not even load.
      return { status: 'killed', killedBy: [testFilter[0]], nrOfTests: count + 1, failureMessage: String(error) }
    } finally {
      this.#stryker.activeMutant = undefined
    }
  }

  async #run(id, run) {
    const start = performance.now()
    const result = { id, name: id, fileName: id.split(' > ')[0] }
    try {
      await run()
      return { ...result, status: 0, timeSpentMs: performance.now() - start }
    } catch (error) {
      return { ...result, status: 1, timeSpentMs: performance.now() - start, failureMessage: String(error) }
    }
  }

  /** The tests of a bundle, `fresh` with modules of its own. */
  async #load(file, fresh = false) {
    const known = this.#loaded.get(file)
    if (known && !fresh) return known
    globalThis.collectedTests = []
    await import(`${pathToFileURL(resolve(file)).href}?${++this.#versions}`)
    const cases = globalThis.collectedTests.map(({ name, run }, index) => ({ id: `${file} > ${index} ${name}`, run }))
    if (!fresh) this.#loaded.set(file, cases)
    return cases
  }
}

function testFiles() {
  const files = readdirSync('built', { recursive: true }).filter((name) => name.endsWith('.test.mjs'))
  return files.map((name) => join('built', name)).sort()
}

export const strykerPlugins = [{ kind: 'TestRunner', name: 'cores', injectableClass: CoreRunner }]
