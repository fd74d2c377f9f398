#!/usr/bin/env node
// The command line. In a git clone it first installs and builds what is missing; then `dist/main.js` does the work.
import { setFlagsFromString } from 'node:v8'
import { prepare } from './prepare.mjs'

// While a server starts, new objects stay in 2 MB, not in 32 of which it would never give most back. `start` lifts this once it serves.
if (process.argv[2] === 'start') setFlagsFromString('--semi-space-growth-factor=1')

await prepare()
await import('../dist/main.js')
