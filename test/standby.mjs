// `kvitt` that has loaded everything and goes on at a byte on its standard input: whoever starts it over and over need not wait for that.
import { prepare } from '../bin/prepare.mjs'

await prepare()
await import('../dist/commands/start.js')
await new Promise((go) => process.stdin.once('data', go))
process.stdin.destroy()
await import('../dist/main.js')
