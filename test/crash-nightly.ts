/** `npm run crash -- --runs 300 --seed 1`: as many crashes as there is time for. Exit code 1 when anything is not as it must be. */
import { parseArgs } from 'node:util'
import { crash } from './crash.ts'

const options = {
  runs: { type: 'string', default: '300' },
  seed: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const
const { values } = parseArgs({ options })
if (values.help) {
  console.log(`npm run crash -- [--runs 300] [--seed 1]

Kills the server, and stops PostgreSQL, at every place there is a failpoint for and at any time, while requests are under way, and
compares what was answered, what is stored and what the provider did. Exit code 1 when anything is not as it must be.`)
  process.exit(0)
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const runs = Number(values.runs)
process.stderr.write(`crash: ${runs} runs; again with --seed ${seed}\n`)
const report = await crash({ runs, seed, say: (line) => process.stderr.write(`${line}\n`) })
process.stdout.write(`${JSON.stringify({ seed, ...report }, null, 2)}\n`)
process.exitCode = report.faults.length > 0 ? 1 : 0
